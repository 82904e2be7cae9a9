// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/gpu/placement.hpp>

#include <cstdint>

using namespace hpcsched;

struct near_miss {
    std::uint64_t score(gpu::placement_request const&, gpu::host_load const&) const; // may throw
};

static_assert(gpu::placement_policy<near_miss>);
