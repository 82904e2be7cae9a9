// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/hands_off.hpp>
#include <hpcsched/cpu/serpt.hpp>
#include <hpcsched/cpu/sfs.hpp>
#include <hpcsched/cpu_linux/steering.hpp>

#include <doctest/doctest.h>

#include "child.hpp"
#include <signal.h>
#include <skip.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace hpcsched;
using namespace std::chrono_literals;
using cpu_linux::steering;

/// SFS with one worker and a first slice of 40 ms.
cpu::sfs forty_ms_filter() {
    cpu::sfs_config config;
    config.initial_slice = 40ms;
    return cpu::sfs{config};
}

template <class Steering, class Done>
void work_until(Steering& steering, Done&& done) {
    steering.work_until(cpu_linux::now() + 10s, [](task_id, cpu_linux::live_record const&) {}, done);
    REQUIRE(done());
}

TEST_CASE("steering: SFS gives a process a slice in real time and then demotes it, as section 4.2 says") {
    if (!test::real_time_is_allowed()) {
        HPCSCHED_SKIP(test::no_real_time);
    }
    auto sfs = steering<cpu::sfs>::start(forty_ms_filter(), {.cpu_count = 1}).value();
    test::child const subject{&test::burn_for_ever};
    task_id const task = sfs.admit(subject.get(), function_id{0}).value();
    CHECK(sfs.scheduling_of(task)->policy == cpu::sched_policy::fifo);
    CHECK(cpu_linux::get_scheduling(subject.get()).value().policy == cpu::sched_policy::fifo);
    work_until(sfs, [&] { return sfs.scheduling_of(task)->policy == cpu::sched_policy::normal; });
    CHECK(cpu_linux::get_scheduling(subject.get()).value() == cpu_linux::scheduling{});
    duration const used = cpu_linux::cpu_time_of(subject.get());
    CHECK(used >= 36ms); // its clock is up to a tick old
    CHECK(used < 60ms);  // and not two slices
}

TEST_CASE("steering: what was steered has what it had before, once the steering ends") {
    if (!test::real_time_is_allowed()) {
        HPCSCHED_SKIP(test::no_real_time);
    }
    test::child const plain{&test::idle_for_ever};
    test::child const nice{&test::burn_for_ever};
    cpu_linux::scheduling const before{.nice = 6};
    REQUIRE(cpu_linux::set_scheduling(nice.get(), before) == cpu_linux::outcome::done);
    {
        auto serpt = steering<cpu::serpt>::start(cpu::serpt{}, {.cpu_count = 2}).value();
        (void)serpt.admit(plain.get(), function_id{0}).value();
        (void)serpt.admit(nice.get(), function_id{1}).value();
        CHECK(cpu_linux::get_scheduling(nice.get()).value().policy == cpu::sched_policy::fifo);
    }
    CHECK(cpu_linux::get_scheduling(plain.get()).value() == cpu_linux::scheduling{});
    CHECK(cpu_linux::get_scheduling(nice.get()).value() == before);
}

TEST_CASE("steering: a steering process that is killed leaves nothing in real time") {
    if (!test::real_time_is_allowed()) {
        HPCSCHED_SKIP(test::no_real_time);
    }
    test::child const subject{&test::burn_for_ever};
    test::signpost ready;
    test::child host{[&] {
        auto serpt = steering<cpu::serpt>::start(cpu::serpt{}, {.cpu_count = 2}).value();
        (void)serpt.admit(subject.get(), function_id{0}).value();
        ready.raise();
        test::idle_for_ever();
    }};
    (void)ready.await();
    cpu_linux::urgent_thread const urgency{97}; // else this process may not get to look
    REQUIRE(cpu_linux::get_scheduling(subject.get()).value().policy == cpu::sched_policy::fifo);
    time_point const killed = cpu_linux::now();
    host.kill();
    while (cpu_linux::get_scheduling(subject.get()).value().policy != cpu::sched_policy::normal &&
           cpu_linux::now() - killed < 5s) {
    }
    CHECK(cpu_linux::now() - killed < 100ms);
}

