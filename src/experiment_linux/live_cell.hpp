// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_LINUX_LIVE_CELL_HPP
#define HPCSCHED_EXPERIMENT_LINUX_LIVE_CELL_HPP

#include <hpcsched/cpu_linux/steering.hpp>
#include <hpcsched/cpu_sim/observer.hpp>
#include <hpcsched/cpu_sim/run_summary.hpp>
#include <hpcsched/experiment/metrics.hpp>
#include <hpcsched/experiment/policy_registry.hpp>
#include <hpcsched/experiment_linux/live_policies.hpp>

#include "command_process.hpp"
#include "launcher.hpp"
#include "live_schedule.hpp"
#include "machine_use.hpp"
#include <poll.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <iomanip>
#include <map>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::experiment_linux::detail {

/// The whole workload of a cell: a live run reads nothing while it runs.
[[nodiscard]] result<std::vector<workload::invocation>> read_all(experiment::invocation_stream& from);

/// The books of a live run: which task is which row, and what became of it.
class live_books {
  public:
    /// \param start_up  what a process may use beside its service time
    live_books(std::span<workload::invocation const> rows, std::span<std::string const> commands, time_point start,
               duration start_up, experiment::cell_inputs const& inputs)
        : rows_{rows}, commands_{commands}, start_{start}, start_up_{start_up}, metrics_{rows.size()},
          watcher_{inputs.watcher}, schedule_{rows}, open_(rows.size(), true) {
        for (workload::invocation const& row : rows) {
            metrics_.on_arrival(task_id{}, row.function, row.arrival);
        }
    }

    /// A process has begun, later than it was to.
    void arrive(launch_note const& note) {
        lateness_.push_back(note.at - start_ - rows_[note.row].arrival.time_since_epoch());
    }

    /// There was no process to be had.
    void refuse(launch_note const& note);

    /// A process is steered now.
    void begin(task_id task, std::uint64_t row) { row_of_[task] = row; }

    /// A steered task has been on a CPU. Kept where somebody watches the run.
    void ran(cpu_linux::live_run const& seen, time_point ended) {
        auto const known = watcher_ == nullptr ? row_of_.end() : row_of_.find(seen.task);
        if (known != row_of_.end()) {
            schedule_.add(known->second, seen.cpu, in_run(seen.began, known->second), in_run(ended, known->second),
                          seen.end);
        }
    }

    /// Shows who watches the run all of it.
    void show() const {
        if (watcher_ != nullptr) {
            schedule_.tell(*watcher_);
        }
    }

    /// A steered task is done. What a command took, its process tells when it is waited for.
    void end(task_id task, cpu_linux::live_record const& seen) {
        if (auto const known = row_of_.find(task); known != row_of_.end()) {
            std::uint64_t const row = known->second;
            row_of_.erase(known);
            if (!open_[row]) {
                return; // its end was told by who waited for it: the sensor's word of it came late
            }
            if (command_of(row).empty()) {
                enter(row, seen.exit, seen);
            } else {
                commands_done_.emplace(row, seen);
            }
        }
    }

    /// A process could not be steered any more: it was gone by now.
    void miss(std::uint64_t row) { gone_by_.emplace(row, cpu_linux::now()); }

    /// A process has been waited for, which may be long after its end. If it is still open here, it was gone before it
    /// could be steered.
    void end_process(launch_note const& note) {
        if (note.status != 0 && failure_.empty()) {
            std::string const command = command_of(note.row);
            failure_ = "a process fails (" + failure_of(note.status) + ")" + (command.empty() ? "" : ": " + command);
        }
        if (auto const command = commands_done_.extract(note.row)) {
            // With what it had others do for it.
            command.mapped().cpu_time = std::max(command.mapped().cpu_time, duration{note.cpu_time});
            enter(note.row, command.mapped().exit, command.mapped());
        } else if (open_[note.row]) {
            ++unsteered_count_;
            auto const seen = gone_by_.find(note.row);
            enter(note.row, seen == gone_by_.end() ? note.at : std::min(note.at, seen->second),
                  {.cpu_time = duration{note.cpu_time}});
        }
    }

