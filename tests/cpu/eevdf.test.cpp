// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/cpu/eevdf.hpp>

#include <boost/random/uniform_int_distribution.hpp>
#include <doctest/doctest.h>

#include "one_cpu.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

namespace hpcsched::cpu {

using namespace std::chrono_literals;
using order = std::vector<std::size_t>;

namespace {

/// The longest that task `i` did not run, between its first run and its last.
duration longest_gap(one_cpu<eevdf> const& cpu, std::size_t i) {
    duration gap{};
    duration last = unlimited;
    for (auto const& r : cpu.runs()) {
        if (r.task == i) {
            gap = last == unlimited ? gap : std::max(gap, r.from - last);
            last = r.to;
        }
    }
    return gap;
}

/// A queue and tasks without a CPU, for what happens in one moment.
struct bench {
    explicit bench(std::size_t count, eevdf::config const& config = {}) : infos(count), entities(count), queue{config} {
        for (std::size_t i = 0; i < count; ++i) {
            infos[i].sequence = i;
            entities[i].task = &infos[i];
        }
    }

    void enqueue(std::size_t i, enqueue_reason why, duration now = {}) {
        queue.enqueue(entities[i], why, time_point{now});
    }
    void dequeue(std::size_t i, dequeue_reason why, duration now = {}) {
        queue.dequeue(entities[i], why, time_point{now});
    }
    void run(std::size_t i, duration ran, duration now) { queue.account(entities[i], cpu_id{}, ran, time_point{now}); }
    std::size_t pick(duration now = {}) {
        auto const p = queue.pick_next(cpu_id{}, time_point{now});
        slice = p.slice;
        return static_cast<std::size_t>(p.next - entities.data());
    }
    std::int64_t lag(std::size_t i) const { return queue.average_vruntime() - entities[i].vruntime; }

