// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_PERFETTO_TRACE_HPP
#define HPCSCHED_EXPERIMENT_PERFETTO_TRACE_HPP

#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/task_map.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu_sim/observer.hpp>

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace hpcsched::experiment {

struct perfetto_options {
    std::uint32_t cpu_count = 1; ///< tracks that are named, whether something runs on them or not
    std::uint64_t event_count_max =
        500'000;                   ///< the trace ends after so many events, with a note (about 110 bytes each)
    std::string title{"hpcsched"}; ///< the name of the process in the viewer, e.g. the policy and workload
    std::vector<std::string> function_names{}; ///< by `function_id::value`; those beyond its end are "f0", "f1", ..
};

/// Writes who ran where as a trace that ui.perfetto.dev and chrome://tracing open: an observer of a simulated machine.
///
/// One track per CPU with a slice for every time that a task ran on it, named by function (names beyond 24 bytes by
/// number and beginning; whole at the end of the file, in `otherData`); arrivals and exits as
/// instants on two tracks of their own, exits with the task's whole story; counters of the tasks that are runnable
/// (running or waiting for a CPU) and of those in the system (blocked ones too). Times are the simulation's, to the
/// nanosecond. Tasks of fluid classes run on no CPU: they have instants and count as in the system.
///
/// A task that blocked counts as runnable again when `on_wake` is told, or else when it next runs.
///
/// The trace is streamed: memory is bounded by the tasks alive at one time, the file by `event_count_max`.
/// \source Chrome's trace event format, JSON object form: phases X, i, C and M. The slices of a track neither overlap
/// nor nest; events stand in the order in which they were written, slices when they end
/// \thread_safety none; one object per run. The stream is borrowed until `finish`
class perfetto_trace {
  public:
    perfetto_trace(std::ostream& out, perfetto_options options);
    perfetto_trace(perfetto_trace const&) = delete;
    perfetto_trace& operator=(perfetto_trace const&) = delete;
    /// Finishes the trace, so that what was written of an interrupted run opens too.
    ~perfetto_trace();

    void on_arrival(task_id task, function_id function, time_point now);
    void on_wake(task_id task, time_point now);
    void on_run(cpu_id cpu, task_id task, time_point now);
    void on_stop(cpu_id cpu, task_id task, cpu_sim::switch_reason why, time_point now);
    void on_exit(cpu_sim::task_record const& record, time_point now);

    /// Ends the document; what still runs is shown up to the last event. Later events and calls do nothing.
    /// \error the stream failed
    [[nodiscard]] result<void> finish();

    /// Events written so far, without the names of tracks.
    [[nodiscard]] std::uint64_t event_count() const noexcept { return event_count_; }

    /// Whether `event_count_max` was reached and the rest of the run is missing.
    [[nodiscard]] bool cut() const noexcept { return cut_; }

  private:
    struct alive {
        function_id function{};
        std::uint64_t sequence = 0;
        std::uint32_t slices = 0; ///< times it ran so far
        bool blocked = false;
    };

    struct running {
        bool active = false;
        task_id task{};
        time_point since{};
    };

    [[nodiscard]] bool admit(time_point now);
    [[nodiscard]] std::string const& name_of(function_id function);
    void begin_event(std::string_view phase, std::uint64_t track, time_point at);
    void end_event();
    void write_slice(std::uint32_t cpu, running const& from, std::string_view why, time_point until);
    void write_counters(time_point now);
    void write_long_names();
    void write_track_name(std::uint64_t track, std::string_view name);
    void flush_if_large();

    std::ostream& out_;
    perfetto_options options_;
    std::string text_;               ///< not yet given to the stream
    std::vector<std::string> names_; ///< escaped, by function
    task_map<alive> tasks_;
    std::vector<running> cpus_;
    std::uint64_t event_count_ = 0;
    std::uint64_t arrivals_ = 0;
    std::int64_t runnable_ = 0;
    std::int64_t in_system_ = 0;
    std::int64_t runnable_written_ = -1;
    std::int64_t in_system_written_ = -1;
    time_point last_{};
    bool cut_ = false;
    bool finished_ = false;
};

static_assert(cpu_sim::machine_observer<perfetto_trace>);

} // namespace hpcsched::experiment

#endif
