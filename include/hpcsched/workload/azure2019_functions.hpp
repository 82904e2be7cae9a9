// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_AZURE2019_FUNCTIONS_HPP
#define HPCSCHED_WORKLOAD_AZURE2019_FUNCTIONS_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/azure2019_statistics.hpp>
#include <hpcsched/workload/function_profile.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <string>
#include <vector>

namespace hpcsched::workload::azure2019 {

/// The published popularity starts at the top thousandth of the functions: fewer functions cannot show it.
inline constexpr std::uint32_t min_function_count = 1000;

/// The mean service times of functions lie between these.
inline constexpr double shortest_mean_s = 0.001;
inline constexpr double longest_mean_s = 224;

namespace detail {

/// The k-th point of the van der Corput sequence, k >= 1: points in (0, 1) that cover it evenly however few there are.
/// \complexity O(log k)
[[nodiscard]] inline double evenly_spread(std::uint32_t k, std::uint32_t base) noexcept {
    double value = 0;
    double digit = 1.0 / base;
    for (; k > 0; k /= base, digit /= base) {
        value += digit * (k % base);
    }
    return value;
}

/// Invocations per day of the function that `share` of all functions do not exceed; log-linear between the published
/// points, from one invocation in the whole trace up.
[[nodiscard]] inline double invocations_per_day_quantile(double share) noexcept {
    cdf_point below{1.0 / trace_days, 0};
    for (cdf_point const& above : invocations_per_day) {
        if (share <= above.share) {
            return below.value *
                   std::pow(above.value / below.value, (share - below.share) / (above.share - below.share));
        }
        below = above;
    }
    return below.value;
}

[[nodiscard]] inline double normal_cdf(double z) noexcept {
    return std::erfc(-z / std::numbers::sqrt2) / 2.0;
}

/// The quantile of the duration fit within [shortest_mean_s, longest_mean_s], in seconds; by bisection, to 1e-12.
[[nodiscard]] inline double average_duration_quantile(double share) noexcept {
    auto const [mu, sigma] = average_duration_fit;
    double low = (std::log(shortest_mean_s) - mu) / sigma;
    double high = (std::log(longest_mean_s) - mu) / sigma;
    double const wanted = normal_cdf(low) + share * (normal_cdf(high) - normal_cdf(low));
    while (high - low > 1e-12) {
        double const middle = low + (high - low) / 2.0;
        (normal_cdf(middle) < wanted ? low : high) = middle;
    }
    return std::exp(mu + sigma * low);
}

/// The coefficient of variation that `share` of the functions do not exceed: 0 up to the first published point (timers
/// and the like), then linear between points, and beyond the last up to twice its value.
[[nodiscard]] inline double interarrival_cv_quantile(std::span<cdf_range const> published, double share) noexcept {
    if (share <= published.front().middle()) {
        return 0;
    }
    cdf_point below{published.front().value, published.front().middle()};
    for (cdf_range const& range : published.subspan(1)) {
        cdf_point const above{range.value, range.middle()};
        if (share <= above.share) {
            return below.value + (above.value - below.value) * (share - below.share) / (above.share - below.share);
        }
        below = above;
    }
    return below.value * (1.0 + (share - below.share) / (1.0 - below.share));
}

} // namespace detail

/// How often functions are invoked.
struct popularity_model {
    std::vector<double> shares;     ///< of the invocations, by rank, the most popular first; they add up to 1
    double invocations_per_day = 0; ///< of the mean function
};

/// Popularity that meets both published tables.
///
/// The head follows a power law between the points of `popularity`; from the top 8 % on, where a function has less than
/// 1,500 invocations a day, shares follow `invocations_per_day`, which tells more there (the remaining 92 % of the
/// functions together have 0.7 % of the invocations). The common unit of the two follows from the top 10 % having
/// 99.5 %. Above the first published point (the top thousandth) the exponent 1/2 is assumed: that of the next segment,
/// 0.21, would give one function in 10,000 more invocations than any trigger has.
/// \pre function_count >= min_function_count
/// \complexity O(function_count)
[[nodiscard]] inline popularity_model make_popularity(std::uint32_t function_count) {
    HPCSCHED_ASSERT(function_count >= min_function_count);
    constexpr double tail_begin = 0.08;
    auto const n = static_cast<double>(function_count);
    auto const middle = [n](std::uint32_t rank) { return (static_cast<double>(rank) + 0.5) / n; };
    auto const per_day = [&middle](std::uint32_t rank) {
        return detail::invocations_per_day_quantile(1.0 - middle(rank));
    };

    popularity_model model;
    model.shares.resize(function_count);
    double beyond_last_point = 0;
    for (std::uint32_t rank = function_count; rank-- > 0 && middle(rank) > popularity.back().value;) {
        beyond_last_point += per_day(rank);
    }
    double const invocations = beyond_last_point / (1.0 - popularity.back().share);
    model.invocations_per_day = invocations / n;

    double tail = 0;
    std::uint32_t head_count = function_count;
    for (; middle(head_count - 1) > tail_begin; --head_count) {
        model.shares[head_count - 1] = per_day(head_count - 1) / invocations;
        tail += model.shares[head_count - 1];
    }

    std::array<cdf_point, popularity.size()> points = popularity;
    points.back() = {static_cast<double>(head_count) / n, 1.0 - tail};
    cdf_point below = points.front();
    double exponent = 0.5;
    std::size_t next = 0;
    double cumulative = 0;
    for (std::uint32_t rank = 0; rank < head_count; ++rank) {
        double const fraction = static_cast<double>(rank + 1) / n;
        while (next + 1 < points.size() && fraction > points[next].value) {
            below = points[next++];
            exponent = std::log(points[next].share / below.share) / std::log(points[next].value / below.value);
        }
        double const upto = below.share * std::pow(fraction / below.value, exponent);
        model.shares[rank] = upto - cumulative;
        cumulative = upto;
    }
    return model;
}

/// The trigger of each function, by rank, such that every trigger gets its published share of the functions and, as
/// far as whole functions allow, of the invocations.
///
/// From the most popular function down, each goes to the trigger that needs the most popular functions to meet its two
/// shares, among those whose share of invocations is not yet used up.
/// \param shares  popularity by rank, descending
/// \complexity O(functions * triggers)
[[nodiscard]] inline std::vector<trigger> assign_triggers(std::span<double const> shares) {
    struct budget {
        double functions = 0;
        double invocations = 0;
    };
    std::array<budget, triggers.size()> left{};
    double function_sum = 0;
    double invocation_sum = 0;
    for (trigger_info const& info : triggers) {
        function_sum += info.functions;
        invocation_sum += info.invocations;
    }
    for (std::size_t t = 0; t < triggers.size(); ++t) {
        left[t] = {triggers[t].functions / function_sum * static_cast<double>(shares.size()),
                   triggers[t].invocations / invocation_sum};
    }

    std::vector<trigger> assigned;
    assigned.reserve(shares.size());
    for (double const share : shares) {
        std::size_t best = 0;
        double best_need = -1e300;
        for (std::size_t t = 0; t < triggers.size(); ++t) {
            if (left[t].functions <= 0) {
                continue;
            }
            bool const fits = left[t].invocations >= share;
            double const need = fits ? left[t].invocations / left[t].functions : left[t].invocations - 1.0;
            if (need > best_need) {
                best = t;
                best_need = need;
            }
        }
        left[best].functions -= 1.0;
        left[best].invocations -= share;
        assigned.push_back(static_cast<trigger>(best));
    }
    return assigned;
}

/// A population after the published statistics, and what was chosen on the way.
struct function_table {
    population functions; ///< by rank, the most popular first
    std::vector<trigger> triggers;
    double invocations_per_day = 0; ///< of the mean function, in the trace
};

/// The functions of the preset `azure2019`.
///
/// The table depends on `function_count` alone: seeds change what is drawn from it, not the functions. Mean service
/// times are the quantiles of the lognormal fit, truncated; popular and unpopular functions alike cover it evenly (a
/// relation between popularity and duration is not published). A function's coefficient of variation is a quantile of
/// the published curve of its kind, timers or all but timers. Assumed: the more often a function is invoked the more
/// callers it has, and what many callers send together nears a Poisson process (theorem of Palm and Khintchine). So the
/// top thousandth have 1, and the rest of the top hundredth at most 4. The curves do not show so few functions, but
/// these have nine tenths of the invocations.
/// \pre function_count >= min_function_count
/// \complexity O(function_count)
/// \source Shahrad et al. (ATC'20). Deviation: the curves of the coefficient of variation count applications, not
/// functions.
[[nodiscard]] inline function_table make_functions(std::uint32_t function_count) {
    popularity_model const model = make_popularity(function_count);
    function_table table;
    table.triggers = assign_triggers(model.shares);
    table.invocations_per_day = model.invocations_per_day;
    table.functions.reserve(function_count);
    constexpr double capped_share = 0.77; // the curve without timers, at 4
    std::uint32_t timers = 0;
    for (std::uint32_t rank = 0; rank < function_count; ++rank) {
        bool const is_timer = table.triggers[rank] == trigger::timer;
        timers += is_timer ? 1U : 0U;
        std::uint32_t const position = is_timer ? timers : rank + 1 - timers; // within its kind, from 1
        std::span<cdf_range const> const cvs = is_timer ? std::span<cdf_range const>{interarrival_cv_timers}
                                                        : std::span<cdf_range const>{interarrival_cv_without_timers};
        double const quantile = detail::evenly_spread(position, 3) * (rank < function_count / 100 ? capped_share : 1.0);
        double const cv = rank < function_count / 1000 ? 1.0 : detail::interarrival_cv_quantile(cvs, quantile);
        double const mean_s = detail::average_duration_quantile(detail::evenly_spread(rank + 1, 2));
        std::string_view const kind = triggers[static_cast<std::size_t>(table.triggers[rank])].name;
        table.functions.push_back(
            {std::string{kind} + "-" + std::to_string(rank + 1), model.shares[rank], from_seconds(mean_s), cv});
    }
    return table;
}

} // namespace hpcsched::workload::azure2019

#endif
