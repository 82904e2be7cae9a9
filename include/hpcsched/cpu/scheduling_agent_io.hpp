// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_SCHEDULING_AGENT_IO_HPP
#define HPCSCHED_CPU_SCHEDULING_AGENT_IO_HPP

#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/scheduling_agent.hpp>
#include <hpcsched/cpu/task.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

/// Commands as text, for golden traces, reports of violations and logs: one line each, the same on every platform.
namespace hpcsched::cpu {

namespace detail {

/// The parts one after the other.
[[nodiscard]] inline std::string concatenated(std::initializer_list<std::string_view> parts) {
    std::string whole;
    for (std::string_view const part : parts) {
        whole += part;
    }
    return whole;
}

/// `length` in the largest unit that says it exactly: "1633ms", "5s", "0ns".
[[nodiscard]] inline std::string exact_text(duration length) {
    constexpr std::array<std::pair<std::int64_t, char const*>, 3> units{
        {{1'000'000'000, "s"}, {1'000'000, "ms"}, {1'000, "us"}}};
    std::int64_t const count = length.count();
    for (auto const& [size, name] : units) {
        if (count != 0 && count % size == 0) {
            return std::to_string(count / size) + name;
        }
    }
    return std::to_string(count) + "ns";
}

/// The index, and the generation where it is not the first: "7", "7.2".
[[nodiscard]] inline std::string text(task_id task) {
    std::string const index = std::to_string(task.index);
    return task.generation == 0 ? index : concatenated({index, ".", std::to_string(task.generation)});
}

/// As in `taskset -c`: "0-3,8"; "all" and "none" for what they are.
[[nodiscard]] inline std::string text(cpu_mask const& cpus) {
    if (cpus == cpu_mask::all()) {
        return "all";
    }
    std::string list;
    for (std::uint32_t first = 0; first < cpu_mask::cpu_count_max; ++first) {
        if (!cpus.contains(cpu_id{first})) {
            continue;
        }
        std::uint32_t last = first;
        while (last + 1 < cpu_mask::cpu_count_max && cpus.contains(cpu_id{last + 1})) {
            ++last;
        }
        list = concatenated({list, list.empty() ? "" : ",", std::to_string(first)});
        if (last > first) {
            list = concatenated({list, "-", std::to_string(last)});
        }
        first = last;
    }
    return list.empty() ? "none" : list;
}

struct command_text {
    std::string operator()(set_policy const& c) const {
        std::string const priority = std::to_string(c.rt_priority);
        switch (c.policy) {
        case sched_policy::fifo:
            return concatenated({"set_policy ", text(c.task), " fifo ", priority});
        case sched_policy::rr:
            return concatenated({"set_policy ", text(c.task), " rr ", priority});
        case sched_policy::normal:
            break;
        }
        // A priority is wrong here, so it is shown.
        return c.rt_priority == 0 ? concatenated({"set_policy ", text(c.task), " normal"})
                                  : concatenated({"set_policy ", text(c.task), " normal ", priority});
    }
    std::string operator()(set_nice const& c) const { return of_task("set_nice ", c.task, std::to_string(c.nice)); }
    std::string operator()(set_slice const& c) const { return of_task("set_slice ", c.task, exact_text(c.slice)); }
    std::string operator()(set_rank const& c) const { return of_task("set_rank ", c.task, std::to_string(c.rank)); }
    std::string operator()(set_affinity const& c) const { return of_task("set_affinity ", c.task, text(c.cpus)); }
    std::string operator()(arm_timer const& c) const {
        return concatenated(
            {"arm_timer ", std::to_string(c.timer.value), " at ", exact_text(c.deadline.time_since_epoch())});
    }
    std::string operator()(cancel_timer const& c) const {
        return concatenated({"cancel_timer ", std::to_string(c.timer.value)});
    }
    std::string operator()(arm_cpu_timer const& c) const {
        return concatenated({"arm_cpu_timer ", text(c.task), " at ", exact_text(c.cpu_time)});
    }
    std::string operator()(cancel_cpu_timer const& c) const {
        return concatenated({"cancel_cpu_timer ", text(c.task)});
    }

  private:
    static std::string of_task(std::string_view what, task_id task, std::string_view value) {
        return concatenated({what, text(task), " ", value});
    }
};

} // namespace detail

/// One line without its end, such as "set_policy 3 fifo 30" or "arm_cpu_timer 3 at 120ms".
/// \complexity O(length of the text)
[[nodiscard]] inline std::string to_string(command const& what) {
    return std::visit(detail::command_text{}, what);
}

} // namespace hpcsched::cpu

#endif