    std::vector<task_info> infos;
    std::vector<eevdf::entity> entities;
    eevdf queue;
    duration slice{};
};

} // namespace

TEST_CASE("eevdf: its base slice is Linux's, by the number of CPUs and by the version") {
    // linux.md section 0: 1.4 ms on 2 CPUs under 6.18
    CHECK(eevdf::config::for_cpus(2).base_slice == 1400us);
    CHECK(eevdf::config::for_cpus(64).base_slice == 2800us);
    CHECK(eevdf::config{}.base_slice == 2800us);
    CHECK(eevdf::config::linux_6_12(8).base_slice == 3ms);
    CHECK(!eevdf::config::linux_6_12(8).protects_shortest_slice);
}

TEST_CASE("eevdf: equals share the CPU equally, a tick at a time") {
    // linux.md section 2.1: 8 equal hogs, 12.4 to 12.8 %, switched at the tick
    one_cpu<eevdf> cpu;
    for (int i = 0; i < 8; ++i) {
        cpu.add();
    }
    cpu.run_for(8s);
    for (std::size_t i = 0; i < 8; ++i) {
        CHECK(cpu.share(i) == doctest::Approx(0.125).epsilon(0.005));
        CHECK(longest_gap(cpu, i) <= 32ms);
    }
    for (auto const& r : cpu.runs()) {
        CHECK(r.to - r.from == 4ms);
    }
}

TEST_CASE("eevdf: slices do not change shares, only how they are cut up") {
    // linux.md section 2.1: slices 0.1 .. 100 ms at equal nice, all shares 12.4 to 12.6 %
    one_cpu<eevdf> cpu{eevdf::config::linux_6_12(8), 100us}; // a fine tick stands for HRTICK
    duration const slices[] = {100us, 300us, 1ms, 3ms, 10ms, 30ms, 60ms, 100ms};
    for (duration const slice : slices) {
        cpu.add().info.slice = slice;
    }
    cpu.run_for(20s);
    for (std::size_t i = 0; i < 8; ++i) {
        CAPTURE(i);
        CHECK(cpu.share(i) == doctest::Approx(0.125).epsilon(0.05));
    }
    CHECK(longest_gap(cpu, 7) > 3 * longest_gap(cpu, 0));
    CHECK(longest_gap(cpu, 7) > 300ms);
}

TEST_CASE("eevdf: a slice shorter than the tick has no effect where the tick ends slices") {
    // linux.md section 2.1: pure user-code hogs
    one_cpu<eevdf> cpu;
    cpu.add().info.slice = 100us;
    cpu.add().info.slice = 100us;
    cpu.run_for(40ms);
    for (auto const& r : cpu.runs()) {
        CHECK(r.to - r.from == 4ms);
    }
}

TEST_CASE("eevdf: since 6.17 a long slice beside a short one is cut at the short one's length") {
    one_cpu<eevdf> cpu{eevdf::config{}, 1ms};
    cpu.add().info.slice = 20ms;
    cpu.add().info.slice = 2ms;
    cpu.run_for(1s);
    duration longest{};
    for (auto const& r : cpu.runs()) {
        longest = r.task == 0 ? std::max(longest, r.to - r.from) : longest;
    }
    CHECK(longest <= 4ms);

    one_cpu<eevdf> before{eevdf::config::linux_6_12(8), 1ms};
    before.add().info.slice = 20ms;
    before.add().info.slice = 2ms;
    before.run_for(1s);
    duration longest_before{};
    for (auto const& r : before.runs()) {
        longest_before = r.task == 0 ? std::max(longest_before, r.to - r.from) : longest_before;
    }
    CHECK(longest_before >= 20ms);
}

TEST_CASE("eevdf: shares follow the weights of nice") {
    // linux.md section 2.1: the ladder -20 .. 19 gives 66.9 / 22.1 / 7.2 / 2.4 / 0.8 / 0.3 / 0.1 / 0.0 %
    one_cpu<eevdf> cpu{eevdf::config{}, 1ms};
    int const nices[] = {-20, -15, -10, -5, 0, 5, 10, 19};
    double const percent[] = {66.9, 22.1, 7.2, 2.4, 0.8, 0.3, 0.1, 0.0};
    for (int const nice : nices) {
        cpu.add().info.nice = static_cast<std::int8_t>(nice);
    }
    cpu.run_for(100s);
    for (std::size_t i = 0; i < 8; ++i) {
        CAPTURE(nices[i]);
        CHECK(std::abs(100 * cpu.share(i) - percent[i]) < 0.5);
    }
}

TEST_CASE("eevdf: a request is a slice by weight, and its end begins the next") {
    bench b{2};
    b.infos[1].nice = 5;
    b.enqueue(0, enqueue_reason::changed);
    b.enqueue(1, enqueue_reason::changed);
    CHECK(b.entities[0].deadline - b.entities[0].vruntime == 2'800'000);
    CHECK(b.entities[1].deadline - b.entities[1].vruntime == virtual_time(2800us, weight_of_nice(5)));
    REQUIRE(b.pick() == 0);
    CHECK(b.slice == 2800us);
    b.run(0, 4ms, 4ms);
    CHECK(b.entities[0].vruntime == 4'000'000);
    CHECK(b.entities[0].deadline == 6'800'000);
}

TEST_CASE("eevdf: of the eligible the earliest deadline runs, and of equal deadlines the earlier task") {
    bench b{3};
    b.infos[1].slice = 1ms;
    for (std::size_t i = 0; i < 3; ++i) {
        b.enqueue(i, enqueue_reason::changed);
    }
    REQUIRE(b.pick() == 1);
    b.run(1, 1ms, 1ms); // deadline 2 ms: still the earliest, but older than the average
    b.enqueue(1, enqueue_reason::slice_expired, 1ms);
    CHECK(!b.queue.is_eligible(b.entities[1]));
    CHECK(b.pick(1ms) == 0);
}

TEST_CASE("eevdf: a new task starts without lag and with half a slice") {
    // PLACE_DEADLINE_INITIAL
    bench b{2};
    b.enqueue(0, enqueue_reason::arrived);
    REQUIRE(b.pick() == 0);
    b.run(0, 10ms, 10ms);
    b.enqueue(1, enqueue_reason::arrived, 10ms);
    CHECK(b.lag(1) == 0);
    CHECK(b.entities[1].deadline - b.entities[1].vruntime == 1'400'000);
}

TEST_CASE("eevdf: lag is the same before a sleep and after it") {
    // PLACE_LAG; a positive lag does not decay
    bench b{4};
    for (std::size_t i = 0; i < 4; ++i) {
        b.enqueue(i, enqueue_reason::changed);
    }
    REQUIRE(b.pick() == 0);
    b.run(0, 4ms, 4ms);
    std::int64_t const lag = b.lag(3);
    CHECK(lag == 1'000'000);
    b.dequeue(3, dequeue_reason::blocked, 4ms);
    b.run(0, 4ms, 8ms);
    b.enqueue(3, enqueue_reason::woke, 8ms);
    CHECK(std::abs(b.lag(3) - lag) <= 1);
    CHECK(b.entities[3].deadline - b.entities[3].vruntime == 2'800'000); // a whole slice
}

TEST_CASE("eevdf: lag is clamped to the longer of two slices and a tick") {
    for (duration const slice : {duration{1ms}, duration{50ms}}) {
        bench b{3};
        b.infos[1].slice = slice;
        b.enqueue(0, enqueue_reason::changed);
        REQUIRE(b.pick() == 0);
        b.enqueue(1, enqueue_reason::changed);
        b.enqueue(2, enqueue_reason::changed);
        b.run(0, 10s, 10s);
        b.dequeue(1, dequeue_reason::migrated, 10s);
        CHECK(b.entities[1].lag_when_left == std::max<duration>(2 * slice, 4ms).count());
        b.dequeue(0, dequeue_reason::migrated, 10s);
        CHECK(b.entities[0].lag_when_left == -5'600'000);
    }
}

TEST_CASE("eevdf: a negative lag decays while the task sleeps, at the rate of the queue it left") {
    // DELAY_DEQUEUE, approximated
    for (duration const asleep : {duration{1ms}, duration{4ms}}) {
        bench b{2};
        b.enqueue(0, enqueue_reason::changed);
        b.enqueue(1, enqueue_reason::changed);
        REQUIRE(b.pick() == 0);
        b.run(0, 4ms, 4ms);
        b.dequeue(0, dequeue_reason::blocked, 4ms);
        CHECK(b.entities[0].lag_when_left == -2'000'000);
        REQUIRE(b.pick(4ms) == 1);
        b.run(1, asleep, 4ms + asleep);
        b.enqueue(0, enqueue_reason::woke, 4ms + asleep);
        // Two tasks of nice 0: virtual time goes at half the speed of the clock.
        CHECK(std::abs(b.lag(0) - (asleep == 1ms ? -1'500'000 : 0)) <= 1);
    }
}

TEST_CASE("eevdf: a task that migrates keeps its lag and what is left of its request") {
    // PLACE_REL_DEADLINE
    bench from{3};
    bench to{1};
    to.enqueue(0, enqueue_reason::arrived);
    REQUIRE(to.pick() == 0);
    to.run(0, 1s, 1s);
    for (std::size_t i = 0; i < 3; ++i) {
        from.enqueue(i, enqueue_reason::changed);
    }
    REQUIRE(from.pick() == 0);
    from.run(0, 1ms, 1s);
    from.enqueue(0, enqueue_reason::preempted, 1s);
    std::int64_t const lag = from.lag(0);
    CHECK(lag == -666'667);
    from.dequeue(0, dequeue_reason::migrated, 1s);
    to.queue.enqueue(from.entities[0], enqueue_reason::migrated, time_point{1s});
    CHECK(std::abs(to.queue.average_vruntime() - from.entities[0].vruntime - lag) <= 1);
    CHECK(from.entities[0].deadline - from.entities[0].vruntime == 1'800'000);
}

TEST_CASE("eevdf: a change of nice scales lag and request to the new weight") {
    bench b{2};
    b.enqueue(0, enqueue_reason::changed);
    b.enqueue(1, enqueue_reason::changed);
    REQUIRE(b.pick() == 0);
    b.run(0, 2ms, 2ms);
    std::int64_t const owed = b.lag(1) * weight_of_nice(0); // CPU time that the queue owes it
    b.dequeue(1, dequeue_reason::changed, 2ms);
    b.infos[1].nice = -5;
    b.enqueue(1, enqueue_reason::changed, 2ms);
    CHECK(static_cast<double>(b.lag(1) * weight_of_nice(-5)) ==
          doctest::Approx(static_cast<double>(owed)).epsilon(0.001));
    duration const request = real_time(b.entities[1].deadline - b.entities[1].vruntime, weight_of_nice(-5));
    CHECK(to_milliseconds(request) == doctest::Approx(2.8).epsilon(0.001));
}

TEST_CASE("eevdf: on an empty queue nothing of the past counts") {
    bench b{1};
    b.enqueue(0, enqueue_reason::arrived);
    REQUIRE(b.pick() == 0);
    b.run(0, 1s, 1s);
    b.dequeue(0, dequeue_reason::blocked, 1s);
    CHECK(b.entities[0].lag_when_left == 0);
    b.enqueue(0, enqueue_reason::woke, 2s);
    CHECK(b.entities[0].vruntime == 0);
    CHECK(b.queue.is_eligible(b.entities[0]));
}

TEST_CASE("eevdf: a running task is protected while it is eligible and has not had its slice") {
    // RUN_TO_PARITY
    auto const is_preempted = [](duration ran, bool run_to_parity) {
        bench b{4, eevdf::config{.run_to_parity = run_to_parity, .preempt_short = false}};
        b.infos[3].slice = 100us;
        for (std::size_t i = 0; i < 3; ++i) {
            b.enqueue(i, enqueue_reason::changed);
        }
        REQUIRE(b.pick() == 0);
        b.run(0, 4ms, 4ms);
        b.enqueue(0, enqueue_reason::slice_expired, 4ms);
        REQUIRE(b.pick(4ms) == 1); // its age is 0, the average 1.33 ms, and rises by a third of what it runs
        b.run(1, ran, 4ms + ran);
        b.enqueue(3, enqueue_reason::changed, 4ms + ran); // eligible, and of the earliest deadline
        return b.queue.preempts(b.entities[3], b.entities[1], time_point{4ms + ran});
    };
    CHECK(!is_preempted(1999us, true)); // 2 ms: as old as the average
    CHECK(is_preempted(2001us, true));
    CHECK(is_preempted(1999us, false));
}

TEST_CASE("eevdf: a shorter slice overrides the protection") {
    // PREEMPT_SHORT
    for (bool const preempt_short : {true, false}) {
        bench b{2, eevdf::config{.preempt_short = preempt_short}};
        b.infos[0].slice = 50ms;
        b.infos[1].slice = 1ms;
        b.enqueue(0, enqueue_reason::changed);
        REQUIRE(b.pick() == 0);
        b.run(0, 10ms, 10ms);
        b.enqueue(1, enqueue_reason::changed, 10ms);
        CHECK(b.queue.preempts(b.entities[1], b.entities[0], time_point{10ms}) == preempt_short);
    }
}

TEST_CASE("eevdf: a running task that has used up its slice gives way to a better one at the next wake-up") {
    bench b{3};
    for (std::size_t i = 0; i < 2; ++i) {
        b.enqueue(i, enqueue_reason::changed);
    }
    REQUIRE(b.pick() == 0);
    b.run(0, 3ms, 3ms); // the tick at 4 ms has not come yet
    b.enqueue(2, enqueue_reason::arrived, 3ms);
    CHECK(b.queue.preempts(b.entities[2], b.entities[0], time_point{3ms}));
}

TEST_CASE("eevdf: a task with a short slice waits less after a wake-up than one with a long slice") {
    auto const mean_wait = [](duration slice) {
        one_cpu<eevdf> cpu{eevdf::config::for_cpus(8), 4ms};
        cpu.add_sleeper(500us, 20ms).info.slice = slice;
        for (int i = 0; i < 6; ++i) {
            cpu.add();
        }
        cpu.run_for(20s);
        std::size_t count = 0;
        for (auto const& r : cpu.runs()) {
            count += r.task == 0 ? 1U : 0U;
        }
        // Each round is 500 us of running, 20 ms of sleep, and the wait.
        return 20s / static_cast<std::int64_t>(count) - 20'500us;
    };
    CHECK(mean_wait(100us) < 1ms);
    CHECK(mean_wait(50ms) > 3 * mean_wait(100us));
}

TEST_CASE("eevdf: slices asked for are held within 0.1 and 100 ms") {
    bench b{2};
    b.infos[0].slice = 1ns;
    b.infos[1].slice = 10s;
    b.enqueue(0, enqueue_reason::changed);
    b.enqueue(1, enqueue_reason::changed);
    CHECK(b.entities[0].slice == 100us);
    CHECK(b.entities[1].slice == 100ms);
}

TEST_CASE("eevdf: impossible configurations are refused with the reason") {
    CHECK(validate(eevdf::config{}).has_value());
    CHECK(validate(eevdf::config{.base_slice = 0ms}).error().message ==
          "eevdf: base_slice must be longer than 0: Linux uses 0.7 to 2.8 ms");
    CHECK(validate(eevdf::config{.tick = 0ms}).has_error());
}

// --- against an oracle that looks at every task ---------------------------------------------------------------

namespace {

/// The definitions of EEVDF, from scratch and task by task.
struct oracle {
    std::vector<eevdf::entity> const& entities;
    std::vector<bool> const& waits;
    std::size_t picked; ///< entities.size(): none

    bool is_runnable(std::size_t i) const { return waits[i] || i == picked; }

    /// Sum of weight x (average - age) over all, which has the sign of "not older than the average".
    detail::int128 weighted_lag(std::int64_t vruntime) const {
        detail::int128 sum = 0;
        for (std::size_t i = 0; i < entities.size(); ++i) {
            if (is_runnable(i)) {
                sum += static_cast<detail::int128>(entities[i].vruntime - vruntime) * entities[i].weight;
            }
        }
        return sum;
    }

    bool is_eligible(std::size_t i) const { return weighted_lag(entities[i].vruntime) >= 0; }

    /// The eligible task of the earliest deadline among the waiting, and the picked if `with_picked`.
    std::size_t best(bool with_picked) const {
        std::size_t best = entities.size();
        for (std::size_t i = 0; i < entities.size(); ++i) {
            bool const competes = waits[i] || (with_picked && i == picked);
            if (competes && is_eligible(i) &&
                (best == entities.size() || entities[i].deadline < entities[best].deadline ||
                 (entities[i].deadline == entities[best].deadline && entities[i].sequence < entities[best].sequence))) {
                best = i;
            }
        }
        return best;
    }
};

} // namespace

TEST_CASE("eevdf: agrees with the definitions over random operations") {
    constexpr std::size_t count = 40;
    for (std::uint64_t seed = 1; seed <= 25; ++seed) {
        random_stream random{seed, "eevdf oracle"};
        auto const draw = [&random](std::int64_t from, std::int64_t to) {
            return boost::random::uniform_int_distribution<std::int64_t>{from, to}(random);
        };
        bench b{count, eevdf::config{.run_to_parity = seed % 2 == 0, .protects_shortest_slice = seed % 3 == 0}};
        std::vector<bool> waits(count, false);
        std::vector<bool> known(count, false);
        oracle o{b.entities, waits, count};
        duration now{};
        CAPTURE(seed);
        for (int step = 0; step < 4'000; ++step) {
            CAPTURE(step);
            duration const passed{draw(0, 3) == 0 ? 0 : draw(1, 9'000'000)};
            now += passed;
            if (o.picked != count && passed > 0ns) {
                b.run(o.picked, passed, now);
            }
            std::size_t const i = static_cast<std::size_t>(draw(0, count - 1));
            if (!o.is_runnable(i)) {
                b.infos[i].nice = static_cast<std::int8_t>(draw(-20, 19));
                b.infos[i].slice = draw(0, 1) == 0 ? duration{0} : duration{draw(50'000, 120'000'000)};
                b.enqueue(i,
                          known[i] ? (draw(0, 1) == 0 ? enqueue_reason::woke : enqueue_reason::migrated)
                                   : enqueue_reason::arrived,
                          now);
                known[i] = true;
                waits[i] = true;
                if (o.picked != count) {
                    eevdf::entity const& running = b.entities[o.picked];
                    std::size_t const best = o.best(true);
                    bool const is_protected = seed % 2 == 0 && o.is_eligible(o.picked) &&
                                              running.vruntime < running.protected_until &&
                                              b.entities[i].slice >= running.slice;
                    bool const expected = running.used_up_slice ? best != o.picked : (!is_protected && best == i);
                    REQUIRE(b.queue.preempts(b.entities[i], running, time_point{now}) == expected);
                }
            } else if (waits[i] && draw(0, 1) == 0) {
                waits[i] = false;
                b.dequeue(i, dequeue_reason::migrated, now);
            } else if (o.picked != count) {
                if (draw(0, 2) == 0) {
                    b.dequeue(o.picked, dequeue_reason::blocked, now);
                } else {
                    b.enqueue(o.picked, draw(0, 1) == 0 ? enqueue_reason::preempted : enqueue_reason::slice_expired,
                              now);
                    waits[o.picked] = true;
                }
                o.picked = count;
            }
            if (o.picked == count && b.queue.waiting_count() > 0 && draw(0, 3) > 0) {
                std::size_t const expected = o.best(false);
                REQUIRE(b.pick(now) == expected);
                REQUIRE(b.slice > 0ns);
                o.picked = expected;
                waits[expected] = false;
            }
            REQUIRE(b.queue.waiting_count() == static_cast<std::size_t>(std::count(waits.begin(), waits.end(), true)));
            std::int64_t const average = b.queue.average_vruntime();
            if (b.queue.waiting_count() > 0 || o.picked != count) {
                REQUIRE(o.weighted_lag(average) >= 0);
                REQUIRE(o.weighted_lag(average + 1) < 0);
            } else {
                REQUIRE(average == 0);
            }
        }
    }
}

TEST_CASE("eevdf: a task that joins with a lag ends up with that lag") {
    random_stream random{1, "eevdf lag"};
    auto const draw = [&random](std::int64_t from, std::int64_t to) {
        return boost::random::uniform_int_distribution<std::int64_t>{from, to}(random);
    };
    for (int round = 0; round < 2'000; ++round) {
        bench b{6};
        for (std::size_t i = 0; i < 6; ++i) {
            b.infos[i].nice = static_cast<std::int8_t>(draw(-10, 10));
            b.enqueue(i, enqueue_reason::changed);
        }
        duration now{};
        for (int k = 0; k < 5; ++k) {
            std::size_t const running = b.pick(now);
            duration const ran{draw(1, 6'000'000)};
            now += ran;
            b.run(running, ran, now);
            b.enqueue(running, enqueue_reason::slice_expired, now);
        }
        auto const i = static_cast<std::size_t>(draw(0, 5));
        b.dequeue(i, dequeue_reason::migrated, now);
        std::int64_t const lag = b.entities[i].lag_when_left;
        b.enqueue(i, enqueue_reason::migrated, now);
        CAPTURE(round);
        REQUIRE(std::abs(b.lag(i) - lag) <= 2); // the roundings of two divisions
    }
}

} // namespace hpcsched::cpu
