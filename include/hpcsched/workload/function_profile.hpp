// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_FUNCTION_PROFILE_HPP
#define HPCSCHED_WORKLOAD_FUNCTION_PROFILE_HPP

#include <hpcsched/core/time.hpp>

#include <string>
#include <vector>

namespace hpcsched::workload {

/// What a generator knows of one function.
struct function_profile {
    std::string name;        ///< "fib-26"; unique within its population
    double share = 0;        ///< of all invocations, > 0; the shares of a population add up to 1
    duration mean_service{}; ///< > 0
    double arrival_cv = 1;   ///< coefficient of variation of its own inter-arrival times, where it has its own
};

/// The functions of a workload. The position of a function is its rank.
using population = std::vector<function_profile>;

/// The mean service time of an invocation, in nanoseconds: the shares weigh the functions.
/// \complexity O(functions)
[[nodiscard]] inline double mean_service_ns(population const& functions) noexcept {
    double sum = 0;
    for (function_profile const& f : functions) {
        sum += f.share * static_cast<double>(f.mean_service.count());
    }
    return sum;
}

} // namespace hpcsched::workload

#endif
