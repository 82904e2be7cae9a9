// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_ARRIVALS_HPP
#define HPCSCHED_WORKLOAD_ARRIVALS_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/random.hpp>

#include <boost/random/exponential_distribution.hpp>
#include <boost/random/gamma_distribution.hpp>
#include <boost/random/poisson_distribution.hpp>
#include <boost/random/uniform_01.hpp>

#include <cmath>
#include <concepts>

namespace hpcsched::workload {

/// A distribution of inter-arrival times, in multiples of their mean.
///
/// For a distribution `d` and a random stream `bits`:
///
/// | expression | effect                                               |
/// |------------|------------------------------------------------------|
/// | `d(bits)`  | the next inter-arrival time divided by the mean one  |
///
/// Semantics (not checked by the compiler):
/// 1. Every value is finite and at least 0; their mean is 1.
/// 2. The values depend on `d` and `bits` alone. Scaling the mean is the user's affair, so a change of load leaves
///    the drawn values as they are.
///
/// Minimal model: hpcsched/testing/archetypes/interarrival_distribution.hpp.
/// Conformance: hpcsched/testing/conformance/interarrival_distribution.hpp.
template <class D>
concept interarrival_distribution = std::move_constructible<D> && requires(D& d, random_stream& bits) {
    { d(bits) } -> std::same_as<double>;
};

/// A Poisson process: exponential inter-arrival times, coefficient of variation 1.
class exponential_interarrivals {
  public:
    [[nodiscard]] double operator()(random_stream& bits) { return draw_(bits); }

  private:
    boost::random::exponential_distribution<double> draw_{1.0};
};
static_assert(interarrival_distribution<exponential_interarrivals>);

/// Uniform between 0 and twice the mean; coefficient of variation 1/sqrt(3) = 0.577.
class uniform_interarrivals {
  public:
    [[nodiscard]] double operator()(random_stream& bits) const {
        return 2.0 * boost::random::uniform_01<double>{}(bits);
    }
};
static_assert(interarrival_distribution<uniform_interarrivals>);

/// Evenly spaced; coefficient of variation 0. Draws nothing.
class even_interarrivals {
  public:
    [[nodiscard]] double operator()(random_stream&) const noexcept { return 1.0; }
};
static_assert(interarrival_distribution<even_interarrivals>);

/// What the traces shipped with ALPS have in place of a Poisson process: Poisson(25) variates divided by 25. Standard
/// deviation 5 in 25, coefficient of variation 0.2: far smoother than exponential.
/// \source ALPS repository, `http_client` traces: 0.21 ms times the variate. Deviation: the shipped values are cut to
/// whole milliseconds, which raises their coefficient of variation to 0.23; these are not cut.
class poisson25_interarrivals {
  public:
    static constexpr int mean_variate = 25;

    [[nodiscard]] double operator()(random_stream& bits) {
        return static_cast<double>(draw_(bits)) / static_cast<double>(mean_variate);
    }

  private:
    boost::random::poisson_distribution<int, double> draw_{static_cast<double>(mean_variate)};
};
static_assert(interarrival_distribution<poisson25_interarrivals>);

namespace detail {

/// The share of inter-arrival times that are of the short phase of the hyper-exponential distribution with balanced
/// means; the short ones have mean 1 / (2 * share), the long ones 1 / (2 * (1 - share)).
/// \pre cv >= 1
[[nodiscard]] inline double short_phase_share(double cv) noexcept {
    double const square = cv * cv;
    return (1.0 + std::sqrt((square - 1.0) / (square + 1.0))) / 2.0;
}

} // namespace detail

/// Inter-arrival times of any coefficient of variation (`cv`): evenly spaced at 0, gamma below 1, exponential at 1,
/// and hyper-exponential with two phases of balanced means above 1.
///
/// Balanced means: each phase carries half of the time, so one parameter is left and `cv` fixes it.
/// \source balanced means: Tijms, "A First Course in Stochastic Models" (2003), appendix B
class bursty_interarrivals {
  public:
    /// The smallest coefficient of variation that is not 0. A gamma distribution of less would be even spacing in
    /// all but name.
    static constexpr double min_cv = 0.01;
    static constexpr double max_cv = 100;