    /// By how much each process began too late, as they came.
    [[nodiscard]] std::vector<duration> const& lateness() const noexcept { return lateness_; }

    [[nodiscard]] bool is_open(std::uint64_t row) const { return open_[row]; }
    [[nodiscard]] std::size_t done_count() const noexcept { return done_count_; }
    [[nodiscard]] std::size_t unsteered_count() const noexcept { return unsteered_count_; }
    [[nodiscard]] experiment::metrics const& metrics() const noexcept { return metrics_; }

    /// How the first process that failed did; empty: none has.
    [[nodiscard]] std::string const& failure() const noexcept { return failure_; }

    /// Of processes that are to use the CPU for their service time: what they used, and what they were to use.
    [[nodiscard]] duration used() const noexcept { return used_; }
    [[nodiscard]] duration asked() const noexcept { return asked_; }
    [[nodiscard]] cpu_sim::run_summary& summary() noexcept { return summary_; }

  private:
    void enter(std::uint64_t row, time_point exit, cpu_linux::live_record const& seen);

    /// A time of the run, not before the row's arrival.
    [[nodiscard]] time_point in_run(time_point at, std::uint64_t row) const {
        return time_point{std::max(at - start_, rows_[row].arrival.time_since_epoch())};
    }

    /// The command that a row runs; empty: none.
    [[nodiscard]] std::string command_of(std::uint64_t row) const {
        std::uint32_t const function = rows_[row].function.value;
        return function < commands_.size() ? commands_[function] : std::string{};
    }

    std::span<workload::invocation const> rows_;
    std::span<std::string const> commands_;
    time_point start_;
    duration start_up_;
    experiment::metrics metrics_;
    experiment::schedule_watcher* watcher_;
    live_schedule schedule_;
    std::vector<bool> open_;
    std::vector<duration> lateness_;
    std::map<task_id, std::uint64_t> row_of_;
    std::map<std::uint64_t, cpu_linux::live_record> commands_done_;
    std::map<std::uint64_t, time_point> gone_by_; ///< rows whose processes were never steered
    std::size_t done_count_ = 0;
    std::size_t unsteered_count_ = 0;
    std::string failure_;
    duration used_{};
    duration asked_{};
    cpu_sim::run_summary summary_;
};

/// Enters what the kernel tells into the books.
struct book_keeper {
    live_books& books;

    void operator()(task_id task, cpu_linux::live_record const& seen) const { books.end(task, seen); }
    void operator()(cpu_linux::live_run const& seen, time_point ended) const { books.ran(seen, ended); }
};

/// What others took of the CPUs, 0 .. 1.
[[nodiscard]] double share_of_others(duration busy, duration ours, duration span, std::uint32_t cpu_count);

/// \error others took too much: how much, and what would help
[[nodiscard]] result<void> check_undisturbed(double others_share, live_options const& options);

/// Whether processes began at their times: else the arrivals are not those of the workload.
/// \error they did not: by how much
[[nodiscard]] result<void> check_arrivals(std::vector<duration> lateness);

/// Whether processes used the CPU time that they were to use: if a virtual machine changes its speed in mid-run, they
/// can use far more, and the load is not the one that was asked for.
[[nodiscard]] result<void> check_demand(duration used, duration asked);

/// A process that has begun is counted, and steered from now on.
template <class Steering>
void admit(Steering& steered, launch_note const& note, function_id function, experiment::cell_inputs const& inputs,
           live_books& books) {
    books.arrive(note);
    if (inputs.tasks_begun != nullptr) {
        inputs.tasks_begun->fetch_add(1, std::memory_order_relaxed);
    }
    if (auto const task = steered.admit(note.process, function); task.has_value()) {
        books.begin(*task, note.row);
    } else {
        books.miss(note.row);
    }
}

