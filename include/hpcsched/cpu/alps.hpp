// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_ALPS_HPP
#define HPCSCHED_CPU_ALPS_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/task_map.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/alps_config.hpp>
#include <hpcsched/cpu/alps_trainers.hpp>
#include <hpcsched/cpu/scheduling_agent.hpp>
#include <hpcsched/cpu/srpt_replay.hpp>
#include <hpcsched/cpu/task.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

namespace hpcsched::cpu {

/// Learns from each window of finished requests how SRPT would have run them, and asks a fair kernel to do alike.
///
/// At the end of every window of W, its finished requests are dealt out among as many CPUs as there are, and each CPU's
/// share is replayed on one CPU under SRPT with the CPU times known. For each function,
/// * the mean time that its requests waited for their first run gives its place in the order, its rank: shortest first;
/// * the lengths of its uninterrupted runs give its slice: a forecast (`Trainer`) of the next one, less where the runs
///   vary much (unpredictability), less where the CPUs are busy (overload).
///
/// Tasks of functions not yet seen are not ranked, which puts them first, and have the kernel's own slice.
///
/// \tparam Trainer       forecasts slices
/// \tparam Approximator  replays requests
/// \complexity O(1) per event; at the end of a window O(n log n + functions log functions + tasks) for n replayed
///             requests. Allocates only beyond the largest window, and the most tasks and functions, seen so far
/// \thread_safety none; confine to the driver's thread
/// \source Fu, Shi, Wang, Chen, Cheng, "ALPS: An adaptive learning, priority OS scheduler for serverless functions",
///         USENIX ATC'24, section 5. Deviations:
///         * The paper simulates "the function trace collected from the sliding window" and does not say on how many
///           CPUs. Its program replays one CPU's share on one CPU and drops the rest, and the SRPT of its figure 6 is
///           that of one CPU too (G4 takes 50.7 s; at loads of 0.9 and 1.0 one CPU has 18 and 69 s here, 24 CPUs with
///           one queue 4 and 7 s). Here every share is replayed, so that no request of the window is dropped. With one
///           share of 24 (`all_samples` = false) a window shows 40 requests of 50 functions, and long functions that
///           happened not to wait are ranked first.
///         * A share is every c-th finished request on c CPUs, not a random one.
///         * A request that arrived before the window began is replayed as if it had arrived just then. What it
///           competed with before is not in the log any more, so the longest requests would seem never to have waited,
///           and come first; the paper does not say.
///         * Functions that a window did not see keep their wait and their forecast, and are ranked with the others;
///           the paper ranks those that it saw. That hits rare (long) functions, which would otherwise come first.
///         * Functions of equal wait have equal rank, so the kernel's fair order decides between them.
///         * The CPU utilisation is that of the steered tasks over the window.
template <slice_trainer Trainer, srpt_approximator Approximator>
class basic_alps {
  public:
    using config = alps_config;

    basic_alps() : basic_alps(config{}) {}

    /// \pre validate(c) succeeds
    explicit basic_alps(config const& c, Trainer trainer = Trainer{}, Approximator approximator = Approximator{})
        : config_{c}, trainer_{std::move(trainer)}, approximator_{std::move(approximator)} {
        HPCSCHED_ASSERT(validate(c).has_value());
    }

    void handle(started const& e, time_point now, command_sink& out) noexcept {
        HPCSCHED_ASSERT(e.cpu_count >= 1);
        cpu_count_ = e.cpu_count;
        sample_every_ = config_.sample_every != 0 ? config_.sample_every : e.cpu_count;
        window_begin_ = now;
        out.append(arm_timer{window_timer, saturating_add(now, config_.window)});
    }

    void handle(task_arrived const& e, time_point now, command_sink& out) noexcept {
        entry& task = tasks_.insert(e.task, entry{});
        task.function = e.function;
        // Where the agent comes late, the task arrived at the CPU time it has had ago, or earlier.
        task.arrival = e.cpu_time < now.time_since_epoch() ? now - e.cpu_time : time_point{};
        task.sequence = arrival_count_++;
        apply(e.task, task, out);
    }

