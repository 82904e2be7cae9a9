// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/hands_off.hpp>
#include <hpcsched/cpu/serpt.hpp>
#include <hpcsched/cpu_linux/attachment.hpp>

#include <doctest/doctest.h>

#include "child.hpp"
#include <poll.h>
#include <signal.h>
#include <skip.hpp>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

namespace {

using namespace hpcsched;
using namespace std::chrono_literals;
using cpu_linux::attachment;
using cpu_linux::function_figures;

/// Works as a host does, by the descriptors, until `done()` holds.
template <class Attachment, class Done>
void work_until(Attachment& attached, Done&& done) {
    for (time_point const end = cpu_linux::now() + 10s; cpu_linux::now() < end && !done();) {
        std::array<pollfd, 2> ready{pollfd{attached.steering_descriptor(), POLLIN, 0},
                                    pollfd{attached.watch_descriptor(), POLLIN, 0}};
        (void)poll(ready.data(), ready.size(), 100);
        attached.work();
    }
    REQUIRE(done());
}

template <class Attachment>
std::optional<function_figures> figures_of(Attachment const& attached, std::string const& name) {
    auto const found = std::ranges::find(attached.functions(), name, &function_figures::name);
    return found == attached.functions().end() ? std::nullopt : std::optional{*found};
}

/// Runs a shell that names its function on its command line, and ends once its signpost is raised.
void run_named(char const* script, char const* name) {
    execl("/bin/sh", "sh", "-c", script, "hpcsched-attachment-test", name, nullptr);
}

attachment<cpu::hands_off> attached_to_test_processes() {
    return attachment<cpu::hands_off>::start(
               cpu::hands_off{}, {.find = cpu_linux::process_rule_config{.match = "hpcsched-attachment-test (\\w+)"}})
        .value();
}

TEST_CASE("attachment: a process is found as it starts, named by the rule, and counted when it ends") {
    auto attached = attached_to_test_processes();
    {
        test::child const resize{[] { run_named("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done", "resize"); }};
        test::child const encode{[] { run_named("exit 0", "encode"); }};
        work_until(attached, [&] {
            auto const one = figures_of(attached, "resize");
            return one && one->finished == 1;
        });
    }
    auto const one = figures_of(attached, "resize");
    CHECK(one->running == 0);
    CHECK(one->cpu_time > 0ms);
    CHECK(one->turnaround >= one->cpu_time / 2); // it was found a little after it began
    CHECK(attached.invocations().empty());
}

TEST_CASE("attachment: a process that was there before is found too, and is let go when it becomes somebody else") {
    // It waits to be told, however long it takes until somebody watches.
    test::child const subject{[] { run_named("kill -STOP $$; exec sleep 1000", "before"); }};
    auto attached = attached_to_test_processes();
    work_until(attached,
               [&] { return figures_of(attached, "before") && figures_of(attached, "before")->running == 1; });
    CHECK(attached.invocations().front().process == subject.get());
    work_until(attached, [&] {
        (void)kill(subject.get(), SIGCONT);
        return attached.invocations().empty(); // it is a sleep now
    });
    CHECK(figures_of(attached, "before")->finished == 1);
}

TEST_CASE("attachment: a platform reports the invocations of a worker, one after the other") {
    test::signpost go;
    test::child const worker{[&] {
        (void)go.await();
        test::burn_for_ever();
    }};
    auto attached = attachment<cpu::hands_off>::start(cpu::hands_off{}).value();
    CHECK(attached.watch_descriptor() == -1);
    REQUIRE(attached.begin(worker.get(), "first").has_value());
    go.raise();
    work_until(attached, [&] { return attached.invocations().front().cpu_time >= 30ms; });
    REQUIRE(attached.begin(worker.get(), "second").has_value()); // which ends the first
    CHECK(figures_of(attached, "first")->finished == 1);
    CHECK(figures_of(attached, "first")->cpu_time >= 30ms);
    CHECK(attached.invocations().front().cpu_time < 30ms);
    CHECK(attached.end(worker.get()));
    CHECK_FALSE(attached.end(worker.get()));
    CHECK(figures_of(attached, "second")->finished == 1);
}

TEST_CASE("attachment: a worker that dies between two invocations is forgotten, and one of its name is another") {
    auto attached = attachment<cpu::hands_off>::start(cpu::hands_off{}).value();
    test::child worker{&test::idle_for_ever};
    cpu_linux::process_id const process = worker.get();
    REQUIRE(attached.begin(process, "f").has_value());
    CHECK(attached.end(process));
    CHECK(attached.steered().task_count() == 1); // at rest
    worker.kill();
    worker.wait();
    CHECK(attached.begin(process, "f").has_error());
    work_until(attached, [&] { return attached.steered().task_count() == 0; });
    CHECK(figures_of(attached, "f")->finished == 1);
    CHECK(figures_of(attached, "f")->running == 0);
}

TEST_CASE("attachment: a worker has its own scheduling between its invocations, and the agent's in each") {
    if (!test::real_time_is_allowed()) {
        HPCSCHED_SKIP(test::no_real_time);
    }
    test::child const worker{&test::burn_for_ever};
    auto attached = attachment<cpu::serpt>::start(cpu::serpt{}).value();
    auto const policy = [&] { return cpu_linux::get_scheduling(worker.get()).value().policy; };
    for (int i = 0; i < 3; ++i) {
        REQUIRE(attached.begin(worker.get(), "f").has_value());
        CHECK(policy() == cpu::sched_policy::fifo);
        CHECK(attached.end(worker.get()));
        CHECK(policy() == cpu::sched_policy::normal);
    }
    CHECK(attached.steered().task_count() == 1);
}

TEST_CASE("attachment: many that start, sleep and are moved from name to name at once leave the agent in order") {
    if (!test::real_time_is_allowed()) {
        HPCSCHED_SKIP(test::no_real_time);
    }
    auto attached =
        attachment<cpu::serpt>::start(
            cpu::serpt{}, {.find = cpu_linux::process_rule_config{.match = "hpcsched-attachment-test (\\w+)"},
                           .watch = {.settling = 0ns}})
            .value();
    // Each forks a double of itself, which runs under its name until it executes; half of them end in their sleep.
    char const* const script = "for n in 1 2 3; do sh -c 'i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done' "
                               "hpcsched-attachment-test inner$n; sleep 0.01; done";
    {
        std::array<std::optional<test::child>, 12> many;
        for (auto& each : many) {
            each.emplace([&] { run_named(script, "outer"); });
        }
        work_until(attached, [&] {
            auto const last = figures_of(attached, "inner3");
            return last && last->finished >= 6;
        });
    }
    work_until(attached, [&] { return attached.invocations().empty(); });
}

TEST_CASE("attachment: itself, its watchdog and process 1 are left alone, and so are those it is told to") {
    test::child const subject{[] { run_named("while :; do :; done", "left"); }};
    auto attached =
        attachment<cpu::hands_off>::start(
            cpu::hands_off{}, {.find = cpu_linux::process_rule_config{.match = "."}, .leave_alone = {subject.get()}})
            .value();
    attached.work();
    for (auto const& each : attached.invocations()) {
        CHECK(each.process != 1);
        CHECK(each.process != getpid());
        CHECK(each.process != attached.steered().watchdog_process());
        CHECK(each.process != subject.get());
    }
}

} // namespace
