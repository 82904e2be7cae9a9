// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_ARCHETYPES_ADMISSION_POLICY_HPP
#define HPCSCHED_TESTING_ARCHETYPES_ADMISSION_POLICY_HPP

#include <hpcsched/gpu/admission.hpp>
#include <hpcsched/gpu/device.hpp>
#include <hpcsched/gpu/lease.hpp>
#include <hpcsched/gpu/ledger.hpp>

#include <span>

namespace hpcsched::testing {

/// No more than `gpu::admission_policy` asks for: what compiles with it uses nothing else.
///
/// To be compiled, not linked: its members are declared only.
class minimal_admission_policy {
  public:
    minimal_admission_policy() = delete;
    minimal_admission_policy(minimal_admission_policy&&) noexcept;
    minimal_admission_policy& operator=(minimal_admission_policy&&) noexcept;
    minimal_admission_policy(minimal_admission_policy const&) = delete;
    minimal_admission_policy& operator=(minimal_admission_policy const&) = delete;
    ~minimal_admission_policy();

    [[nodiscard]] bool admits_host(gpu::ledger const&, gpu::host_id, gpu::device_request const&) const;
    [[nodiscard]] bool admits_group(gpu::ledger const&, std::span<gpu::host_id const>,
                                    gpu::device_request const&) const;
};

static_assert(gpu::admission_policy<minimal_admission_policy>);

} // namespace hpcsched::testing

#endif
