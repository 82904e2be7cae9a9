// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_SCHEDULE_WATCHER_HPP
#define HPCSCHED_EXPERIMENT_SCHEDULE_WATCHER_HPP

#include <hpcsched/cpu_sim/observer.hpp>

#include <utility>

namespace hpcsched::experiment {

/// Any machine observer, chosen at run time: it sees every step of one cell, e.g. to write a trace of who ran where.
class schedule_watcher {
  public:
    schedule_watcher() = default;
    schedule_watcher(schedule_watcher const&) = delete;
    schedule_watcher& operator=(schedule_watcher const&) = delete;
    virtual ~schedule_watcher() = default;

    virtual void on_arrival(task_id task, function_id function, time_point now) = 0;
    virtual void on_run(cpu_id cpu, task_id task, time_point now) = 0;
    virtual void on_stop(cpu_id cpu, task_id task, cpu_sim::switch_reason why, time_point now) = 0;
    virtual void on_exit(cpu_sim::task_record const& record, time_point now) = 0;
};

static_assert(cpu_sim::machine_observer<schedule_watcher>);

/// Any observer as a watcher; the observer is borrowed.
template <cpu_sim::machine_observer Observer>
class watching final : public schedule_watcher {
  public:
    explicit watching(Observer& observer) noexcept : observer_{observer} {}

    void on_arrival(task_id task, function_id function, time_point now) override {
        observer_.on_arrival(task, function, now);
    }
    void on_run(cpu_id cpu, task_id task, time_point now) override { observer_.on_run(cpu, task, now); }
    void on_stop(cpu_id cpu, task_id task, cpu_sim::switch_reason why, time_point now) override {
        observer_.on_stop(cpu, task, why, now);
    }
    void on_exit(cpu_sim::task_record const& record, time_point now) override { observer_.on_exit(record, now); }

  private:
    Observer& observer_;
};

} // namespace hpcsched::experiment

#endif
