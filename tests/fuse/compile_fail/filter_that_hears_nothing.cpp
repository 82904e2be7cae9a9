// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/fuse/filter.hpp>

using namespace hpcsched;

struct near_miss {
    bool admits(fuse::search_view const&, fuse::candidate const&);
};

static_assert(fuse::candidate_filter<near_miss>);
