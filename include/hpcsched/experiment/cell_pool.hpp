// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_CELL_POOL_HPP
#define HPCSCHED_EXPERIMENT_CELL_POOL_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/experiment/cell_result.hpp>
#include <hpcsched/experiment/grid.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace hpcsched::experiment {

/// Threads that run cells of one plan. The plan is borrowed.
/// \thread_safety the members are for one thread, the owner's
class cell_pool {
  public:
    struct finished_cell {
        std::size_t index = 0;
        result<cell_result> cell;
    };

    /// \param thread_count  >= 1
    cell_pool(grid_plan const& plan, unsigned thread_count);
    cell_pool(cell_pool const&) = delete;
    cell_pool& operator=(cell_pool const&) = delete;

    /// Stops, and waits for the cells that are running to give up.
    ~cell_pool();

    /// Queues a cell; cells begin in the order they were submitted. The watcher is borrowed until the cell finished.
    void submit(std::size_t index, schedule_watcher* watcher = nullptr);

    /// The next cell that finished, waiting for one as long as `patience` at most.
    [[nodiscard]] std::optional<finished_cell> wait(std::chrono::milliseconds patience);

    /// Forgets the cells that have not begun and makes those that have give up; they come out of `wait` as errors.
    void stop();

    /// Cells submitted that have not come out of `wait`; those that `stop` forgot do not count.
    [[nodiscard]] std::size_t unfinished_count() const;

    /// Invocations read by all cells so far.
    [[nodiscard]] std::uint64_t tasks_begun() const;

  private:
    struct state;
    std::unique_ptr<state> state_;
};

/// CPUs that this process may use; at least 1.
[[nodiscard]] unsigned usable_cpu_count();

} // namespace hpcsched::experiment

#endif
