// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_ARCHETYPES_PLACEMENT_POLICY_HPP
#define HPCSCHED_TESTING_ARCHETYPES_PLACEMENT_POLICY_HPP

#include <hpcsched/gpu/host_load.hpp>
#include <hpcsched/gpu/placement.hpp>

#include <cstdint>

namespace hpcsched::testing {

/// No more than `gpu::placement_policy` asks for: what compiles with it uses nothing else.
///
/// To be compiled, not linked: its members are declared only.
class minimal_placement_policy {
  public:
    minimal_placement_policy() = delete;
    minimal_placement_policy(minimal_placement_policy&&) noexcept;
    minimal_placement_policy& operator=(minimal_placement_policy&&) noexcept;
    minimal_placement_policy(minimal_placement_policy const&) = delete;
    minimal_placement_policy& operator=(minimal_placement_policy const&) = delete;
    ~minimal_placement_policy();

    [[nodiscard]] std::uint64_t score(gpu::placement_request const&, gpu::host_load const&) const noexcept;
};

static_assert(gpu::placement_policy<minimal_placement_policy>);
static_assert(!gpu::bounded_placement_policy<minimal_placement_policy>);

/// The same with a bound: no more than `gpu::bounded_placement_policy` asks for.
class minimal_bounded_placement_policy : public minimal_placement_policy {
  public:
    using minimal_placement_policy::minimal_placement_policy;

    [[nodiscard]] std::uint64_t ceiling(gpu::placement_request const&, std::uint32_t) const noexcept;
};

static_assert(gpu::bounded_placement_policy<minimal_bounded_placement_policy>);

} // namespace hpcsched::testing

#endif
