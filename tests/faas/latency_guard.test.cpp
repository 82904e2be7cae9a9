// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/faas/latency_guard.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <vector>

namespace hpcsched::faas {
namespace {

using namespace std::chrono_literals;

constexpr duration tick = 500us;

/// Who invokes: every `gap` from `begin` to `end`, each with `service` of CPU time.
struct client {
    duration gap;
    duration service;
    time_point begin{};
    time_point end = never;
};

/// What has become of one function's invocations.
struct outcome {
    int offered = 0;
    int turned_away = 0;
    int lost = 0; ///< to a full queue
    int ended = 0;
    int slow = 0;
    duration longest_retry{};

    [[nodiscard]] double share_slow() const { return static_cast<double>(slow) / std::max(1, ended); }
};

/// A node in steps of half a millisecond, whose CPUs those that run share alike; told to the guard as a host would.
class true_node {
  public:
    true_node(latency_guard& guard, std::size_t cpus, std::vector<guarded_function> functions)
        : guard_{guard}, cpus_{cpus}, is_{std::move(functions)}, queues_(is_.size()), outcomes(is_.size()) {
        for (guarded_function const& f : is_) {
            guard_.add(f, time_point{});
        }
    }

    void play(std::vector<client> const& clients, time_point end) {
        std::vector<time_point> next;
        for (client const& c : clients) {
            next.push_back(std::max(c.begin, now));
        }
        for (; now < end; now += tick) {
            for (std::size_t i = 0; i < clients.size(); ++i) {
                for (; next[i] <= now && next[i] < clients[i].end; next[i] += clients[i].gap) {
                    come(i, clients[i].service);
                }
            }
            run();
        }
    }

    time_point now{};

  private:
    struct job {
        std::size_t function;
        std::uint64_t id;
        time_point arrival;
        double left; ///< ticks
        double service;
    };

    void come(std::size_t i, duration service) {
        ++outcomes[i].offered;
        if (auto const retry = guard_.arrived(i, now)) {
            ++outcomes[i].turned_away;
            outcomes[i].longest_retry = std::max(outcomes[i].longest_retry, *retry);
            return;
        }
        if (queues_[i].size() >= is_[i].queue_capacity) {
            ++outcomes[i].lost;
            guard_.left(i);
            return;
        }
        auto const ticks = static_cast<double>(service / 1us) / static_cast<double>(tick / 1us);
        queues_[i].push_back({i, ++ids_, now, ticks, ticks});
    }

    void run() {
        for (std::size_t i = 0; i < is_.size(); ++i) {
            auto const busy = static_cast<std::size_t>(
                std::count_if(running_.begin(), running_.end(), [&](job const& j) { return j.function == i; }));
            for (std::size_t n = busy; n < is_[i].concurrency && !queues_[i].empty(); ++n) {
                guard_.began(i, queues_[i].front().id, now);
                running_.push_back(queues_[i].front());
                queues_[i].pop_front();
            }
        }
        double const share = std::min(1.0, static_cast<double>(cpus_) / static_cast<double>(running_.size()));
        for (job& j : running_) {
            j.left -= share;
        }
        std::erase_if(running_, [&](job const& j) {
            if (j.left > 1e-9) {
                return false;
            }
            outcome& of = outcomes[j.function];
            ++of.ended;
            of.slow += now + tick - j.arrival > is_[j.function].latency_target ? 1 : 0;
            guard_.ended(j.function, j.id, now + tick,
                         tells_cpu_time ? std::optional{from_seconds(j.service * to_seconds(tick))} : std::nullopt);
            return true;
        });
    }

    latency_guard& guard_;
    std::size_t cpus_;
    std::vector<guarded_function> is_;
    std::vector<std::deque<job>> queues_;
    std::vector<job> running_;
    std::uint64_t ids_ = 0;