TEST_CASE("steering: every exit is told once, with the task that it was") {
    cpu_linux::steering_config config;
    config.with_watchdog = false;
    config.kernel.from = cpu_linux::sensor::polling;
    auto hands_off = steering<cpu::hands_off, cpu_linux::nice_and_slice>::start(cpu::hands_off{}, config).value();
    test::signpost go;
    auto const burns = [&go](duration length) {
        return [&go, length] {
            (void)go.await();
            test::burn(length);
        };
    };
    test::child const first{burns(5ms)};
    test::child const second{burns(15ms)};
    task_id const one = hands_off.admit(first.get(), function_id{0}).value();
    task_id const other = hands_off.admit(second.get(), function_id{1}).value();
    go.raise();
    go.raise();
    int exits_of_one = 0;
    int exits_of_other = 0;
    hands_off.work_until(
        cpu_linux::now() + 10s,
        [&](task_id task, cpu_linux::live_record const& record) {
            exits_of_one += task == one && record.process == first.get() ? 1 : 0;
            exits_of_other += task == other && record.process == second.get() ? 1 : 0;
        },
        [&] { return hands_off.task_count() == 0; });
    CHECK(exits_of_one == 1);
    CHECK(exits_of_other == 1);
    CHECK(hands_off.counts().requests == 0);
}

/// Sends every task to real time, and counts what it is told.
struct urgent : cpu::hands_off {
    using cpu::hands_off::handle;
    void handle(cpu::task_arrived const& e, time_point, cpu::command_sink& out) noexcept {
        out.append(cpu::set_nice{e.task, 3});
        out.append(cpu::set_policy{e.task, cpu::sched_policy::rr, 30});
    }
};

TEST_CASE("steering: the commands of one event reach the kernel as one request, by the backend's means") {
    test::child const subject{&test::idle_for_ever};
    cpu_linux::steering_config const config{.with_watchdog = false};
    auto fair = steering<urgent, cpu_linux::nice_and_slice>::start(urgent{}, config);
    REQUIRE(fair.has_value());
    (void)fair->admit(subject.get(), function_id{0}).value();
    CHECK(fair->counts().commands == 2);
    CHECK(fair->counts().requests == 1);
    CHECK(cpu_linux::get_scheduling(subject.get()).value().policy == cpu::sched_policy::normal);
    if (cpu_linux::probe_kernel().raise_nice.works) {
        CHECK(cpu_linux::get_scheduling(subject.get()).value().nice == cpu::nice_min);
    }
}

TEST_CASE("steering: who is on its way out keeps real time, for others may wait for locks that it holds") {
    if (!test::real_time_is_allowed()) {
        HPCSCHED_SKIP(test::no_real_time);
    }
    test::signpost go;
    test::child const subject{[&go] { (void)go.await(); }};
    auto steered = steering<urgent>::start(urgent{}, {.with_watchdog = false}).value();
    task_id const task = steered.admit(subject.get(), function_id{0}).value();
    CHECK(steered.counts().requests == 1);
    go.raise();
    siginfo_t end{};
    REQUIRE(waitid(P_PID, static_cast<id_t>(subject.get()), &end, WEXITED | WNOWAIT) == 0);
    (void)steered.release(task);
    CHECK(steered.counts().requests == 1);
}

/// Has tasks of function 1 in real time, and the others as they are.
struct urgent_if_one : cpu::hands_off {
    using cpu::hands_off::handle;
    void handle(cpu::task_arrived const& e, time_point, cpu::command_sink& out) noexcept {
        if (e.function == function_id{1}) {
            out.append(cpu::set_policy{e.task, cpu::sched_policy::fifo, 30});
        }
    }
};

TEST_CASE("steering: who begins to exit without real time is given it, where others have it") {
    if (!test::real_time_is_allowed()) {
        HPCSCHED_SKIP(test::no_real_time);
    }
    auto steered = steering<urgent_if_one>::start(urgent_if_one{}, {.with_watchdog = false}).value();
    if (steered.sensor_in_use() != cpu_linux::sensor::bpf) {
        HPCSCHED_SKIP("BPF cannot be used here: exits are told of when they are over");
    }
    auto const requests_at_an_exit = [&steered] {
        test::signpost go;
        test::child const subject{[&go] { (void)go.await(); }};
        (void)steered.admit(subject.get(), function_id{0}).value();
        std::uint64_t const before = steered.counts().requests;
        bool is_over = false;
        go.raise();
        steered.work_until(
            cpu_linux::now() + 10s, [&](task_id, cpu_linux::live_record const&) { is_over = true; },
            [&] { return is_over; });
        return steered.counts().requests - before;
    };
    CHECK(requests_at_an_exit() == 0);
    test::child const other{&test::idle_for_ever};
    (void)steered.admit(other.get(), function_id{1}).value();
    CHECK(requests_at_an_exit() == 1);
}

