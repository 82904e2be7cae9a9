// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_PRESETS_HPP
#define HPCSCHED_WORKLOAD_PRESETS_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/alps_functions.hpp>
#include <hpcsched/workload/arrival_process.hpp>
#include <hpcsched/workload/azure2019_functions.hpp>
#include <hpcsched/workload/detail/name_table.hpp>
#include <hpcsched/workload/function_drift.hpp>
#include <hpcsched/workload/function_profile.hpp>
#include <hpcsched/workload/sfs_functions.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace hpcsched::workload {

/// A published workload that can be generated.
enum class preset : std::uint8_t {
    sfs_table1,
    sfs_test1,
    alps_huawei,
    alps_azure_paper,
    alps_azure_shipped,
    azure2019,
    poisson25_quirk,
    bursty_cv2_33,
    sfs_trace,
    sfs_trace_bursty,
};

/// What a preset fixes where the user leaves it open.
struct preset_info {
    preset value{};
    std::string_view name;
    std::string_view description; ///< one line
    std::string_view source;      ///< where its figures are published
    std::uint32_t function_count = 0;
    std::uint32_t min_function_count = 0; ///< the user may choose from here up; equal to the count where fixed
    std::uint32_t max_function_count = 0;
    double variation = 0; ///< service times are uniform within this share of a function's mean, either way
    bool has_function_arrivals = false; ///< each function has its own arrival process; else one for all
    arrival_kind arrivals{};            ///< of the one process
    double cv = 1;                      ///< of `bursty`
    duration mean_interarrival{};       ///< as published; 0: follows from the functions (`make_population`)
    std::uint32_t cpu_count = 0;        ///< of the published machine; 0: none
    double burst_length = 1;            ///< of `bursty`, see `clustered_interarrivals`
    function_drift drift{};
};

