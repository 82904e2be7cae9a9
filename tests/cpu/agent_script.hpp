// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_CPU_AGENT_SCRIPT_HPP
#define HPCSCHED_TESTS_CPU_AGENT_SCRIPT_HPP

#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/scheduling_agent.hpp>
#include <hpcsched/cpu/scheduling_agent_io.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace hpcsched::cpu {

/// Tells an agent a story, event by event, and gives its answers as text: its commands, joined by "; ".
///
///     agent_script<sfs> script{sfs{}};
///     script.start(12);
///     CHECK(script.at(10ms).arrives(0) == "set_policy 0 fifo 30; arm_cpu_timer 0 at 20ms");
template <scheduling_agent Agent>
class agent_script {
  public:
    explicit agent_script(Agent agent = Agent{}) : agent_{std::move(agent)} {}

    /// The time of the events that follow.
    agent_script& at(duration since_start) {
        now_ = time_point{since_start};
        return *this;
    }
    /// The time of the events that follow, from the last on.
    agent_script& after(duration length) {
        now_ += length;
        return *this;
    }

    std::string start(std::uint32_t cpu_count) { return tell(started{cpu_count}); }
    /// A task index that is used again gets the next generation.
    std::string arrives(std::uint32_t task, std::uint32_t function = 0, duration cpu_time = duration{0}) {
        if (auto const [found, is_new] = generations_.try_emplace(task, 0); !is_new) {
            ++found->second;
        }
        return tell(task_arrived{id(task), function_id{function}, cpu_time});
    }
    std::string blocks(std::uint32_t task, duration cpu_time) { return tell(task_blocked{id(task), cpu_time}); }
    std::string wakes(std::uint32_t task, duration cpu_time) { return tell(task_woke{id(task), cpu_time}); }
    std::string exits(std::uint32_t task, duration cpu_time) { return tell(task_exited{id(task), cpu_time}); }
    std::string timer(std::uint32_t timer, duration cpu_time_of_all = duration{0}) {
        return tell(timer_fired{timer_id{timer}, cpu_time_of_all});
    }
    std::string cpu_timer(std::uint32_t task, duration cpu_time) { return tell(cpu_timer_fired{id(task), cpu_time}); }
    std::string stop() { return tell(stopping{}); }

    /// The id of the task that has this index now.
    [[nodiscard]] task_id id(std::uint32_t task) const { return {task, generations_.at(task)}; }
    [[nodiscard]] Agent const& agent() const { return agent_; }

    template <class Event>
    std::string tell(Event const& event) {
        command_buffer commands;
        agent_.handle(event, now_, commands);
        std::string answer;
        for (command const& each : commands.items()) {
            answer += (answer.empty() ? "" : "; ") + to_string(each);
        }
        return answer;
    }

  private:
    Agent agent_;
    time_point now_{};
    std::map<std::uint32_t, std::uint32_t> generations_; ///< by index
};

} // namespace hpcsched::cpu

#endif
