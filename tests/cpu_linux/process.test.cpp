// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu_linux/process.hpp>
#include <hpcsched/cpu_linux/urgent_thread.hpp>

#include <doctest/doctest.h>

#include "child.hpp"
#include <sched.h>
#include <skip.hpp>
#include <sys/syscall.h>

#include <thread>
#include <utility>

namespace {

using namespace hpcsched;
using cpu_linux::outcome;

TEST_CASE("process: what was asked for a process is what it has, and the default takes it back") {
    if (!test::real_time_is_allowed()) {
        HPCSCHED_SKIP(test::no_real_time);
    }
    test::child const subject{&test::idle_for_ever};
    cpu_linux::scheduling const urgent{.policy = cpu::sched_policy::fifo, .rt_priority = 17};
    CHECK(cpu_linux::set_scheduling(subject.get(), urgent) == outcome::done);
    CHECK(cpu_linux::get_scheduling(subject.get()).value() == urgent);
    cpu_linux::scheduling const humble{.nice = 7};
    CHECK(cpu_linux::set_scheduling(subject.get(), humble) == outcome::done);
    CHECK(cpu_linux::get_scheduling(subject.get()).value() == humble);
    CHECK(cpu_linux::set_scheduling(subject.get(), {}) == outcome::done);
    CHECK(cpu_linux::get_scheduling(subject.get()).value() == cpu_linux::scheduling{});
}

TEST_CASE("process: a request for one that has exited comes back as gone") {
    test::child subject{[] {}};
    cpu_linux::process_id const process = subject.get();
    subject.wait();
    CHECK(cpu_linux::set_scheduling(process, {.nice = 3}) == outcome::gone);
    CHECK(cpu_linux::set_affinity(process, cpu::cpu_mask::all()) == outcome::gone);
    CHECK(cpu_linux::get_scheduling(process).has_error());
    CHECK(cpu_linux::get_affinity(process).has_error());
    CHECK(cpu_linux::cpu_time_of(process) == unlimited);
}

TEST_CASE("process: one that lives is not exiting, one that nobody has waited for yet is") {
    test::signpost go;
    test::child const subject{[&go] { (void)go.await(); }};
    CHECK_FALSE(cpu_linux::is_exiting(subject.get()));
    go.raise();
    siginfo_t end{};
    REQUIRE(waitid(P_PID, static_cast<id_t>(subject.get()), &end, WEXITED | WNOWAIT) == 0);
    CHECK(cpu_linux::is_exiting(subject.get()));
}

TEST_CASE("process: every thread of a process gets what was asked for it") {
    test::signpost ready;
    test::child const subject{[&] {
        std::thread const other{[&] {
            ready.raise(static_cast<int>(syscall(SYS_gettid)));
            test::idle_for_ever();
        }};
        test::idle_for_ever();
    }};
    int const other = ready.await();
    REQUIRE(other != subject.get());
    CHECK(cpu_linux::set_scheduling(subject.get(), {.nice = 5}) == outcome::done);
    CHECK(cpu_linux::get_scheduling(subject.get()).value().nice == 5);
    CHECK(cpu_linux::get_scheduling(other).value().nice == 5);
    cpu::cpu_mask first;
    first.add(cpu_id{0});
    CHECK(cpu_linux::set_affinity(subject.get(), first) == outcome::done);
    cpu_set_t set;
    CHECK(sched_getaffinity(other, sizeof set, &set) == 0);
    CHECK(CPU_COUNT(&set) == 1);
    CHECK(CPU_ISSET(0, &set));
    CHECK(cpu_linux::get_affinity(subject.get()).value() == first);
}

TEST_CASE("process: what a real-time process forks starts in the default") {
    if (!test::real_time_is_allowed()) {
        HPCSCHED_SKIP(test::no_real_time);
    }
    test::signpost go;
    test::signpost told;
    test::child const subject{[&] {
        (void)go.await();
        pid_t const grandchild = fork();
        if (grandchild == 0) {
            told.raise(sched_getscheduler(0) & ~SCHED_RESET_ON_FORK);
            _exit(0);
        }
        test::idle_for_ever();
    }};
    CHECK(cpu_linux::set_scheduling(subject.get(), {.policy = cpu::sched_policy::fifo, .rt_priority = 2}) ==
          outcome::done);
    go.raise();
    CHECK(told.await() == SCHED_OTHER);
}

TEST_CASE("urgent thread: it is in real time as long as the object lives, and what it forks is not") {
    if (!test::real_time_is_allowed()) {
        HPCSCHED_SKIP(test::no_real_time);
    }
    auto const self = static_cast<cpu_linux::process_id>(syscall(SYS_gettid));
    auto const before = cpu_linux::get_scheduling(self).value();
    {
        cpu_linux::urgent_thread first{90};
        cpu_linux::urgent_thread const moved{std::move(first)};
        CHECK(moved.is_urgent());
        CHECK_FALSE(first.is_urgent()); // NOLINT(bugprone-use-after-move): that is what is tested
        CHECK(cpu_linux::get_scheduling(self).value().rt_priority == 90);
        test::child const subject{&test::idle_for_ever};
        CHECK(cpu_linux::get_scheduling(subject.get()).value() == cpu_linux::scheduling{});
    }
    CHECK(cpu_linux::get_scheduling(self).value() == before);
}

TEST_CASE("process: the CPU time of another process is that which it has used") {
    test::signpost done;
    test::child const subject{[&] {
        test::burn(std::chrono::milliseconds{30});
        done.raise();
        test::idle_for_ever();
    }};
    (void)done.await();
    duration const used = cpu_linux::cpu_time_of(subject.get());
    CHECK(used >= std::chrono::milliseconds{30});
    CHECK(used < std::chrono::milliseconds{60});
}

} // namespace
