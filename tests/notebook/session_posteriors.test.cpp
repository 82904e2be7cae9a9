// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/sink.hpp>
#include <hpcsched/notebook/session_posteriors.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <cstdint>

namespace hpcsched::notebook {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

/// A cluster of one host, whose sessions do what the test says; the posteriors are told as a scheduler would.
struct told {
    cluster_state state;
    session_posteriors learned;
    cluster_command_buffer out;
    time_point now{};
    cell_number cells = 0;

    told() {
        state.start({gpu::uniform_host(8)});
        state.host_is_up(gpu::host_id{0});
    }
    void open(std::uint32_t k) {
        state.open(kernel_id{k}, 8, now);
        state.set_ready(kernel_id{k}, state.add_replica(kernel_id{k}, gpu::host_id{0}, true, out));
    }
    void submit(std::uint32_t k, std::uint32_t gpus) {
        learned.submitted(state, kernel_id{k}, now);
        state.submit(kernel_id{k}, ++cells, gpus, now);
        kernel_state const& s = state.kernel(kernel_id{k});
        REQUIRE(state.lease_for_cell(kernel_id{k}, gpu::host_id{0}, now));
        state.run(kernel_id{k}, s.replicas[0].id, gpu::host_id{0}, false, out);
    }
    void finish(std::uint32_t k) {
        learned.finished(state, kernel_id{k}, now);
        state.finish(kernel_id{k}, now, false);
    }
    cluster_outlook look() {
        cluster_outlook o;
        learned.outlook(state, now, minutes{10}, o);
        return o;
    }
};

} // namespace

TEST_CASE(
    "session posteriors: who comes back sooner is held to be more eager, and whose cells are short to end sooner") {
    told t;
    t.open(0); // a minute idle, a minute running
    t.open(1); // an hour idle, ten minutes running
    for (int round = 0; round < 40; ++round) {
        t.now += minutes{1};
        t.submit(0, 1);
        t.now += minutes{1};
        t.finish(0);
        if (round % 10 == 9) {
            t.now += hours{1};
            t.submit(1, 4);
            t.now += minutes{10};
            t.finish(1);
        }
    }
    cluster_outlook const o = t.look();
    REQUIRE(o.sessions.size() == 2);
    CHECK(o.sessions[0].returns.mean() > 2 * o.sessions[1].returns.mean());
    CHECK(o.sessions[0].ends.mean() > o.sessions[1].ends.mean());
    CHECK(o.sessions[0].returns.shape == doctest::Approx(o.sessions[1].returns.shape + 36));
    CHECK(o.sessions[0].demand.mode() == 1);
    CHECK(o.sessions[1].demand.mode() == 4);
    CHECK(o.sessions[0].demand.larger_than(0) == doctest::Approx(1));
    CHECK(o.sessions[0].demand.larger_than(1) < 0.1);
    CHECK(o.sessions[0].demand.larger_than(4) == 0);
}

TEST_CASE("session posteriors: the outlook has hosts and phases as they are") {
    told t;
    t.open(0);
    t.open(1);
    t.now += minutes{1};
    t.submit(1, 3);
    t.now += seconds{30};
    cluster_outlook const o = t.look();
    CHECK(o.free == std::vector<std::uint16_t>{5});
    CHECK(o.devices == std::vector<std::uint16_t>{8});
    CHECK(o.horizon == 600);
    CHECK(o.sessions[0].phase == session_phase::idle);
    CHECK(o.sessions[0].lasted == doctest::Approx(90));
    CHECK_FALSE(o.sessions[0].had_cell);
    CHECK(o.sessions[1].phase == session_phase::running);
    CHECK(o.sessions[1].lasted == doctest::Approx(30));
    CHECK(o.sessions[1].gpus == 3);
    CHECK(o.sessions[1].host == 0);
    CHECK(o.sessions[1].host_count == 1);
}

TEST_CASE("session posteriors: to stay away counts against eagerness while it lasts") {
    told t;
    t.open(0);
    t.now += minutes{1};
    t.submit(0, 1);
    t.now += minutes{1};
    t.finish(0);
    double const soon = t.look().sessions[0].returns.mean();
    double const rate_soon = t.learned.return_rate(t.state, kernel_id{0}, t.now + minutes{1});
    t.now += hours{5};
    CHECK(t.look().sessions[0].returns.mean() < soon / 2);
    CHECK(t.learned.return_rate(t.state, kernel_id{0}, t.now) < rate_soon / 100);
}

TEST_CASE("session posteriors: whom it took long is held to be less eager than all, however often it came") {
    told t;
    t.open(0);
    t.open(1);
    for (int round = 0; round < 60; ++round) {
        t.now += minutes{1};
        t.submit(0, 1);
        t.now += minutes{1};
        t.finish(0);
        if (round % 10 == 9) {
            t.now += hours{3};
            t.submit(1, 1);
            t.now += hours{1};
            t.finish(1);
        }
    }
    cluster_outlook const o = t.look();
    CHECK(o.sessions[1].returns.mean() < 1);
    CHECK(o.sessions[1].ends.mean() < 1);
}

TEST_CASE("session posteriors: a cell that goes on counts against its end while it lasts") {
    told t;
    t.open(0);
    t.now += minutes{1};
    t.submit(0, 1);
    double const soon = t.look().sessions[0].ends.mean();
    t.now += hours{5};
    CHECK(t.look().sessions[0].ends.mean() < soon / 2);
}

TEST_CASE("session posteriors: first cells and later ones have a hazard each, and who closes without a cell counts") {
    told first;
    told never;
    for (std::uint32_t k = 0; k < 40; ++k) {
        for (told* t : {&first, &never}) {
            t->open(k);
        }
        first.now += minutes{1};
        first.submit(k, 1);
        first.now += minutes{1};
        first.finish(k);
        never.now += hours{2};
        for (told* t : {&first, &never}) {
            t->learned.closed(t->state, kernel_id{k}, t->now);
            t->state.close(kernel_id{k}, t->out);
        }
    }
    told fresh;
    double const before = fresh.look().first_return.cumulative(120);
    CHECK(first.look().first_return.cumulative(120) > 1.5 * before); // a minute after the opening, each
    CHECK(never.look().first_return.cumulative(7200) < 0.5 * fresh.look().first_return.cumulative(7200));
}

TEST_CASE("session posteriors: a host that is drained has no room") {
    told t;
    t.open(0);
    CHECK(t.look().free == std::vector<std::uint16_t>{8});
    t.state.drain(gpu::host_id{0});
    CHECK(t.look().free == std::vector<std::uint16_t>{0});
}

TEST_CASE("session posteriors: a session's end leaves nothing of it to the next that has its number") {
    told t;
    t.open(0);
    for (int n = 0; n < 20; ++n) {
        t.now += seconds{20};
        t.submit(0, 1);
        t.now += seconds{20};
        t.finish(0);
    }
    CHECK(t.look().sessions[0].returns.mean() > 1.5);
    t.learned.closed(t.state, kernel_id{0}, t.now);
    t.state.close(kernel_id{0}, t.out);
    t.open(0);
    CHECK(t.look().sessions[0].returns.mean() == doctest::Approx(1));
    CHECK_FALSE(t.look().sessions[0].had_cell);
}

} // namespace hpcsched::notebook
