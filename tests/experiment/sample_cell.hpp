// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_EXPERIMENT_SAMPLE_CELL_HPP
#define HPCSCHED_TESTS_EXPERIMENT_SAMPLE_CELL_HPP

#include <hpcsched/core/random.hpp>
#include <hpcsched/experiment/cell_result.hpp>
#include <hpcsched/experiment/results_io.hpp>

#include <boost/random/lognormal_distribution.hpp>

#include <cstdint>
#include <limits>
#include <string>

namespace hpcsched::test {

/// A cell whose every figure is another odd number, rounded as `run_grid` rounds.
inline experiment::cell_result sample_cell(std::uint64_t seed) {
    random_stream bits{seed, "sample"};
    boost::random::lognormal_distribution<double> draw{0, 12};
    auto const distribution = [&] {
        return experiment::distribution{draw(bits), draw(bits), draw(bits), draw(bits), draw(bits),
                                        draw(bits), draw(bits), draw(bits), draw(bits)};
    };
    experiment::cell_result cell;
    cell.key = {.policy = "serpt",
                .workload = "a \"quoted\", \xc3\xa4 name\n",
                .load = 0.1 + 0.2,
                .arrival_cv = 2.33,
                .cpu_count = 12,
                .seed = std::numeric_limits<std::uint64_t>::max() - seed};
    cell.task_count = 1'000'000 + seed;
    for (double* const figure : {&cell.makespan, &cell.offered_load, &cell.utilisation, &cell.context_switches_mean,
                                 &cell.context_switches_p25, &cell.context_switches_p50, &cell.context_switches_p75,
                                 &cell.migrations_mean, &cell.billed_cost, &cell.billed_cost_ideal, &cell.agent_share,
                                 &cell.switch_share, &cell.others_share, &cell.run_seconds}) {
        *figure = draw(bits);
    }
    cell.agent_events = bits();
    cell.agent_commands = bits();
    for (experiment::distribution* const d : {&cell.turnaround, &cell.slowdown, &cell.rte, &cell.queueing_delay}) {
        *d = distribution();
    }
    cell.groups = {{.name = "G1",
                    .service_from = 0,
                    .service_to = 0.05,
                    .task_count = 5,
                    .turnaround = distribution(),
                    .slowdown = distribution(),
                    .context_switches_p25 = 1,
                    .context_switches_p50 = 2,
                    .context_switches_p75 = draw(bits)},
                   {.name = "G4",
                    .service_from = 0.4,
                    .service_to = std::numeric_limits<double>::infinity(),
                    .task_count = 6,
                    .turnaround = distribution(),
                    .slowdown = distribution(),
                    .context_switches_p25 = 0,
                    .context_switches_p50 = 0,
                    .context_switches_p75 = 0}};
    cell.turnaround_cdf = {{draw(bits), 1.0 / 3.0}, {draw(bits), 1}};
    cell.rte_cdf = {{draw(bits), 1}};
    cell.delay_over_time = {{0, draw(bits), draw(bits), 3}, {0.001, 0, 0, 0}};
    cell.trace_hash = bits();
    experiment::round_figures(cell);
    return cell;
}

} // namespace hpcsched::test

#endif
