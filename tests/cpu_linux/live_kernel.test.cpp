// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu_linux/kernel_facts.hpp>
#include <hpcsched/cpu_linux/live_kernel.hpp>

#include <doctest/doctest.h>

#include "child.hpp"
#include "process_stat.hpp"
#include <poll.h>
#include <skip.hpp>
#include <sys/syscall.h>

#include <filesystem>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace hpcsched;
using namespace std::chrono_literals;
using cpu_linux::live_kernel;
using cpu_linux::sensor;

/// Events as they come, until `done(event)` holds of one; fails after ten seconds.
template <class Done>
std::vector<cpu_linux::timed_event> events_until(live_kernel& kernel, Done&& done) {
    std::vector<cpu_linux::timed_event> seen;
    for (time_point const end = cpu_linux::now() + 10s; cpu_linux::now() < end; kernel.wait(end - cpu_linux::now())) {
        while (auto event = kernel.next()) {
            seen.push_back(std::move(*event));
            if (done(seen.back().what)) {
                return seen;
            }
        }
    }
    FAIL("what was waited for did not happen");
    return seen;
}

template <class Event>
bool is(cpu_linux::live_event const& event) {
    return std::holds_alternative<Event>(event);
}

template <class Event>
Event const& last(std::vector<cpu_linux::timed_event> const& events) {
    return std::get<Event>(events.back().what);
}

/// The sensors that work here.
std::vector<sensor> sensors() {
    static bool const has_bpf = cpu_linux::probe_kernel().bpf_sensor.works;
    return has_bpf ? std::vector{sensor::polling, sensor::bpf} : std::vector{sensor::polling};
}

live_kernel opened(sensor from) {
    return live_kernel::open({.from = from, .poll_period = 1ms}).value();
}

TEST_CASE("live kernel: an exit is told with the CPU time that the process had") {
    for (sensor const from : sensors()) {
        live_kernel kernel = opened(from);
        CHECK(kernel.in_use() == from);
        test::child const subject{[] { test::burn(50ms); }};
        task_id const task = kernel.admit(subject.get()).value();
        CHECK(kernel.process_of(task) == cpu_linux::key_of(subject.get()));
        auto const events = events_until(kernel, &is<cpu_linux::live_exit>);
        auto const& exit = last<cpu_linux::live_exit>(events);
        CHECK(exit.event.task == task);
        CHECK(exit.record.process == subject.get());
        CHECK(exit.record.cpu_time == exit.event.cpu_time);
        CHECK(exit.record.cpu_time >= 50ms);
        CHECK(exit.record.cpu_time < 60ms);
        CHECK(exit.record.exit - exit.record.admitted >= 45ms); // it may have run for a while before it was admitted
        CHECK(kernel.task_count() == 0);
        CHECK_FALSE(kernel.cpu_time(task).has_value());
    }
}

