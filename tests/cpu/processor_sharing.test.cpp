// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/cpu/processor_sharing.hpp>

#include <boost/random/uniform_int_distribution.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace hpcsched::cpu {

using namespace std::chrono_literals;

namespace {

/// Tasks, and the class that shares CPUs among them.
struct shared_cpus {
    shared_cpus(std::size_t count, std::size_t cpus) : infos(count), entities(count) {
        for (std::size_t i = 0; i < count; ++i) {
            infos[i].sequence = i;
            entities[i].task = &infos[i];
        }
        queue.set_capacity(cpus, time_point{});
    }

    void enqueue(std::size_t i, duration work, duration now) { queue.enqueue(entities[i], work, time_point{now}); }
    duration dequeue(std::size_t i, duration now) { return queue.dequeue(entities[i], time_point{now}); }

    /// Takes the next task out when it is done: which, and when.
    std::pair<std::size_t, duration> complete() {
        time_point const now = queue.next_completion();
        processor_sharing::entity* const e = queue.next_completed();
        duration const work = e->work;
        CHECK(queue.dequeue(*e, now) == work);
        return {static_cast<std::size_t>(e - entities.data()), now.time_since_epoch()};
    }

    std::vector<task_info> infos;
    std::vector<processor_sharing::entity> entities;
    processor_sharing queue;
};

using completion = std::pair<std::size_t, duration>;

} // namespace

TEST_CASE("processor_sharing: nothing to do, nothing to foretell") {
    shared_cpus s{1, 1};
    CHECK(s.queue.next_completion() == never);
    CHECK(s.queue.next_completed() == nullptr);
    CHECK(s.queue.task_count() == 0);
}

TEST_CASE("processor_sharing: one CPU is shared equally, and what one leaves the others have") {
    shared_cpus s{3, 1};
    s.enqueue(0, 1ms, 0ms);
    s.enqueue(1, 2ms, 0ms);
    s.enqueue(2, 3ms, 0ms);
    CHECK(s.complete() == completion{0, 3ms}); // all at a third
    CHECK(s.complete() == completion{1, 5ms}); // two at a half
    CHECK(s.complete() == completion{2, 6ms}); // alone
}

TEST_CASE("processor_sharing: no task has more than one CPU") {
    shared_cpus s{3, 2};
    s.enqueue(0, 4ms, 0ms);
    CHECK(s.queue.next_completion() == time_point{4ms});
    s.enqueue(1, 4ms, 0ms);
    CHECK(s.queue.next_completion() == time_point{4ms});
    s.enqueue(2, 4ms, 0ms);
    CHECK(s.queue.next_completion() == time_point{6ms}); // each at two thirds
}

TEST_CASE("processor_sharing: an arrival slows the others down from then on") {
    shared_cpus s{2, 1};
    s.enqueue(0, 10ms, 0ms);
    s.enqueue(1, 2ms, 6ms);
    CHECK(s.complete() == completion{1, 10ms});
    CHECK(s.complete() == completion{0, 12ms});
}

TEST_CASE("processor_sharing: equal completions come in order of arrival") {
    shared_cpus s{4, 1};
    for (std::size_t const i : {2U, 0U, 3U, 1U}) {
        s.enqueue(i, 1ms, 0ms);
    }
    for (std::size_t i = 0; i < 4; ++i) {
        CHECK(s.complete() == completion{i, 4ms});
    }
}

TEST_CASE("processor_sharing: a task that leaves early has done its share, rounded down") {
    shared_cpus s{3, 1};
    for (std::size_t i = 0; i < 3; ++i) {
        s.enqueue(i, 1ms, 0ms);
    }
    CHECK(s.dequeue(1, 100ns) == 33ns);
    CHECK(s.dequeue(0, 101ns) == 33ns); // 33.3 + 0.5
    CHECK(s.dequeue(2, 102ns) == 34ns); // 33.3 + 0.5 + 1
}

TEST_CASE("processor_sharing: the capacity may change, also to nothing and back") {
    shared_cpus s{2, 2};
    s.enqueue(0, 10ms, 0ms);
    s.enqueue(1, 20ms, 0ms);
    s.queue.set_capacity(1, time_point{4ms}); // 6 and 16 left
    CHECK(s.queue.next_completion() == time_point{16ms});
    s.queue.set_capacity(0, time_point{8ms}); // 4 and 14 left
    CHECK(s.queue.next_completion() == never);
    s.queue.set_capacity(2, time_point{1s});
    CHECK(s.complete() == completion{0, 1004ms});
    CHECK(s.complete() == completion{1, 1014ms});
}