/// Has who arrives on CPU 0, and lets who wakes go where it likes.
struct pinning : cpu::hands_off {
    using cpu::hands_off::handle;
    void handle(cpu::task_arrived const& e, time_point, cpu::command_sink& out) noexcept {
        out.append(cpu::set_affinity{e.task, cpu::cpu_mask::range(cpu_id{0}, 1)});
    }
    void handle(cpu::task_woke const& e, time_point, cpu::command_sink& out) noexcept {
        out.append(cpu::set_affinity{e.task, cpu::cpu_mask::all()});
    }
};
static_assert(cpu::scheduling_agent<pinning>);

TEST_CASE("steering: an agent chooses among the CPUs that a process had, and it has them back in the end") {
    cpu::cpu_mask const all = cpu_linux::get_affinity(cpu_linux::own_process()).value();
    cpu::cpu_mask const first = cpu::cpu_mask::range(cpu_id{0}, 1);
    cpu::cpu_mask const second = cpu::cpu_mask::range(cpu_id{1}, 1);
    if (!all.contains(cpu_id{0}) || !all.contains(cpu_id{1})) {
        HPCSCHED_SKIP("CPUs 0 and 1 are not this process's");
    }
    auto const cpus_of = [](test::child const& subject) { return cpu_linux::get_affinity(subject.get()).value(); };
    test::signpost go;
    test::child const wakes{[&] {
        (void)go.await();
        test::idle_for_ever();
    }};
    test::child const stays{&test::idle_for_ever};
    test::child const elsewhere{&test::idle_for_ever};
    REQUIRE(cpu_linux::set_affinity(elsewhere.get(), second) == cpu_linux::outcome::done);
    auto pins = steering<pinning>::start(pinning{}).value();
    for (auto const* const each : {&wakes, &stays, &elsewhere}) {
        (void)pins.admit(each->get(), function_id{0}).value();
    }
    CHECK(cpus_of(wakes) == first);
    CHECK(cpus_of(stays) == first);
    CHECK(cpus_of(elsewhere) == second); // it may not run where the agent wants it
    CHECK(pins.counts().not_possible == 1);
    go.raise();
    work_until(pins, [&] { return cpus_of(wakes) == all; });
    pins.stop();
    CHECK(cpus_of(stays) == all);
    CHECK(cpus_of(elsewhere) == second);
}

TEST_CASE("steering: a watchdog that was killed is replaced") {
    test::child const subject{&test::idle_for_ever};
    struct ticking : cpu::hands_off {
        using cpu::hands_off::handle;
        void handle(cpu::task_arrived const&, time_point now, cpu::command_sink& out) noexcept {
            out.append(cpu::arm_timer{timer_id{1}, now + 10ms});
        }
        void handle(cpu::timer_fired const&, time_point now, cpu::command_sink& out) noexcept {
            out.append(cpu::arm_timer{timer_id{1}, now + 10ms});
        }
    };
    auto guarded = steering<ticking>::start(ticking{}).value();
    cpu_linux::process_id const first = guarded.watchdog_process().value();
    (void)guarded.admit(subject.get(), function_id{0}).value();
    REQUIRE(kill(first, SIGKILL) == 0);
    work_until(guarded, [&] { return guarded.watchdog_process() != first; });
    CHECK(kill(guarded.watchdog_process().value(), 0) == 0);
}

/// Notes what a backend with a class of its own is asked for.
class noted_class {
  public:
    static constexpr std::string_view name = "noted_class";
    explicit noted_class(std::vector<std::string>& log) : log_{&log} {}
    [[nodiscard]] static result<void> check(cpu_linux::kernel_facts const&) { return {}; }
    [[nodiscard]] result<void> open() {
        log_->push_back("open");
        return {};
    }
    [[nodiscard]] cpu_linux::outcome admit(cpu_linux::process_id) noexcept { return note("admit"); }
    [[nodiscard]] cpu_linux::outcome apply(cpu_linux::process_id, cpu_linux::scheduling const& wanted) noexcept {
        return note(wanted.policy == cpu::sched_policy::fifo ? "fifo" : "normal");
    }
    [[nodiscard]] cpu_linux::outcome release(cpu_linux::process_id, cpu_linux::scheduling const& original) noexcept {
        return note("release to nice " + std::to_string(original.nice));
    }
    void forget(cpu_linux::process_id) noexcept { (void)note("forget"); }