TEST_CASE(
    "live kernel: with BPF, an exit that lies at hand while it is looked for untold ones is told as it was seen") {
    if (!cpu_linux::probe_kernel().bpf_sensor.works) {
        HPCSCHED_SKIP("the kernel does not let this user watch by BPF");
    }
    live_kernel kernel = opened(sensor::bpf);
    test::child const subject{[] { test::burn(1'100ms); }}; // they are looked for each second
    (void)kernel.admit(subject.get()).value();
    siginfo_t end{};
    REQUIRE(waitid(P_PID, static_cast<id_t>(subject.get()), &end, WEXITED | WNOWAIT) == 0);
    time_point const over = cpu_linux::now();
    auto const events = events_until(kernel, &is<cpu_linux::live_exit>);
    CHECK(last<cpu_linux::live_exit>(events).record.first_run != never);
    CHECK(last<cpu_linux::live_exit>(events).record.exit < over + 10ms);
}

TEST_CASE("live kernel: sleeping and waking are told, in order and with times that never decrease") {
    for (sensor const from : sensors()) {
        live_kernel kernel = opened(from);
        test::signpost go;
        test::child const subject{[&] {
            test::burn(20ms);
            (void)go.await();
            test::burn(30ms);
        }};
        task_id const task = kernel.admit(subject.get()).value();
        auto events = events_until(kernel, &is<cpu::task_blocked>);
        CHECK(last<cpu::task_blocked>(events).task == task);
        CHECK(last<cpu::task_blocked>(events).cpu_time >= 20ms);
        CHECK(last<cpu::task_blocked>(events).cpu_time < 30ms);
        go.raise();
        for (auto& later : events_until(kernel, &is<cpu_linux::live_exit>)) {
            events.push_back(std::move(later));
        }
        CHECK(last<cpu_linux::live_exit>(events).record.cpu_time >= 30ms);
        bool woke = false;
        for (std::size_t i = 0; i < events.size(); ++i) {
            woke = woke || is<cpu::task_woke>(events[i].what);
            CHECK((i == 0 || events[i].at >= events[i - 1].at));
        }
        CHECK(woke);
    }
}

TEST_CASE("live kernel: with BPF, each time on a CPU is told where it is asked for, and they are the CPU time") {
    if (!cpu_linux::probe_kernel().bpf_sensor.works) {
        HPCSCHED_SKIP("the kernel does not let this user watch by BPF");
    }
    live_kernel kernel = live_kernel::open({.from = sensor::bpf, .tells_runs = true}).value();
    test::signpost go;
    test::child const subject{[&] {
        (void)go.await();
        test::burn(10ms);
    }};
    while (cpu_linux::detail::read_process_stat(subject.get())->state == 'R') {
    }
    task_id const task = kernel.admit(subject.get()).value();
    go.raise();
    duration ran{};
    std::vector<cpu_linux::run_end> ends;
    time_point before{};
    auto const events = events_until(kernel, &is<cpu_linux::live_exit>);
    for (auto const& event : events) {
        if (auto const* const run = std::get_if<cpu_linux::live_run>(&event.what)) {
            CHECK(run->task == task);
            CHECK(run->cpu.value < cpu_linux::probe_kernel().cpu_count);
            CHECK(run->began >= before);
            CHECK(event.at >= run->began);
            before = event.at;
            ran += event.at - run->began;
            ends.push_back(run->end);
        }
    }
    auto const& record = last<cpu_linux::live_exit>(events).record;
    REQUIRE(!ends.empty());
    CHECK(ends.back() == cpu_linux::run_end::exited);
    CHECK(ends.size() == record.context_switches + 1U);
    CHECK(ran >= 10ms);
    live_kernel untold = opened(sensor::bpf);
    test::child const other{[] { test::burn(1ms); }};
    (void)untold.admit(other.get()).value();
    for (auto const& event : events_until(untold, &is<cpu_linux::live_exit>)) {
        CHECK_FALSE(is<cpu_linux::live_run>(event.what));
    }
}

TEST_CASE("live kernel: who sleeps when it is admitted is told so, and then wakes once") {
    for (sensor const from : sensors()) {
        live_kernel kernel = opened(from);
        test::signpost go;
        test::child const subject{[&] {
            (void)go.await();
            test::burn(20ms);
        }};
        while (cpu_linux::detail::read_process_stat(subject.get())->state == 'R') {
        }
        (void)kernel.admit(subject.get()).value();
        auto const first = events_until(kernel, [](auto const&) { return true; });
        CHECK(is<cpu::task_blocked>(first.back().what));
        go.raise();
        int balance = -1; // of wake-ups over sleeps
        for (auto const& event : events_until(kernel, &is<cpu_linux::live_exit>)) {
            balance += is<cpu::task_woke>(event.what) ? 1 : is<cpu::task_blocked>(event.what) ? -1 : 0;
            CHECK((balance == 0 || balance == -1));
        }
        CHECK(balance == 0);
    }
}

TEST_CASE("live kernel: with BPF, a process of several threads sleeps when the last of them does") {
    if (sensors().size() < 2) {
        HPCSCHED_SKIP("BPF is not allowed here (run as root)");
    }
    live_kernel kernel = opened(sensor::bpf);
    test::signpost begin;
    test::child const subject{[&] {
        (void)begin.await();
        std::thread first{[] { test::burn(40ms); }};
        std::thread second{[] { test::burn(40ms); }};
        first.join(); // here the main thread sleeps while others run
        second.join();
        test::idle_for_ever();
    }};
    task_id const task = kernel.admit(subject.get()).value();
    begin.raise();
    auto const events = events_until(kernel, [](auto const& event) {
        auto const* const blocked = std::get_if<cpu::task_blocked>(&event);
        return blocked != nullptr && blocked->cpu_time > 39ms;
    });
    CHECK(last<cpu::task_blocked>(events).task == task);
}

TEST_CASE("live kernel: a process that lives is not exiting, one that nobody has waited for yet is") {
    for (sensor const from : sensors()) {
        live_kernel kernel = opened(from);
        test::signpost go;
        test::child const subject{[&go] { (void)go.await(); }};
        task_id const task = kernel.admit(subject.get()).value();
        CHECK_FALSE(kernel.is_exiting(task));
        go.raise();
        siginfo_t end{};
        REQUIRE(waitid(P_PID, static_cast<id_t>(subject.get()), &end, WEXITED | WNOWAIT) == 0);
        CHECK(kernel.is_exiting(task));
        (void)events_until(kernel, &is<cpu_linux::live_exit>);
        CHECK(kernel.is_exiting(task)); // it is gone
    }
}

TEST_CASE("live kernel: with BPF it is known without asking whether a process has one thread") {
    for (sensor const from : sensors()) {
        live_kernel kernel = opened(from);
        test::signpost go;
        test::signpost begun;
        test::child const subject{[&] {
            (void)go.await();
            std::thread const second{[&begun] {
                begun.raise();
                test::idle_for_ever();
            }};
            test::idle_for_ever();
        }};
        task_id const task = kernel.admit(subject.get()).value();
        CHECK(kernel.steered(task)->id == subject.get());
        CHECK(kernel.steered(task)->has_one_thread == (from == sensor::bpf));
        go.raise();
        (void)begun.await();
        CHECK_FALSE(kernel.steered(task)->has_one_thread);
        kernel.dismiss(task);
        CHECK_FALSE(kernel.steered(task).has_value());
    }
}

TEST_CASE("live kernel: a host that waits for the descriptor with poll(2) hears of everything, CPU timers included") {
    for (sensor const from : sensors()) {
        live_kernel kernel = opened(from);
        test::signpost go;
        test::child const subject{[&go] {
            (void)go.await();
            test::burn(80ms);
        }};
        task_id const task = kernel.admit(subject.get()).value();
        kernel.arm(cpu::arm_cpu_timer{task, kernel.cpu_time(task).value() + 20ms});
        go.raise();
        kernel.arm(cpu::arm_timer{timer_id{1}, cpu_linux::now() + 5ms});
        bool ticked = false;
        duration had{};
        for (bool exited = false; !exited;) {
            pollfd ready{.fd = kernel.descriptor(), .events = POLLIN, .revents = 0};
            REQUIRE(poll(&ready, 1, 10'000) == 1);
            while (auto const event = kernel.next()) {
                ticked = ticked || is<cpu::timer_fired>(event->what);
                exited = exited || is<cpu_linux::live_exit>(event->what);
                if (auto const* const fired = std::get_if<cpu::cpu_timer_fired>(&event->what)) {
                    had = fired->cpu_time;
                }
            }
        }
        CHECK(ticked);
        CHECK(had >= 20ms);
        CHECK(had < 60ms);
    }
}

TEST_CASE("live kernel: a CPU timer fires once, when the task has had the time and not before") {
    for (sensor const from : sensors()) {
        live_kernel kernel = opened(from);
        test::child const subject{&test::burn_for_ever};
        task_id const task = kernel.admit(subject.get()).value();
        for (duration const length : {25ms, 60ms}) {
            duration const target = kernel.cpu_time(task).value() + length;
            kernel.arm(cpu::arm_cpu_timer{task, target});
            auto const events = events_until(kernel, &is<cpu::cpu_timer_fired>);
            CHECK(last<cpu::cpu_timer_fired>(events).task == task);
            CHECK(last<cpu::cpu_timer_fired>(events).cpu_time >= target);
            CHECK(cpu_linux::cpu_time_of(subject.get()) >= target - 5ms); // up to a tick old
        }
        kernel.arm(cpu::arm_cpu_timer{task, duration{1}}); // it has had that long ago
        CHECK(last<cpu::cpu_timer_fired>(events_until(kernel, &is<cpu::cpu_timer_fired>)).cpu_time > duration{1});
        kernel.arm(cpu::arm_cpu_timer{task, kernel.cpu_time(task).value() + 5ms});
        kernel.cancel(cpu::cancel_cpu_timer{task});
        kernel.arm(cpu::arm_timer{timer_id{1}, cpu_linux::now() + 60ms});
        auto const events = events_until(kernel, &is<cpu::timer_fired>);
        for (auto const& event : events) {
            CHECK_FALSE(is<cpu::cpu_timer_fired>(event.what));
        }
    }
}

TEST_CASE("live kernel: perf's hooks are in the kernel from the start, so that no CPU timer waits for them later") {
    if (!cpu_linux::probe_kernel().cpu_clock_overflow.works) {
        HPCSCHED_SKIP("perf_event_open is refused");
    }
    auto const counters = [] {
        std::size_t count = 0;
        for (auto const& each : std::filesystem::directory_iterator{"/proc/self/fd"}) {
            std::error_code failed;
            count += std::filesystem::read_symlink(each.path(), failed) == "anon_inode:[perf_event]" ? 1U : 0U;
        }
        return count;
    };
    for (sensor const from : sensors()) {
        CHECK(counters() == 0);
        live_kernel const kernel = opened(from);
        CHECK(counters() == 1);
    }
    CHECK(counters() == 0);
}

TEST_CASE("live kernel: a process whose first thread has exited, with a CPU timer, keeps nobody awake") {
    for (sensor const from : sensors()) {
        live_kernel kernel = opened(from);
        test::signpost go;
        test::child const subject{[&] {
            (void)go.await();
            std::thread{&test::idle_for_ever}.detach();
            (void)syscall(SYS_exit, 0); // this thread alone
        }};
        task_id const task = kernel.admit(subject.get()).value();
        kernel.arm(cpu::arm_cpu_timer{task, 1h}); // while it has one thread: told by an overflow
        go.raise();
        int wake_count = 0;
        for (time_point const end = cpu_linux::now() + 300ms; cpu_linux::now() < end; ++wake_count) {
            kernel.wait(end - cpu_linux::now());
            while (kernel.next()) {
            }
        }
        CHECK(wake_count < 1'000); // one a millisecond, to poll; a descriptor that stays readable wakes 100,000 times
    }
}

TEST_CASE("live kernel: timers fire in order, and its descriptor tells another event loop") {
    live_kernel kernel = opened(sensor::polling);
    time_point const from = cpu_linux::now();
    kernel.arm(cpu::arm_timer{timer_id{2}, from + 30ms});
    kernel.arm(cpu::arm_timer{timer_id{1}, from + 10ms});
    kernel.arm(cpu::arm_timer{timer_id{3}, from + 20ms});
    kernel.cancel(cpu::cancel_timer{timer_id{3}});
    std::vector<std::uint32_t> fired;
    while (fired.size() < 2) {
        pollfd ready{.fd = kernel.descriptor(), .events = POLLIN, .revents = 0};
        REQUIRE(poll(&ready, 1, 5'000) == 1);
        while (auto const event = kernel.next()) {
            fired.push_back(std::get<cpu::timer_fired>(event->what).timer.value);
            CHECK(cpu_linux::now() - from >= (fired.back() == 1 ? 10ms : 30ms));
        }
    }
    CHECK(fired == std::vector<std::uint32_t>{1, 2});
}

TEST_CASE("live kernel: a process that is gone is not admitted, one that is dismissed is not told of") {
    for (sensor const from : sensors()) {
        live_kernel kernel = opened(from);
        test::child dead{[] {}};
        cpu_linux::process_id const process = dead.get();
        dead.wait();
        auto const refused = kernel.admit(process);
        REQUIRE(refused.has_error());
        CHECK(refused.error().message.find(std::to_string(process)) != std::string::npos);
        test::child subject{&test::idle_for_ever};
        task_id const task = kernel.admit(subject.get()).value();
        kernel.dismiss(task);
        CHECK(kernel.task_count() == 0);
        subject.kill();
        subject.wait();
        kernel.arm(cpu::arm_timer{timer_id{1}, cpu_linux::now() + 20ms});
        CHECK(events_until(kernel, &is<cpu::timer_fired>).size() == 1);
    }
}

TEST_CASE("live kernel: a worker at rest is not heard of, and its next task has no CPU time of what it did before") {
    for (sensor const from : sensors()) {
        live_kernel kernel = opened(from);
        test::signpost unheard;
        test::signpost go;
        test::child worker{[&] {
            test::burn(60ms);
            (void)unheard.await();
            test::burn(100ms);
            (void)go.await();
            test::burn(130ms);
        }};
        task_id const first = kernel.admit(worker.get()).value();
        (void)events_until(kernel, [&](auto const& event) {
            return is<cpu::task_blocked>(event) && cpu_linux::cpu_time_of(worker.get()) >= 60ms;
        });
        kernel.rest(first);
        CHECK(kernel.task_count() == 1);
        unheard.raise();
        CHECK(test::eventually([&] { return cpu_linux::cpu_time_of(worker.get()) >= 100ms; }));
        kernel.arm(cpu::arm_timer{timer_id{1}, cpu_linux::now() + 20ms});
        CHECK(events_until(kernel, &is<cpu::timer_fired>).size() == 1);

        task_id const second = kernel.renew(first).value();
        CHECK(second != first);
        CHECK(kernel.cpu_time(second).value() < 5ms);
        CHECK_FALSE(kernel.cpu_time(first).has_value());
        CHECK(kernel.process_of(second).value().id == worker.get());
        go.raise();
        auto const events = events_until(kernel, &is<cpu_linux::live_exit>);
        CHECK(std::get<cpu::task_blocked>(events.front().what).task == second); // it slept when it was renewed
        CHECK(std::get<cpu::task_woke>(events.at(1).what).task == second);
        auto const& end = last<cpu_linux::live_exit>(events);
        CHECK(end.event.task == second);
        CHECK(end.event.cpu_time >= 25ms);
        CHECK(end.event.cpu_time < 60ms);
        CHECK(kernel.renew(second).has_error());
    }
}

TEST_CASE("live kernel: the exit of a worker at rest is told, and nothing runs in it afterwards") {
    for (sensor const from : sensors()) {
        live_kernel kernel = opened(from);
        test::child worker{&test::idle_for_ever};
        task_id const task = kernel.admit(worker.get()).value();
        kernel.rest(task);
        worker.kill();
        worker.wait();
        CHECK(kernel.renew(task).has_error()); // before it is told
        auto const events = events_until(kernel, &is<cpu_linux::live_exit>);
        CHECK(last<cpu_linux::live_exit>(events).event.task == task);
        CHECK(kernel.task_count() == 0);
    }
}

TEST_CASE("live kernel: all tasks' CPU time holds that of those that are over, at rest or dismissed") {
    for (sensor const from : sensors()) {
        live_kernel kernel = opened(from);
        test::child const one{&test::burn_for_ever};
        test::child const other{&test::burn_for_ever};
        task_id const rests = kernel.admit(one.get()).value();
        task_id const leaves = kernel.admit(other.get()).value();
        CHECK(test::has_run_for(one.get(), 30ms));
        CHECK(test::has_run_for(other.get(), 30ms));
        kernel.rest(rests);
        kernel.dismiss(leaves);
        (void)kernel.renew(rests).value();
        kernel.arm(cpu::arm_timer{timer_id{1}, cpu_linux::now()});
        auto const events = events_until(kernel, &is<cpu::timer_fired>);
        CHECK(last<cpu::timer_fired>(events).cpu_time_of_all >= 60ms);
    }
}

TEST_CASE("live kernel: ids are used again, with another generation") {
    live_kernel kernel = opened(sensors().back());
    test::child first{&test::idle_for_ever};
    task_id const one = kernel.admit(first.get()).value();
    first.kill();
    (void)events_until(kernel, &is<cpu_linux::live_exit>);
    test::child const second{&test::idle_for_ever};
    task_id const other = kernel.admit(second.get()).value();
    CHECK(other.index == one.index);
    CHECK(other.generation != one.generation);
    CHECK_FALSE(kernel.process_of(one).has_value());
}

} // namespace
