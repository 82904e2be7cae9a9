// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_CONFORMANCE_CELL_SOURCE_HPP
#define HPCSCHED_TESTING_CONFORMANCE_CELL_SOURCE_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/notebook_cell.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

namespace hpcsched::testing {

namespace detail {

/// Takes the cells of a source one by one and says what is wrong with them.
class cell_checker {
  public:
    /// What is wrong with the next cell; empty: nothing.
    [[nodiscard]] std::string fault_of_next(workload::notebook_cell const& c) {
        if (c.submit < time_point{} || c.submit == never) {
            return "a submission is at least 0 and not never";
        }
        if (c.run <= duration::zero()) {
            return "a run is above 0";
        }
        if (c.gpus == 0) {
            return "a cell needs at least one device";
        }
        if (c.submit < previous_) {
            return "it is submitted before the one ahead of it";
        }
        if (c.session.value > ends_.size()) {
            return "sessions are numbered in order of first appearance";
        }
        if (c.session.value == ends_.size()) {
            ends_.push_back({});
        } else if (c.submit < ends_[c.session.value]) {
            return "it is submitted before the one ahead of it in its session has ended, where nothing waits";
        }
        previous_ = c.submit;
        ends_[c.session.value] = saturating_add(c.submit, c.run);
        return {};
    }

  private:
    time_point previous_{};
    std::vector<time_point> ends_; // of the last cell, by session
};

} // namespace detail

/// Reads a source to its end and checks the rules of `workload::cell_source` and of `workload::notebook_cell`:
///
/// * submissions never decrease; runs and devices are in range;
/// * sessions are numbered in order of first appearance;
/// * the cells of a session follow each other without an overlap;
/// * nothing of a cell's former content shows through;
/// * after the end, or an error, the stream stays ended;
/// * a second source, made alike, gives the same.
///
/// \param make  called twice; returns sources that are equal
/// \return the first rule that was broken, with the position of the cell; empty: none
/// \complexity O(cells)
template <std::invocable Make>
    requires workload::cell_source<std::invoke_result_t<Make&>>
[[nodiscard]] std::vector<std::string> check_cell_source(Make make) {
    auto first = make();
    auto second = make();
    detail::cell_checker checker;
    workload::notebook_cell one;
    std::size_t position = 0;
    for (;; ++position) {
        std::string const place = "cell " + std::to_string(position) + ": ";
        workload::notebook_cell other{never, {77}, duration{-77}, 77};
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
        if (std::string const fault = checker.fault_of_next(one); !fault.empty()) {
            return {place + fault};
        }
    }
    for (int call = 0; call < 3; ++call) {
        if (result<bool> const more = first.next(one); !more || *more) {
            return {"the stream does not stay ended after cell " + std::to_string(position)};
        }
    }
    return {};
}

} // namespace hpcsched::testing

#endif
