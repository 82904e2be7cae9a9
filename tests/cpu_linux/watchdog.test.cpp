// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu_linux/urgent_thread.hpp>
#include <hpcsched/cpu_linux/watchdog.hpp>

#include <doctest/doctest.h>

#include "child.hpp"
#include <sched.h>
#include <signal.h>
#include <skip.hpp>
#include <unistd.h>

#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace {

using namespace hpcsched;
using cpu_linux::scheduling;

constexpr scheduling real_time{.policy = cpu::sched_policy::fifo, .rt_priority = 10};

/// How long it takes until `process` has `wanted`; nothing: longer than `longest`.
std::optional<duration> time_until(cpu_linux::process_id process, scheduling const& wanted, duration longest) {
    time_point const from = cpu_linux::now();
    while (cpu_linux::now() - from < longest) {
        if (cpu_linux::get_scheduling(process).value() == wanted) {
            return cpu_linux::now() - from;
        }
        sched_yield();
    }
    return std::nullopt;
}

TEST_CASE("watchdog: what a steering process that is killed had steered is back within 100 ms") {
    if (!test::real_time_is_allowed()) {
        HPCSCHED_SKIP(test::no_real_time);
    }
    test::child const steered{&test::burn_for_ever};
    test::child const other{&test::idle_for_ever};
    test::signpost ready;
    scheduling const before{.nice = 4};
    REQUIRE(cpu_linux::set_scheduling(steered.get(), before) == cpu_linux::outcome::done);
    test::child steering{[&] {
        cpu_linux::urgent_thread const urgency{98}; // or it could not even die beside what it steers
        auto guard = cpu_linux::watchdog::start().value();
        guard.note(3, cpu_linux::key_of(steered.get()), before);
        (void)cpu_linux::set_scheduling(steered.get(), real_time);
        guard.note(4, cpu_linux::key_of(other.get()), scheduling{});
        (void)cpu_linux::set_scheduling(other.get(), real_time);
        guard.strike(4);
        ready.raise();
        test::idle_for_ever();
    }};
    (void)ready.await();
    cpu_linux::urgent_thread const urgency{97}; // nor could this process look
    REQUIRE(cpu_linux::get_scheduling(steered.get()).value().policy == cpu::sched_policy::fifo);
    steering.kill();
    auto const took = time_until(steered.get(), before, std::chrono::seconds{5});
    REQUIRE(took.has_value());
    CHECK(*took < std::chrono::milliseconds{100});
    // Struck out: not the watchdog's business.
    CHECK(cpu_linux::get_scheduling(other.get()).value().policy == cpu::sched_policy::fifo);
}

TEST_CASE("watchdog: other threads of the steering process, which get no CPU to die on, do not hold it up") {
    if (!test::real_time_is_allowed()) {
        HPCSCHED_SKIP(test::no_real_time);
    }
    test::child const steered{&test::burn_for_ever};
    test::signpost ready;
    test::child steering{[&] {
        std::thread const other{&test::idle_for_ever}; // an ordinary one
        cpu_linux::urgent_thread const urgency{98};
        auto guard = cpu_linux::watchdog::start().value();
        guard.note(3, cpu_linux::key_of(steered.get()), scheduling{});
        (void)cpu_linux::set_scheduling(steered.get(), real_time);
        ready.raise();
        test::idle_for_ever();
    }};
    (void)ready.await();
    // With the steered one, all CPUs are taken: this process, and as many others as it needs.
    std::vector<std::unique_ptr<test::child>> crowd;
    for (long cpus = sysconf(_SC_NPROCESSORS_ONLN); cpus > 2; --cpus) {
        crowd.push_back(std::make_unique<test::child>(&test::burn_for_ever));
        (void)cpu_linux::set_scheduling(crowd.back()->get(), real_time);
    }
    cpu_linux::urgent_thread const urgency{97};
    steering.kill();
    auto const took = time_until(steered.get(), scheduling{}, std::chrono::seconds{5});
    REQUIRE(took.has_value());
    CHECK(*took < std::chrono::milliseconds{100});
}