    void handle(task_blocked const&, time_point, command_sink&) noexcept {}
    void handle(task_woke const&, time_point, command_sink&) noexcept {}
    void handle(cpu_timer_fired const&, time_point, command_sink&) noexcept {}

    void handle(task_exited const& e, time_point, command_sink&) noexcept {
        entry const* const task = tasks_.find(e.task);
        if (task == nullptr) {
            return;
        }
        auto const sample = static_cast<std::uint32_t>(++finished_count_ % sample_every_);
        if (sample == 0 || config_.all_samples) {
            finished_.push_back({sample, task->function, replayed_arrival(task->arrival), task->sequence,
                                 std::max(e.cpu_time, duration{1})});
            if (finished_.size() / 2 >= config_.sample_max) {
                keep_latest();
            }
        }
        tasks_.erase(e.task);
    }

    void handle(timer_fired const& e, time_point now, command_sink& out) noexcept {
        if (e.timer != window_timer) {
            return;
        }
        learn(utilisation_percent(e.cpu_time_of_all, now));
        window_begin_ = now;
        cpu_time_of_all_ = e.cpu_time_of_all;
        out.append(arm_timer{window_timer, saturating_add(now, config_.window)});
        tasks_.for_each([&](task_id id, entry& task) { apply(id, task, out); });
    }

    void handle(stopping const&, time_point, command_sink& out) noexcept {
        tasks_.for_each([&](task_id id, entry& task) { change(id, task, treatment{}, out); });
    }

    /// The rank of a function, 1 for the first; 0 where it is not known.
    [[nodiscard]] std::int32_t rank(function_id function) const noexcept {
        return is_known(function) ? functions_[function.value].rank : 0;
    }

    /// The slice of a function; 0 where it is left to the kernel.
    [[nodiscard]] duration slice(function_id function) const noexcept {
        return is_known(function) ? functions_[function.value].slice : duration{0};
    }

  private:
    static constexpr timer_id window_timer{0};

    /// What a task was given.
    struct treatment {
        duration slice{};
        std::int32_t rank = 0;
        int nice = 0;
    };

    struct entry {
        function_id function{};
        time_point arrival{};
        std::uint64_t sequence = 0;
        treatment given{};
    };

    struct finished_request {
        std::uint32_t sample = 0; ///< requests of one sample are replayed together
        function_id function{};
        time_point arrival{};
        std::uint64_t sequence = 0;
        duration cpu_time{};

        [[nodiscard]] static bool arrived_before(finished_request const& a, finished_request const& b) noexcept {
            return std::tie(a.arrival, a.sequence) < std::tie(b.arrival, b.sequence);
        }
        [[nodiscard]] static bool replayed_before(finished_request const& a, finished_request const& b) noexcept {
            return std::tie(a.sample, a.arrival, a.sequence) < std::tie(b.sample, b.arrival, b.sequence);
        }
    };

    struct function_entry {
        bool known = false;
        std::int32_t rank = 0;
        duration slice{};
        duration mean_wait{};
        double forecast = 0;  ///< of the next run, ns
        double deviation = 0; ///< of the runs, ns
        // Of the window that is being learned from; request_count is 0 between windows.
        duration wait_sum{};
        duration cpu_time_sum{};
        std::uint32_t request_count = 0;
        std::uint32_t run_count = 0;
        std::uint32_t run_end = 0; ///< where the function's runs end in runs_, once they are sorted in
    };

    struct function_run {
        time_point start{};
        std::uint32_t sample = 0; ///< two runs of one sample do not start at one time
        function_id function{};
        duration length{};

        [[nodiscard]] static bool starts_before(function_run const& a, function_run const& b) noexcept {
            return std::tie(a.start, a.sample) < std::tie(b.start, b.sample);
        }
    };

    [[nodiscard]] bool is_known(function_id function) const noexcept {
        return function.value < functions_.size() && functions_[function.value].known;
    }

    // --- what the kernel is asked for --------------------------------------------------------------------------

    [[nodiscard]] treatment treatment_of(function_id function) const noexcept {
        treatment wanted{.slice = slice(function)};
        if (config_.quirks.discard_ranks) {
            return wanted;
        }
        if (config_.actuator == alps_actuator::ranks) {
            wanted.rank = rank(function);
        } else if (rank_count_ > 0) {
            wanted.nice = detail::nice_of_rank(rank(function), rank_count_);
        }
        return wanted;
    }