namespace detail {

/// The mean inter-arrival time of the trace `test1` times the 9 that the SFS trace reader multiplies by.
inline constexpr duration sfs_mean_interarrival = std::chrono::microseconds{2969 * 9};
/// Requests per second of the ALPS paper, averaged over its loads of 70, 80 and 90 %: 190 and 133.
inline constexpr duration alps_huawei_mean_interarrival{1'000'000'000 / 190};
inline constexpr duration alps_azure_mean_interarrival{1'000'000'000 / 133};
/// How long the bursts of the trace `test1` last: with 50, the inter-arrival times of 300 and of 1,000 requests vary as
/// recorded.
inline constexpr double sfs_burst_length = 50;
/// ALPS's shipped variates: mean 25 times 0.21 ms, cut to whole milliseconds.
inline constexpr duration poisson25_mean_interarrival = std::chrono::microseconds{4755};

inline constexpr std::uint32_t sfs_function_count = 14;
inline constexpr std::uint32_t alps_function_count = 50;
inline constexpr std::uint32_t azure2019_function_count = 10'000;
inline constexpr std::uint32_t max_function_count = 1'000'000;

} // namespace detail

/// Every preset, in the order of the enumerators.
inline constexpr std::array<preset_info, 10> presets{{
    {preset::sfs_table1, "sfs-table1", "SFS's mix of Fibonacci functions as printed, Poisson arrivals",
     "SFS (SC'22), Table I; service times of its repository", detail::sfs_function_count, detail::sfs_function_count,
     detail::sfs_function_count, 0, false, arrival_kind::exponential, 1, detail::sfs_mean_interarrival, 12},
    {preset::sfs_test1, "sfs-test1", "SFS's mix of Fibonacci functions as shipped, mean 370 ms, Poisson arrivals",
     "SFS repository, trace test1; service times of its repository", detail::sfs_function_count,
     detail::sfs_function_count, detail::sfs_function_count, 0, false, arrival_kind::exponential, 1,
     detail::sfs_mean_interarrival, 12},
    {preset::alps_huawei, "alps-huawei", "ALPS's Huawei mix of G1 to G4, Poisson arrivals", "ALPS (ATC'24), Table 1",
     detail::alps_function_count, duration_group_count, detail::max_function_count, alps_variation, false,
     arrival_kind::exponential, 1, detail::alps_huawei_mean_interarrival, 24},
    {preset::alps_azure_paper, "alps-azure-paper", "ALPS's Azure mix as printed, Poisson arrivals",
     "ALPS (ATC'24), Table 1", detail::alps_function_count, duration_group_count, detail::max_function_count,
     alps_variation, false, arrival_kind::exponential, 1, detail::alps_azure_mean_interarrival, 24},
    {preset::alps_azure_shipped, "alps-azure-shipped", "ALPS's Azure mix as shipped, Poisson arrivals",
     "ALPS repository, trace azure", detail::alps_function_count, duration_group_count, detail::max_function_count,
     alps_variation, false, arrival_kind::exponential, 1, detail::alps_azure_mean_interarrival, 24},
    {preset::azure2019, "azure2019", "Azure Functions, July 2019: popularity, durations, triggers, one process each",
     "Shahrad et al., Serverless in the Wild (ATC'20)", detail::azure2019_function_count, azure2019::min_function_count,
     detail::max_function_count, 0.25, true, arrival_kind::exponential, 1, duration{}, 0},
    {preset::poisson25_quirk, "poisson25-quirk", "alps-huawei with the smooth arrivals that ALPS shipped, CV 0.2",
     "ALPS repository, trace exp", detail::alps_function_count, duration_group_count, detail::max_function_count,
     alps_variation, false, arrival_kind::poisson25, 0.2, detail::poisson25_mean_interarrival, 24},
    {preset::bursty_cv2_33, "bursty-cv2.33", "sfs-test1 with arrivals of the trace's CV of 2.33, each drawn anew",
     "SFS repository, trace test1", detail::sfs_function_count, detail::sfs_function_count, detail::sfs_function_count,
     0, false, arrival_kind::bursty, 2.33, detail::sfs_mean_interarrival, 12},
    {preset::sfs_trace, "sfs-trace", "sfs-test1 with a mix that drifts as in the trace, Poisson arrivals",
     "SFS repository, trace test1", detail::sfs_function_count, detail::sfs_function_count, detail::sfs_function_count,
     0, false, arrival_kind::exponential, 1, detail::sfs_mean_interarrival, 12, 1, sfs_test1_drift},
    {preset::sfs_trace_bursty, "sfs-trace-bursty", "sfs-trace with arrivals in bursts that last as in the trace",
     "SFS repository, trace test1", detail::sfs_function_count, detail::sfs_function_count, detail::sfs_function_count,
     0, false, arrival_kind::bursty, 2.33, detail::sfs_mean_interarrival, 12, detail::sfs_burst_length,
     sfs_test1_drift},
}};

[[nodiscard]] constexpr preset_info const& info_of(preset p) noexcept {
    return presets[static_cast<std::size_t>(p)];
}

[[nodiscard]] constexpr std::string_view name_of(preset p) noexcept {
    return info_of(p).name;
}

/// \error the name is none of `presets`; the message lists them
[[nodiscard]] inline result<preset> parse_preset(std::string_view name) {
    auto const found = detail::find_by_name("preset", name, presets);
    if (!found) {
        return found.error();
    }
    return found->value;
}

/// The functions of a preset and how often it invokes them as published.
struct preset_population {
    population functions;
    double mean_interarrival_ns = 0;
};

/// \pre function_count is within the limits of `info_of(p)`
/// \complexity O(function_count)
[[nodiscard]] inline preset_population make_population(preset p, std::uint32_t function_count) {
    preset_info const& info = info_of(p);
    HPCSCHED_ASSERT(function_count >= info.min_function_count);
    HPCSCHED_ASSERT(function_count <= info.max_function_count);
    preset_population made;
    made.mean_interarrival_ns = static_cast<double>(info.mean_interarrival.count());
    switch (p) {
    case preset::sfs_table1:
        made.functions = sfs_table1_functions();
        break;
    case preset::sfs_test1:
    case preset::bursty_cv2_33:
    case preset::sfs_trace:
    case preset::sfs_trace_bursty:
        made.functions = sfs_test1_functions();
        break;
    case preset::alps_huawei:
    case preset::poisson25_quirk:
        made.functions = alps_functions(alps_huawei_mix, function_count);
        break;
    case preset::alps_azure_paper:
        made.functions = alps_functions(alps_azure_paper_mix, function_count);
        break;
    case preset::alps_azure_shipped:
        made.functions = alps_functions(alps_azure_shipped_mix, function_count);
        break;
    case preset::azure2019: {
        azure2019::function_table table = azure2019::make_functions(function_count);
        constexpr double day_ns = 86'400e9;
        made.mean_interarrival_ns = day_ns / (table.invocations_per_day * static_cast<double>(function_count));
        made.functions = std::move(table.functions);
        break;
    }
    }
    return made;
}

} // namespace hpcsched::workload

#endif