TEST_CASE("processor_sharing: equal tasks on one CPU end at whole multiples, however often they were disturbed") {
    // 3 tasks at a third of a CPU: what a third of a nanosecond loses must not add up.
    shared_cpus s{4, 1};
    for (std::size_t i = 0; i < 3; ++i) {
        s.enqueue(i, 1s, 0ms);
    }
    duration now{};
    for (int k = 0; k < 100'000; ++k) {
        now += 7us;
        s.queue.set_capacity(1, time_point{now});
    }
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(s.complete() == completion{i, 3s});
    }
}

TEST_CASE("processor_sharing: a year of work among many tasks is no problem") {
    shared_cpus s{1000, 3};
    for (std::size_t i = 0; i < 1000; ++i) {
        s.enqueue(i, duration{std::chrono::hours{24 * 365}}, 0ms);
    }
    CHECK(s.queue.next_completion() == never); // beyond 292 years
    for (std::size_t i = 999; i >= 300; --i) {
        s.dequeue(i, std::chrono::hours{1});
    }
    // Each had 3/1000 of an hour, then has a hundredth of a CPU: 100 years less 0.3 hours, and the hour.
    duration const expected = duration{std::chrono::hours{24 * 365 * 100 + 1}} - 1080s;
    CHECK(s.queue.next_completion() == time_point{expected});
}

namespace {

/// The same in extended floating point, task by task and event by event.
struct oracle {
    struct task {
        std::size_t i = 0;
        long double left = 0;
    };

    long double rate() const {
        return tasks.empty() ? 0
                             : std::min(1.0L, static_cast<long double>(cpus) / static_cast<long double>(tasks.size()));
    }
    void advance(std::int64_t to) {
        for (task& t : tasks) {
            t.left -= static_cast<long double>(to - now) * rate();
        }
        now = to;
    }
    long double left_of(std::size_t i) const {
        return std::find_if(tasks.begin(), tasks.end(), [i](task const& t) { return t.i == i; })->left;
    }
    void remove(std::size_t i) {
        tasks.erase(std::find_if(tasks.begin(), tasks.end(), [i](task const& t) { return t.i == i; }));
    }
    long double least_left() const {
        return std::min_element(tasks.begin(), tasks.end(),
                                [](task const& a, task const& b) { return a.left < b.left; })
            ->left;
    }

    std::vector<task> tasks;
    std::size_t cpus = 0;
    std::int64_t now = 0;
};

} // namespace

TEST_CASE("processor_sharing: agrees with floating point, task by task, to the nanosecond") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        random_stream random{seed, "processor_sharing"};
        auto const draw = [&random](std::int64_t from, std::int64_t to) {
            return boost::random::uniform_int_distribution<std::int64_t>{from, to}(random);
        };
        constexpr std::size_t count = 60;
        shared_cpus s{count, 4};
        oracle o;
        o.cpus = 4;
        std::vector<bool> is_in(count, false);
        std::int64_t now = 0;
        CAPTURE(seed);
        for (int step = 0; step < 3'000; ++step) {
            CAPTURE(step);
            auto const i = static_cast<std::size_t>(draw(0, count - 1));
            std::int64_t const until = now + draw(0, 2'000'000);
            std::int64_t const done =
                s.queue.next_completion() == never ? until + 1 : s.queue.next_completion().time_since_epoch().count();
            now = std::min(until, done);
            o.advance(now);
            if (done <= until) {
                auto const e = static_cast<std::size_t>(s.queue.next_completed() - s.entities.data());
                REQUIRE(o.left_of(e) < 0.001L);
                REQUIRE(o.left_of(e) > -1.001L); // at most a nanosecond late
                REQUIRE(o.left_of(e) - o.least_left() < 0.001L);
                REQUIRE(s.dequeue(e, duration{now}) == s.entities[e].work);
                o.remove(e);
                is_in[e] = false;
            } else if (draw(0, 20) == 0) {
                o.cpus = static_cast<std::size_t>(draw(0, 8));
                s.queue.set_capacity(o.cpus, time_point{duration{now}});
            } else if (!is_in[i]) {
                duration const work{draw(1, 30'000'000)};
                s.enqueue(i, work, duration{now});
                o.tasks.push_back({i, static_cast<long double>(work.count())});
                is_in[i] = true;
            } else if (draw(0, 3) == 0) {
                long double const left = o.left_of(i);
                duration const had = s.dequeue(i, duration{now});
                long double const expected = static_cast<long double>(s.entities[i].work.count()) - left;
                REQUIRE(static_cast<long double>(had.count()) <= expected + 0.001L);
                REQUIRE(static_cast<long double>(had.count()) > expected - 1.001L);
                o.remove(i);
                is_in[i] = false;
            }
            REQUIRE(s.queue.task_count() == o.tasks.size());
        }
    }
}

} // namespace hpcsched::cpu