    void apply(task_id id, entry& task, command_sink& out) const noexcept {
        change(id, task, treatment_of(task.function), out);
    }

    static void change(task_id id, entry& task, treatment const& wanted, command_sink& out) noexcept {
        if (wanted.rank != task.given.rank) {
            out.append(set_rank{id, wanted.rank});
        }
        if (wanted.nice != task.given.nice) {
            out.append(set_nice{id, wanted.nice});
        }
        if (wanted.slice != task.given.slice) {
            out.append(set_slice{id, wanted.slice});
        }
        task.given = wanted;
    }

    // --- learning ----------------------------------------------------------------------------------------------

    [[nodiscard]] double utilisation_percent(duration cpu_time_of_all, time_point now) const noexcept {
        if (now <= window_begin_) {
            return 0;
        }
        double const capacity = static_cast<double>((now - window_begin_).count()) * cpu_count_;
        double const used = static_cast<double>((cpu_time_of_all - cpu_time_of_all_).count());
        return std::clamp(100 * used / capacity, 0.0, 100.0);
    }

    [[nodiscard]] time_point replayed_arrival(time_point arrival) const noexcept {
        return config_.quirks.early_arrivals ? arrival : std::max(arrival, window_begin_);
    }

    /// Leaves the `sample_max` requests of latest arrival in the log.
    void keep_latest() noexcept {
        if (finished_.size() > config_.sample_max) {
            auto const first = finished_.end() - static_cast<std::ptrdiff_t>(config_.sample_max);
            std::nth_element(finished_.begin(), first, finished_.end(), finished_request::arrived_before);
            finished_.erase(finished_.begin(), first);
        }
    }

    void learn(double utilisation) noexcept {
        keep_latest();
        std::sort(finished_.begin(), finished_.end(), finished_request::replayed_before);
        count_requests();
        prepare_jobs();
        replay_samples();
        sort_runs_by_function();
        for (function_id const f : seen_) {
            learn_function(functions_[f.value]);
        }
        update_known();
        order();
        trim_slices(utilisation);
        finished_.clear();
    }

    /// Finds the functions of the window, and how many requests and how much CPU time each has.
    void count_requests() noexcept {
        seen_.clear();
        for (finished_request const& request : finished_) {
            if (request.function.value >= functions_.size()) {
                functions_.resize(request.function.value + std::size_t{1});
            }
            function_entry& function = functions_[request.function.value];
            if (function.request_count == 0) {
                function.cpu_time_sum = duration{0};
                function.wait_sum = duration{0};
                function.run_count = 0;
                seen_.push_back(request.function);
            }
            ++function.request_count;
            function.cpu_time_sum += request.cpu_time;
        }
    }

    void prepare_jobs() noexcept {
        jobs_.clear();
        for (finished_request const& request : finished_) {
            jobs_.push_back({request.arrival, config_.quirks.jobs_of_mean_size
                                                  ? mean_job_size(functions_[request.function.value])
                                                  : request.cpu_time});
        }
    }

    [[nodiscard]] duration mean_job_size(function_entry const& function) const noexcept {
        using std::chrono::milliseconds;
        duration const mean = function.cpu_time_sum / function.request_count;
        auto const size = std::chrono::floor<milliseconds>(mean * config_.quirks.job_size_percent / 100);
        return std::max<duration>(size, milliseconds{1}); // a job of 0 would never have run
    }

    /// Replays each sample, adds up the waits and puts the runs in order of time.
    void replay_samples() noexcept {
        all_runs_.clear();
        for (std::size_t first = 0, end = 0; first < finished_.size(); first = end) {
            while (end < finished_.size() && finished_[end].sample == finished_[first].sample) {
                ++end;
            }
            std::span<srpt_job const> const jobs{jobs_.data() + first, end - first};
            approximator_.replay(jobs, config_.min_quantum, schedule_);
            for (std::size_t job = 0; job < jobs.size(); ++job) {
                functions_[finished_[first + job].function.value].wait_sum += schedule_.first_run_wait[job];
            }
            for (std::size_t i = 0; i < schedule_.runs.size(); ++i) {
                srpt_run const& run = schedule_.runs[i];
                finished_request const& request = finished_[first + run.job];
                all_runs_.push_back({schedule_.run_start[i], request.sample, request.function, run.length});
            }
        }
        if (config_.all_samples) {
            std::sort(all_runs_.begin(), all_runs_.end(), function_run::starts_before);
        }
    }

