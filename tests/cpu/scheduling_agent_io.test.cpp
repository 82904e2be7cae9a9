// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/scheduling_agent_io.hpp>

#include <doctest/doctest.h>

namespace hpcsched::cpu {

using namespace std::chrono_literals;

TEST_CASE("commands as text: one line for each kind") {
    task_id const task{3, 0};
    CHECK(to_string(set_policy{task, sched_policy::fifo, 30}) == "set_policy 3 fifo 30");
    CHECK(to_string(set_policy{task, sched_policy::rr, 1}) == "set_policy 3 rr 1");
    CHECK(to_string(set_policy{task, sched_policy::normal, 0}) == "set_policy 3 normal");
    CHECK(to_string(set_policy{task, sched_policy::normal, 5}) == "set_policy 3 normal 5"); // wrong, so shown
    CHECK(to_string(set_nice{task, -20}) == "set_nice 3 -20");
    CHECK(to_string(set_slice{task, 3ms}) == "set_slice 3 3ms");
    CHECK(to_string(set_rank{task, 12}) == "set_rank 3 12");
    CHECK(to_string(set_affinity{task, cpu_mask::all()}) == "set_affinity 3 all");
    CHECK(to_string(arm_timer{timer_id{7}, time_point{5s}}) == "arm_timer 7 at 5s");
    CHECK(to_string(cancel_timer{timer_id{7}}) == "cancel_timer 7");
    CHECK(to_string(arm_cpu_timer{task, 20ms}) == "arm_cpu_timer 3 at 20ms");
    CHECK(to_string(cancel_cpu_timer{task_id{3, 2}}) == "cancel_cpu_timer 3.2");
}

TEST_CASE("commands as text: a length is told exactly, in the largest unit that can") {
    task_id const task{0, 0};
    CHECK(to_string(set_slice{task, 0ns}) == "set_slice 0 0ns");
    CHECK(to_string(set_slice{task, 1ns}) == "set_slice 0 1ns");
    CHECK(to_string(set_slice{task, 1500ns}) == "set_slice 0 1500ns");
    CHECK(to_string(set_slice{task, 10800us}) == "set_slice 0 10800us");
    CHECK(to_string(set_slice{task, 1633ms}) == "set_slice 0 1633ms");
    CHECK(to_string(set_slice{task, 120s}) == "set_slice 0 120s");
    CHECK(to_string(set_slice{task, -2ms}) == "set_slice 0 -2ms");
}

TEST_CASE("commands as text: CPUs are listed in ranges") {
    auto const text = [](cpu_mask const& cpus) { return to_string(set_affinity{task_id{}, cpus}).substr(15); };
    CHECK(text(cpu_mask{}) == "none");
    CHECK(text(cpu_mask::range(cpu_id{0}, 25)) == "0-24");
    cpu_mask several = cpu_mask::range(cpu_id{1}, 2);
    several.add(cpu_id{5});
    several.add(cpu_id{63});
    several.add(cpu_id{64});
    several.add(cpu_id{1023});
    CHECK(text(several) == "1-2,5,63-64,1023");
}

} // namespace hpcsched::cpu
