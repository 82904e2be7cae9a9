// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_INVOCATION_HPP
#define HPCSCHED_WORKLOAD_INVOCATION_HPP

#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>

#include <concepts>
#include <cstdint>
#include <vector>

namespace hpcsched::workload {

/// One blocking operation (I/O) of an invocation: the task leaves the CPU and comes back runnable.
struct blocking_segment {
    duration after_cpu{}; ///< CPU time received before it blocks, counted from the start; 0 <= after_cpu <= service
    duration length{};    ///< time off the CPU, > 0

    friend bool operator==(blocking_segment const&, blocking_segment const&) = default;
};

/// One invocation of a function: what arrives, when, and what it will need.
struct invocation {
    time_point arrival{};                     ///< since the start of the workload, >= 0
    function_id function{};                   ///< numbered in order of first appearance
    duration service{};                       ///< CPU time it needs in all, > 0
    std::uint32_t memory_mb = 0;              ///< memory it holds while alive, MiB; 0: not known
    std::vector<blocking_segment> blocking{}; ///< ascending in after_cpu

    friend bool operator==(invocation const&, invocation const&) = default;
};

/// A stream of invocations in order of arrival.
///
/// For a source `s` and an invocation `i`:
///
/// | expression  | effect                                                                                        |
/// |-------------|-----------------------------------------------------------------------------------------------|
/// | `s.next(i)` | true: `i` holds the next invocation; false: the stream has ended, `i` is unspecified; an      |
/// |             | error: what is wrong with the input, and the stream has ended                                 |
///
/// Semantics (not checked by the compiler):
/// 1. Arrivals never decrease; equal arrivals keep the order of the source.
/// 2. `service > 0`; segments ascend in `after_cpu`, none beyond `service`.
/// 3. After false or an error, further calls give false.
/// 4. `i` may be reused from call to call, so that a source allocates nothing in steady state.
template <class S>
concept invocation_source = requires(S& s, invocation& i) {
    { s.next(i) } -> std::same_as<result<bool>>;
};

} // namespace hpcsched::workload

#endif
