// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu_linux/kernel_facts.hpp>
#include <hpcsched/cpu_linux/process_watch.hpp>

#include <doctest/doctest.h>

#include "cgroup.hpp"
#include "child.hpp"
#include <poll.h>
#include <signal.h>
#include <skip.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace hpcsched;
using namespace std::chrono_literals;
using cpu_linux::process_id;
using cpu_linux::process_watch;
using cpu_linux::sensor;

std::vector<sensor> sensors() {
    static bool const has_bpf = cpu_linux::probe_kernel().bpf_sensor.works;
    return has_bpf ? std::vector{sensor::polling, sensor::bpf} : std::vector{sensor::polling};
}

process_watch opened(sensor from, duration settling = 2ms) {
    return process_watch::open({.from = from, .settling = settling, .poll_period = 5ms}).value();
}

/// Whether `process` is told of within ten seconds, waiting on the descriptor alone.
bool is_told(process_watch& watch, process_id process) {
    for (time_point const end = cpu_linux::now() + 10s; cpu_linux::now() < end;) {
        while (auto const found = watch.next()) {
            if (*found == process) {
                return true;
            }
        }
        pollfd ready{.fd = watch.descriptor(), .events = POLLIN, .revents = 0};
        (void)poll(&ready, 1, 1000);
    }
    return false;
}

void pass_over_all(process_watch& watch) {
    while (watch.next()) {
    }
}

TEST_CASE("process watch: those that are there are told of at first, those that start as they do") {
    for (sensor const from : sensors()) {
        test::child const before{&test::idle_for_ever};
        process_watch watch = opened(from);
        CHECK(watch.in_use() == from);
        CHECK(is_told(watch, before.get()));
        pass_over_all(watch);
        test::child const after{&test::idle_for_ever}; // forks, and executes nothing
        CHECK(is_told(watch, after.get()));
    }
}

TEST_CASE("process watch: with BPF, who executes a program is told of at once, and settles no longer") {
    if (sensors().size() < 2) {
        HPCSCHED_SKIP("BPF is not allowed here (run as root)");
    }
    process_watch watch = opened(sensor::bpf, 1h);
    test::child const subject{[] { execl("/bin/sleep", "sleep", "1000", nullptr); }};
    CHECK(is_told(watch, subject.get()));
}

TEST_CASE("process watch: with BPF, who is moved to another control group is told of") {
    if (sensors().size() < 2) {
        HPCSCHED_SKIP("BPF is not allowed here (run as root)");
    }
    std::string const group = cpu_linux::detail::group_folder(getpid()) + "/hpcsched_watch_test";
    if (mkdir(group.c_str(), 0755) != 0) {
        HPCSCHED_SKIP("no control group can be made here");
    }
    {
        test::child const subject{&test::idle_for_ever};
        process_watch watch = opened(sensor::bpf, 1h);
        pass_over_all(watch);
        std::ofstream{group + "/cgroup.procs"} << subject.get() << std::flush;
        CHECK(is_told(watch, subject.get()));
    }
    CHECK(rmdir(group.c_str()) == 0);
}

TEST_CASE(
    "process watch: with BPF, who is moved and what it forks are told of when they execute a program, not before") {
    if (sensors().size() < 2) {
        HPCSCHED_SKIP("BPF is not allowed here (run as root)");
    }
    std::string const group = cpu_linux::detail::group_folder(getpid()) + "/hpcsched_watch_test";
    if (mkdir(group.c_str(), 0755) != 0) {
        HPCSCHED_SKIP("no control group can be made here");
    }
    {
        test::signpost fork_now;
        test::signpost forked;
        test::signpost execute_now;
        test::child const helper{[&] { // as a container's runtime does
            (void)fork_now.await();
            if (pid_t const process = fork(); process == 0) {
                (void)execute_now.await();
                execl("/bin/sleep", "sleep", "1000", nullptr);
            } else {
                forked.raise(process);
            }
            test::idle_for_ever();
        }};
        process_watch watch = process_watch::open({.from = sensor::bpf, .settling = 0s, .entering = 1h}).value();
        pass_over_all(watch);
        std::ofstream{group + "/cgroup.procs"} << helper.get() << std::flush;
        fork_now.raise();
        process_id const contained = forked.await();
        test::child const other{[] { execl("/bin/sleep", "sleep", "1000", nullptr); }};
        std::vector<process_id> told;
        while (std::ranges::find(told, other.get()) == told.end()) {
            if (auto const found = watch.next()) {
                told.push_back(*found);
            }
        }
        CHECK(std::ranges::find(told, helper.get()) == told.end());
        CHECK(std::ranges::find(told, contained) == told.end());
        execute_now.raise();
        CHECK(is_told(watch, contained));
        kill(contained, SIGKILL);
    }
    CHECK(test::eventually([&] { return rmdir(group.c_str()) == 0; }));
}

TEST_CASE("process watch: with BPF, a thread is not a process") {
    if (sensors().size() < 2) {
        HPCSCHED_SKIP("BPF is not allowed here (run as root)");
    }
    process_watch watch = opened(sensor::bpf, 0s);
    pass_over_all(watch);
    test::signpost made;
    test::child const subject{[&] {
        std::thread{[&] { made.raise(static_cast<int>(gettid())); }}.join();
        test::idle_for_ever();
    }};
    int const thread = made.await();
    std::vector<process_id> told;
    while (auto const found = watch.next()) {
        told.push_back(*found);
    }
    CHECK(std::ranges::find(told, subject.get()) != told.end());
    CHECK(std::ranges::find(told, thread) == told.end());
}

} // namespace
