// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/fuse/cost_model.hpp>

using namespace hpcsched;

struct near_miss {
    double latency(fuse::teacher_set const&, fuse::model_graph const&) const;
    void learn(fuse::teacher_set const&, fuse::model_graph const&, duration);
};

static_assert(fuse::cost_model<near_miss>);
