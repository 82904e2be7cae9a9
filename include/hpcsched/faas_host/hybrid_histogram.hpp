// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_HOST_HYBRID_HISTOGRAM_HPP
#define HPCSCHED_FAAS_HOST_HYBRID_HISTOGRAM_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/percentiles.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/faas_host/keep_alive.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hpcsched::faas_host {

/// The defaults are the paper's.
struct hybrid_histogram_config {
    duration bin = std::chrono::minutes{1};
    std::size_t bin_count = 240;       ///< the histogram's range: 4 h
    ratio head{5, 100};                ///< share of idle times that a worker need not be warm for
    ratio tail{99, 100};               ///< share of idle times that it is warm for
    ratio margin{10, 100};             ///< the windows are that much wider on both sides
    double cv_least = 2;               ///< of the bins' counts; below it the histogram says nothing
    ratio out_of_bounds_most{50, 100}; ///< more idle times beyond the range than that: a forecast is used instead
    ratio forecast_margin{15, 100};    ///< on both sides of the forecast
};

/// Keeps a worker warm from shortly before to shortly after the time at which the function tends to be called again.
///
/// Three ways, chosen anew for each worker: where most idle times are beyond the histogram's range, around a forecast
/// of the next one; where the histogram is representative (few bins hold most), from its head to its tail; else for the
/// whole range, from the start.
///
/// \complexity observe O(1), windows O(bin_count)
/// \source Shahrad et al., *Serverless in the Wild*, USENIX ATC'20, section 4.2. Deviations: the forecast is an
/// exponentially weighted mean (weight 1/4) of the idle times beyond the range, the paper's an ARIMA model; the
/// windows are those of a function, the paper's of an application; no histogram is older than another, where
/// the paper's production variant weighs days.
class hybrid_histogram {
  public:
    /// \pre bin > 0, bin_count >= 1, all ratios <= 1
    explicit hybrid_histogram(hybrid_histogram_config const& config = {}) : config_{config}, bins_(config.bin_count) {
        HPCSCHED_ASSERT(config.bin > duration::zero());
        HPCSCHED_ASSERT(config.bin_count >= 1);
    }

    void observe(duration idle) noexcept {
        ++count_;
        auto const index = static_cast<std::uint64_t>(idle / config_.bin);
        if (index >= bins_.size()) {
            forecast_ = out_of_bounds_count_ == 0 ? idle : forecast_ + (idle - forecast_) / 4;
            ++out_of_bounds_count_;
            return;
        }
        std::uint64_t const before = bins_[index]++;
        square_sum_ += 2 * before + 1; // (n + 1)^2 - n^2
    }

    [[nodiscard]] warm_windows windows() const noexcept {
        if (is_more_than(out_of_bounds_count_, config_.out_of_bounds_most)) {
            return around_forecast();
        }
        return is_representative() ? from_head_to_tail() : warm_windows{.keep_alive = range()};
    }

    /// Whether the bins' counts vary enough for the histogram to say when the next invocation comes.
    [[nodiscard]] bool is_representative() const noexcept {
        double const n = static_cast<double>(bins_.size());
        double const mean = static_cast<double>(count_ - out_of_bounds_count_) / n;
        if (mean == 0) {
            return false;
        }
        double const variance = static_cast<double>(square_sum_) / n - mean * mean;
        return variance >= config_.cv_least * config_.cv_least * mean * mean;
    }

  private:
    [[nodiscard]] duration range() const noexcept { return config_.bin * static_cast<std::int64_t>(config_.bin_count); }

    [[nodiscard]] bool is_more_than(std::uint64_t part, ratio share) const noexcept {
        return part * share.denominator > count_ * share.numerator;
    }

    /// `length`, less or more by a share of it; rounded down.
    [[nodiscard]] static duration less_by(duration length, ratio share) noexcept {
        return length -
               length / static_cast<std::int64_t>(share.denominator) * static_cast<std::int64_t>(share.numerator);
    }
    [[nodiscard]] static duration more_by(duration length, ratio share) noexcept {
        return length +
               length / static_cast<std::int64_t>(share.denominator) * static_cast<std::int64_t>(share.numerator);
    }

    [[nodiscard]] warm_windows around_forecast() const noexcept {
        duration const from = less_by(forecast_, config_.forecast_margin);
        return {.prewarm = from, .keep_alive = more_by(forecast_, config_.forecast_margin) - from};
    }

    [[nodiscard]] warm_windows from_head_to_tail() const noexcept {
        // The head is rounded down to its bin's lower edge, the tail up to its bin's upper one.
        duration const from = less_by(config_.bin * bin_of(config_.head), config_.margin);
        duration const to = more_by(config_.bin * (bin_of(config_.tail) + 1), config_.margin);
        return {.prewarm = from, .keep_alive = to - from};
    }

    /// The bin in which the nearest-rank percentile of the idle times within the range lies.
    [[nodiscard]] std::int64_t bin_of(ratio share) const noexcept {
        std::uint64_t const within = count_ - out_of_bounds_count_;
        std::uint64_t const rank =
            std::max<std::uint64_t>(1, (within * share.numerator + share.denominator - 1) / share.denominator);
        std::uint64_t seen = 0;
        std::size_t index = 0;
        while (index + 1 < bins_.size() && seen + bins_[index] < rank) {
            seen += bins_[index++];
        }
        return static_cast<std::int64_t>(index);
    }

    hybrid_histogram_config config_;
    std::vector<std::uint64_t> bins_;
    std::uint64_t count_ = 0; ///< of all idle times, those beyond the range included
    std::uint64_t out_of_bounds_count_ = 0;
    std::uint64_t square_sum_ = 0; ///< of the bins' counts
    duration forecast_{};
};
static_assert(keep_alive_policy<hybrid_histogram>);

} // namespace hpcsched::faas_host

#endif
