// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_SIM_DETAIL_CPU_SETS_HPP
#define HPCSCHED_CPU_SIM_DETAIL_CPU_SETS_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/ids.hpp>
#include <hpcsched/cpu/task.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace hpcsched::cpu_sim::detail {

/// The idle CPUs, as a bitmap.
class idle_set {
  public:
    /// \pre cpus <= cpu_mask::cpu_count_max
    explicit idle_set(std::uint32_t cpus) : cpus_{cpus} {
        HPCSCHED_ASSERT(cpus <= cpu::cpu_mask::cpu_count_max);
        for (std::uint32_t i = 0; i < cpus; ++i) {
            set(cpu_id{i}, true);
        }
    }

    void set(cpu_id cpu, bool is_idle) noexcept {
        std::uint64_t const bit = std::uint64_t{1} << (cpu.value % 64);
        std::uint64_t& word = words_[cpu.value / 64];
        word = is_idle ? word | bit : word & ~bit;
    }

    [[nodiscard]] std::size_t count() const noexcept {
        std::size_t sum = 0;
        for (std::uint32_t w = 0; w * 64 < cpus_; ++w) {
            sum += static_cast<std::size_t>(std::popcount(words_[w]));
        }
        return sum;
    }
    [[nodiscard]] bool contains(cpu_id cpu) const noexcept {
        return ((words_[cpu.value / 64] >> (cpu.value % 64)) & 1U) != 0;
    }

    /// An idle CPU that `affinity` (null: every CPU) allows: `preferred` if it is one, else the lowest; the
    /// number of CPUs if there is none.
    [[nodiscard]] cpu_id find(cpu_id preferred, cpu::cpu_mask const* affinity) const noexcept {
        for (std::uint32_t w = 0; w * 64 < cpus_; ++w) {
            if (words_[w] != 0) {
                if (affinity != nullptr) {
                    return find_allowed(preferred, *affinity);
                }
                std::uint32_t const lowest = w * 64 + static_cast<std::uint32_t>(std::countr_zero(words_[w]));
                return contains(preferred) ? preferred : cpu_id{lowest};
            }
        }
        return cpu_id{cpus_};
    }

  private:
    [[nodiscard]] cpu_id find_allowed(cpu_id preferred, cpu::cpu_mask const& affinity) const noexcept {
        if (contains(preferred) && affinity.contains(preferred)) {
            return preferred;
        }
        for (std::uint32_t i = 0; i < cpus_; ++i) {
            if (contains(cpu_id{i}) && affinity.contains(cpu_id{i})) {
                return cpu_id{i};
            }
        }
        return cpu_id{cpus_};
    }

    std::array<std::uint64_t, cpu::cpu_mask::cpu_count_max / 64> words_{};
    std::uint32_t cpus_;
};

/// CPUs in line, each of them once.
class pending_cpus {
  public:
    /// No CPU.
    static constexpr cpu_id nobody{cpu::cpu_mask::cpu_count_max};

    /// \pre `cpu` is not in line
    void push(cpu_id cpu) noexcept { ring_[end_++ % ring_.size()] = cpu; }

    /// Takes the first out; `nobody` where there is none.
    [[nodiscard]] cpu_id pop() noexcept { return first_ == end_ ? nobody : ring_[first_++ % ring_.size()]; }

  private:
    std::array<cpu_id, cpu::cpu_mask::cpu_count_max> ring_{};
    std::uint32_t first_ = 0;
    std::uint32_t end_ = 0;

    static_assert(std::has_single_bit(cpu::cpu_mask::cpu_count_max), "the counters run over");
};

} // namespace hpcsched::cpu_sim::detail

#endif
