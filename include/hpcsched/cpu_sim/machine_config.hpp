// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_SIM_MACHINE_CONFIG_HPP
#define HPCSCHED_CPU_SIM_MACHINE_CONFIG_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/task.hpp>

#include <cstdint>
#include <string>

namespace hpcsched::cpu_sim {

/// The share of each CPU that classes below the first keep when the first class would take it all.
struct fair_server_config {
    bool enabled = true;
    duration runtime{50'000'000};   ///< CPU time per period for the lower classes, > 0
    duration period{1'000'000'000}; ///< a starved lower class is served period - runtime after it began to wait
};

/// What the simulated hardware and kernel cost, beside the scheduling classes themselves.
///
/// The defaults are a Linux 6.18 at HZ=250 on current server hardware.
/// \source context switch: ALPS section 5.6 (3,512 ns for CFS); fair server: Linux 6.12, 50 ms per second;
///         the migration and agent costs are this library's, from measurements of `sched_setattr` (0.3 to 0.5 us)
///         and of BPF events through a ring buffer
struct machine_config {
    std::uint32_t cpu_count = 1;         ///< 1 .. cpu_mask::cpu_count_max
    duration tick{4'000'000};            ///< period of the scheduler tick; ticks of all CPUs coincide; > 0
    duration context_switch_cost{3'500}; ///< CPU time lost whenever a CPU turns to another task
    duration migration_cost{20'000}; ///< CPU time a task loses to cold caches when it runs on another CPU than before
    duration balance_period{16'000'000}; ///< between two periodic balances of per-CPU queues; > 0; `unlimited`: never
    bool idle_stealing = true;           ///< a CPU about to idle takes a waiting task from the longest queue
    duration agent_event_cost{700};      ///< agent's CPU time per event: wake-up by the ring buffer, decision
    duration agent_command_cost{450};    ///< agent's CPU time per command: one system call
    std::uint32_t agent_cpu = 0; ///< the CPU whose task loses that time; cpu_count or more: a CPU outside the machine
    fair_server_config fair_server{};

    /// A machine without any cost: the textbook's.
    [[nodiscard]] static machine_config ideal(std::uint32_t cpus) noexcept {
        return machine_config{.cpu_count = cpus,
                              .context_switch_cost = duration{0},
                              .migration_cost = duration{0},
                              .agent_event_cost = duration{0},
                              .agent_command_cost = duration{0},
                              .fair_server = {.enabled = false}};
    }

    /// The default costs on so many CPUs.
    [[nodiscard]] static machine_config with_cpus(std::uint32_t cpus) noexcept {
        return machine_config{.cpu_count = cpus};
    }
};

/// Checks the ranges named above.
/// \error names the field, its value and what is allowed
[[nodiscard]] inline result<void> validate(machine_config const& config) {
    if (config.cpu_count < 1 || config.cpu_count > cpu::cpu_mask::cpu_count_max) {
        return error{"cpu_count is " + std::to_string(config.cpu_count) + ": give 1 to " +
                     std::to_string(cpu::cpu_mask::cpu_count_max)};
    }
    if (config.tick <= duration{0}) {
        return error{"tick must be longer than 0: Linux uses 1, 3.3, 4 or 10 ms"};
    }
    if (config.balance_period <= duration{0}) {
        return error{"balance_period must be longer than 0: give `unlimited` to switch it off"};
    }
    if (config.context_switch_cost < duration{0} || config.migration_cost < duration{0} ||
        config.agent_event_cost < duration{0} || config.agent_command_cost < duration{0}) {
        return error{"a cost is negative: give 0 for none"};
    }
    if (config.fair_server.enabled &&
        (config.fair_server.runtime <= duration{0} || config.fair_server.runtime >= config.fair_server.period)) {
        return error{"fair_server.runtime must be longer than 0 and shorter than fair_server.period"};
    }
    return {};
}

} // namespace hpcsched::cpu_sim

#endif
