// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft_sim/cluster.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <vector>

namespace hpcsched::raft_sim {
namespace {

using namespace std::chrono_literals;

raft::byte_buffer open_session() {
    raft::byte_buffer out;
    cluster::machine::encode({}, {}, out);
    return out;
}

} // namespace

TEST_CASE("cluster: a group elects a leader and carries a command out on every server") {
    cluster c{{}, 1};
    c.run_until(time_point{5s});
    REQUIRE(c.leader() != raft::no_node);
    bool const proposed = c.act(
        c.leader(), [](cluster::server& s, time_point local) { CHECK(s.propose(open_session(), local).has_value()); });
    CHECK(proposed);
    c.run_until(time_point{6s});
    CHECK(c.take_applied().size() == 3);
    CHECK(c.checks().breach().empty());
}

TEST_CASE("cluster: a leader that crashes is replaced, and takes part again when it is back") {
    cluster c{{}, 2};
    c.run_until(time_point{5s});
    raft::node_id const first = c.leader();
    REQUIRE(first != raft::no_node);
    c.crash(first);
    CHECK(c.find(first) == nullptr);
    c.run_until(time_point{10s});
    raft::node_id const second = c.leader();
    REQUIRE(second != raft::no_node);
    CHECK(second != first);
    c.restart(first);
    c.run_until(time_point{12s});
    REQUIRE(c.find(first) != nullptr);
    CHECK(c.find(first)->replica().leader() == second);
    CHECK(c.find(first)->applied() == c.find(second)->applied());
}

TEST_CASE("cluster: a server that is paused answers nothing, and all of it afterwards") {
    cluster c{{}, 3};
    c.run_until(time_point{5s});
    raft::node_id const leader = c.leader();
    c.pause(leader, 10s);
    CHECK_FALSE(c.up(leader));
    CHECK_FALSE(c.act(leader, [](cluster::server&, time_point) {}));
    c.run_until(time_point{20s});
    CHECK(c.up(leader));
    CHECK(c.leader() != leader);
    CHECK(c.checks().breach().empty());
}

TEST_CASE("cluster: a server whose disk is full stops, vouches for nothing, and goes on when there is space") {
    cluster c{{}, 4};
    c.run_until(time_point{5s});
    raft::node_id const leader = c.leader();
    c.disk(leader).set_full(true);
    c.act(leader, [](cluster::server& s, time_point local) { (void)s.propose(open_session(), local); });
    REQUIRE(c.find(leader)->failed());
    CHECK(c.find(leader)->failure().find("no space") != std::string::npos);
    c.run_until(time_point{10s});
    CHECK(c.leader() != leader);
    c.disk(leader).set_full(false);
    c.crash(leader);
    c.restart(leader);
    c.run_until(time_point{15s});
    CHECK(c.find(leader)->replica().leader() == c.leader());
}

TEST_CASE("cluster: equal seeds give equal runs, other seeds others") {
    auto const run = [](std::uint64_t seed) {
        cluster c{{.skew_ppm_max = 1000}, seed};
        c.run_until(time_point{3s});
        c.crash(cluster::id_at(0));
        c.run_until(time_point{8s});
        return c.hash();
    };
    CHECK(run(7) == run(7));
    CHECK(run(7) != run(8));
}

} // namespace hpcsched::raft_sim
