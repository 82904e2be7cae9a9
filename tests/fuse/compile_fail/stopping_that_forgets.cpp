// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/fuse/stopping.hpp>

#include <span>

using namespace hpcsched;

struct near_miss {
    fuse::training_step next(fuse::search_view const&, fuse::candidate const&,
                             std::span<fuse::curve_point const>) const;
    void learn(fuse::search_view const&, fuse::candidate const&, fuse::outcome const&);
};

static_assert(fuse::stopping_policy<near_miss>);
