// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/hands_off.hpp>
#include <hpcsched/cpu/serpt.hpp>
#include <hpcsched/cpu_linux/steering.hpp>

#include <doctest/doctest.h>

#include "child.hpp"
#include "small_file.hpp"
#include <sched.h>
#include <skip.hpp>

#include <algorithm>
#include <deque>
#include <fstream>
#include <initializer_list>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

// Where the kernel has no sched_ext these are skipped; tests/guest.sh runs them on one that has it.
namespace {

using namespace hpcsched;
using namespace std::chrono_literals;
using cpu_linux::outcome;
using cpu_linux::sched_ext;
using cpu_linux::scheduling;

constexpr int policy_of_sched_ext = 7;

#define SKIP_WITHOUT_SCHED_EXT()                                                                                       \
    if (auto const usable = sched_ext::check(cpu_linux::probe_kernel()); usable.has_error())                           \
    HPCSCHED_SKIP(usable.error().message.c_str())

sched_ext opened(cpu_linux::sched_ext_config const& config = {}) {
    sched_ext backend{config};
    auto const done = backend.open();
    REQUIRE_MESSAGE(done.has_value(), done.error().message);
    return backend;
}

bool is_disabled() {
    return cpu_linux::detail::read_small_file("/sys/kernel/sched_ext/state").starts_with("disabled");
}

/// All of them on the first CPU.
void admit_on_one_cpu(sched_ext& backend, std::initializer_list<test::child const*> children) {
    for (test::child const* const each : children) {
        REQUIRE(cpu_linux::set_affinity(each->get(), cpu::cpu_mask::range(cpu_id{0}, 1)) == outcome::done);
        REQUIRE(backend.admit(each->get()) == outcome::done);
    }
}

/// What a process writes down about itself, for its parent to read.
struct note {
    std::size_t who = 0;
    time_point at{};
};

class notebook {
  public:
    notebook() { REQUIRE(pipe(ends_) == 0); }
    notebook(notebook const&) = delete;
    notebook& operator=(notebook const&) = delete;
    ~notebook() {
        close(ends_[0]);
        close(ends_[1]);
    }
    void write(std::size_t who) {
        note const line{who, cpu_linux::now()};
        (void)!::write(ends_[1], &line, sizeof line);
    }
    [[nodiscard]] note read() {
        note line;
        REQUIRE(::read(ends_[0], &line, sizeof line) == sizeof line);
        return line;
    }

  private:
    int ends_[2]{};
};

/// Lets a job of 60 ms for each wish run, all on the first so many CPUs; who ended first, second ..
std::vector<std::size_t> order_of(std::vector<scheduling> const& wishes, std::size_t cpu_count) {
    sched_ext backend = opened();
    notebook ended;
    std::deque<test::signpost> go(wishes.size());
    std::deque<test::child> jobs;
    for (std::size_t i = 0; i < wishes.size(); ++i) {
        jobs.emplace_back([&, i] {
            (void)go[i].await();
            test::burn(60ms);
            ended.write(i);
        });
        auto const process = jobs.back().get();
        REQUIRE(cpu_linux::set_affinity(process, cpu::cpu_mask::range(cpu_id{0}, cpu_count)) == outcome::done);
        REQUIRE(backend.admit(process) == outcome::done);
        REQUIRE(backend.apply(process, wishes[i]) == outcome::done);
        CHECK(sched_getscheduler(process) == policy_of_sched_ext);
    }
    for (test::signpost& each : go) {
        each.raise();
    }
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < wishes.size(); ++i) {
        order.push_back(ended.read().who);
    }
    CHECK_FALSE(backend.counts().has_ended);
    return order;
}

TEST_CASE("sched_ext: where it cannot work it says why and what would help") {
    cpu_linux::kernel_facts facts;
    facts.sched_ext.why_not = "this kernel is built without it";
    auto const refused = sched_ext::check(facts);
    REQUIRE(refused.has_error());
    CHECK(refused.error().message == "sched_ext: this kernel is built without it");
}

