// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/gpu/admission.hpp>

using namespace hpcsched;

struct near_miss {
    bool admits_host(gpu::ledger const&, gpu::host_id, gpu::device_request const&) const;
};

static_assert(gpu::admission_policy<near_miss>);