    [[nodiscard]] static constexpr bool accepts(double cv) noexcept {
        return cv == 0.0 || (cv >= min_cv && cv <= max_cv);
    }

    /// \pre accepts(cv)
    explicit bursty_interarrivals(double cv) : cv_{cv} {
        HPCSCHED_ASSERT(accepts(cv));
        if (cv > 1.0) {
            short_share_ = detail::short_phase_share(cv);
        } else if (cv > 0.0 && cv < 1.0) {
            shape_ = 1.0 / (cv * cv);
        }
    }

    [[nodiscard]] double cv() const noexcept { return cv_; }

    [[nodiscard]] double operator()(random_stream& bits) const {
        if (cv_ == 0.0) {
            return 1.0;
        }
        if (cv_ < 1.0) {
            return gamma(shape_, bits);
        }
        bool const is_short = cv_ == 1.0 || uniform(bits) < short_share_;
        return exponential(is_short ? short_share_ : 1.0 - short_share_, bits);
    }

    /// The time from a random instant to the next arrival, in multiples of the mean inter-arrival time: the first
    /// gap of a process that has been running for long.
    [[nodiscard]] double residual(random_stream& bits) const {
        if (cv_ == 0.0) {
            return uniform(bits);
        }
        if (cv_ < 1.0) {
            // The gap that holds a random instant is drawn in proportion to its length.
            double const position = uniform(bits);
            return position * gamma(shape_ + 1.0, bits);
        }
        bool const is_short = cv_ == 1.0 || uniform(bits) < 0.5; // balanced means: half of the time each
        return exponential(is_short ? short_share_ : 1.0 - short_share_, bits);
    }

  private:
    static double uniform(random_stream& bits) { return boost::random::uniform_01<double>{}(bits); }

    /// Mean 1 / (2 * share); at cv 1 the share is 1/2.
    static double exponential(double share, random_stream& bits) {
        return boost::random::exponential_distribution<double>{1.0}(bits) / (2.0 * share);
    }

    /// Scale 1 / shape_, so that `gamma(shape_)` has mean 1.
    double gamma(double shape, random_stream& bits) const {
        return boost::random::gamma_distribution<double>{shape, 1.0 / shape_}(bits);
    }

    double cv_;
    double shape_ = 1.0;
    double short_share_ = 0.5;
};
static_assert(interarrival_distribution<bursty_interarrivals>);

/// Bursts that last: the hyper-exponential distribution of `bursty_interarrivals`, whose phase is drawn anew only now
/// and then. Each inter-arrival time has the same distribution as there, but neighbours are alike: `burst_length` of
/// them on average share a phase.
///
/// Queues feel the difference: at a coefficient of variation of 2.33, arrivals of SFS's trace in their recorded order
/// make a first-come-first-served queue several times as long as the same inter-arrival times in random order.
/// \source a switched Poisson process; SFS repository, trace `test1` for what it is to meet
class clustered_interarrivals {
  public:
    static constexpr double max_burst_length = 1e6;

    /// \pre 1 < cv <= bursty_interarrivals::max_cv, 1 <= burst_length <= max_burst_length
    clustered_interarrivals(double cv, double burst_length)
        : short_share_{detail::short_phase_share(cv)}, burst_length_{burst_length} {
        HPCSCHED_ASSERT(cv > 1.0);
        HPCSCHED_ASSERT(cv <= bursty_interarrivals::max_cv);
        HPCSCHED_ASSERT(burst_length >= 1.0);
        HPCSCHED_ASSERT(burst_length <= max_burst_length);
    }

    [[nodiscard]] double operator()(random_stream& bits) {
        if (!has_phase_ || uniform(bits) * burst_length_ < 1.0) {
            has_phase_ = true;
            is_short_ = uniform(bits) < short_share_;
        }
        double const share = is_short_ ? short_share_ : 1.0 - short_share_;
        return boost::random::exponential_distribution<double>{1.0}(bits) / (2.0 * share);
    }

  private:
    static double uniform(random_stream& bits) { return boost::random::uniform_01<double>{}(bits); }

    double short_share_;
    double burst_length_;
    bool has_phase_ = false;
    bool is_short_ = false;
};
static_assert(interarrival_distribution<clustered_interarrivals>);

} // namespace hpcsched::workload

#endif
