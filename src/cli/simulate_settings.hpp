// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_SIMULATE_SETTINGS_HPP
#define HPCSCHED_CLI_SIMULATE_SETTINGS_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/cpu_sim/machine_config.hpp>
#include <hpcsched/experiment/policy_registry.hpp>
#include <hpcsched/experiment/trace_file.hpp>
#include <hpcsched/workload/arrival_process.hpp>

#include "command_line.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace hpcsched::cli {

/// What `hpcsched simulate` is to do. The defaults are those of the command without any option.
struct simulate_settings {
    std::vector<std::string> workloads{"sfs-table1"};
    std::vector<std::string> policies{"eevdf", "sfs", "alps", "serpt", "srpt"};
    std::vector<double> loads{0.8, 1.0}; ///< 0: as recorded
    std::vector<double> arrival_cvs{0};  ///< 0: the workload's own
    std::vector<std::uint32_t> cpu_counts{12};
    std::vector<std::uint64_t> seeds{}; ///< given one by one; empty: counted from the two below
    std::uint64_t first_seed = 1;
    std::uint64_t seed_count = 1;

    std::optional<workload::arrival_kind> arrivals{};
    std::uint64_t count = 10'000; ///< of a preset
    std::uint64_t function_count = 0;
    std::optional<double> variation{}; ///< of service times; nothing: the preset's own
    double io_share = 0;
    std::optional<double> burst_length{}; ///< in arrivals; nothing: the preset's own, as with the two below
    std::optional<double> drift{};        ///< correlation of neighbours
    std::optional<double> drift_length{}; ///< in invocations
    experiment::trace_format format = experiment::trace_format::automatic;
    std::uint64_t limit = 0; ///< of files: invocations read at most; 0: all
    bool skip_malformed = false;

    cpu_sim::machine_config machine{};

    std::string out{"hpcsched-results"};
    std::string perfetto{};
    bool force = false;
    bool quiet = false;
    bool json = false;
    unsigned thread_count = 0;

    /// All seeds, ascending.
    [[nodiscard]] std::vector<std::uint64_t> all_seeds() const;
};

/// The options of `hpcsched simulate`, with what a shell may complete.
[[nodiscard]] std::vector<option_spec> simulate_options(experiment::policy_registry const& policies);

/// The settings that a command line asks for: `defaults`, then the configuration file that it names, then its own
/// options.
/// \throws failure  usage: the option, or the file with line and column, and what to give instead
[[nodiscard]] simulate_settings read_simulate_settings(arguments const& given, simulate_settings defaults = {});

} // namespace hpcsched::cli

#endif
