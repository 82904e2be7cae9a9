// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_SRPT_REPLAY_HPP
#define HPCSCHED_CPU_SRPT_REPLAY_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/time.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace hpcsched::cpu {

/// A finished request, as a scheduler that knows everything would have met it.
struct srpt_job {
    time_point arrival{};
    duration size{}; ///< CPU time that it needed, > 0
};

/// One stretch of time in which a job ran without a break.
struct srpt_run {
    std::uint32_t job = 0; ///< index into the jobs replayed
    duration length{};     ///< > 0

    friend bool operator==(srpt_run const&, srpt_run const&) = default;
};

/// What would have happened.
struct srpt_schedule {
    std::vector<duration> first_run_wait; ///< from arrival to the first run; shape [jobs]
    std::vector<time_point> completion;   ///< shape [jobs]
    std::vector<srpt_run> runs;           ///< in order of time
    std::vector<time_point> run_start;    ///< shape [runs]
};

/// Says how jobs would have run on one CPU under the scheduling that ALPS imitates.
///
/// | expression                           | effect                                                          |
/// |--------------------------------------|-----------------------------------------------------------------|
/// | `a.replay(jobs, min_quantum, out)`   | all of `out` is the schedule of `jobs`; its memory is used again |
///
/// `jobs` ascend in arrival, at most 2^32 - 1 of them; `min_quantum` >= 0 is the shortest time that a job runs
/// before another takes its place.
///
/// Semantics (not checked by the compiler): 1. Deterministic. 2. The runs of a job add up to its size.
/// 3. Every job waits 0 or more and completes.
template <class A>
concept srpt_approximator =
    std::movable<A> && requires(A& a, std::span<srpt_job const> jobs, duration min_quantum, srpt_schedule& out) {
        { a.replay(jobs, min_quantum, out) } noexcept -> std::same_as<void>;
    };

/// Shortest remaining processing time first, on one CPU, with sizes known.
///
/// The shortest job runs; one that arrives with less to do than what the running job has left takes its place, at once
/// where `min_quantum` is 0, else not before the running job's present run is that long. Equal jobs run in the order
/// given, and none preempts its equal. Jobs that arrive at the very end of a run are seen before the next is chosen.
///
/// \complexity O(jobs log jobs); allocates only beyond the most jobs seen so far
/// \thread_safety none; confine to the owner's thread
/// \source Schrage and Miller, "The queue M/G/1 with the shortest remaining processing time discipline", Operations
///         Research 14(4), 1966; as the oracle that ALPS, Fu et al., ATC'24, imitates. Its published
///         simulator moves in steps of 1 ms and has a minimum quantum of 8 ms: for sizes and arrivals in whole
///         milliseconds, `min_quantum` = 8 ms gives the same runs.
class srpt_replay {
  public:
    /// \pre jobs ascend in arrival; every size > 0; min_quantum >= 0
    void replay(std::span<srpt_job const> jobs, duration min_quantum, srpt_schedule& out) noexcept {
        HPCSCHED_ASSERT(min_quantum >= duration{0});
        HPCSCHED_ASSERT(jobs.size() < UINT32_MAX);
        out.first_run_wait.assign(jobs.size(), duration{-1});
        out.completion.assign(jobs.size(), time_point{});
        out.runs.clear();
        out.run_start.clear();
        waiting_.clear();
        next_ = 0;
        time_point now = jobs.empty() ? time_point{} : jobs.front().arrival;
        while (!waiting_.empty() || next_ < jobs.size()) {
            if (waiting_.empty() && jobs[next_].arrival > now) {
                now = jobs[next_].arrival;
            }
            admit(jobs, now);
            now = run_shortest(jobs, now, min_quantum, out);
        }
    }

  private:
    struct candidate {
        duration remaining{};
        std::uint32_t job = 0;
    };

    static bool later(candidate const& a, candidate const& b) noexcept {
        return b.remaining != a.remaining ? b.remaining < a.remaining : b.job < a.job;
    }

    void admit(std::span<srpt_job const> jobs, time_point now) noexcept {
        for (; next_ < jobs.size() && jobs[next_].arrival <= now; ++next_) {
            HPCSCHED_ASSERT(jobs[next_].size > duration{0});
            HPCSCHED_ASSERT(next_ == 0 || jobs[next_ - 1].arrival <= jobs[next_].arrival);
            put(candidate{jobs[next_].size, static_cast<std::uint32_t>(next_)});
        }
    }

    void put(candidate const& c) noexcept {
        waiting_.push_back(c);
        std::push_heap(waiting_.begin(), waiting_.end(), later);
    }

    /// Runs the shortest waiting job until it completes or gives way.
    /// \return when that is
    time_point run_shortest(std::span<srpt_job const> jobs, time_point const start, duration min_quantum,
                            srpt_schedule& out) noexcept {
        std::pop_heap(waiting_.begin(), waiting_.end(), later);
        candidate const self = waiting_.back();
        waiting_.pop_back();
        if (duration& wait = out.first_run_wait[self.job]; wait < duration{0}) {
            wait = start - jobs[self.job].arrival;
        }
        out.run_start.push_back(start);
        time_point const end = start + self.remaining;
        time_point const quantum_end = std::min(end, saturating_add(start, min_quantum));
        // What arrives within the quantum is looked at when it ends; after that, each arrival when it comes.
        admit(jobs, quantum_end);
        time_point now = quantum_end;
        while (now < end) {
            if (!waiting_.empty() && waiting_.front().remaining < end - now) {
                out.runs.push_back({self.job, now - start});
                put(candidate{end - now, self.job});
                return now;
            }
            if (next_ == jobs.size() || jobs[next_].arrival >= end) {
                break;
            }
            now = jobs[next_].arrival;
            admit(jobs, now);
        }
        out.runs.push_back({self.job, self.remaining});
        out.completion[self.job] = end;
        return end;
    }

    std::vector<candidate> waiting_; ///< heap, the shortest in front
    std::size_t next_ = 0;           ///< first job that has not arrived
};

static_assert(srpt_approximator<srpt_replay>);

} // namespace hpcsched::cpu

#endif
