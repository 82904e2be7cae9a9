// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_SIM_DETAIL_CPU_STATE_HPP
#define HPCSCHED_CPU_SIM_DETAIL_CPU_STATE_HPP

#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu_sim/observer.hpp>

#include <cstdint>

namespace hpcsched::cpu_sim::detail {

/// What one simulated CPU is doing.
///
/// Of the size of two cache lines, so that finding that of a CPU takes no multiplication.
template <class Task>
struct alignas(64) cpu_state {
    Task* current = nullptr;      ///< null: idle
    time_point run_since{};       ///< up to when `current` has been accounted; in the future while switching
    time_point slice_end = never; ///< of what its class gave it
    time_point retry_at = never;  ///< when a throttled class may be asked again

    Task* outgoing = nullptr; ///< ran until this instant and may yet be picked again, without a switch
    switch_reason outgoing_reason{};
    bool must_choose = false;                        ///< is in line to choose again
    bool serves_lower = false;                       ///< the fair server is on
    std::uint64_t last_sequence = ~std::uint64_t{0}; ///< of the task that ran here last

    time_point starved_at = never; ///< when the fair server goes on, or off if it is on
    std::uint32_t waiting = 0;     ///< tasks in this CPU's own queues
};

} // namespace hpcsched::cpu_sim::detail

#endif
