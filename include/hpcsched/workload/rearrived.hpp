// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_REARRIVED_HPP
#define HPCSCHED_WORKLOAD_REARRIVED_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/random.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/arrival_process.hpp>
#include <hpcsched/workload/arrival_streams.hpp>
#include <hpcsched/workload/arrivals.hpp>
#include <hpcsched/workload/invocation.hpp>

#include <cstdint>
#include <utility>

namespace hpcsched::workload {

/// The invocations of a source in their order, with arrivals drawn anew: the functions and demands of a trace under
/// another arrival process.
///
/// Draws from the stream "arrivals" of the seed, so that a trace and a generator of the same seed and distribution
/// have the same inter-arrival times, up to their mean.
/// \tparam Source  owned; `S&` to borrow a source that outlives this
/// \source SFS (SC'22), FaaSBench: durations of the Azure trace under Poisson and uniform arrivals
template <invocation_source Source, interarrival_distribution Interarrivals = arrival_process>
class rearrived {
  public:
    /// \param mean_interarrival_ns  > 0; `mean_interarrival_for_load` gives the one for a load
    rearrived(Source source, Interarrivals interarrivals, double mean_interarrival_ns, std::uint64_t seed)
        : source_{std::forward<Source>(source)}, interarrivals_{std::move(interarrivals)},
          mean_interarrival_ns_{mean_interarrival_ns}, bits_{seed, "arrivals"} {
        HPCSCHED_ASSERT(mean_interarrival_ns > 0);
    }

    /// \error what the source says; an arrival beyond the end of time
    [[nodiscard]] result<bool> next(invocation& out) {
        if (has_ended_) {
            return false;
        }
        result<bool> more = source_.next(out);
        if (!more || !*more) {
            has_ended_ = true;
            return more;
        }
        at_ += interarrivals_(bits_);
        out.arrival = detail::scaled_time(at_, mean_interarrival_ns_);
        if (out.arrival == never) {
            has_ended_ = true;
            return error{"an arrival lies more than 292 years after the start; raise the load"};
        }
        return true;
    }

    [[nodiscard]] Source& source() noexcept { return source_; }

  private:
    Source source_;
    Interarrivals interarrivals_;
    double mean_interarrival_ns_;
    random_stream bits_;
    double at_ = 0;
    bool has_ended_ = false;
};

} // namespace hpcsched::workload

#endif
