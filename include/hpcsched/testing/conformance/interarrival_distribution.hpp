// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_CONFORMANCE_INTERARRIVAL_DISTRIBUTION_HPP
#define HPCSCHED_TESTING_CONFORMANCE_INTERARRIVAL_DISTRIBUTION_HPP

#include <hpcsched/core/random.hpp>
#include <hpcsched/workload/arrivals.hpp>

#include <cmath>
#include <concepts>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

namespace hpcsched::testing {

/// What `check_interarrival_distribution` puts a distribution through.
struct interarrival_conformance {
    std::uint64_t seed = 1;
    std::uint64_t draw_count = 200'000; ///< >= 1000
};

/// Draws from a distribution and checks the rules of `workload::interarrival_distribution`:
///
/// * every value is finite and not negative;
/// * their mean is 1, to within six of its standard errors;
/// * a second distribution, made alike, draws the same from equal bits.
///
/// \param make  called twice; returns distributions that are equal
/// \return the rules that were broken; empty: none
template <std::invocable Make>
    requires workload::interarrival_distribution<std::invoke_result_t<Make&>>
[[nodiscard]] std::vector<std::string> check_interarrival_distribution(Make make,
                                                                       interarrival_conformance const& options = {}) {
    auto first = make();
    auto second = make();
    random_stream first_bits{options.seed, "conformance"};
    random_stream second_bits{options.seed, "conformance"};
    double sum = 0;
    double squares = 0;
    for (std::uint64_t i = 0; i < options.draw_count; ++i) {
        double const value = first(first_bits);
        double const again = second(second_bits);
        std::string const place = "draw " + std::to_string(i) + ": ";
        if (!std::isfinite(value) || value < 0) {
            return {place + std::to_string(value) + " is not a finite number of at least 0"};
        }
        if (value != again) {
            return {place + "an equal distribution draws otherwise from equal bits"};
        }
        sum += value;
        squares += value * value;
    }
    auto const n = static_cast<double>(options.draw_count);
    double const mean = sum / n;
    double const variance = std::fmax(squares / n - mean * mean, 0);
    if (std::abs(mean - 1) > 6 * std::sqrt(variance / n) + 1e-9) {
        return {"the mean of " + std::to_string(options.draw_count) + " draws is " + std::to_string(mean) + ", not 1"};
    }
    return {};
}

} // namespace hpcsched::testing

#endif
