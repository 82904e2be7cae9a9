// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_LINUX_LIVE_CELL_HPP
#define HPCSCHED_EXPERIMENT_LINUX_LIVE_CELL_HPP

#include <hpcsched/cpu_linux/steering.hpp>
#include <hpcsched/cpu_sim/observer.hpp>
#include <hpcsched/cpu_sim/run_summary.hpp>
#include <hpcsched/experiment/metrics.hpp>
#include <hpcsched/experiment/policy_registry.hpp>
#include <hpcsched/experiment_linux/live_policies.hpp>

#include "launcher.hpp"
#include "machine_use.hpp"
#include <poll.h>

#include <algorithm>
#include <array>
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
    live_books(std::span<workload::invocation const> rows, time_point start, experiment::cell_inputs const& inputs)
        : rows_{rows}, start_{start}, metrics_{rows.size()}, watcher_{inputs.watcher}, open_(rows.size(), true) {
        for (workload::invocation const& row : rows) {
            metrics_.on_arrival(task_id{}, row.function, row.arrival);
        }
    }

    void begin(task_id task, std::uint64_t row) { row_of_[task] = row; }

    /// A steered task is done.
    void end(task_id task, cpu_linux::live_record const& seen) {
        if (auto const known = row_of_.find(task); known != row_of_.end()) {
            enter(known->second, seen.exit, seen);
            row_of_.erase(known);
        }
    }

    /// A process is done that was gone before it could be steered.
    void end_unsteered(launch_note const& note) {
        if (open_[note.row]) {
            ++unsteered_count_;
            enter(note.row, note.at, {.cpu_time = duration{note.cpu_time}});
        }
    }

    [[nodiscard]] bool is_open(std::uint64_t row) const { return open_[row]; }
    [[nodiscard]] std::size_t done_count() const noexcept { return done_count_; }
    [[nodiscard]] std::size_t unsteered_count() const noexcept { return unsteered_count_; }
    [[nodiscard]] experiment::metrics const& metrics() const noexcept { return metrics_; }
    [[nodiscard]] cpu_sim::run_summary& summary() noexcept { return summary_; }

  private:
    void enter(std::uint64_t row, time_point exit, cpu_linux::live_record const& seen);

    std::span<workload::invocation const> rows_;
    time_point start_;
    experiment::metrics metrics_;
    experiment::schedule_watcher* watcher_;
    std::vector<bool> open_;
    std::map<task_id, std::uint64_t> row_of_;
    std::size_t done_count_ = 0;
    std::size_t unsteered_count_ = 0;
    cpu_sim::run_summary summary_;
};

/// What others took of the CPUs, as an error where it is too much.
[[nodiscard]] result<void> check_undisturbed(duration busy, duration ours, duration span, std::uint32_t cpu_count,
                                             live_options const& options);

/// Whether the processes used the CPU time that they were to use: if a virtual machine changes its speed in mid-run,
/// they can use far more, and the load is not the one that was asked for.
[[nodiscard]] result<void> check_demand(duration used, std::span<workload::invocation const> rows);

/// Runs one cell live.
/// \param function_of  what the agent is told a row's function is
template <cpu::scheduling_agent Agent, class FunctionOf>
[[nodiscard]] result<experiment::cell_result> run_live_cell(experiment::cell_inputs const& inputs,
                                                            std::span<workload::invocation const> rows, Agent agent,
                                                            FunctionOf function_of, live_options const& options) {
    std::uint32_t const cpus = inputs.key.cpu_count;
    own_group const group;
    time_point const start = cpu_linux::now() + std::chrono::milliseconds{300};
    auto launched = launcher::start(rows, start, {.cpu_count = cpus, .group_folder = group.folder()});
    if (launched.has_error()) {
        return launched.error();
    }
    auto steered = cpu_linux::steering<Agent>::start(std::move(agent), {.cpu_count = cpus});
    if (steered.has_error()) {
        return steered.error();
    }
    live_books books{rows, start, inputs};
    time_point const watched_from = cpu_linux::now();
    duration const busy_before = busy_time_now(cpus);
    duration const own_before = own_cpu_time();
    auto const on_exit = [&](task_id task, cpu_linux::live_record const& seen) { books.end(task, seen); };
    bool ended = false;
    while (!ended) {
        std::array<pollfd, 2> ready{pollfd{launched->descriptor(), POLLIN, 0},
                                    pollfd{steered->descriptor(), POLLIN, 0}};
        (void)poll(ready.data(), ready.size(), 1'000);
        steered->work(on_exit);
        while (auto const note = launched->next(ended)) {
            if (note->what == launch_note::kind::ended) {
                steered->work(on_exit); // its exit, if it was steered, has been told before
                books.end_unsteered(*note);
            } else if (auto const task = steered->admit(note->process, function_of(note->row)); task.has_value()) {
                books.begin(*task, note->row);
            }
        }
    }
    duration const agent_time = own_cpu_time() - own_before;
    duration const busy = busy_time_now(cpus) - busy_before;
    duration const watched = cpu_linux::now() - watched_from;
    cpu_sim::run_summary summary = books.summary();
    summary.task_count = rows.size();
    summary.agent_time = agent_time;
    summary.agent_events = steered->counts().events;
    summary.agent_commands = steered->counts().commands;
    summary.makespan = cpu_linux::now() - start;
    if (auto const valid = check_undisturbed(busy, summary.busy + agent_time, watched, cpus, options);
        valid.has_error()) {
        return valid.error();
    }
    if (auto const valid = check_demand(summary.busy, rows); valid.has_error()) {
        return valid.error();
    }
    return books.metrics().report(inputs.key, summary);
}

} // namespace hpcsched::experiment_linux::detail

#endif
