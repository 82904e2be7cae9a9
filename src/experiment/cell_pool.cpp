// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/assert.hpp>
#include <hpcsched/experiment/cell_pool.hpp>

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace hpcsched::experiment {

struct cell_pool::state {
    struct order {
        std::size_t index = 0;
        schedule_watcher* watcher = nullptr;
    };

    explicit state(grid_plan const& of) : plan{of} {}

    void work() {
        std::unique_lock lock{mutex};
        for (;;) {
            work_came.wait(lock, [this] { return closing || !waiting.empty(); });
            if (closing) {
                return;
            }
            order const next = waiting.front();
            waiting.pop_front();
            lock.unlock();
            finished_cell done{next.index, run(next)};
            lock.lock();
            finished.push_back(std::move(done));
            cell_finished.notify_one();
        }
    }

    // A cell that runs out of memory fails by itself, not the whole grid.
    result<cell_result> run(order const& next) {
        try {
            return plan.run(next.index, {.stop = &stop, .tasks_begun = &tasks_begun, .watcher = next.watcher});
        } catch (std::exception const& failed) {
            return error{std::string{"the simulation failed: "} + failed.what()};
        }
    }

    grid_plan const& plan;
    std::mutex mutex;
    std::condition_variable work_came;
    std::condition_variable cell_finished;
    std::deque<order> waiting;
    std::deque<finished_cell> finished;
    std::size_t unfinished = 0;
    bool closing = false;
    std::atomic<bool> stop = false;
    std::atomic<std::uint64_t> tasks_begun = 0;
    std::vector<std::jthread> threads;
};

cell_pool::cell_pool(grid_plan const& plan, unsigned thread_count) : state_{std::make_unique<state>(plan)} {
    HPCSCHED_ASSERT(thread_count >= 1);
    for (unsigned i = 0; i < thread_count; ++i) {
        state_->threads.emplace_back([shared = state_.get()] { shared->work(); });
    }
}

cell_pool::~cell_pool() {
    stop();
    {
        std::lock_guard const lock{state_->mutex};
        state_->closing = true;
    }
    state_->work_came.notify_all();
    state_->threads.clear(); // joins
}

void cell_pool::submit(std::size_t index, schedule_watcher* watcher) {
    {
        std::lock_guard const lock{state_->mutex};
        state_->waiting.push_back({index, watcher});
        ++state_->unfinished;
    }
    state_->work_came.notify_one();
}

std::optional<cell_pool::finished_cell> cell_pool::wait(std::chrono::milliseconds patience) {
    std::unique_lock lock{state_->mutex};
    if (!state_->cell_finished.wait_for(lock, patience, [this] { return !state_->finished.empty(); })) {
        return std::nullopt;
    }
    finished_cell done = std::move(state_->finished.front());
    state_->finished.pop_front();
    --state_->unfinished;
    return done;
}

void cell_pool::stop() {
    std::lock_guard const lock{state_->mutex};
    state_->stop = true;
    state_->unfinished -= state_->waiting.size();
    state_->waiting.clear();
}

std::size_t cell_pool::unfinished_count() const {
    std::lock_guard const lock{state_->mutex};
    return state_->unfinished;
}

std::uint64_t cell_pool::tasks_begun() const {
    return state_->tasks_begun.load(std::memory_order_relaxed);
}

unsigned usable_cpu_count() {
    cpu_set_t usable;
    CPU_ZERO(&usable);
    if (sched_getaffinity(0, sizeof usable, &usable) == 0) {
        return static_cast<unsigned>(std::max(1, CPU_COUNT(&usable)));
    }
    return std::max(1U, std::thread::hardware_concurrency());
}

} // namespace hpcsched::experiment
