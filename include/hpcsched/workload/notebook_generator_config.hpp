// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_NOTEBOOK_GENERATOR_CONFIG_HPP
#define HPCSCHED_WORKLOAD_NOTEBOOK_GENERATOR_CONFIG_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/generator_config.hpp>
#include <hpcsched/workload/quantile_table.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hpcsched::workload {

/// Sessions that need one number of devices.
struct gpu_share {
    std::uint32_t gpus = 1;
    double weight = 1; ///< of the sessions, by the sum of all weights

    friend bool operator==(gpu_share const&, gpu_share const&) = default;
};

/// How the sessions of a generated trace of notebooks are, session by session. Times are in minutes.
///
/// The defaults are those of `idlt_june.csv`: percentiles as published, or chosen so that what is generated has the
/// published ones, and not the trace itself.
struct notebook_profile {
    /// Over what time a session has the cells that `cells` gives it. In a trace of another length it has so many more
    /// or fewer, at the same rate; from a week to two months the devices in use stay what they are.
    duration cells_in = std::chrono::days{30};

    /// Cells of a session, before rounding.
    quantile_table cells{{0, 1},      {0.112, 1.5}, {0.25, 5.4}, {0.50, 17}, {0.75, 77},
                         {0.90, 207}, {0.95, 455},  {0.99, 979}, {1, 2'693}};
    /// A session with fewer cells than this, in a trace that is as long as `cells_in`, is one of few cells.
    std::uint32_t few_cells = 5;

    /// From the first submission to the last end, as a share of the trace.
    quantile_table life{{0, 0.0012},  {0.05, 0.05}, {0.10, 0.142}, {0.25, 0.365},
                        {0.50, 0.61}, {0.75, 0.89}, {1, 0.999}};
    /// The same of sessions of few cells and more than one. One cell makes a life by its run.
    quantile_table few_cells_life{{0, 0.0002}, {0.25, 0.0011}, {0.50, 0.064}, {0.75, 0.511}, {0.90, 0.86}, {1, 0.93}};

    /// The share of its life for which a session computes, if its cells do not take longer; where it has more than
    /// one. This is what tells busy sessions from those that are nearly idle.
    quantile_table busy{{0, 0.0002},  {0.10, 0.0015}, {0.25, 0.009}, {0.50, 0.11},
                        {0.75, 0.40}, {0.90, 0.77},   {1, 0.998}};

    /// Devices that a session needs.
    std::vector<gpu_share> gpus{{1, 0.20}, {4, 0.32}, {8, 0.48}};
    /// The probability that a session of few cells needs but one device, whatever `gpus` says.
    double few_cells_single = 0.6;

    /// The share of a session's cells that are trials: short runs on one device, whatever the session needs. In every
    /// other session it follows from how busy the session is: those that are nearly idle have the most.
    quantile_table trials{{0, 0.02}, {0.10, 0.08}, {0.25, 0.18}, {0.50, 0.32}, {0.75, 0.48}, {0.90, 0.70}, {1, 0.95}};
    /// The runs of trials.
    quantile_table trial_run{{0, 1}, {0.02, 2.6}, {0.90, 3.5}, {0.95, 8}, {0.99, 45}, {1, 100}};

    /// The runs of the other cells. Where a session's runs add up to less than it computes, a few of these become long;
    /// where they add up to more, all of these become shorter.
    quantile_table run{{0, 2}, {0.10, 5}, {0.25, 7.5}, {0.50, 13}, {0.75, 23}, {0.90, 52}, {0.97, 150}, {1, 360}};
    /// To what share of themselves runs become shorter at the most, but not below two minutes.
    double shortest_runs = 0.4;
    /// How what is missing is divided among the long runs, by the sum of the weights; also the length of a long run
    /// in a session of one cell.
    quantile_table long_run{{0, 50}, {0.50, 200}, {0.80, 900}, {0.95, 3'500}, {1, 12'000}};
    /// How many runs of a session of n cells are long: this times the square root of n, but no more than the maximum,
    /// nor than would be an hour each.
    double long_runs = 1.05;
    double long_runs_max = 22;
    /// The probability that the run of a session of one cell is long.
    double lone_long_run = 0.12;

    /// From the end of a cell to the submission of the next. Where a session's runs and gaps add up to less than its
    /// life, a few of the gaps become absences; where they add up to more, it lives longer.
    quantile_table gap{{0, 1}, {0.27, 1.4}, {0.55, 3}, {0.82, 7}, {0.94, 22}, {1, 90}};
    /// How what is missing is divided among the absences, by the sum of the weights.
    quantile_table absence{{0, 60}, {0.50, 195}, {0.90, 3'909}, {1, 39'621}};
    /// How many gaps of a session of n cells are absences: this times the square root of n, but no more than the
    /// maximum.
    double absences = 1.6;
    double absences_max = 20;

    friend bool operator==(notebook_profile const&, notebook_profile const&) = default;
};

/// What to generate.
///
/// To scale a workload, change `session_count` and nothing else: what is in use is proportional to it. A session has
/// 92 cells and 0.62 devices in use on average, and a platform that reserves would reserve 2.5 for it; at the peak of
/// a month it is 1 of some hundred sessions, and 0.8 of many thousand. So 10,000 hosts with 8 devices each, of which
/// 60 % are in use on average, are for 77,000 sessions, which have 7 million cells: 220 MiB, made in some seconds.
struct notebook_generator_config {
    std::uint64_t seed = 1;
    std::uint32_t session_count = 339;
    duration length = std::chrono::days{30}; ///< cells are submitted before it; runs may end behind it
    notebook_profile sessions{};

    friend bool operator==(notebook_generator_config const&, notebook_generator_config const&) = default;
};

/// The ranges that `validate` asks for.
namespace notebook_generator_limits {
inline constexpr std::uint32_t max_session_count = 10'000'000;
inline constexpr duration min_length = std::chrono::hours{1};
inline constexpr duration max_length = std::chrono::days{3'660};
inline constexpr double max_cells = 1e6;      ///< of one session, in the whole trace
inline constexpr double max_all_cells = 1e9;  ///< of all sessions, as expected
inline constexpr double max_minutes = 1e7;    ///< of one run, gap or absence
inline constexpr double max_long_count = 1e3; ///< of long runs, absences, and their factors
inline constexpr std::uint32_t max_gpus = 1U << 20U;
} // namespace notebook_generator_limits

namespace detail {

[[nodiscard]] inline result<void> validate_largest(std::string_view name, quantile_table const& table, double largest,
                                                   std::string_view unit) {
    if (table.points().back().value <= largest) {
        return {};
    }
    return error{std::string{name} + " go up to " + number_text(table.points().back().value) + ", more than " +
                 number_text(largest) + std::string{unit}};
}

[[nodiscard]] inline result<void> validate_cells(notebook_generator_config const& config) {
    using namespace notebook_generator_limits;
    notebook_profile const& p = config.sessions;
    double const factor = to_seconds(config.length) / to_seconds(p.cells_in);
    if (p.cells.points().back().value * factor > max_cells) {
        return error{"sessions have up to " + number_text(p.cells.points().back().value * factor) +
                     " cells in that time, more than " + number_text(max_cells) + "; shorten the trace"};
    }
    double const expected = p.cells.mean() * factor * config.session_count;
    if (expected > max_all_cells) {
        return error{std::to_string(config.session_count) + " sessions have some " + number_text(expected) +
                     " cells in that time, more than " + number_text(max_all_cells) +
                     "; take fewer sessions, or shorten the trace"};
    }
    return {};
}

[[nodiscard]] inline result<void> validate_tables(notebook_profile const& p) {
    using namespace notebook_generator_limits;
    struct bounded {
        std::string_view name;
        quantile_table const& table;
        double largest;
        std::string_view unit;
    };
    for (bounded const& b :
         {bounded{"lives", p.life, 1, ", the whole trace"},
          bounded{"lives with few cells", p.few_cells_life, 1, ", the whole trace"},
          bounded{"busy shares", p.busy, 1, ", all of a session's life"},
          bounded{"shares of trials", p.trials, 1, ", all cells"},
          bounded{"trial runs", p.trial_run, max_minutes, " minutes"}, bounded{"runs", p.run, max_minutes, " minutes"},
          bounded{"long runs", p.long_run, max_minutes, " minutes"}, bounded{"gaps", p.gap, max_minutes, " minutes"},
          bounded{"absences", p.absence, max_minutes, " minutes"}}) {
        if (auto const valid = validate_largest(b.name, b.table, b.largest, b.unit); !valid) {
            return valid;
        }
    }
    return {};
}

[[nodiscard]] inline result<void> validate_gpus(notebook_profile const& p) {
    using namespace notebook_generator_limits;
    if (p.gpus.empty()) {
        return error{"no session needs a device; name at least one number of gpus"};
    }
    double sum = 0;
    for (gpu_share const& g : p.gpus) {
        if (g.gpus == 0 || g.gpus > max_gpus) {
            return error{"sessions of " + std::to_string(g.gpus) + " gpus: there must be at least 1 and at most " +
                         std::to_string(max_gpus)};
        }
        if (!is_within(g.weight, 0, 1e9)) {
            return error{"the weight of sessions of " + std::to_string(g.gpus) + " gpus is " + number_text(g.weight) +
                         ", not between 0 and 1e9"};
        }
        sum += g.weight;
    }
    return sum > 0 ? result<void>{} : error{"the weights of all numbers of gpus are 0; give one a weight"};
}

} // namespace detail

/// \error the first field that is out of place, and what would be in place
[[nodiscard]] inline result<void> validate(notebook_generator_config const& config) {
    using namespace notebook_generator_limits;
    if (config.session_count == 0 || config.session_count > max_session_count) {
        return error{"session count " + std::to_string(config.session_count) + " is not between 1 and " +
                     std::to_string(max_session_count)};
    }
    notebook_profile const& p = config.sessions;
    for (duration const length : {config.length, p.cells_in}) {
        if (length < min_length || length > max_length) {
            return error{"a length of " + detail::number_text(to_seconds(length) / 86'400) +
                         " days is not between an hour and 10 years"};
        }
    }
    for (double const count : {p.long_runs, p.long_runs_max, p.absences, p.absences_max}) {
        if (!detail::is_within(count, 0, max_long_count)) {
            return error{"a number of long runs or absences of " + detail::number_text(count) +
                         " is not between 0 and " + detail::number_text(max_long_count)};
        }
    }
    for (double const share : {p.few_cells_single, p.shortest_runs, p.lone_long_run}) {
        if (!detail::is_within(share, 0, 1)) {
            return error{"few cells single, shortest runs or lone long run of " + detail::number_text(share) +
                         " is not between 0 and 1"};
        }
    }
    if (auto const valid = detail::validate_cells(config); !valid) {
        return valid;
    }
    if (auto const valid = detail::validate_tables(p); !valid) {
        return valid;
    }
    return detail::validate_gpus(p);
}

} // namespace hpcsched::workload

#endif
