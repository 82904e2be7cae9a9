// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook/predictive.hpp>

#include <doctest/doctest.h>

#include "scripted_cluster.hpp"

#include <chrono>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

namespace hpcsched::notebook {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

/// The expected misses of a choice, by summation.
double misses(std::vector<double> const& means, std::vector<std::uint32_t> const& rooms) {
    double sum = 0;
    for (std::size_t size = 1; size < means.size(); ++size) {
        double probability = std::exp(-means[size]);
        for (std::uint32_t n = 0; n < 200; ++n) {
            sum += n > rooms[size] ? (n - rooms[size]) * probability : 0;
            probability *= means[size] / (n + 1);
        }
    }
    return sum;
}

TEST_CASE("keep_room_for: the expected misses are at most what the level leaves, and one room less is too few") {
    std::vector<double> const means{0, 0.3, 0, 0, 0.13, 0, 0, 0, 0.2};
    double const all = std::accumulate(means.begin(), means.end(), 0.0);
    std::vector<std::uint32_t> rooms;
    for (double const level : {0.5, 0.9, 0.99, 0.999}) {
        keep_room_for(means, level, rooms);
        CHECK(misses(means, rooms) <= (1 - level) * all * 1.000001);
        for (std::size_t size = 1; size < means.size(); ++size) {
            CHECK((means[size] > 0 || rooms[size] == 0));
        }
    }
    keep_room_for(means, 0, rooms);
    CHECK(std::accumulate(rooms.begin(), rooms.end(), 0U) == 0);
    // At 0.9 of 0.63 expected cells 0.063 may be missed: one room of each size leaves 0.066, the cheapest more is
    // for 1.
    keep_room_for(means, 0.9, rooms);
    CHECK(rooms == std::vector<std::uint32_t>{0, 2, 0, 0, 1, 0, 0, 0, 1});
}

TEST_CASE("predictive: a cell runs where the fewest devices are left over") {
    scripted_cluster c{predictive_cluster{predictive_policies{}}};
    c.bring_up();
    c.open(0, 4);
    c.open(1, 4);
    c.ready();
    c.submit(0, 4);
    c.submit(1, 4);
    REQUIRE(c.runs().size() == 2);
    CHECK(c.runs()[0].host == c.runs()[1].host); // which fills that host, and leaves the others whole
}

TEST_CASE("predictive: an idle kernel moves to where its next cell could run, before it comes") {
    scripted_cluster c{predictive_cluster{predictive_policies{}}};
    c.bring_up();
    for (std::uint32_t k = 0; k < 4; ++k) {
        c.open(k, 8);
    }
    c.ready();
    for (std::uint32_t k = 0; k < 3; ++k) {
        c.submit(k, 8);
    }
    CHECK(c.busy_hosts() == 3);
    c.bring_up(); // room for the fourth was ordered by now
    c.ready();
    std::size_t const moved = c.started_count();
    c.submit(3, 8);
    CHECK(c.runs().size() == 4); // at once
    CHECK(c.busy_hosts() == 4);
    CHECK(moved > 12); // 3 replicas of each of 4 kernels, and those that moved
}

TEST_CASE("predictive: hosts that nothing needs any more are given back after a while, down to three") {
    scripted_cluster c{predictive_cluster{predictive_policies{}}};
    c.bring_up();
    for (std::uint32_t k = 0; k < 6; ++k) {
        c.open(k, 8);
    }
    c.ready();
    for (std::uint32_t k = 0; k < 6; ++k) {
        c.submit(k, 8);
        c.bring_up();
        c.ready();
    }
    CHECK(c.busy_hosts() == 6);
    for (std::uint32_t k = 0; k < 6; ++k) {
        c.finish(k);
        c.close(k);
    }
    for (int i = 0; i < 60; ++i) {
        c.pass(seconds{30});
        c.bring_up();
        c.ready();
    }
    CHECK(c.up().size() == 3);
}

TEST_CASE("replicated cluster: a kernel that is idle for long has no replicas, and three again for its next cell") {
    predictive_policies policies;
    policies.reclaim_after = minutes{30};
    scripted_cluster c{predictive_cluster{std::move(policies)}};
    c.bring_up();
    c.open(0, 1);
    c.ready();
    c.submit(0, 1);
    c.finish(0);
    c.pass(minutes{29});
    CHECK(c.replicas(0).size() == 3);
    c.pass(minutes{2});
    CHECK(c.replicas(0).empty());
    std::size_t const before = c.started_count();
    c.submit(0, 1);
    CHECK(c.runs().size() == 1);
    CHECK(c.started_count() == before + 3);
    c.ready();
    CHECK(c.runs().size() == 2);
    CHECK(c.scheduler().state().ledger().check().empty());
}

TEST_CASE("prewarming: by Little's law as many wait as are used while one more starts") {
    warm_by_littles_law warm{{.start = seconds{15}, .window = minutes{10}}};
    CHECK(warm.target() == 1);
    for (int i = 0; i < 100; ++i) { // one every 6 seconds: 2.5 in 15 seconds
        warm.started(time_point{seconds{6 * i}});
    }
    CHECK(warm.target() == 3);
    warm.started(time_point{hours{2}});
    CHECK(warm.target() == 1);
}

TEST_CASE("prewarming: a number in all is spread over the hosts") {
    cluster_state s;
    cluster_command_buffer out;
    s.start({gpu::uniform_host()});
    for (int i = 0; i < 5; ++i) {
        s.host_is_up(s.provision(out));
    }
    CHECK(warm_in_all{12}.wanted(s, gpu::host_id{0}) == 3);
    s.drain(gpu::host_id{4});
    CHECK(warm_in_all{12}.wanted(s, gpu::host_id{4}) == 0);
    CHECK(warm_on_each_host{}.wanted(s, gpu::host_id{3}) == 3);
    CHECK(no_prewarming::wanted(s, gpu::host_id{3}) == 0);
}

TEST_CASE("replicated cluster: a lost host's cell runs again on another replica, and the kernel has three again") {
    scripted_cluster c{predictive_cluster{predictive_policies{}}};
    c.bring_up();
    c.open(0, 1);
    c.ready();
    c.submit(0, 1);
    auto const first = c.runs().back().host;
    c.lose(first);
    REQUIRE(c.runs().size() == 2);
    CHECK(c.runs().back().host != first);
    CHECK(c.runs().back().cell == c.runs().front().cell);
    CHECK(c.runs().back().lease > c.runs().front().lease); // the fencing token grows
    c.bring_up();
    c.ready();
    CHECK(c.replicas(0).size() == 3);
}

TEST_CASE("replicated cluster: a replica whose place is taken over by a move stays while a cell runs on it") {
    scripted_cluster c{predictive_cluster{predictive_policies{}}};
    c.bring_up();
    c.open(0, 8);
    c.open(1, 8);
    c.ready();
    c.submit(1, 8);
    c.bring_up();
    c.submit(0, 8); // while it may be moving
    REQUIRE(c.runs().size() == 2);
    auto const runs_on = c.runs().back().host;
    c.ready();
    CHECK(c.replicas(0).contains(runs_on));
    c.finish(0);
    CHECK(c.replicas(0).size() == 3);
}

} // namespace
} // namespace hpcsched::notebook