  public:
    std::vector<outcome> outcomes;
    bool tells_cpu_time = true;
};

guarded_function const innocent{.latency_target = 50ms};
guarded_function const greedy{.concurrency = 16, .queue_capacity = 50};
client const ten_a_second{.gap = 100ms, .service = 10ms};
client const flood{.gap = 2500us, .service = 20ms, .begin = time_point{10s}}; // eight CPUs of it

latency_guard_config const two_cpus{.cpus = 2};

} // namespace

TEST_CASE("latency guard: a flood that breaks another's target is turned away, and the other never is") {
    for (bool const tells_cpu_time : {true, false}) {
        latency_guard guard{two_cpus};
        true_node node{guard, 2, {innocent, greedy}};
        node.tells_cpu_time = tells_cpu_time;
        node.play({ten_a_second, flood}, time_point{35s});
        outcome const& good = node.outcomes[0];
        outcome const& bad = node.outcomes[1];
        INFO("innocent: slow ", good.slow, " of ", good.ended, "; flood: ", bad.ended, " of ", bad.offered);
        CHECK(good.turned_away == 0);
        CHECK(good.share_slow() < 0.03); // the first half second of the flood is slow too
        CHECK(bad.turned_away > bad.offered / 2);
        CHECK(bad.ended * 20ms > 0.4 * 2 * 25s); // and it has a good part of what is left of two CPUs
        CHECK(bad.longest_retry >= 1s);
        CHECK(guard.figures().offered.probability > 0.5);
        CHECK(guard.figures(1, node.now).limit.has_value());
        CHECK(!guard.figures(0, node.now).limit.has_value());
    }
}

TEST_CASE("latency guard: without it the same flood breaks the target") {
    guarded_function without = innocent;
    without.latency_target = unlimited;
    latency_guard guard{two_cpus};
    true_node node{guard, 2, {without, greedy}};
    node.play({ten_a_second, flood}, time_point{20s});
    CHECK(node.outcomes[1].turned_away == 0);
    CHECK(guard.figures().reviews == 0);
    latency_guard blind{latency_guard_config{.cpus = 2, .risk_level = 0.999'999}};
    true_node other{blind, 2, {innocent, greedy}};
    other.play({ten_a_second, flood}, time_point{20s});
    CHECK(other.outcomes[0].share_slow() > 0.4); // of all: it is broken in all of the second half
}

TEST_CASE("latency guard: load within the targets is admitted, all of it") {
    latency_guard guard{two_cpus};
    true_node node{guard, 2, {innocent, greedy}};
    node.play({ten_a_second, {.gap = 50ms, .service = 20ms}}, time_point{20s});
    CHECK(node.outcomes[0].turned_away == 0);
    CHECK(node.outcomes[1].turned_away == 0);
    CHECK(guard.figures().reviews > 80);
    CHECK(guard.figures().offered.probability < 0.05);
}

TEST_CASE("latency guard: a function is guarded from its own flood") {
    guarded_function alone = greedy;
    alone.latency_target = 200ms;
    latency_guard guard{two_cpus};
    true_node node{guard, 2, {alone}};
    node.play({flood}, time_point{40s});
    outcome const& o = node.outcomes[0];
    INFO("slow ", o.slow, " of ", o.ended, ", offered ", o.offered);
    CHECK(o.share_slow() < 0.08);
    CHECK(o.ended * 20ms > 0.4 * 2 * 30s);
}

TEST_CASE("latency guard: once a flood is over, nobody is limited") {
    latency_guard guard{two_cpus};
    true_node node{guard, 2, {innocent, greedy}};
    client brief = flood;
    brief.end = time_point{15s};
    node.play({ten_a_second, brief}, time_point{40s});
    CHECK(node.outcomes[1].turned_away > 0);
    CHECK(!guard.figures(1, node.now).limit.has_value());
    CHECK(guard.figures().offered.probability < 0.05);
}

TEST_CASE("latency guard: a target that an idle node would miss turns nobody away") {
    guarded_function hopeless = innocent;
    hopeless.latency_target = 5ms;
    latency_guard guard{two_cpus};
    true_node node{guard, 2, {hopeless, greedy}};
    node.play({ten_a_second, {.gap = 50ms, .service = 20ms}}, time_point{20s});
    CHECK(node.outcomes[0].turned_away + node.outcomes[1].turned_away == 0);
}

TEST_CASE("latency guard: what a service is alone is learned from what it is in company") {
    for (bool const tells_cpu_time : {true, false}) {
        latency_guard guard{latency_guard_config{.cpus = 1}};
        true_node node{guard, 1, {guarded_function{}, guarded_function{}}};
        node.tells_cpu_time = tells_cpu_time;
        node.play({{.gap = 200ms, .service = 50ms}, {.gap = 200ms, .service = 100ms}}, time_point{10s});
        CHECK(guard.figures(0, node.now).mean_service == doctest::Approx(0.05).epsilon(0.1));
        CHECK(guard.figures(1, node.now).mean_service == doctest::Approx(0.1).epsilon(0.1));
        CHECK(guard.look(node.now).functions[1].cpu_share == doctest::Approx(1).epsilon(0.02));
    }
}

TEST_CASE("latency guard: who sleeps is seen to need no CPU") {
    latency_guard guard{two_cpus};
    guard.add(guarded_function{}, time_point{});
    time_point now{};
    for (std::uint64_t i = 0; i < 50; ++i, now += 1s) {
        REQUIRE(!guard.arrived(0, now));
        guard.began(0, i, now);
        guard.ended(0, i, now + 100ms, 5ms);
    }
    CHECK(guard.look(now).functions[0].cpu_share == doctest::Approx(0.05));
    CHECK(guard.figures(0, now).mean_service == doctest::Approx(0.1).epsilon(0.01));
}

TEST_CASE("latency guard: starts of workers, those that wait and those that run are in what it sees") {
    latency_guard guard{two_cpus};
    guard.add(guarded_function{.concurrency = 3}, time_point{});
    guard.add(guarded_function{.keeps_workers = false}, time_point{});
    guard.worker_started(0, 400ms);
    guard.worker_started(0, 400ms);
    for (int i = 0; i < 3; ++i) {
        REQUIRE(!guard.arrived(0, time_point{}));
    }
    guard.began(0, 1, time_point{});
    guard.left(0);
    guard.worker_exited(0);
    node_state const& seen = guard.look(time_point{50ms});
    CHECK(seen.functions[0].cold_start == doctest::Approx(0.4));
    CHECK(seen.functions[0].warm == 1);
    CHECK(seen.functions[0].waiting == 1);
    REQUIRE(seen.functions[0].running.size() == 1);
    CHECK(seen.functions[0].running[0] == doctest::Approx(0.05));
    CHECK(seen.functions[1].warm == 10);
    CHECK(seen.functions[1].cold_start == 0);
}

TEST_CASE("latency guard: equal events give equal decisions") {
    auto const played = [] {
        latency_guard guard{two_cpus};
        true_node node{guard, 2, {innocent, greedy}};
        node.play({ten_a_second, flood}, time_point{15s});
        return std::vector{guard.figures().offered.probability, guard.figures().admitted.probability,
                           static_cast<double>(guard.figures().steps),
                           static_cast<double>(node.outcomes[1].turned_away)};
    };
    CHECK(played() == played());
}

TEST_CASE("latency guard: it looks no more often than it may") {
    latency_guard_config slow = two_cpus;
    slow.pause_per_step = 1ms;
    latency_guard often{two_cpus};
    latency_guard seldom{slow};
    for (latency_guard* const guard : {&often, &seldom}) {
        true_node node{*guard, 2, {innocent, greedy}};
        node.play({ten_a_second, {.gap = 50ms, .service = 20ms}}, time_point{30s});
        CHECK(guard->figures().reviews <= 300);
    }
    CHECK(static_cast<std::int64_t>(often.figures().steps) * two_cpus.pause_per_step < 31s);
    CHECK(often.figures().reviews > 150);
    CHECK(seldom.figures().reviews <= 5);
}

TEST_CASE("latency guard: a configuration that makes no sense is an error that says what would") {
    CHECK(validate(latency_guard_config{}).has_value());
    CHECK(validate({.risk_level = 0}).error().message.find("such as 0.05") != std::string::npos);
    CHECK(validate({.risk_level = 1}).has_error());
    CHECK(validate({.cpus = 0}).has_error());
    CHECK(validate({.horizon = 0s}).has_error());
    CHECK(validate({.worlds_min = 97}).has_error());
}

} // namespace hpcsched::faas
