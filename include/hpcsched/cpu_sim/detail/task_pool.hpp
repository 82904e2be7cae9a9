// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_SIM_DETAIL_TASK_POOL_HPP
#define HPCSCHED_CPU_SIM_DETAIL_TASK_POOL_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/task.hpp>
#include <hpcsched/cpu_sim/detail/class_set.hpp>
#include <hpcsched/workload/invocation.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <tuple>
#include <vector>

namespace hpcsched::cpu_sim::detail {

/// Where a task stands with the kernel.
enum class task_state : std::uint8_t { gone, waiting, running, fluid, blocked };

/// One task of a simulated machine: what the classes may know (`task_info`), their entities, and its life.
template <class... Classes>
struct task : cpu::task_info {
    task() noexcept {
        std::apply([this](auto&... entity) { ((entity.task = this), ...); }, entities);
    }
    task(task const&) = delete;
    task& operator=(task const&) = delete;

    static constexpr std::uint8_t default_class = class_set<Classes...>::serving(cpu::sched_policy::normal);

    std::tuple<typename Classes::entity...> entities{}; ///< of the slot: they outlive its tasks

    task_state state = task_state::gone;
    std::uint8_t class_index = default_class;
    cpu_id cpu{};                      ///< where it ran last
    cpu_id cpu_of_queue{};             ///< whose run queue it waits in
    duration demand{};                 ///< CPU time it needs in all: its service and what migrations cost
    duration stop_at{};                ///< CPU time at which it blocks or exits
    duration cpu_timer_at = unlimited; ///< CPU time at which the agent wants to be told
    std::size_t segments_left = 0; ///< of the last in `segments`, towards the first of which it runs; 0: to its exit
    std::vector<workload::blocking_segment> segments; ///< what lies before those that are left counts no more

    time_point first_run = never;
    duration service{};
    duration blocked{};
    std::uint32_t memory_mb = 0;
    std::uint32_t context_switches = 0;
    std::uint32_t preemptions = 0;
    std::uint32_t migrations = 0;
    std::unique_ptr<cpu::cpu_mask> own_affinity; ///< what `affinity` points to, where an agent set one
    task* next_free = nullptr;                   ///< in the pool
};

/// What class K keeps of `t`.
template <std::size_t K, class... Classes>
[[nodiscard]] auto& entity_of(task<Classes...>& t) noexcept {
    return std::get<K>(t.entities);
}

/// Tasks with stable addresses and dense, reused indices.
template <class Task>
class task_pool {
  public:
    /// A slot with a fresh id; the rest is as its last task left it.
    Task& acquire() {
        if (free_ == nullptr) {
            grow();
        }
        Task& t = *free_;
        free_ = t.next_free;
        ++alive_;
        return t;
    }

    /// Ends the id of `t`; its slot may be acquired again.
    void release(Task& t) noexcept {
        ++t.id.generation;
        t.next_free = free_;
        free_ = &t;
        --alive_;
    }

    /// The live task of that id, or null.
    [[nodiscard]] Task* find(task_id id) noexcept {
        if (id.index >= blocks_.size() * block_size) {
            return nullptr;
        }
        Task& t = at(id.index);
        return t.id == id && t.state != task_state::gone ? &t : nullptr;
    }

    [[nodiscard]] std::size_t alive() const noexcept { return alive_; }

  private:
    static constexpr std::size_t block_size = 64;

    [[nodiscard]] Task& at(std::uint32_t index) noexcept { return blocks_[index / block_size][index % block_size]; }

    void grow() {
        auto const first = static_cast<std::uint32_t>(blocks_.size() * block_size);
        blocks_.push_back(std::make_unique<Task[]>(block_size));
        for (std::uint32_t i = block_size; i-- > 0;) {
            Task& t = at(first + i);
            t.id.index = first + i;
            t.next_free = free_;
            free_ = &t;
        }
    }

    std::vector<std::unique_ptr<Task[]>> blocks_;
    Task* free_ = nullptr;
    std::size_t alive_ = 0;
};

} // namespace hpcsched::cpu_sim::detail

#endif
