// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_ARRIVAL_STREAMS_HPP
#define HPCSCHED_WORKLOAD_ARRIVAL_STREAMS_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/random.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/arrival_process.hpp>
#include <hpcsched/workload/arrivals.hpp>
#include <hpcsched/workload/function_drift.hpp>
#include <hpcsched/workload/function_profile.hpp>

#include <boost/random/discrete_distribution.hpp>
#include <boost/random/gamma_distribution.hpp>
#include <boost/random/geometric_distribution.hpp>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

namespace hpcsched::workload {

/// Who arrives, by rank in a population, and when.
struct arrival {
    time_point at{}; ///< `never` where it would lie beyond the end of time
    std::uint32_t rank = 0;
};

namespace detail {

/// `units` of `unit_ns` after time 0, rounded to the nearest nanosecond; `never` beyond the end of time.
/// \pre units >= 0, unit_ns > 0
[[nodiscard]] inline time_point scaled_time(double units, double unit_ns) noexcept {
    constexpr double end_of_time = 9.2e18;
    double const ns = units * unit_ns;
    return ns < end_of_time ? time_point{duration{static_cast<std::int64_t>(ns + 0.5)}} : never;
}

} // namespace detail

/// One arrival process for all functions; which function arrives is drawn by the shares, which may drift.
///
/// Time is kept in multiples of the mean inter-arrival time and turned into nanoseconds at the end: another load
/// stretches the same arrivals, to within a nanosecond each, however many.
/// \source SFS and ALPS both replay one merged arrival process
/// \thread_safety none
template <interarrival_distribution Interarrivals = arrival_process>
class merged_arrivals {
  public:
    /// \param mean_interarrival_ns  > 0
    /// \pre drift is within its limits
    /// \complexity O(functions)
    merged_arrivals(population const& functions, Interarrivals interarrivals, double mean_interarrival_ns,
                    std::uint64_t seed, function_drift drift = {})
        : interarrivals_{std::move(interarrivals)}, mean_interarrival_ns_{mean_interarrival_ns}, drift_{drift},
          arrival_bits_{seed, "arrivals"}, function_bits_{seed, "functions"}, drift_bits_{seed, "drift"} {
        HPCSCHED_ASSERT(drift.correlation >= 0);
        HPCSCHED_ASSERT(drift.correlation <= function_drift::max_correlation);
        HPCSCHED_ASSERT(drift.length >= 1);
        shares_.reserve(functions.size());
        for (function_profile const& f : functions) {
            shares_.push_back(f.share);
        }
        rank_.param(rank_distribution::param_type{shares_});
    }

    /// \complexity O(1); amortised O(functions / drift.length) where shares drift
    [[nodiscard]] arrival next() {
        if (drift_.correlation > 0 && left_in_phase_-- == 0) {
            begin_phase();
        }
        at_ += interarrivals_(arrival_bits_);
        return {detail::scaled_time(at_, mean_interarrival_ns_), rank_(function_bits_)};
    }

  private:
    using rank_distribution = boost::random::discrete_distribution<std::uint32_t, double>; // by alias table

    /// Draws the shares of a phase (Dirichlet, by gamma variates) and how many invocations follow its first.
    void begin_phase() {
        double const concentration = 1.0 / drift_.correlation - 1.0;
        std::vector<double> drawn;
        drawn.reserve(shares_.size());
        double sum = 0;
        for (double const share : shares_) {
            drawn.push_back(boost::random::gamma_distribution<double>{concentration * share, 1.0}(drift_bits_));
            sum += drawn.back();
        }
        if (sum > 0) { // not if every variate underflowed
            rank_.param(rank_distribution::param_type{drawn});
        }
        left_in_phase_ = drift_.length > 1.0
                             ? boost::random::geometric_distribution<std::uint64_t>{1.0 / drift_.length}(drift_bits_)
                             : 0;
    }

    Interarrivals interarrivals_;
    rank_distribution rank_;
    double mean_interarrival_ns_;
    function_drift drift_;
    std::vector<double> shares_;
    random_stream arrival_bits_;
    random_stream function_bits_;
    random_stream drift_bits_;
    double at_ = 0;
    std::uint64_t left_in_phase_ = 0;
};

/// A renewal process of its own for each function, with its share and its coefficient of variation.
///
/// The processes have been running for long when the workload starts: the first gap of each is a residual one. Equal
/// times are in order of rank. As with `merged_arrivals`, another load stretches the same arrivals.
/// \source Shahrad et al. (ATC'20) characterise functions one by one; hyper-exponential, gamma and even gaps stand
/// for their coefficients of variation
/// \thread_safety none
class function_arrivals {
  public:
    /// \param mean_interarrival_ns  of all functions together, > 0
    /// \complexity O(functions)
    function_arrivals(population const& functions, double mean_interarrival_ns, std::uint64_t seed)
        : mean_interarrival_ns_{mean_interarrival_ns}, bits_{seed, "arrivals"} {
        processes_.reserve(functions.size());
        pending_.reserve(functions.size());
        for (function_profile const& f : functions) {
            process const p{bursty_interarrivals{f.arrival_cv}, 1.0 / f.share};
            pending_.push_back({p.interarrivals.residual(bits_) * p.mean, static_cast<std::uint32_t>(pending_.size())});
            processes_.push_back(p);
        }
        std::make_heap(pending_.begin(), pending_.end(), is_later);
    }

    /// \complexity O(log functions)
    [[nodiscard]] arrival next() {
        std::pop_heap(pending_.begin(), pending_.end(), is_later);
        pending_arrival& soonest = pending_.back();
        arrival const next{detail::scaled_time(soonest.at, mean_interarrival_ns_), soonest.rank};
        process const& p = processes_[soonest.rank];
        soonest.at += p.interarrivals(bits_) * p.mean;
        std::push_heap(pending_.begin(), pending_.end(), is_later);
        return next;
    }

  private:
    struct process {
        bursty_interarrivals interarrivals;
        double mean; // in multiples of the mean inter-arrival time of all functions
    };
    struct pending_arrival {
        double at;
        std::uint32_t rank;
    };

    static bool is_later(pending_arrival const& a, pending_arrival const& b) noexcept {
        return a.at != b.at ? a.at > b.at : a.rank > b.rank;
    }

    std::vector<process> processes_;
    std::vector<pending_arrival> pending_; // a heap, the soonest on top
    double mean_interarrival_ns_;
    random_stream bits_;
};

/// Either of the two, chosen at run time.
class any_arrivals {
  public:
    explicit any_arrivals(merged_arrivals<> arrivals) : arrivals_{std::move(arrivals)} {}
    explicit any_arrivals(function_arrivals arrivals) : arrivals_{std::move(arrivals)} {}

    [[nodiscard]] arrival next() {
        return std::visit([](auto& arrivals) { return arrivals.next(); }, arrivals_);
    }

  private:
    std::variant<merged_arrivals<>, function_arrivals> arrivals_;
};

} // namespace hpcsched::workload

#endif
