// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_INTERVAL_ARRIVALS_HPP
#define HPCSCHED_WORKLOAD_INTERVAL_ARRIVALS_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/random.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/merge_heap.hpp>

#include <boost/random/exponential_distribution.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

namespace hpcsched::workload {

/// Where in an interval the invocations lie of which a trace tells only how many there were.
enum class spread : std::uint8_t {
    /// At equal distances. Each function's grid is shifted by a fraction of that distance of its own, so that
    /// functions with equal counts do not arrive in step. Draws nothing.
    even,

    /// Independent and uniform in the interval: a Poisson process of which the number of arrivals is known. As many
    /// as recorded.
    uniform,

    /// A Poisson process with the recorded number as its mean: the number itself varies too.
    poisson,
};

/// Gives out, in order, the arrivals of many functions of which only the number in each interval is known.
///
/// It holds one arrival per function, whatever the counts are. Equal arrivals keep the order of `add`.
/// \thread_safety none
class interval_arrivals {
  public:
    interval_arrivals(spread how, random_stream draws) : how_{how}, draws_{std::move(draws)} {}

    /// Starts an interval.
    /// \pre the last one is used up; length > 0
    void begin(time_point start, duration length) noexcept {
        HPCSCHED_ASSERT(streams_.empty());
        HPCSCHED_ASSERT(length > duration::zero());
        start_ = start;
        length_ = length.count();
        added_count_ = 0;
    }

    /// Adds a function to the interval.
    /// \param function  any number of the caller's own, given back by `next`
    /// \param count     of its invocations in the interval, 0 <= count <= 2^31
    void add(std::uint32_t function, std::int64_t count) {
        HPCSCHED_ASSERT(count >= 0);
        HPCSCHED_ASSERT(count <= std::int64_t{1} << 31U);
        stream first{0, 0, count, function, added_count_++};
        if (count > 0 && advance(first)) {
            streams_.append(first);
        }
    }

    /// Ends the adding.
    void finish() { streams_.order(); }

    /// Takes out the next arrival. \return false: the interval is used up
    /// \pre `finish` was called
    /// \complexity O(log number of functions in the interval)
    [[nodiscard]] bool next(time_point& at, std::uint32_t& function) {
        if (streams_.empty()) {
            return false;
        }
        stream& top = streams_.top();
        at = start_ + duration{top.offset};
        function = top.function;
        if (advance(top)) {
            streams_.top_moved_back();
        } else {
            streams_.pop();
        }
        return true;
    }

  private:
    /// The arrivals of one function.
    struct stream {
        std::int64_t offset; // of its next arrival, nanoseconds from the start of the interval
        std::int64_t made_count;
        std::int64_t count;
        std::uint32_t function;
        std::uint32_t order;

        [[nodiscard]] bool before(stream const& other) const noexcept {
            return offset != other.offset ? offset < other.offset : order < other.order;
        }
    };

    /// Moves to the stream's next arrival. \return false: it has none left in this interval
    [[nodiscard]] bool advance(stream& s) {
        if (how_ == spread::poisson) {
            double const gap = exponential() * static_cast<double>(length_) / static_cast<double>(s.count);
            if (gap >= static_cast<double>(length_ - s.offset)) {
                return false;
            }
            s.offset += static_cast<std::int64_t>(gap);
            return true;
        }
        if (s.made_count == s.count) {
            return false;
        }
        if (how_ == spread::even) {
            s.offset = even_offset(s);
        } else {
            // The least of k uniform draws in what is left of the interval: 1 - U^(1/k) of it.
            double const share = -std::expm1(-exponential() / static_cast<double>(s.count - s.made_count));
            auto const step = static_cast<std::int64_t>(share * static_cast<double>(length_ - s.offset));
            s.offset = std::min(s.offset + step, length_ - 1);
        }
        ++s.made_count;
        return true;
    }

    [[nodiscard]] std::int64_t even_offset(stream const& s) const noexcept {
        // Multiples of the golden ratio, modulo 1, fill [0, 1) evenly for any number of functions.
        std::uint32_t const phase = (s.function + 1U) * 0x9e3779b9U;
        __extension__ using wide = unsigned __int128;
        wide const position = (static_cast<wide>(s.made_count) << 32U) + phase;
        return static_cast<std::int64_t>(position * static_cast<wide>(length_) / (static_cast<wide>(s.count) << 32U));
    }

    [[nodiscard]] double exponential() { return boost::random::exponential_distribution<double>{1.0}(draws_); }

    spread how_;
    random_stream draws_;
    time_point start_{};
    std::int64_t length_ = 1;
    std::uint32_t added_count_ = 0;
    merge_heap<stream> streams_;
};

} // namespace hpcsched::workload

#endif
