// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/alps.hpp>
#include <hpcsched/cpu/hands_off.hpp>
#include <hpcsched/cpu/serpt.hpp>
#include <hpcsched/cpu/sfs.hpp>
#include <hpcsched/experiment_linux/live_policies.hpp>
#include <hpcsched/experiment_linux/srpt_oracle.hpp>

#include "live_cell.hpp"

#include <utility>

namespace hpcsched::experiment_linux {

namespace {

using rows = std::vector<workload::invocation>;

/// A runner of cells with a fresh agent each.
template <cpu_linux::kernel_backend Backend = cpu_linux::realtime_bands, class MakeAgent>
experiment::cell_runner runner_of(MakeAgent make_agent, live_options const& options) {
    return [=](experiment::cell_inputs const& inputs) -> result<experiment::cell_result> {
        auto const read = detail::read_all(inputs.workload);
        if (read.has_error()) {
            return read.error();
        }
        rows const& all = *read;
        return detail::run_live_cell<Backend>(
            inputs, all, make_agent(), [&](std::uint64_t row) { return all[row].function; }, options);
    };
}

/// The oracle is told the demand of every single invocation.
experiment::cell_runner runner_of_oracle(live_options const& options) {
    return [=](experiment::cell_inputs const& inputs) -> result<experiment::cell_result> {
        auto const read = detail::read_all(inputs.workload);
        if (read.has_error()) {
            return read.error();
        }
        std::vector<duration> demands;
        for (workload::invocation const& row : *read) {
            demands.push_back(row.service);
        }
        return detail::run_live_cell(
            inputs, *read, srpt_oracle{std::move(demands)},
            [](std::uint64_t row) { return function_id{static_cast<std::uint32_t>(row)}; }, options);
    };
}

experiment::cell_runner runner_called(std::string_view called, live_options const& options) {
    using cpu_linux::sched_ext;
    if (called == "sfs-scx") {
        return runner_of<sched_ext>([] { return cpu::sfs{}; }, options);
    }
    if (called == "alps-scx") {
        return runner_of<sched_ext>([] { return cpu::alps{}; }, options);
    }
    if (called == "serpt-scx") {
        return runner_of<sched_ext>([] { return cpu::serpt{}; }, options);
    }
    if (called == "eevdf") {
        return runner_of([] { return cpu::hands_off{}; }, options);
    }
    if (called == "sfs") {
        return runner_of([] { return cpu::sfs{}; }, options);
    }
    if (called == "alps-nice") {
        return runner_of([] { return cpu::alps{cpu::alps_config{.actuator = cpu::alps_actuator::nice_levels}}; },
                         options);
    }
    if (called == "serpt") {
        return runner_of([] { return cpu::serpt{}; }, options);
    }
    return runner_of_oracle(options);
}

} // namespace

std::vector<live_policy> const& live_policies() {
    static std::vector<live_policy> const all{
        {"eevdf-live", "eevdf", "eevdf", "this machine's own kernel, left alone: the baseline"},
        {"sfs-live", "sfs", "sfs", "SFS (SC'22) on this machine: a first slice in real time, then the fair class"},
        {"alps-nice-live", "alps-nice", "alps-nice", "ALPS's ranks (ATC'24) on this machine, spread over nice levels"},
        {"serpt-live", "serpt", "serpt",
         "this library's own on this machine: shortest expected remaining time, learned, half of it fair"},
        {"sfs-scx-live", "sfs-scx", "sfs", "SFS (SC'22) on this machine, in a scheduler of our own (sched_ext)"},
        {"alps-scx-live", "alps-scx", "alps", "ALPS's ranks and slices (ATC'24) in a scheduler of our own (sched_ext)"},
        {"serpt-scx-live", "serpt-scx", "serpt", "this library's own in a scheduler of our own (sched_ext)"},
        {"srpt-live", "srpt", "srpt", "the oracle on this machine: real-time priority for those with the least left"},
    };
    return all;
}

std::vector<experiment::policy> live_runners(live_options const& options) {
    std::vector<experiment::policy> all;
    for (live_policy const& each : live_policies()) {
        all.push_back({.name = each.name,
                       .description = each.description,
                       .kernel = "this machine's",
                       .agent = each.simulated == "eevdf" ? "hands off" : each.simulated,
                       .run = runner_called(each.called, options),
                       .idealised = each.simulated == "srpt",
                       .reads_ahead = true});
    }
    return all;
} // NOLINT(clang-analyzer-cplusplus.NewDeleteLeaks): it loses track of what std::function owns

result<void> check_live(std::string_view called) {
    auto const facts = cpu_linux::probe_kernel();
    return called.ends_with("-scx") ? cpu_linux::sched_ext::check(facts) : cpu_linux::realtime_bands::check(facts);
}

} // namespace hpcsched::experiment_linux
