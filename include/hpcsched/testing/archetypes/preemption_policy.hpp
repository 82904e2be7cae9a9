// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_ARCHETYPES_PREEMPTION_POLICY_HPP
#define HPCSCHED_TESTING_ARCHETYPES_PREEMPTION_POLICY_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/lease.hpp>
#include <hpcsched/gpu/preemption.hpp>
#include <hpcsched/gpu/queueing.hpp>

namespace hpcsched::testing {

/// No more than `gpu::preemption_policy` asks for: what compiles with it uses nothing else.
///
/// To be compiled, not linked: its members are declared only.
class minimal_preemption_policy {
  public:
    minimal_preemption_policy() = delete;
    minimal_preemption_policy(minimal_preemption_policy&&) noexcept;
    minimal_preemption_policy& operator=(minimal_preemption_policy&&) noexcept;
    minimal_preemption_policy(minimal_preemption_policy const&) = delete;
    minimal_preemption_policy& operator=(minimal_preemption_policy const&) = delete;
    ~minimal_preemption_policy();

    [[nodiscard]] bool may_take(gpu::lease const&, gpu::waiting_want const&, time_point) const noexcept;
    [[nodiscard]] time_point earliest(gpu::lease const&, gpu::waiting_want const&) const noexcept;
};

static_assert(gpu::preemption_policy<minimal_preemption_policy>);

} // namespace hpcsched::testing

#endif
