// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/fuse/filter.hpp>

using namespace hpcsched;

struct near_miss {
    double admits(fuse::search_view const&, fuse::candidate const&);
    void learn(fuse::search_view const&, fuse::candidate const&, fuse::outcome const&);
};

static_assert(fuse::candidate_filter<near_miss>);