  private:
    cpu_linux::outcome note(std::string what) noexcept {
        log_->push_back(std::move(what));
        return cpu_linux::outcome::done;
    }

    std::vector<std::string>* log_;
};
static_assert(cpu_linux::class_backend<noted_class>);

TEST_CASE("steering: a backend with a class of its own has a process from its admission to its release") {
    std::vector<std::string> log;
    test::child const first{&test::idle_for_ever};
    test::child const second{&test::burn_for_ever};
    test::child third{&test::idle_for_ever};
    REQUIRE(cpu_linux::set_scheduling(first.get(), {.nice = 4}) == cpu_linux::outcome::done);
    {
        auto serpt = steering<cpu::serpt, noted_class>::start(cpu::serpt{}, {.cpu_count = 1}, noted_class{log}).value();
        task_id const one = serpt.admit(first.get(), function_id{0}).value();
        CHECK(log == std::vector<std::string>{"open", "admit", "fifo"}); // it has the seat
        work_until(serpt, [&] { return log.back() == "normal"; });       // it sleeps, and loses the seat
        (void)serpt.release(one);
        CHECK(log.back() == "release to nice 4");
        (void)serpt.admit(third.get(), function_id{2}).value();
        third.kill();
        work_until(serpt, [&] { return log.back() == "forget"; });
        (void)serpt.admit(second.get(), function_id{1}).value();
    }
    CHECK(log.back() == "release to nice 0");
    CHECK(std::ranges::count(log, "admit") == 3);
}

TEST_CASE("steering: a backend that cannot work says why and what would help") {
    cpu_linux::kernel_facts facts;
    facts.real_time.why_not = "SCHED_FIFO is refused: run as root, or with CAP_SYS_NICE";
    auto const refused = cpu_linux::realtime_bands::check(facts);
    REQUIRE(refused.has_error());
    CHECK(refused.error().message == "realtime_bands: SCHED_FIFO is refused: run as root, or with CAP_SYS_NICE");
    CHECK(cpu_linux::cgroup_weights::check(facts).has_error());
    CHECK(cpu_linux::nice_and_slice::check(facts).has_value());
}

TEST_CASE("steering: who is released lives on with its own scheduling, and is not heard of any more") {
    if (!test::real_time_is_allowed()) {
        HPCSCHED_SKIP(test::no_real_time);
    }
    test::child const subject{&test::burn_for_ever};
    auto serpt = steering<cpu::serpt>::start(cpu::serpt{}, {.cpu_count = 2}).value();
    task_id const task = serpt.admit(subject.get(), function_id{0}).value();
    CHECK(cpu_linux::get_scheduling(subject.get()).value().policy == cpu::sched_policy::fifo);
    CHECK(serpt.release(task).has_value());
    CHECK(cpu_linux::get_scheduling(subject.get()).value() == cpu_linux::scheduling{});
    CHECK(serpt.task_count() == 0);
    CHECK_FALSE(serpt.release(task).has_value());
}

TEST_CASE("steering: a worker's next invocation begins with no CPU time of its last") {
    for (auto const from : {cpu_linux::sensor::polling, cpu_linux::sensor::automatic}) {
        auto left = steering<cpu::hands_off>::start(cpu::hands_off{}, {.kernel = {.from = from}}).value();
        test::signpost go;
        test::child const worker{[&] {
            test::burn(100ms);
            (void)go.await();
            test::burn(130ms);
        }};
        task_id const first = left.admit(worker.get(), function_id{0}).value();
        work_until(left, [&] { return cpu_linux::cpu_time_of(worker.get()) >= 100ms; });
        CHECK(left.release(first).value() >= 90ms);
        task_id const second = left.admit(worker.get(), function_id{0}, cpu_linux::counted_from::admission).value();
        go.raise();
        std::optional<cpu_linux::live_record> seen;
        left.work_until(
            cpu_linux::now() + 10s,
            [&](task_id id, cpu_linux::live_record const& record) {
                CHECK(id == second);
                seen = record;
            },
            [&] { return seen.has_value(); });
        REQUIRE(seen.has_value());
        CHECK(seen->cpu_time >= 25ms);
        CHECK(seen->cpu_time < 60ms);
    }
}

} // namespace
