// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_LINUX_BACKEND_HPP
#define HPCSCHED_CPU_LINUX_BACKEND_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/cpu_linux/process.hpp>

#include <concepts>
#include <string>
#include <string_view>

namespace hpcsched::cpu_linux {

struct kernel_facts;

/// How an agent's wishes reach a kernel.
///
/// For a backend `b`, a process and what is wanted for it:
///
/// | expression           | effect                                                              |
/// |----------------------|---------------------------------------------------------------------|
/// | `B::name`            | what people call it: lower case letters and '_'                     |
/// | `B::check(facts)`    | nothing, or why it cannot work here, and what to do about it        |
/// | `b.apply(p, wanted)` | brings `p` as near to `wanted` as this backend can                  |
///
/// Semantics: 1. `apply` with the default leaves the process as the kernel makes it. 2. What a backend cannot express
/// it leaves out, and says so in its comment. 3. `apply` neither blocks nor forks.
template <class B>
concept kernel_backend =
    std::movable<B> && requires(B& b, process_id p, scheduling const& wanted, kernel_facts const& facts) {
        { B::name } -> std::convertible_to<std::string_view>;
        { B::check(facts) } -> std::same_as<result<void>>;
        { b.apply(p, wanted) } noexcept -> std::same_as<outcome>;
    };

/// Policies, priorities, nice and slices as the agent gives them. Ranks are left out.
///
/// The most that a stock kernel can do; needs CAP_SYS_NICE, and in a version 1 control group its share of the
/// real-time budget.
class realtime_bands {
  public:
    static constexpr std::string_view name = "realtime_bands";
    [[nodiscard]] static result<void> check(kernel_facts const& facts);
    [[nodiscard]] outcome apply(process_id process, scheduling const& wanted) noexcept;
};

/// The fair class only: real-time tasks become nice -20, the others keep their nice and their slice. Ranks are left
/// out.
///
/// No task can take a whole CPU, so nothing is lost if all goes wrong. Needs CAP_SYS_NICE to go below nice 0; without
/// it, real-time tasks stay at nice 0 and what they should outrun goes to nice 19 once, since nobody may come back.
class nice_and_slice {
  public:
    static constexpr std::string_view name = "nice_and_slice";
    [[nodiscard]] static result<void> check(kernel_facts const& facts);
    [[nodiscard]] outcome apply(process_id process, scheduling const& wanted) noexcept;
};

/// The weight of the control group that a process lives in: `cpu.shares` (version 1) or `cpu.weight` (version 2).
///
/// For containers, where nice has no effect across groups. Real-time tasks get the largest weight, the others that of
/// their nice; slices and ranks are left out. Each task must have a group of its own, or it weighs its neighbours too.
class cgroup_weights {
  public:
    static constexpr std::string_view name = "cgroup_weights";
    [[nodiscard]] static result<void> check(kernel_facts const& facts);
    [[nodiscard]] outcome apply(process_id process, scheduling const& wanted) noexcept;
};

static_assert(kernel_backend<realtime_bands>);
static_assert(kernel_backend<nice_and_slice>);
static_assert(kernel_backend<cgroup_weights>);

} // namespace hpcsched::cpu_linux

#endif
