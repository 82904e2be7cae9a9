// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/fuse/cost_model.hpp>

using namespace hpcsched;

struct near_miss {
    duration latency(fuse::teacher_set const&, fuse::model_graph const&) const;
};

static_assert(fuse::cost_model<near_miss>);
