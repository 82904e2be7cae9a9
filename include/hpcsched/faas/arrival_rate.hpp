// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_ARRIVAL_RATE_HPP
#define HPCSCHED_FAAS_ARRIVAL_RATE_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/time.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace hpcsched::faas {

/// What is known of how often something happens: its rate has the Gamma distribution of this shape and this rate.
struct rate_belief {
    double shape = 0.5; ///< > 0; as if so many had been counted
    double seconds = 1; ///< > 0; in so long a time

    [[nodiscard]] double mean() const noexcept { return shape / seconds; }                 ///< per second
    [[nodiscard]] double deviation() const noexcept { return std::sqrt(shape) / seconds; } ///< standard, per second
};

struct arrival_rate_config {
    duration memory = std::chrono::seconds{5};              ///< after which what was counted has faded to 1/e
    duration alert_memory = std::chrono::milliseconds{250}; ///< likewise, of the count that notices a rise
    rate_belief prior{.shape = 0.5, .seconds = 1};          ///< before anything was counted
};

/// The rate of a function's invocations, learned from them: a Gamma posterior whose counts fade, so that it follows a
/// rate that changes. A second, shorter memory is believed instead while it alone shows a rise that chance does not
/// explain: a flood is known for what it is after a fraction of a second, and a quiet function is still known well.
///
/// \source Gamma-Poisson with exponential forgetting: West, Harrison, "Bayesian Forecasting and Dynamic Models", 2nd
///   ed., section 6.3 (discounting). The second memory is this library's.
/// \thread_safety none; a plain value without a clock
class arrival_rate_posterior {
  public:
    /// \param since  when counting began
    /// \pre memories > 0, prior > 0
    explicit arrival_rate_posterior(time_point since, arrival_rate_config const& config = {}) noexcept
        : prior_{config.prior}, slow_{to_seconds(config.memory)}, fast_{to_seconds(config.alert_memory)}, last_{since} {
        HPCSCHED_ASSERT(config.memory > duration{} && config.alert_memory > duration{});
        HPCSCHED_ASSERT(prior_.shape > 0 && prior_.seconds > 0);
    }

    /// One came.
    /// \param now  not before the last; an earlier one counts as the last
    /// \complexity O(1)
    void observe(time_point now) noexcept {
        double const passed = seconds_until(now);
        slow_.advance(passed);
        fast_.advance(passed);
        slow_.count += 1;
        fast_.count += 1;
        last_ = std::max(last_, now);
    }

    /// What is known now.
    /// \complexity O(1)
    [[nodiscard]] rate_belief at(time_point now) const noexcept {
        faded slow = slow_;
        faded fast = fast_;
        double const passed = seconds_until(now);
        slow.advance(passed);
        fast.advance(passed);
        rate_belief const usual{prior_.shape + slow.count, prior_.seconds + slow.exposure};
        // The prior is worth too long a time for the short memory; what is usual takes its place, worth a tenth of it.
        double const weight = fast.memory / 10;
        rate_belief const recent{usual.mean() * weight + fast.count, weight + fast.exposure};
        double const surprise = 4;
        bool const has_risen =
            fast.count > usual.mean() * fast.exposure + surprise * std::sqrt(usual.mean() * fast.exposure + 1);
        return has_risen ? recent : usual;
    }

  private:
    struct faded {
        double memory;
        double count = 0;
        double exposure = 0; ///< seconds, faded like the count

        explicit faded(double m) noexcept : memory{m} {}
        void advance(double passed) noexcept {
            double const keep = std::exp(-passed / memory);
            count *= keep;
            exposure = exposure * keep + memory * (1 - keep);
        }
    };

    [[nodiscard]] double seconds_until(time_point now) const noexcept {
        return now > last_ ? to_seconds(now - last_) : 0;
    }

    rate_belief prior_;
    faded slow_;
    faded fast_;
    time_point last_;
};

} // namespace hpcsched::faas

#endif
