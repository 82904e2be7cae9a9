// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_AZURE2019_STATISTICS_HPP
#define HPCSCHED_WORKLOAD_AZURE2019_STATISTICS_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

/// What is published about the Azure Functions trace of July 2019: figures, not code.
/// \source Shahrad et al., "Serverless in the Wild" (USENIX ATC'20): text, tables and digitised figures (error about
/// 1.5 %). Where the paper and the released files differ, these are the paper's.
namespace hpcsched::workload::azure2019 {

/// A point of a cumulative distribution: `share` of all have a value of at most `value`.
struct cdf_point {
    double value = 0;
    double share = 0;
};

/// Popularity: the most popular fraction `value` of all functions gets `share` of all invocations.
inline constexpr std::array<cdf_point, 5> popularity{
    {{0.001, 0.636}, {0.003, 0.797}, {0.01, 0.915}, {0.03, 0.970}, {0.1, 0.995}}};

/// Invocations per day, over functions.
inline constexpr std::array<cdf_point, 11> invocations_per_day{{{0.5, 0.20},
                                                                {1, 0.34},
                                                                {1.5, 0.39},
                                                                {10, 0.55},
                                                                {25, 0.645},
                                                                {100, 0.74},
                                                                {200, 0.78},
                                                                {400, 0.85},
                                                                {1500, 0.92},
                                                                {1e4, 0.97},
                                                                {1e5, 0.994}}};

/// The days that the trace covers: no function in it has less than one invocation in that time.
inline constexpr double trace_days = 14;

/// The authors' fit of the average duration of a function: lognormal, in seconds.
struct lognormal_fit {
    double mu = 0;
    double sigma = 0;
};
inline constexpr lognormal_fit average_duration_fit{-0.38, 2.36};

/// Points of that fit, in seconds.
inline constexpr std::array<cdf_point, 6> average_duration_fit_points{
    {{0.05, 0.134}, {0.1, 0.208}, {0.3, 0.364}, {1, 0.564}, {10, 0.872}, {224, 0.993}}};

/// What SFS (SC'22) says of the averages, in seconds.
inline constexpr std::array<cdf_point, 3> average_duration_quoted{{{0.3, 0.372}, {1, 0.572}, {224, 0.999}}};

/// The same distribution as digitised from the figure, in seconds. The fit misses it by up to 0.06.
inline constexpr std::array<cdf_point, 15> average_duration_figure{{{0.010, 0.012},
                                                                    {0.020, 0.039},
                                                                    {0.050, 0.096},
                                                                    {0.100, 0.154},
                                                                    {0.200, 0.248},
                                                                    {0.300, 0.305},
                                                                    {0.500, 0.393},
                                                                    {1, 0.531},
                                                                    {2, 0.659},
                                                                    {3, 0.719},
                                                                    {5, 0.773},
                                                                    {10, 0.854},
                                                                    {30, 0.925},
                                                                    {60, 0.962},
                                                                    {120, 0.982}}};

enum class trigger : std::uint8_t { http, queue, event, orchestration, timer, storage, others };

struct trigger_info {
    std::string_view name;
    double functions = 0;   ///< share of the functions; the column adds up to 0.999
    double invocations = 0; ///< share of the invocations; the column adds up to 1.001
};

/// By enumerator of `trigger`.
inline constexpr std::array<trigger_info, 7> triggers{{{"http", 0.550, 0.359},
                                                       {"queue", 0.152, 0.335},
                                                       {"event", 0.022, 0.247},
                                                       {"orchestration", 0.069, 0.023},
                                                       {"timer", 0.156, 0.020},
                                                       {"storage", 0.028, 0.007},
                                                       {"others", 0.022, 0.010}}};

/// A point of a digitised curve that is published as a range.
struct cdf_range {
    double value = 0;
    double lowest = 0;
    double highest = 0;

    [[nodiscard]] constexpr double middle() const noexcept { return (lowest + highest) / 2.0; }
};

/// The coefficient of variation of inter-arrival times, over applications.
inline constexpr std::array<cdf_range, 5> interarrival_cv_all{
    {{0.05, 0.24, 0.29}, {1, 0.57, 0.60}, {2, 0.72, 0.72}, {4, 0.86, 0.86}, {10, 0.95, 0.95}}};
/// The same for applications without timers.
inline constexpr std::array<cdf_range, 5> interarrival_cv_without_timers{
    {{0.05, 0.13, 0.13}, {1, 0.34, 0.38}, {2, 0.55, 0.55}, {4, 0.77, 0.77}, {10, 0.92, 0.92}}};
/// The same for applications with timers only.
inline constexpr std::array<cdf_range, 2> interarrival_cv_timers{{{0.05, 0.53, 0.62}, {1, 0.94, 0.94}}};

} // namespace hpcsched::workload::azure2019

#endif
