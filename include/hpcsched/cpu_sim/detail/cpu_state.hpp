// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_SIM_DETAIL_CPU_STATE_HPP
#define HPCSCHED_CPU_SIM_DETAIL_CPU_STATE_HPP

#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/task.hpp>
#include <hpcsched/cpu_sim/observer.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hpcsched::cpu_sim::detail {

/// What one simulated CPU is doing.
template <class Task>
struct cpu_state {
    Task* current = nullptr;    ///< null: idle
    time_point run_since{};     ///< up to when `current` has been accounted; in the future while switching
    duration slice = unlimited; ///< what its class gave it
    time_point slice_end = never;
    time_point retry_at = never; ///< when a throttled class may be asked again

    Task* outgoing = nullptr; ///< ran until this instant and may yet be picked again, without a switch
    switch_reason outgoing_reason{};
    Task* last = nullptr; ///< ran here last; with its id, since slots are reused
    task_id last_id{};

    std::uint32_t waiting = 0;     ///< tasks in this CPU's own queues
    bool must_choose = false;      ///< is on the list of CPUs to choose again
    bool serves_lower = false;     ///< the fair server is on
    time_point starved_at = never; ///< when the fair server goes on, or off if it is on
};

/// The idle CPUs, as a bitmap.
class idle_set {
  public:
    explicit idle_set(std::uint32_t cpus) : words_((cpus + 63U) / 64U), cpus_{cpus}, count_{cpus} {
        for (std::uint32_t i = 0; i < cpus; ++i) {
            words_[i / 64] |= std::uint64_t{1} << (i % 64);
        }
    }

    void set(cpu_id cpu, bool idle) noexcept {
        std::uint64_t const bit = std::uint64_t{1} << (cpu.value % 64);
        if (idle) {
            words_[cpu.value / 64] |= bit;
            ++count_;
        } else {
            words_[cpu.value / 64] &= ~bit;
            --count_;
        }
    }

    [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
    [[nodiscard]] std::size_t count() const noexcept { return count_; }

    /// An idle CPU that `affinity` (null: every CPU) allows: `preferred` if it is one, else the lowest; the
    /// number of CPUs if there is none.
    [[nodiscard]] cpu_id find(cpu_id preferred, cpu::cpu_mask const* affinity) const noexcept {
        if (count_ == 0) {
            return cpu_id{cpus_};
        }
        if (((words_[preferred.value / 64] >> (preferred.value % 64)) & 1U) != 0 && allows(affinity, preferred)) {
            return preferred;
        }
        for (std::size_t w = 0; w < words_.size(); ++w) {
            for (std::uint64_t word = words_[w]; word != 0; word &= word - 1) {
                cpu_id const cpu{static_cast<std::uint32_t>(w * 64) +
                                 static_cast<std::uint32_t>(std::countr_zero(word))};
                if (allows(affinity, cpu)) {
                    return cpu;
                }
            }
        }
        return cpu_id{cpus_};
    }

  private:
    static bool allows(cpu::cpu_mask const* affinity, cpu_id cpu) noexcept {
        return affinity == nullptr || affinity->contains(cpu);
    }

    std::vector<std::uint64_t> words_;
    std::uint32_t cpus_;
    std::size_t count_;
};

} // namespace hpcsched::cpu_sim::detail

#endif
