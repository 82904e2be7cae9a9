// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_SIMULATE_ON_HPP
#define HPCSCHED_EXPERIMENT_SIMULATE_ON_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/cpu/scheduling_agent.hpp>
#include <hpcsched/cpu_sim/machine.hpp>
#include <hpcsched/cpu_sim/observer.hpp>
#include <hpcsched/cpu_sim/run_summary.hpp>
#include <hpcsched/experiment/metrics.hpp>
#include <hpcsched/experiment/policy_registry.hpp>

#include <concepts>
#include <utility>

namespace hpcsched::experiment {

/// What every cell is observed with: its metrics, the hash of its schedule and, where there is one, its watcher.
class cell_observer {
  public:
    explicit cell_observer(cell_inputs const& inputs) : metrics_{inputs.expected_tasks}, watcher_{inputs.watcher} {}

    void on_arrival(task_id task, function_id function, time_point now) {
        metrics_.on_arrival(task, function, now);
        hash_.on_arrival(task, function, now);
        if (watcher_ != nullptr) {
            watcher_->on_arrival(task, function, now);
        }
    }
    void on_run(cpu_id cpu, task_id task, time_point now) {
        hash_.on_run(cpu, task, now);
        if (watcher_ != nullptr) {
            watcher_->on_run(cpu, task, now);
        }
    }
    void on_stop(cpu_id cpu, task_id task, cpu_sim::switch_reason why, time_point now) {
        hash_.on_stop(cpu, task, why, now);
        if (watcher_ != nullptr) {
            watcher_->on_stop(cpu, task, why, now);
        }
    }
    void on_exit(cpu_sim::task_record const& record, time_point now) {
        metrics_.on_exit(record, now);
        hash_.on_exit(record, now);
        if (watcher_ != nullptr) {
            watcher_->on_exit(record, now);
        }
    }

    [[nodiscard]] cell_result report(cell_key const& key, cpu_sim::run_summary const& summary) const {
        cell_result result = metrics_.report(key, summary);
        result.trace_hash = hash_.value();
        return result;
    }

  private:
    metrics metrics_;
    cpu_sim::trace_hash hash_;
    schedule_watcher* watcher_;
};

static_assert(cpu_sim::machine_observer<cell_observer>);

/// Runs one cell on a machine that the caller configured, steered by `agent`.
/// \error the workload's, or what is wrong with `config.hardware`
template <class Machine, cpu::scheduling_agent Agent>
[[nodiscard]] result<cell_result> simulate_cell(cell_inputs const& inputs, typename Machine::config config,
                                                Agent agent) {
    if (auto const valid = cpu_sim::validate(config.hardware); valid.has_error()) {
        return valid.error();
    }
    cell_observer observer{inputs};
    Machine machine{std::move(config)};
    auto const summary = machine.run(inputs.workload, agent, observer);
    if (summary.has_error()) {
        return summary.error();
    }
    return observer.report(inputs.key, *summary);
}

/// A runner of cells on `Machine` with its classes' default configurations and the costs that the cell names.
/// \param make_agent  called once per cell with its inputs; returns a fresh scheduling agent
template <class Machine, std::invocable<cell_inputs const&> MakeAgent>
[[nodiscard]] cell_runner simulate_on(MakeAgent make_agent) {
    return [make_agent = std::move(make_agent)](cell_inputs const& inputs) {
        return simulate_cell<Machine>(inputs, typename Machine::config{inputs.machine, {}}, make_agent(inputs));
    };
}

/// The same, with a configuration of one's own: `make_config` returns a `Machine::config` for the cell's inputs.
template <class Machine, std::invocable<cell_inputs const&> MakeConfig, std::invocable<cell_inputs const&> MakeAgent>
[[nodiscard]] cell_runner simulate_on(MakeConfig make_config, MakeAgent make_agent) {
    return [make_config = std::move(make_config), make_agent = std::move(make_agent)](cell_inputs const& inputs) {
        return simulate_cell<Machine>(inputs, make_config(inputs), make_agent(inputs));
    };
}

} // namespace hpcsched::experiment

#endif