    /// Gives each function its runs in one piece, in order of time.
    void sort_runs_by_function() noexcept {
        for (function_run const& run : all_runs_) {
            ++functions_[run.function.value].run_count;
        }
        std::uint32_t end = 0;
        for (function_id const f : seen_) {
            functions_[f.value].run_end = end; // moves to the true end as the runs come in
            end += functions_[f.value].run_count;
        }
        runs_.resize(all_runs_.size());
        for (function_run const& run : all_runs_) {
            runs_[functions_[run.function.value].run_end++] = run.length;
        }
    }

    void learn_function(function_entry& function) noexcept {
        std::span<duration const> const runs{runs_.data() + (function.run_end - function.run_count),
                                             function.run_count};
        function.mean_wait = function.wait_sum / function.request_count;
        function.forecast = trainer_.train(runs);
        double const mean = mean_trainer::train(runs);
        double squares = 0;
        for (duration const run : runs) {
            double const off = static_cast<double>(run.count()) - mean;
            squares += off * off;
        }
        function.deviation = std::sqrt(squares / function.run_count); // of the population
        function.request_count = 0;                                   // ready for the next window
    }

    void update_known() noexcept {
        if (config_.quirks.forget_absent) {
            for (function_id const f : known_) {
                functions_[f.value].known = false;
            }
            known_.clear();
        }
        for (function_id const f : seen_) {
            function_entry& function = functions_[f.value];
            if (!std::exchange(function.known, true)) {
                known_.push_back(f);
            }
        }
    }

    /// Whether `a` comes before `b`; where neither does, they have the same rank.
    [[nodiscard]] bool before(function_id a, function_id b) const noexcept {
        function_entry const& x = functions_[a.value];
        function_entry const& y = functions_[b.value];
        return config_.quirks.order_by_slice ? x.forecast < y.forecast : x.mean_wait < y.mean_wait;
    }

    void order() noexcept {
        auto const in_order = [this](function_id a, function_id b) { return before(a, b) || (!before(b, a) && a < b); };
        std::sort(known_.begin(), known_.end(), in_order);
        rank_count_ = 0;
        for (std::size_t i = 0; i < known_.size(); ++i) {
            if (i == 0 || before(known_[i - 1], known_[i])) {
                ++rank_count_;
            }
            functions_[known_[i].value].rank = rank_count_;
        }
    }

    void trim_slices(double utilisation) noexcept {
        duration previous{0};
        for (function_id const f : known_) {
            function_entry& function = functions_[f.value];
            function.slice = detail::tuned_slice(config_, function.forecast, function.deviation, utilisation, previous);
            previous = function.slice;
        }
    }

    config config_;
    Trainer trainer_;
    Approximator approximator_;
    std::uint32_t cpu_count_ = 1;
    std::uint32_t sample_every_ = 1;
    time_point window_begin_{};
    duration cpu_time_of_all_{}; ///< when the window began
    std::uint64_t arrival_count_ = 0;
    std::uint64_t finished_count_ = 0;
    std::int32_t rank_count_ = 0;
    task_map<entry> tasks_;
    std::vector<finished_request> finished_; ///< of the present window, as far as they are to be replayed
    std::vector<function_entry> functions_;  ///< by function_id
    std::vector<function_id> known_;         ///< in order of rank
    std::vector<function_id> seen_;          ///< in the window that is being learned from
    std::vector<srpt_job> jobs_;             ///< [i] is finished_[i]
    srpt_schedule schedule_;
    std::vector<function_run> all_runs_; ///< in order of time
    std::vector<duration> runs_;         ///< the same, sorted by function, in the order of seen_
};

/// ALPS as in the paper: mean of the runs under ideal SRPT.
using alps = basic_alps<mean_trainer, srpt_replay>;

static_assert(scheduling_agent<alps>);

} // namespace hpcsched::cpu

#endif
