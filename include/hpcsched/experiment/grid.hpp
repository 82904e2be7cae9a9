// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_GRID_HPP
#define HPCSCHED_EXPERIMENT_GRID_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/cpu_sim/machine_config.hpp>
#include <hpcsched/experiment/cell_result.hpp>
#include <hpcsched/experiment/invocation_stream.hpp>
#include <hpcsched/experiment/journal.hpp>
#include <hpcsched/experiment/policy_registry.hpp>
#include <hpcsched/experiment/schedule_watcher.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hpcsched::experiment {

/// A workload as the grid knows it: a name and a way to open it for a cell.
struct grid_workload {
    std::string name;                 ///< unique in a grid
    std::uint64_t identity = 0;       ///< differs wherever the invocations of equal keys may differ
    std::uint64_t expected_tasks = 0; ///< for progress and memory; 0: not known

    /// A fresh stream for the key's load, arrival CV, CPUs and seed. The key's policy is empty: every policy meets the
    /// same invocations. Called from several threads at once.
    std::function<result<std::unique_ptr<invocation_stream>>(cell_key const&)> open;

    /// The names of its functions by `function_id::value`, for pictures; may be empty: not known. Reads the workload.
    std::function<result<std::vector<std::string>>(cell_key const&)> function_names{};
};

/// Policies times workloads times loads times arrival CVs times CPU counts times seeds.
struct grid {
    std::vector<grid_workload> workloads;
    std::vector<std::string> policies;    ///< names in the registry
    std::vector<double> loads{0.8};       ///< 0: as recorded
    std::vector<double> arrival_cvs{0.0}; ///< 0: the workload's own
    std::vector<std::uint32_t> cpu_counts{12};
    std::vector<std::uint64_t> seeds{1};
    cpu_sim::machine_config machine{}; ///< of every cell; its `cpu_count` is ignored
};

/// What a running cell may be told and asked from outside; all is borrowed and may be null.
struct cell_control {
    std::atomic<bool> const* stop = nullptr;           ///< true: give up at the next invocation
    std::atomic<std::uint64_t>* tasks_begun = nullptr; ///< grows by the invocations read
    schedule_watcher* watcher = nullptr;
};

/// A grid laid out: its cells in a fixed order, by workload, CPUs, load, arrival CV, seed and policy.
/// \thread_safety const members may be called from any number of threads
class grid_plan {
  public:
    /// \error an axis is empty or names something twice, a value is out of range, a policy is not in the registry: the
    /// message names the value and the fix
    [[nodiscard]] static result<grid_plan> make(grid cells, policy_registry policies);

    [[nodiscard]] std::size_t cell_count() const noexcept { return keys_.size(); }
    [[nodiscard]] cell_key const& key(std::size_t index) const { return keys_.at(index).key; }
    [[nodiscard]] std::uint64_t expected_tasks(std::size_t index) const;
    [[nodiscard]] grid const& cells() const noexcept { return grid_; }

    /// Equal identities: the cell would come out the same. Mixes the key, the workload's identity, the machine and
    /// the build of this program, so that a result of other code or other parameters is never taken for this one.
    [[nodiscard]] std::uint64_t identity(std::size_t index) const;

    /// Computes one cell; its figures are rounded as `round_figures` does.
    /// \error the workload's or the policy's; also when told to stop
    [[nodiscard]] result<cell_result> run(std::size_t index, cell_control const& control = {}) const;

  private:
    struct placed_key {
        cell_key key;
        std::size_t workload = 0;
    };

    grid_plan(grid cells, policy_registry policies);

    grid grid_;
    policy_registry policies_;
    std::vector<placed_key> keys_;
    std::uint64_t build_ = 0;
};

/// How far a grid is.
struct grid_progress {
    std::size_t cells_total = 0;
    std::size_t cells_finished = 0; ///< those taken from the journal included
    std::size_t cells_reused = 0;   ///< taken from the journal
    double work_done = 0;           ///< share of the invocations of the cells that are to be run, 0 .. 1
};

struct cell_failure {
    cell_key key;
    error why;
};

/// What came of a grid.
struct grid_outcome {
    std::vector<cell_result> cells; ///< the finished ones, in the plan's order
    std::vector<cell_failure> failures;
    std::size_t cells_reused = 0; ///< taken from the journal
    bool interrupted = false;     ///< cells were left out because it was told to stop
};

struct grid_options {
    unsigned thread_count = 0;                            ///< 0: one per CPU that this process may use
    journal* finished = nullptr;                          ///< where finished cells are kept; null: nowhere
    bool force = false;                                   ///< run also the cells that the journal has
    std::atomic<bool> const* stop = nullptr;              ///< set it to true to stop, also from a signal handler
    std::function<void(grid_progress const&)> progress{}; ///< called some times a second, from the calling thread
    schedule_watcher* watcher = nullptr;                  ///< watches the cell below, which is then always run
    std::size_t watched_cell = 0;
};

/// The books of a grid that runs, whoever runs its cells: what is still to do, what came of the rest. Writes the
/// journal.
/// \thread_safety none
class grid_ledger {
  public:
    /// Takes from the journal what it has. The plan and what the options point to are borrowed.
    grid_ledger(grid_plan const& plan, grid_options const& options);

    /// The cells that are to be run, in the plan's order.
    [[nodiscard]] std::vector<std::size_t> const& pending() const noexcept { return pending_; }

    /// Enters what came of a cell. With `options.stop` set, an error counts as interrupted.
    /// \error the journal could not be written
    [[nodiscard]] result<void> enter(std::size_t index, result<cell_result> cell);

    /// \param tasks_begun  invocations read so far by all cells that were run
    [[nodiscard]] grid_progress progress(std::uint64_t tasks_begun) const;

    [[nodiscard]] bool complete() const noexcept { return entered_ == pending_.size(); }

    /// What came of it all; pending cells that were not entered count as interrupted.
    [[nodiscard]] grid_outcome take();

  private:
    grid_plan const& plan_;
    grid_options const& options_;
    std::vector<std::optional<cell_result>> cells_; ///< by index in the plan
    std::vector<std::size_t> pending_;
    std::vector<cell_failure> failures_;
    std::size_t entered_ = 0;
    std::size_t reused_ = 0;
    std::uint64_t tasks_expected_ = 0;
    bool interrupted_ = false;
};

/// Runs a plan on the threads of this process. The result is the same for every number of threads, `run_seconds`
/// apart.
/// \error the journal could not be written; the cells finished before are in it
[[nodiscard]] result<grid_outcome> run_grid(grid_plan const& plan, grid_options const& options);

} // namespace hpcsched::experiment

#endif
