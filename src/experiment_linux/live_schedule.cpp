// SPDX-License-Identifier: Apache-2.0
#include "live_schedule.hpp"

#include <algorithm>
#include <cstddef>
#include <tuple>

namespace hpcsched::experiment_linux::detail {

namespace {

/// What happens at one time, in the order in which it can: who leaves a CPU makes room for who comes to it.
enum class step : std::uint8_t { stop, exit, arrival, run };

struct moment {
    time_point at{};
    step what = step::stop;
    std::size_t index = 0; ///< of its kind
};

cpu_sim::switch_reason reason_of(cpu_linux::run_end how) {
    switch (how) {
    case cpu_linux::run_end::blocked:
        return cpu_sim::switch_reason::blocked;
    case cpu_linux::run_end::exited:
        return cpu_sim::switch_reason::exited;
    case cpu_linux::run_end::preempted:
        break;
    }
    return cpu_sim::switch_reason::preempted;
}

task_id task_of(std::uint64_t row) {
    return {.index = static_cast<std::uint32_t>(row), .generation = 0};
}

} // namespace

void live_schedule::tell(experiment::schedule_watcher& watcher) const {
    std::vector<moment> all;
    all.reserve(rows_.size() + 2 * runs_.size() + exits_.size());
    for (std::size_t i = 0; i < rows_.size(); ++i) {
        all.push_back({rows_[i].arrival, step::arrival, i});
    }
    for (std::size_t i = 0; i < runs_.size(); ++i) {
        all.push_back({runs_[i].began, step::run, i});
        all.push_back({runs_[i].ended, step::stop, i});
    }
    for (std::size_t i = 0; i < exits_.size(); ++i) {
        all.push_back({exits_[i].exit, step::exit, i});
    }
    std::ranges::sort(all, {}, [](moment const& m) { return std::tuple{m.at, m.what, m.index}; });
    for (moment const& m : all) {
        switch (m.what) {
        case step::arrival:
            watcher.on_arrival(task_of(m.index), rows_[m.index].function, m.at);
            break;
        case step::run:
            watcher.on_run(runs_[m.index].cpu, task_of(runs_[m.index].row), m.at);
            break;
        case step::stop:
            watcher.on_stop(runs_[m.index].cpu, task_of(runs_[m.index].row), reason_of(runs_[m.index].how), m.at);
            break;
        case step::exit: {
            cpu_sim::task_record record = exits_[m.index];
            record.task = task_of(record.sequence);
            watcher.on_exit(record, m.at);
            break;
        }
        }
    }
}

} // namespace hpcsched::experiment_linux::detail
