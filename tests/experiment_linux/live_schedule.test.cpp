// SPDX-License-Identifier: Apache-2.0
#include "live_schedule.hpp"

#include <hpcsched/experiment/schedule_watcher.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace {

using namespace hpcsched;
using namespace std::chrono_literals;

constexpr time_point at(std::int64_t ms) {
    return time_point{ms * 1ms};
}

/// Writes down all that it sees, e.g. "5 run 1 on 0".
struct scribe {
    std::vector<std::string> lines{};

    void on_arrival(task_id task, function_id function, time_point now) {
        put(now, "arrival " + std::to_string(task.index) + " of f" + std::to_string(function.value));
    }
    void on_run(cpu_id cpu, task_id task, time_point now) {
        put(now, "run " + std::to_string(task.index) + " on " + std::to_string(cpu.value));
    }
    void on_stop(cpu_id cpu, task_id task, cpu_sim::switch_reason why, time_point now) {
        std::string const reason = why == cpu_sim::switch_reason::blocked  ? "blocked"
                                   : why == cpu_sim::switch_reason::exited ? "exited"
                                                                           : "preempted";
        put(now, "stop " + std::to_string(task.index) + " on " + std::to_string(cpu.value) + " " + reason);
    }
    void on_exit(cpu_sim::task_record const& record, time_point now) {
        put(now, "exit " + std::to_string(record.task.index));
    }
    void put(time_point now, std::string what) {
        lines.push_back(std::to_string(now.time_since_epoch() / 1ms) + " " + what);
    }
};

TEST_CASE("live schedule: what the kernel told when it was over is shown in the order in which it happened") {
    std::vector<workload::invocation> const rows{
        {.arrival = at(0), .function = function_id{7}, .service = 20ms},
        {.arrival = at(5), .function = function_id{3}, .service = 5ms},
    };
    experiment_linux::detail::live_schedule schedule{rows};
    schedule.add(0, cpu_id{0}, at(1), at(6), cpu_linux::run_end::preempted);
    schedule.add(1, cpu_id{0}, at(6), at(11), cpu_linux::run_end::exited);
    schedule.add({.sequence = 1, .function = function_id{3}, .arrival = at(5), .exit = at(11)});
    schedule.add(0, cpu_id{1}, at(7), at(14), cpu_linux::run_end::blocked);
    schedule.add(0, cpu_id{0}, at(20), at(28), cpu_linux::run_end::exited);
    schedule.add({.sequence = 0, .function = function_id{7}, .arrival = at(0), .exit = at(28)});
    scribe seen;
    experiment::watching<scribe> watcher{seen};
    schedule.tell(watcher);
    CHECK(seen.lines == std::vector<std::string>{
                            "0 arrival 0 of f7",
                            "1 run 0 on 0",
                            "5 arrival 1 of f3",
                            "6 stop 0 on 0 preempted",
                            "6 run 1 on 0",
                            "7 run 0 on 1",
                            "11 stop 1 on 0 exited",
                            "11 exit 1",
                            "14 stop 0 on 1 blocked",
                            "20 run 0 on 0",
                            "28 stop 0 on 0 exited",
                            "28 exit 0",
                        });
}

} // namespace
