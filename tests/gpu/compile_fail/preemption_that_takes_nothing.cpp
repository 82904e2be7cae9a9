// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/gpu/preemption.hpp>

using namespace hpcsched;

struct near_miss {
    time_point earliest(gpu::lease const&, gpu::waiting_want const&) const noexcept;
};

static_assert(gpu::preemption_policy<near_miss>);
