// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_TIME_UNIT_HPP
#define HPCSCHED_WORKLOAD_TIME_UNIT_HPP

#include <hpcsched/core/assert.hpp>

#include <cstdint>

namespace hpcsched::workload {

/// The unit of a column of times.
enum class time_unit : std::uint8_t {
    inferred, ///< told from the magnitude of the values
    nanoseconds,
    microseconds,
    milliseconds,
    seconds,
};

/// The unit in which the median of the execution times of a platform's functions lies between 1 ms and 1 s, as it does
/// in every published trace: below 1 they are seconds, below 1,000 milliseconds, below 1,000,000 microseconds, else
/// nanoseconds.
/// \param median  of the values as they are written, > 0
[[nodiscard]] constexpr time_unit infer_time_unit(double median) noexcept {
    HPCSCHED_ASSERT(median > 0);
    return median < 1     ? time_unit::seconds
           : median < 1e3 ? time_unit::milliseconds
           : median < 1e6 ? time_unit::microseconds
                          : time_unit::nanoseconds;
}

} // namespace hpcsched::workload

#endif
