// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_GENERATOR_CONFIG_HPP
#define HPCSCHED_WORKLOAD_GENERATOR_CONFIG_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/arrival_process.hpp>
#include <hpcsched/workload/arrivals.hpp>
#include <hpcsched/workload/function_drift.hpp>
#include <hpcsched/workload/presets.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hpcsched::workload {

/// What to generate. Everything left open is the preset's own.
struct generator_config {
    preset from = preset::sfs_test1;
    std::uint64_t seed = 1;

    std::uint64_t count = 10'000; ///< ends the stream after so many invocations; 0: no limit
    duration length{};            ///< ends the stream before the first arrival beyond it; 0: no limit

    std::optional<double> load{}; ///< sum of service times / (CPUs * time), 0.8 is 80 %; open: the published rate
    std::uint32_t cpu_count = 0;  ///< that `load` is for; 0: those of the preset's machine

    std::optional<arrival_kind> arrivals{}; ///< set: one process for all functions, also where each has its own
    std::optional<double> cv{};             ///< coefficient of variation; with bursty arrivals only
    std::optional<double> burst_length{};   ///< arrivals that a burst lasts on average, with a cv above 1; 1: no bursts
    std::optional<function_drift> drift{};  ///< of the functions' shares, where one process serves all

    std::optional<double> variation{}; ///< service times are uniform in mean * (1 - it) .. mean * (1 + it)
    std::uint32_t function_count = 0;  ///< 0: as many as the preset has
    double io_share = 0;               ///< share of invocations that block once, before they compute
    duration io_min = std::chrono::milliseconds{10}; ///< they block for a uniform time between these two
    duration io_max = std::chrono::milliseconds{100};
    bool has_memory = true; ///< each invocation has a memory size; else 0, not known

    friend bool operator==(generator_config const&, generator_config const&) = default;
};

/// The ranges that `validate` asks for.
namespace generator_limits {
inline constexpr double max_load = 10;
inline constexpr std::uint32_t max_cpu_count = 1U << 20U;
inline constexpr double max_variation = 0.99;                  ///< every service time stays above 0
inline constexpr double max_span_ns = 1e9 * 86'400 * 365 * 50; ///< 50 years: far below the 292 that a time can hold
} // namespace generator_limits

