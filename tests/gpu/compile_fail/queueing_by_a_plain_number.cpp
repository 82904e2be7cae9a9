// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/gpu/queueing.hpp>

using namespace hpcsched;

struct near_miss {
    int rank(gpu::waiting_want const&, time_point, gpu::tenant_usage const&) const noexcept;
    bool holds_up(gpu::waiting_want const&, time_point) const noexcept;
};

static_assert(gpu::queueing_policy<near_miss>);
