// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_TASK_HPP
#define HPCSCHED_CPU_TASK_HPP

#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/time.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace hpcsched::cpu {

/// Linux's scheduling policies, as far as a FaaS scheduler uses them (`sched(7)`).
enum class sched_policy : std::uint8_t {
    normal, ///< SCHED_OTHER: the kernel's fair class
    fifo,   ///< SCHED_FIFO: runs until it blocks, exits or a higher priority comes
    rr,     ///< SCHED_RR: FIFO with a slice among equals
};

/// Real-time priorities: 1 (lowest) .. 99 (highest).
inline constexpr int rt_priority_min = 1;
inline constexpr int rt_priority_max = 99;

/// Nice values: -20 (most CPU) .. 19 (least).
inline constexpr int nice_min = -20;
inline constexpr int nice_max = 19;

/// The CPUs that a task may run on; up to 1,024, as glibc's `cpu_set_t`.
class cpu_mask {
  public:
    static constexpr std::size_t cpu_count_max = 1024;

    /// No CPU at all.
    constexpr cpu_mask() = default;

    /// Every CPU.
    [[nodiscard]] static constexpr cpu_mask all() noexcept {
        cpu_mask mask;
        mask.words_.fill(~std::uint64_t{0});
        return mask;
    }

    /// The CPUs first, first + 1, .. first + count - 1.
    /// \pre first + count <= cpu_count_max
    [[nodiscard]] static constexpr cpu_mask range(cpu_id first, std::size_t count) noexcept {
        cpu_mask mask;
        for (std::size_t i = 0; i < count; ++i) {
            mask.add(cpu_id{first.value + static_cast<std::uint32_t>(i)});
        }
        return mask;
    }

    constexpr void add(cpu_id cpu) noexcept { words_[cpu.value / 64] |= std::uint64_t{1} << (cpu.value % 64); }
    constexpr void remove(cpu_id cpu) noexcept { words_[cpu.value / 64] &= ~(std::uint64_t{1} << (cpu.value % 64)); }
    [[nodiscard]] constexpr bool contains(cpu_id cpu) const noexcept {
        return ((words_[cpu.value / 64] >> (cpu.value % 64)) & 1U) != 0;
    }
    [[nodiscard]] constexpr std::size_t count() const noexcept {
        std::size_t sum = 0;
        for (std::uint64_t const word : words_) {
            sum += static_cast<std::size_t>(std::popcount(word));
        }
        return sum;
    }

    /// The CPUs that are in both.
    friend constexpr cpu_mask operator&(cpu_mask a, cpu_mask const& b) noexcept {
        for (std::size_t i = 0; i < a.words_.size(); ++i) {
            a.words_[i] &= b.words_[i];
        }
        return a;
    }
    friend constexpr bool operator==(cpu_mask const&, cpu_mask const&) = default;

  private:
    std::array<std::uint64_t, cpu_count_max / 64> words_{};
};

/// What a scheduling class may know of a task. The driver owns it and keeps it current; a class only reads it.
struct task_info {
    task_id id{};
    function_id function{};
    std::uint64_t sequence = 0; ///< 0, 1, 2 .. in order of arrival: the last word in every tie
    time_point arrival{};       ///< when it first became runnable
    sched_policy policy = sched_policy::normal;
    std::int8_t rt_priority = 0; ///< 1 .. 99 under fifo and rr; 0 under normal
    std::int8_t nice = 0;        ///< -20 .. 19; read under normal
    std::int32_t rank = 0;       ///< place in the order of a class that has one; 0: not ranked, before all ranks
    duration slice{};            ///< slice asked for; 0: the class's own
    duration cpu_time{};         ///< CPU time received up to the last accounting
    duration remaining{};        ///< CPU time still needed. An oracle's knowledge: only the textbook classes that
                                 ///< are defined by it (srpt, processor_sharing) may read it
    cpu_mask const* affinity = nullptr; ///< CPUs it may run on; null: every CPU

    /// Whether the task may run on `cpu`.
    [[nodiscard]] bool may_run_on(cpu_id cpu) const noexcept { return affinity == nullptr || affinity->contains(cpu); }
};

} // namespace hpcsched::cpu

#endif