TEST_CASE("sched_ext: one CPU serves real-time levels, those without a rank and the ranks, each in its order") {
    SKIP_WITHOUT_SCHED_EXT();
    auto const order = order_of({{.rank = 70'000},
                                 {.rank = 3},
                                 {.rank = 2},
                                 {.rank = 1},
                                 {},
                                 {.policy = cpu::sched_policy::rr, .rt_priority = 1},
                                 {.policy = cpu::sched_policy::fifo, .rt_priority = 50},
                                 {.policy = cpu::sched_policy::fifo, .rt_priority = 99}},
                                1);
    CHECK(order == std::vector<std::size_t>{7, 6, 5, 4, 3, 2, 1, 0});
}

TEST_CASE("sched_ext: two CPUs run the first two of the order") {
    SKIP_WITHOUT_SCHED_EXT();
    if (cpu_linux::probe_kernel().cpu_count < 2) {
        HPCSCHED_SKIP("one CPU only");
    }
    auto const order = order_of({{.rank = 6}, {.rank = 5}, {.rank = 4}, {.rank = 3}, {.rank = 2}, {.rank = 1}}, 2);
    std::vector<std::size_t> left{5, 4, 3, 2, 1, 0}; // those not done, in their order
    for (std::size_t const who : order) {
        auto const place = std::ranges::find(left, who) - left.begin();
        CHECK(place < 2); // it ran, whichever of the two CPUs was the faster
        left.erase(left.begin() + place);
    }
}

TEST_CASE("sched_ext: fifo keeps to the order of waking, the fair order gives everyone the same") {
    SKIP_WITHOUT_SCHED_EXT();
    scheduling const fifo{.policy = cpu::sched_policy::fifo, .rt_priority = 7};
    CHECK(order_of({fifo, fifo, fifo, fifo}, 1) == std::vector<std::size_t>{0, 1, 2, 3});
    sched_ext backend = opened();
    test::child const plain{&test::burn_for_ever};
    test::child const other{&test::burn_for_ever};
    test::child const nicer{&test::burn_for_ever};
    admit_on_one_cpu(backend, {&plain, &other, &nicer});
    REQUIRE(backend.apply(nicer.get(), {.nice = 5}) == outcome::done);
    auto const used = [](test::child const& c) { return to_seconds(cpu_linux::cpu_time_of(c.get())); };
    double const before[]{used(plain), used(other), used(nicer)};
    REQUIRE(test::has_run_for(plain.get(), 350ms));
    double const of_plain = used(plain) - before[0];
    CHECK((used(other) - before[1]) / of_plain == doctest::Approx(1).epsilon(0.15));
    CHECK((used(nicer) - before[2]) / of_plain == doctest::Approx(335.0 / 1024).epsilon(0.25)); // the weight of nice 5
}

TEST_CASE("sched_ext: what a task received in real time it does not owe once it is a normal one") {
    SKIP_WITHOUT_SCHED_EXT();
    sched_ext backend = opened();
    test::child const plain{&test::burn_for_ever};
    test::child const demoted{&test::burn_for_ever};
    admit_on_one_cpu(backend, {&plain, &demoted});
    auto const used = [](test::child const& c) { return to_seconds(cpu_linux::cpu_time_of(c.get())); };
    REQUIRE(backend.apply(demoted.get(), {.policy = cpu::sched_policy::fifo, .rt_priority = 7}) == outcome::done);
    REQUIRE(test::has_run_for(demoted.get(), 400ms));
    REQUIRE(backend.apply(demoted.get(), {}) == outcome::done);
    double const before[]{used(plain), used(demoted)};
    REQUIRE(test::has_run_for(demoted.get(), 150ms));
    CHECK((used(plain) - before[0]) / (used(demoted) - before[1]) == doctest::Approx(1).epsilon(0.25));
}

/// How long it takes until who wakes runs, sorted, and how often someone's CPU was taken for it.
struct wake_ups {
    std::vector<duration> latencies{};
    std::uint32_t preemptions = 0;
};

/// Each CPU has a task with `running`, and one that sleeps, with `waking`, is woken fifteen times.
wake_ups woken(scheduling const& running, scheduling const& waking) {
    std::uint32_t const cpu_count = cpu_linux::probe_kernel().cpu_count;
    sched_ext backend = opened();
    test::signpost wake;
    notebook awake;
    test::child const sleeper{[&] {
        for (;;) {
            (void)wake.await();
            awake.write(0);
        }
    }};
    std::deque<test::child> hogs;
    for (std::uint32_t i = 0; i < cpu_count; ++i) {
        hogs.emplace_back(&test::burn_for_ever);
        REQUIRE(backend.admit(hogs.back().get()) == outcome::done);
        REQUIRE(backend.apply(hogs.back().get(), running) == outcome::done);
    }
    REQUIRE(backend.admit(sleeper.get()) == outcome::done);
    REQUIRE(backend.apply(sleeper.get(), waking) == outcome::done);
    wake_ups seen;
    std::uint32_t const before = backend.counts().preemptions;
    for (int i = 0; i < 15; ++i) {
        REQUIRE(test::has_run_for(hogs.front().get(), 23ms));
        time_point const from = cpu_linux::now();
        wake.raise();
        seen.latencies.push_back(awake.read().at - from);
    }
    seen.preemptions = backend.counts().preemptions - before;
    CHECK_FALSE(backend.counts().has_ended);
    std::ranges::sort(seen.latencies);
    return seen;
}

TEST_CASE("sched_ext: who wakes with a lower rank than those that run takes a CPU at once, an equal one takes none") {
    SKIP_WITHOUT_SCHED_EXT();
    scheduling const running{.slice = 100ms, .rank = 2};
    wake_ups const lower = woken(running, {.rank = 1});
    wake_ups const equal = woken(running, {.rank = 2});
    std::cout << "wake-up to run, lower rank: median " << to_milliseconds(lower.latencies[7]) << " ms, slowest "
              << to_milliseconds(lower.latencies.back()) << " ms\n";
    CHECK(lower.latencies[7] < 4ms); // less than a tick: it did not wait for one
    CHECK(lower.preemptions > 7);
    CHECK(equal.preemptions == 0);
}

TEST_CASE("sched_ext: a rank that changes takes effect at once, for those that wait and for those that run") {
    SKIP_WITHOUT_SCHED_EXT();
    sched_ext backend = opened();
    test::child const one{&test::burn_for_ever};
    test::child const other{&test::burn_for_ever};
    admit_on_one_cpu(backend, {&one, &other});
    auto const share_of_one = [&](int rank_of_one, int rank_of_other) {
        REQUIRE(backend.apply(one.get(), {.slice = 100ms, .rank = rank_of_one}) == outcome::done);
        REQUIRE(backend.apply(other.get(), {.slice = 100ms, .rank = rank_of_other}) == outcome::done);
        auto const both = [&] { return cpu_linux::cpu_time_of(one.get()) + cpu_linux::cpu_time_of(other.get()); };
        auto const used_by_both = [&](duration length) {
            return test::eventually([&, until = both() + length] { return both() >= until; });
        };
        REQUIRE(used_by_both(10ms)); // the clocks that are read are up to a tick old
        duration const before = cpu_linux::cpu_time_of(one.get());
        duration const before_other = cpu_linux::cpu_time_of(other.get());
        REQUIRE(used_by_both(60ms));
        double const gained = to_seconds(cpu_linux::cpu_time_of(one.get()) - before);
        double const gained_other = to_seconds(cpu_linux::cpu_time_of(other.get()) - before_other);
        return gained / (gained + gained_other);
    };
    CHECK(share_of_one(1, 2) > 0.9);
    CHECK(share_of_one(3, 2) < 0.1); // it runs, and steps back
    CHECK(share_of_one(1, 2) > 0.9); // it waits, and comes forward
    CHECK(share_of_one(1, 0) < 0.1);
}

TEST_CASE("sched_ext: who waits behind all others for long gets a turn, and the kernel keeps the scheduler") {
    SKIP_WITHOUT_SCHED_EXT();
    sched_ext backend = opened({.longest_wait = 400ms});
    std::deque<test::child> hogs;
    std::uint32_t const cpu_count = cpu_linux::probe_kernel().cpu_count; // before there are hogs
    for (std::uint32_t i = 0; i < 2 * cpu_count; ++i) {
        hogs.emplace_back(&test::burn_for_ever);
        REQUIRE(backend.admit(hogs.back().get()) == outcome::done);
        REQUIRE(backend.apply(hogs.back().get(), {.rank = 1}) == outcome::done);
    }
    test::signpost go;
    test::child const forgotten{[&] {
        (void)go.await();
        test::burn_for_ever();
    }};
    REQUIRE(backend.admit(forgotten.get()) == outcome::done);
    REQUIRE(backend.apply(forgotten.get(), {.rank = 9}) == outcome::done);
    duration const before = cpu_linux::cpu_time_of(forgotten.get());
    go.raise();
    time_point const begin = cpu_linux::now();
    REQUIRE(test::has_run_for(hogs.front().get(), 100ms));
    duration const waited = cpu_linux::now() - begin; // far longer where the CPUs are emulated
    CHECK(cpu_linux::cpu_time_of(forgotten.get()) - before < 20ms + waited / 10); // a tick in 100 ms, as of a tick ago
    std::uint32_t const turns_before = backend.counts().turns;
    CHECK(test::eventually([&] { return backend.counts().turns > turns_before; }));
    CHECK(test::has_run_for(forgotten.get(), 1ms));
    CHECK_FALSE(backend.counts().has_ended);
}

TEST_CASE("sched_ext: thrown out by the kernel it says so, and its tasks go on as ordinary ones") {
    SKIP_WITHOUT_SCHED_EXT();
    sched_ext backend = opened();
    test::child const subject{&test::burn_for_ever};
    REQUIRE(backend.admit(subject.get()) == outcome::done);
    std::ofstream{"/proc/sysrq-trigger"} << 'S' << std::flush;
    REQUIRE(test::eventually(&is_disabled));
    CHECK(backend.counts().has_ended);
    CHECK(backend.apply(subject.get(), {.rank = 1}) == outcome::not_possible);
    CHECK(test::has_run_for(subject.get(), 20ms));
    CHECK(backend.release(subject.get(), {}) == outcome::done);
    CHECK(sched_getscheduler(subject.get()) == SCHED_OTHER);
}

TEST_CASE("sched_ext: who is steered has its own policy again when the steering ends, and no scheduler is left") {
    SKIP_WITHOUT_SCHED_EXT();
    test::child const plain{&test::idle_for_ever};
    test::child const nice{&test::burn_for_ever};
    scheduling const before{.nice = 6};
    REQUIRE(cpu_linux::set_scheduling(nice.get(), before) == outcome::done);
    {
        auto serpt = cpu_linux::steering<cpu::serpt, sched_ext>::start(cpu::serpt{}).value();
        (void)serpt.admit(plain.get(), function_id{0}).value();
        task_id const task = serpt.admit(nice.get(), function_id{1}).value();
        CHECK(serpt.scheduling_of(task)->policy == cpu::sched_policy::fifo); // its seat
        CHECK(sched_getscheduler(plain.get()) == policy_of_sched_ext);
        CHECK(sched_getscheduler(nice.get()) == policy_of_sched_ext);
        CHECK_FALSE(is_disabled());
        (void)serpt.release(task);
        CHECK(sched_getscheduler(nice.get()) == SCHED_OTHER);
    }
    CHECK(sched_getscheduler(plain.get()) == SCHED_OTHER);
    CHECK(cpu_linux::get_scheduling(nice.get()).value() == before);
    CHECK(is_disabled());
}

TEST_CASE("sched_ext: a steering process that is killed leaves a kernel without it, and tasks that end") {
    SKIP_WITHOUT_SCHED_EXT();
    test::signpost ready;
    notebook ended;
    std::deque<test::signpost> go(4);
    std::deque<test::child> jobs;
    for (std::size_t i = 0; i < go.size(); ++i) {
        jobs.emplace_back([&, i] {
            (void)go[i].await();
            test::burn(100ms);
            ended.write(i);
        });
    }
    test::child host{[&] {
        auto steering = cpu_linux::steering<cpu::hands_off, sched_ext>::start(cpu::hands_off{}).value();
        for (test::child const& each : jobs) {
            (void)steering.admit(each.get(), function_id{0}).value();
        }
        ready.raise();
        test::idle_for_ever();
    }};
    (void)ready.await();
    for (test::signpost& each : go) {
        each.raise();
    }
    REQUIRE_FALSE(is_disabled());
    REQUIRE(sched_getscheduler(jobs[0].get()) == policy_of_sched_ext);
    time_point const killed = cpu_linux::now();
    host.kill();
    while (!is_disabled() && cpu_linux::now() - killed < 10s) {
    }
    CHECK(is_disabled());
    std::cout << "kill -9 of the steering process to \"disabled\": " << to_milliseconds(cpu_linux::now() - killed)
              << " ms\n";
    while (sched_getscheduler(jobs[0].get()) != SCHED_OTHER && cpu_linux::now() - killed < 10s) {
    }
    CHECK(sched_getscheduler(jobs[0].get()) == SCHED_OTHER);
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        (void)ended.read();
    }
}

} // namespace
