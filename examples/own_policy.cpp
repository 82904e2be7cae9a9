// SPDX-License-Identifier: Apache-2.0

// A scheduling class of one's own, beside the Linux default, on the statistics of Azure Functions.
#include <hpcsched/cpu/eevdf.hpp>
#include <hpcsched/cpu/rt.hpp>
#include <hpcsched/cpu_sim/machine.hpp>
#include <hpcsched/workload/generator.hpp>

#include <algorithm>
#include <cstdio>
#include <set>
#include <utility>

using namespace hpcsched;

// [policy]
/// Least attained service: whoever has had the least CPU time runs next, for at most one slice.
class least_attained {
  public:
    struct entity {
        cpu::task_info const* task = nullptr; // kept current by the simulated kernel
    };
    struct config {
        duration slice = std::chrono::milliseconds{10};
    };
    static constexpr auto scope = cpu::run_queue_scope::global;
    static constexpr auto enforcement = cpu::slice_enforcement::exact;
    static constexpr bool serves(cpu::sched_policy) noexcept { return true; }

    explicit least_attained(config const& c) : slice_{c.slice} {}

    void enqueue(entity& e, cpu::enqueue_reason, time_point) noexcept { waiting_.insert(&e); }
    void dequeue(entity& e, cpu::dequeue_reason, time_point) noexcept { waiting_.erase(&e); }
    cpu::pick<entity> pick_next(cpu_id cpu, time_point) noexcept {
        auto const next = std::ranges::find_if(waiting_, [&](entity* e) { return e->task->may_run_on(cpu); });
        if (next == waiting_.end()) {
            return {};
        }
        return {.next = waiting_.extract(next).value(), .slice = slice_};
    }
    void account(entity&, cpu_id, duration, time_point) noexcept {}
    bool preempts(entity const& a, entity const& b, time_point) const noexcept { return before{}(&a, &b); }
    std::size_t waiting_count() const noexcept { return waiting_.size(); }

  private:
    struct before {
        bool operator()(entity const* a, entity const* b) const noexcept {
            return std::pair{a->task->cpu_time, a->task->sequence} < std::pair{b->task->cpu_time, b->task->sequence};
        }
    };
    std::set<entity*, before> waiting_;
    duration slice_;
};
static_assert(cpu::scheduling_class<least_attained>);
// [/policy]

struct mean_turnaround : cpu_sim::silent {
    void on_exit(cpu_sim::task_record const& record, time_point) { sum += record.turnaround(), ++count; }
    duration sum{};
    int count = 0;
};

// [run]
template <class... Classes>
double mean_seconds() {
    workload::generator_config const what{
        .from = workload::preset::azure2019, .count = 20'000, .load = 0.9, .cpu_count = 12};
    auto source = workload::make_generator(what);
    cpu_sim::machine<Classes...> const machine{cpu_sim::machine_config::with_cpus(12)};
    mean_turnaround seen;
    return source && machine.run(*source, seen) ? to_seconds(seen.sum) / seen.count : -1;
}
// [/run]

int main() {
    std::printf("mean turnaround: Linux %.3f s, least attained service %.3f s\n", mean_seconds<cpu::rt, cpu::eevdf>(),
                mean_seconds<least_attained>());
}
