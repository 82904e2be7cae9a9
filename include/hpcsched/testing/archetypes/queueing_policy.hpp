// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_ARCHETYPES_QUEUEING_POLICY_HPP
#define HPCSCHED_TESTING_ARCHETYPES_QUEUEING_POLICY_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/queueing.hpp>

namespace hpcsched::testing {

/// No more than `gpu::queueing_policy` asks for: what compiles with it uses nothing else.
///
/// To be compiled, not linked: its members are declared only.
class minimal_queueing_policy {
  public:
    minimal_queueing_policy() = delete;
    minimal_queueing_policy(minimal_queueing_policy&&) noexcept;
    minimal_queueing_policy& operator=(minimal_queueing_policy&&) noexcept;
    minimal_queueing_policy(minimal_queueing_policy const&) = delete;
    minimal_queueing_policy& operator=(minimal_queueing_policy const&) = delete;
    ~minimal_queueing_policy();

    [[nodiscard]] gpu::queue_rank rank(gpu::waiting_want const&, time_point, gpu::tenant_usage const&) const noexcept;
    [[nodiscard]] bool holds_up(gpu::waiting_want const&, time_point) const noexcept;
};

static_assert(gpu::queueing_policy<minimal_queueing_policy>);

} // namespace hpcsched::testing

#endif
