// SPDX-License-Identifier: Apache-2.0

// A host that asks a policy itself: it tells the agent what happened, and gets back what to do. Here the host is a
// script and its deeds are lines of text; a real one makes system calls of them. No simulator is linked.
#include <hpcsched/cpu/scheduling_agent_io.hpp>
#include <hpcsched/cpu/sfs.hpp>

#include <chrono>
#include <cstdio>
#include <variant>

using namespace hpcsched;
using namespace std::chrono_literals;

// [host]
template <cpu::scheduling_agent Agent>
class host {
  public:
    explicit host(Agent agent) : agent_{std::move(agent)} {}

    /// Tells the agent of an event and carries out what it commands.
    template <class Event>
    void tell(time_point now, Event const& event) {
        agent_.handle(event, now, commands_);
        for (cpu::command const& each : commands_.items()) {
            std::printf("%6.1f ms  %s\n", to_milliseconds(now.time_since_epoch()), cpu::to_string(each).c_str());
        }
        commands_.clear();
    }

  private:
    Agent agent_;
    cpu::command_buffer commands_;
};
// [/host]

int main() {
    task_id const one{.index = 1};
    task_id const two{.index = 2};
    host steered{cpu::sfs{}};
    steered.tell(time_point{0ms}, cpu::started{.cpu_count = 1});
    steered.tell(time_point{1ms}, cpu::task_arrived{.task = one});
    steered.tell(time_point{2ms}, cpu::task_arrived{.task = two});
    // The first task uses up its slice: it goes back to the fair class, and the second has its turn.
    steered.tell(time_point{21ms}, cpu::cpu_timer_fired{.task = one, .cpu_time = 20ms});
    steered.tell(time_point{30ms}, cpu::task_exited{.task = two, .cpu_time = 9ms});
    steered.tell(time_point{40ms}, cpu::stopping{});
}