/// What the launcher tells: a process that has begun is steered from now on, one that has ended is done.
template <class Steering, class FunctionOf>
void take_in(launch_note const& note, Steering& steered, FunctionOf const& function_of,
             experiment::cell_inputs const& inputs, live_books& books) {
    switch (note.what) {
    case launch_note::kind::began:
        admit(steered, note, function_of(note.row), inputs, books);
        break;
    case launch_note::kind::ended:
        steered.work(book_keeper{books}); // its exit, if it was steered, has been told before
        books.end_process(note);
        break;
    case launch_note::kind::refused:
        books.refuse(note);
        break;
    }
}

/// Runs one cell live.
/// \tparam Backend    how the agent's wishes reach the kernel
/// \param function_of  what the agent is told a row's function is
template <cpu_linux::kernel_backend Backend = cpu_linux::realtime_bands, cpu::scheduling_agent Agent, class FunctionOf>
[[nodiscard]] result<experiment::cell_result> run_live_cell(experiment::cell_inputs const& inputs,
                                                            std::span<workload::invocation const> rows, Agent agent,
                                                            FunctionOf function_of, live_options const& options) {
    std::uint32_t const cpus = inputs.key.cpu_count;
    auto const commands =
        options.commands ? options.commands(inputs.key) : result<std::vector<std::string>>{std::vector<std::string>{}};
    if (commands.has_error()) {
        return commands.error();
    }
    own_group const group;
    duration const start_up = std::max(start_up_cost(), duration{1'000'000});
    time_point const start = cpu_linux::now() + std::chrono::milliseconds{300};
    auto launched =
        launcher::start(rows, start, {.cpu_count = cpus, .group_folder = group.folder(), .commands = *commands});
    if (launched.has_error()) {
        return launched.error();
    }
    auto steered = cpu_linux::steering<Agent, Backend>::start(
        std::move(agent),
        {.kernel = {.from = options.from, .tells_runs = inputs.watcher != nullptr}, .cpu_count = cpus});
    if (steered.has_error()) {
        return steered.error();
    }
    live_books books{rows, *commands, start, start_up, inputs};
    time_point const watched_from = cpu_linux::now();
    duration const busy_before = busy_time_now(cpus);
    duration const own_before = cpu_linux::cpu_time_of(cpu_linux::own_process());
    book_keeper const keeper{books};
    bool ended = false;
    while (!ended && books.failure().empty()) {
        std::array<pollfd, 2> ready{pollfd{launched->descriptor(), POLLIN, 0},
                                    pollfd{steered->descriptor(), POLLIN, 0}};
        (void)poll(ready.data(), ready.size(), 200);
        if (inputs.stop != nullptr && inputs.stop->load(std::memory_order_relaxed)) {
            books.show();
            return error{"interrupted"}; // what runs ends with the launcher
        }
        steered->work(keeper);
        while (auto const note = launched->next(ended)) {
            take_in(*note, *steered, function_of, inputs, books);
        }
    }
    books.show();
    if (!books.failure().empty()) {
        return error{books.failure()};
    }
    duration const agent_time = cpu_linux::cpu_time_of(cpu_linux::own_process()) - own_before;
    duration const busy = busy_time_now(cpus) - busy_before;
    duration const watched = cpu_linux::now() - watched_from;
    cpu_sim::run_summary summary = books.summary();
    summary.task_count = rows.size();
    summary.agent_time = agent_time;
    summary.agent_events = steered->counts().events;
    summary.agent_commands = steered->counts().commands;
    summary.makespan = cpu_linux::now() - start;
    double const others = share_of_others(busy, summary.busy + agent_time, watched, cpus);
    if (auto const valid = check_undisturbed(others, options); valid.has_error()) {
        return valid.error();
    }
    if (auto const valid = check_arrivals(books.lateness()); valid.has_error()) {
        return valid.error();
    }
    if (auto const valid = check_demand(books.used(), books.asked()); valid.has_error()) {
        return valid.error();
    }
    experiment::cell_result cell = books.metrics().report(inputs.key, summary);
    cell.others_share = others;
    return cell;
}

} // namespace hpcsched::experiment_linux::detail

#endif
