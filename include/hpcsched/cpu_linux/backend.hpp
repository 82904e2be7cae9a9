// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_LINUX_BACKEND_HPP
#define HPCSCHED_CPU_LINUX_BACKEND_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/cpu_linux/process.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace hpcsched::cpu_linux {

struct kernel_facts;

/// How an agent's wishes reach a kernel.
///
/// For a backend `b`, a `steered_process` or just its id, and what is wanted for it:
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
    std::movable<B> && requires(B& b, steered_process p, scheduling const& wanted, kernel_facts const& facts) {
        { B::name } -> std::convertible_to<std::string_view>;
        { B::check(facts) } -> std::same_as<result<void>>;
        { b.apply(p, wanted) } noexcept -> std::same_as<outcome>;
    };

/// A backend that has something of its own for a process from its admission to its release: a scheduling class, or what
/// it found and puts back.
///
/// | expression               | effect                                                                         |
/// |--------------------------|--------------------------------------------------------------------------------|
/// | `b.open()`               | gets ready, such as by loading the class; once, before all others              |
/// | `b.admit(p)`             | takes the process in, as the default wants it                                  |
/// | `b.release(p, original)` | leaves the process as it was, with `original` back                             |
/// | `b.forget(p)`            | the process has exited: it needs nothing more                                  |
///
/// Semantics: 1. `apply` is called only between `admit` and its end, and with the default too leaves the process in
/// the class. 2. A class leaves the kernel with the backend, or with the process that opened it if that dies.
template <class B>
concept class_backend = kernel_backend<B> && requires(B& b, process_id p, scheduling const& original) {
    { b.open() } -> std::same_as<result<void>>;
    { b.admit(p) } noexcept -> std::same_as<outcome>;
    { b.release(p, original) } noexcept -> std::same_as<outcome>;
    { b.forget(p) } noexcept -> std::same_as<void>;
};

/// A class backend whose doing would outlive the process that steers.
///
/// | expression      | effect                                                                                  |
/// |-----------------|-----------------------------------------------------------------------------------------|
/// | `b.trace_of(p)` | what is to be written, and where, if this process dies while `p` is admitted, if anything |
template <class B>
concept tracing_backend = class_backend<B> && requires(B const& b, process_id p) {
    { b.trace_of(p) } -> std::same_as<std::optional<file_content>>;
};

/// Policies, priorities, nice and slices as the agent gives them. Ranks are left out.
///
/// The most that a stock kernel can do; needs CAP_SYS_NICE, and in a version 1 control group its share of the
/// real-time budget.
class realtime_bands {
  public:
    static constexpr std::string_view name = "realtime_bands";
    [[nodiscard]] static result<void> check(kernel_facts const& facts);
    [[nodiscard]] outcome apply(steered_process const& process, scheduling const& wanted) noexcept;
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
    [[nodiscard]] outcome apply(steered_process const& process, scheduling const& wanted) noexcept;
};

/// The weight of the control group that a process lives in: `cpu.shares` (version 1) or `cpu.weight` (version 2).
///
/// For containers, where nice has no effect across groups. Real-time tasks get the largest weight, the others the one
/// that was found, more or less by what their nice would give them; slices and ranks are left out. Each task must have
/// a group of its own, or it weighs its neighbours too. A group is as it was found once the last of its tasks is
/// released or has exited, or, by the watchdog, the steering process has died.
class cgroup_weights {
  public:
    static constexpr std::string_view name = "cgroup_weights";
    [[nodiscard]] static result<void> check(kernel_facts const& facts);
    [[nodiscard]] result<void> open() { return {}; }
    [[nodiscard]] outcome admit(process_id process) noexcept;
    [[nodiscard]] outcome apply(process_id process, scheduling const& wanted) noexcept;
    [[nodiscard]] outcome release(process_id process, scheduling const& original) noexcept;
    void forget(process_id process) noexcept { (void)release(process, {}); }
    [[nodiscard]] std::optional<file_content> trace_of(process_id process) const;

  private:
    struct group {
        std::int64_t found = 0; ///< its weight
        std::size_t tasks = 0;
    };
    std::map<std::string, group> groups_;                  ///< by their folders
    std::map<process_id, decltype(groups_)::iterator> of_; ///< those admitted
};

/// Parameters of `sched_ext`.
struct sched_ext_config {
    /// Who waits for so long gets a turn whatever its place; `unlimited`: nobody. Above 30 s the kernel does not wait.
    duration longest_wait{5'000'000'000};
};

/// What the scheduler of `sched_ext` has done so far.
struct sched_ext_counts {
    std::uint32_t preemptions = 0; ///< CPUs taken from a task for one that comes before it
    std::uint32_t turns = 0;       ///< CPUs given to a task that had waited too long
    bool has_ended = false;        ///< the kernel has thrown it out: all tasks are in the fair class
};

/// A scheduler of our own in the kernel, made of BPF (Linux 6.12 with CONFIG_SCHED_CLASS_EXT): policies, priorities,
/// nice, slices and ranks.
///
/// The steered processes, with the threads and children that they make, and only they, are of policy SCHED_EXT. Among
/// them goes first:
/// 1. fifo and rr before normal, the higher priority first;
/// 2. of the normal ones those without a rank, then the lower rank first (up to 65,535; higher ranks are equal);
/// 3. fifo: who woke first; else who has received the least CPU time, weighted by nice as in the fair class.
///
/// An idle CPU is used first. Where there is none, a task that 1. and 2. put before one that runs takes its CPU at
/// once, of several that which runs the last of the order; by 3. alone tasks change only at the end of a slice: 3 ms,
/// what the agent gives (0.1 to 100 ms, and never finer than the tick), for rr 100 ms. Who has waited for
/// `longest_wait` gets a turn of a tick: ten turns in a second at most, and more only where more than 200 wait.
///
/// The kernel puts SCHED_EXT below SCHED_OTHER: *every process that is not steered goes before every one that is.* On a
/// machine whose other processes fill the CPUs nothing steered runs, and after 30 s the kernel throws the scheduler
/// out. Needs root, or CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN and CAP_SYS_NICE. Only one sched_ext scheduler can be in a
/// kernel.
/// \thread_safety none; confine to the driver's thread
class sched_ext {
  public:
    static constexpr std::string_view name = "sched_ext";
    [[nodiscard]] static result<void> check(kernel_facts const& facts);

    /// Nothing reaches the kernel before `open`.
    /// \pre config.longest_wait > 0
    explicit sched_ext(sched_ext_config const& config = {}) noexcept;
    sched_ext(sched_ext&& other) noexcept;
    sched_ext& operator=(sched_ext&& other) noexcept;
    ~sched_ext();

    /// \error the kernel refuses the scheduler: why, and what would help
    [[nodiscard]] result<void> open();
    [[nodiscard]] outcome admit(process_id process) noexcept;
    [[nodiscard]] outcome apply(process_id process, scheduling const& wanted) noexcept;
    [[nodiscard]] outcome release(process_id process, scheduling const& original) noexcept;
    void forget(process_id process) noexcept;

    [[nodiscard]] sched_ext_counts counts() const noexcept;

  private:
    class state;
    sched_ext_config config_;
    std::unique_ptr<state> state_;
};

static_assert(kernel_backend<realtime_bands>);
static_assert(kernel_backend<nice_and_slice>);
static_assert(kernel_backend<cgroup_weights>);
static_assert(tracing_backend<cgroup_weights>);
static_assert(class_backend<sched_ext>);

} // namespace hpcsched::cpu_linux

#endif
