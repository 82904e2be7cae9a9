// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/gpu/admission.hpp>

#include <span>

using namespace hpcsched;

struct near_miss {
    bool admits_group(gpu::ledger const&, std::span<gpu::host_id const>, gpu::device_request const&) const;
};

static_assert(gpu::admission_policy<near_miss>);