namespace detail {

/// A number in a message: at most six significant digits, "0.8" rather than "0.800000".
[[nodiscard]] inline std::string number_text(double value) {
    char text[32];
    auto const end = std::to_chars(text, text + sizeof text, value, std::chars_format::general, 6);
    return std::string{text, end.ptr};
}

/// Whether `value` is in [low, high]; not for NaN.
[[nodiscard]] constexpr bool is_within(double value, double low, double high) noexcept {
    return value >= low && value <= high;
}

[[nodiscard]] inline result<void> validate_arrivals(generator_config const& config) {
    preset_info const& info = info_of(config.from);
    arrival_kind const kind = config.arrivals.value_or(info.arrivals);
    if (kind == arrival_kind::recorded) {
        return error{"preset " + std::string{info.name} +
                     " is generated, it has no recorded arrivals; name another kind, or read a trace"};
    }
    bool const is_one_process = !info.has_function_arrivals || config.arrivals;
    std::string const present = is_one_process ? std::string{name_of(kind)} : "one process per function";
    if (config.cv && (kind != arrival_kind::bursty || !is_one_process)) {
        return error{"cv is for bursty arrivals, these are " + present + "; choose arrivals bursty, or leave cv out"};
    }
    if (config.cv && !bursty_interarrivals::accepts(*config.cv)) {
        return error{"cv " + number_text(*config.cv) + " is not 0 and not between " +
                     number_text(bursty_interarrivals::min_cv) + " and " + number_text(bursty_interarrivals::max_cv) +
                     "; 0.2 is smooth, 1 a Poisson process, 2.33 bursty"};
    }
    if (config.burst_length && (kind != arrival_kind::bursty || !is_one_process || config.cv.value_or(info.cv) <= 1)) {
        return error{"burst length is for bursty arrivals with a cv above 1, these are " + present +
                     "; choose arrivals bursty and a cv such as 2.33, or leave burst length out"};
    }
    if (config.burst_length && !is_within(*config.burst_length, 1, clustered_interarrivals::max_burst_length)) {
        return error{"burst length " + number_text(*config.burst_length) + " is not between 1 and " +
                     number_text(clustered_interarrivals::max_burst_length) +
                     "; 1 draws each inter-arrival time anew, 50 is as in SFS's trace"};
    }
    return {};
}

[[nodiscard]] inline result<void> validate_drift(generator_config const& config) {
    if (!config.drift) {
        return {};
    }
    preset_info const& info = info_of(config.from);
    if (info.has_function_arrivals && !config.arrivals) {
        return error{"drift is for functions that share one arrival process, those of " + std::string{info.name} +
                     " have one each; name an arrival kind, or leave drift out"};
    }
    if (!is_within(config.drift->correlation, 0, function_drift::max_correlation) ||
        !is_within(config.drift->length, 1, function_drift::max_length)) {
        return error{"drift of correlation " + number_text(config.drift->correlation) + " over " +
                     number_text(config.drift->length) + " invocations: the first must be between 0 and " +
                     number_text(function_drift::max_correlation) + ", the second between 1 and " +
                     number_text(function_drift::max_length) + "; SFS's trace has 0.035 over 250"};
    }
    return {};
}

[[nodiscard]] inline result<void> validate_load(generator_config const& config) {
    preset_info const& info = info_of(config.from);
    if (config.cpu_count > generator_limits::max_cpu_count) {
        return error{"cpu count " + std::to_string(config.cpu_count) + " is above " +
                     std::to_string(generator_limits::max_cpu_count)};
    }
    if (!config.load) {
        return {};
    }
    if (!(*config.load > 0) || *config.load > generator_limits::max_load) {
        return error{"load " + number_text(*config.load) + " is not above 0 and at most " +
                     number_text(generator_limits::max_load) + "; it is a fraction, 0.8 means 80 %"};
    }
    if (config.cpu_count == 0 && info.cpu_count == 0) {
        return error{"preset " + std::string{info.name} +
                     " has no machine of its own: give the cpu count that the load is for"};
    }
    return {};
}

[[nodiscard]] inline result<void> validate_invocations(generator_config const& config) {
    preset_info const& info = info_of(config.from);
    if (config.variation && !is_within(*config.variation, 0, generator_limits::max_variation)) {
        return error{"variation " + number_text(*config.variation) + " is not between 0 and " +
                     number_text(generator_limits::max_variation) + "; 0.25 means 25 % either way"};
    }
    if (config.function_count != 0 &&
        (config.function_count < info.min_function_count || config.function_count > info.max_function_count)) {
        std::string const range = info.min_function_count == info.max_function_count
                                      ? std::to_string(info.function_count) + " functions"
                                      : std::to_string(info.min_function_count) + " to " +
                                            std::to_string(info.max_function_count) + " functions";
        return error{"function count " + std::to_string(config.function_count) + " does not suit preset " +
                     std::string{info.name} + ", which has " + range + "; leave it out for " +
                     std::to_string(info.function_count)};
    }
    if (!is_within(config.io_share, 0, 1)) {
        return error{"io share " + number_text(config.io_share) + " is not between 0 and 1; 0.75 means 75 %"};
    }
    if (config.io_min <= duration::zero() || config.io_max < config.io_min || config.io_max > std::chrono::hours{1}) {
        return error{"io takes from " + number_text(to_milliseconds(config.io_min)) + " ms to " +
                     number_text(to_milliseconds(config.io_max)) +
                     " ms; the first must be above 0, the second not below it and at most an hour"};
    }
    return {};
}

} // namespace detail

/// Checks each field and how they fit together, short of what needs the functions (`generator::make` checks that too).
/// \error the first field that is out of place, and what would be in place
[[nodiscard]] inline result<void> validate(generator_config const& config) {
    if (config.count == 0 && config.length <= duration::zero()) {
        return error{"nothing ends the workload: give a count of invocations or a length of time"};
    }
    if (config.length < duration::zero() || to_seconds(config.length) * 1e9 > generator_limits::max_span_ns) {
        return error{"length " + detail::number_text(to_seconds(config.length)) +
                     " s is not between 0 (no limit) and 50 years"};
    }
    for (auto const check :
         {detail::validate_arrivals, detail::validate_drift, detail::validate_load, detail::validate_invocations}) {
        if (auto const checked = check(config); !checked) {
            return checked.error();
        }
    }
    return {};
}

} // namespace hpcsched::workload

#endif
