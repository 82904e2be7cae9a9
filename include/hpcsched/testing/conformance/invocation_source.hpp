// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_CONFORMANCE_INVOCATION_SOURCE_HPP
#define HPCSCHED_TESTING_CONFORMANCE_INVOCATION_SOURCE_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/invocation.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

namespace hpcsched::testing {

namespace detail {

/// What is wrong with an invocation in itself; empty: nothing.
[[nodiscard]] inline std::string fault_of(workload::invocation const& i) {
    if (i.arrival < time_point{} || i.arrival == never) {
        return "an arrival is at least 0 and not never";
    }
    if (i.service <= duration::zero()) {
        return "a service time is above 0";
    }
    duration previous{};
    for (workload::blocking_segment const& segment : i.blocking) {
        if (segment.after_cpu < previous || segment.after_cpu > i.service) {
            return "blocking segments ascend, none before 0 or beyond the service time";
        }
        if (segment.length <= duration::zero()) {
            return "a blocking segment lasts for more than 0";
        }
        previous = segment.after_cpu;
    }
    return {};
}

} // namespace detail

/// Reads a source to its end and checks the rules of `workload::invocation_source` and of `workload::invocation`:
///
/// * arrivals never decrease; service times and blocking segments are in range;
/// * functions are numbered in order of first appearance;
/// * nothing of an invocation's former content shows through;
/// * after the end, or an error, the stream stays ended;
/// * a second source, made alike, gives the same.
///
/// \param make  called twice; returns sources that are equal
/// \return the first rule that was broken, with the position of the invocation; empty: none
/// \complexity O(invocations)
template <std::invocable Make>
    requires workload::invocation_source<std::invoke_result_t<Make&>>
[[nodiscard]] std::vector<std::string> check_invocation_source(Make make) {
    auto first = make();
    auto second = make();
    workload::invocation one;
    time_point previous{};
    std::uint32_t function_count = 0;
    std::size_t position = 0;
    for (;; ++position) {
        std::string const place = "invocation " + std::to_string(position) + ": ";
        workload::invocation other;
        other.memory_mb = 77;
        other.blocking.push_back({duration{1}, duration{1}});
        result<bool> const more = first.next(one);
        result<bool> const more_again = second.next(other);
        if (more.has_value() != more_again.has_value() || (more && *more != *more_again)) {
            return {place + "an equal source ends otherwise"};
        }
        if (!more || !*more) {
            break;
        }
        if (!(one == other)) {
            return {place + "an equal source gives another, or former content shows through"};
        }
        if (std::string const fault = detail::fault_of(one); !fault.empty()) {
            return {place + fault};
        }
        if (one.arrival < previous) {
            return {place + "it arrives before the one ahead of it"};
        }
        if (one.function.value > function_count) {
            return {place + "functions are numbered in order of first appearance"};
        }
        function_count += one.function.value == function_count ? 1U : 0U;
        previous = one.arrival;
    }
    for (int call = 0; call < 3; ++call) {
        if (result<bool> const more = first.next(one); !more || *more) {
            return {"the stream does not stay ended after invocation " + std::to_string(position)};
        }
    }
    return {};
}

} // namespace hpcsched::testing

#endif