TEST_CASE("watchdog: the CPUs of what was steered are back too, and those of who is struck out are not its business") {
    cpu::cpu_mask const all = cpu_linux::get_affinity(getpid()).value();
    cpu::cpu_mask const first = cpu::cpu_mask::range(cpu_id{0}, 1);
    if (all == first || !all.contains(cpu_id{0})) {
        HPCSCHED_SKIP("one CPU is not enough");
    }
    test::child const steered{&test::idle_for_ever};
    test::child const other{&test::idle_for_ever};
    test::signpost ready;
    test::child steering{[&] {
        auto guard = cpu_linux::watchdog::start().value();
        for (auto const* const each : {&steered, &other}) {
            std::size_t const slot = each == &steered ? 7 : 8;
            guard.note(slot, cpu_linux::key_of(each->get()), scheduling{});
            guard.note_cpus(slot, all);
            (void)cpu_linux::set_affinity(each->get(), first);
        }
        guard.strike(8);
        ready.raise();
        test::idle_for_ever();
    }};
    (void)ready.await();
    REQUIRE(cpu_linux::get_affinity(steered.get()).value() == first);
    steering.kill();
    CHECK(test::eventually([&] { return cpu_linux::get_affinity(steered.get()).value() == all; }));
    CHECK(cpu_linux::get_affinity(other.get()).value() == first);
}

TEST_CASE("watchdog: one that was killed is started anew, with all that was noted") {
    test::child const steered{&test::idle_for_ever};
    test::signpost ready;
    test::signpost told;
    scheduling const humble{.nice = 4};
    test::child steering{[&] {
        auto guard = cpu_linux::watchdog::start().value();
        guard.note(0, cpu_linux::key_of(steered.get()), scheduling{.nice = 2});
        cpu_linux::process_id const first = guard.process();
        (void)guard.revive();
        bool const stays_while_it_lives = guard.process() == first;
        kill(first, SIGKILL);
        while (guard.process() == first && guard.revive().has_value()) {
            sched_yield(); // it takes its time to die
        }
        (void)cpu_linux::set_scheduling(steered.get(), humble);
        told.raise(stays_while_it_lives ? 1 : 2);
        ready.raise();
        test::idle_for_ever();
    }};
    (void)ready.await();
    CHECK(told.await() == 1);
    REQUIRE(cpu_linux::get_scheduling(steered.get()).value() == humble);
    steering.kill();
    CHECK(test::eventually([&] { return cpu_linux::get_scheduling(steered.get()).value().nice == 2; }));
}

TEST_CASE("watchdog: a thread of the steering process that ends is no death") {
    if (!test::real_time_is_allowed()) {
        HPCSCHED_SKIP(test::no_real_time);
    }
    test::child const steered{&test::idle_for_ever};
    std::optional<cpu_linux::watchdog> guard;
    std::thread{[&] { guard.emplace(cpu_linux::watchdog::start().value()); }}.join(); // its child outlives it
    guard->note(0, cpu_linux::key_of(steered.get()), scheduling{});
    REQUIRE(cpu_linux::set_scheduling(steered.get(), real_time) == cpu_linux::outcome::done);
    CHECK_FALSE(time_until(steered.get(), scheduling{}, std::chrono::milliseconds{50}).has_value());
    CHECK(kill(guard->process(), 0) == 0);
}

TEST_CASE("watchdog: one that ends in peace restores nothing and leaves no process") {
    if (!test::real_time_is_allowed()) {
        HPCSCHED_SKIP(test::no_real_time);
    }
    test::child const steered{&test::idle_for_ever};
    cpu_linux::process_id guard_process = 0;
    {
        auto guard = cpu_linux::watchdog::start().value();
        guard_process = guard.process();
        guard.note(0, cpu_linux::key_of(steered.get()), scheduling{});
        REQUIRE(cpu_linux::set_scheduling(steered.get(), real_time) == cpu_linux::outcome::done);
    }
    CHECK(cpu_linux::get_scheduling(steered.get()).value() == real_time);
    CHECK(kill(guard_process, 0) == -1);
}

} // namespace
