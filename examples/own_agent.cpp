// SPDX-License-Identifier: Apache-2.0

// An agent of one's own: it steers the simulated Linux from outside, by the commands that a process could give.
#include <hpcsched/core/task_map.hpp>
#include <hpcsched/cpu/eevdf.hpp>
#include <hpcsched/cpu/hands_off.hpp>
#include <hpcsched/cpu/rt.hpp>
#include <hpcsched/cpu_sim/machine.hpp>
#include <hpcsched/workload/generator.hpp>

#include <cstdio>

using namespace hpcsched;

// [agent]
/// Whoever has had 200 ms of CPU time steps back behind the rest.
class step_back : public cpu::hands_off {
  public:
    using cpu::hands_off::handle; // what is not handled here is left to the kernel

    void handle(cpu::task_arrived const& e, time_point, cpu::command_sink& out) noexcept {
        out.append(cpu::arm_cpu_timer{.task = e.task, .cpu_time = std::chrono::milliseconds{200}});
    }
    void handle(cpu::cpu_timer_fired const& e, time_point, cpu::command_sink& out) noexcept {
        stepped_back_.insert(e.task, true);
        out.append(cpu::set_nice{.task = e.task, .nice = cpu::nice_max});
    }
    void handle(cpu::task_exited const& e, time_point, cpu::command_sink&) noexcept { stepped_back_.erase(e.task); }
    void handle(cpu::stopping const&, time_point, cpu::command_sink& out) noexcept {
        stepped_back_.for_each([&](task_id task, bool) { out.append(cpu::set_nice{.task = task, .nice = 0}); });
    }

  private:
    task_map<bool> stepped_back_;
};
static_assert(cpu::scheduling_agent<step_back>);
// [/agent]

struct mean_turnaround : cpu_sim::silent {
    void on_exit(cpu_sim::task_record const& record, time_point) { sum += record.turnaround(), ++count; }
    duration sum{};
    int count = 0;
};

template <cpu::scheduling_agent Agent>
double mean_seconds() {
    workload::generator_config const what{.from = workload::preset::sfs_test1, .count = 5'000, .load = 0.9};
    auto source = workload::make_generator(what);
    cpu_sim::machine<cpu::rt, cpu::eevdf> const linux_machine{cpu_sim::machine_config::with_cpus(12)};
    mean_turnaround seen;
    Agent agent;
    return source && linux_machine.run(*source, agent, seen) ? to_seconds(seen.sum) / seen.count : -1;
}

int main() {
    std::printf("mean turnaround: hands off %.3f s, stepping back %.3f s\n", mean_seconds<cpu::hands_off>(),
                mean_seconds<step_back>());
}
