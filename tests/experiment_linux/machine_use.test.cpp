// SPDX-License-Identifier: Apache-2.0
#include "machine_use.hpp"

#include <hpcsched/cpu_linux/kernel_facts.hpp>
#include <hpcsched/cpu_linux/process.hpp>

#include <doctest/doctest.h>

#include <signal.h>
#include <skip.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>

namespace {

using namespace hpcsched;
using namespace std::chrono_literals;
using namespace hpcsched::experiment_linux::detail;

TEST_CASE("machine use: busy is what is neither idle nor waiting for a disk, on the CPUs that count") {
    std::string const text = "cpu  60 0 0 900 0 0 0 0 0 0\n"
                             "cpu0 1 2 3 400 50 6 7 8 90 0\n"
                             "cpu1 10 0 0 500 0 0 0 0 0 0\n"
                             "cpu10 100 0 0 0 0 0 0 0 0 0\n"
                             "intr 1 2 3\n";
    CHECK(busy_time(text, 1) == 270ms); // 27 ticks of 10 ms; guests are in user
    CHECK(busy_time(text, 2) == 370ms);
    CHECK(busy_time(text, 11) == 1370ms);
    CHECK(busy_time("", 2) == 0ms);
}

TEST_CASE("machine use: a machine that works gets busier") {
    duration const before = busy_time_now(1024);
    auto const own_cpu_time = [] { return cpu_linux::cpu_time_of(cpu_linux::own_process()); };
    duration const own = own_cpu_time();
    while (own_cpu_time() - own < 60ms) {
    }
    CHECK(busy_time_now(1024) - before >= 40ms); // in steps of 10 ms
}

TEST_CASE("machine use: the group of a run weighs as much as one thread on each CPU, so that the kernel's own get on") {
    own_group const group;
    if (group.folder().empty()) {
        HPCSCHED_SKIP("no control group can be made here");
    }
    cpu_linux::kernel_facts const facts = cpu_linux::probe_kernel();
    bool const is_v1 = facts.cgroup == cpu_linux::cgroup_version::v1;
    std::ifstream file{group.folder() + (is_v1 ? "/cpu.shares" : "/cpu.weight")};
    std::uint32_t weight = 0;
    file >> weight;
    CHECK(weight == (is_v1 ? 1024 : 100) * facts.cpu_count);
}

TEST_CASE("machine use: a run has a group of its own right after another run") {
    {
        own_group const before;
        if (before.folder().empty()) {
            HPCSCHED_SKIP("no control group can be made here");
        }
        pid_t const process = fork();
        if (process == 0) {
            pause();
        }
        std::ofstream{before.folder() + "/cgroup.procs"} << process << std::flush;
        kill(process, SIGKILL);
        REQUIRE(waitpid(process, nullptr, 0) == process);
    }
    own_group const after;
    CHECK_FALSE(after.folder().empty());
}

} // namespace
