// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft/replica.hpp>

#include <doctest/doctest.h>

#include "group.hpp"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace hpcsched::raft {
namespace {

using test::group;
using namespace std::chrono_literals;
using action = membership_change::action;

static_assert(std::is_copy_constructible_v<replica>);

std::vector<std::string> const abc{"a", "b", "c"};

result<log_index, errc> change(group& g, std::uint32_t leader, std::vector<membership_change> const& changes,
                               bool joint = false) {
    return g.at(leader).change_membership(changes, g.now, joint);
}

} // namespace

// --- Raft paper, section 5.2: leader election ------------------------------------------------------------------------

TEST_CASE("replica: a follower that hears of no leader stands for election, and wins with a majority") {
    group g{3};
    CHECK(g.leaders().empty());
    g.pass(2s);
    REQUIRE(g.leaders().size() == 1);
    std::uint32_t const leader = g.leaders().front();
    for (std::uint32_t id = 1; id <= 3; ++id) {
        CHECK(g.at(id).leader() == node_id{leader});
        CHECK(g.at(id).term() == g.at(leader).term());
        CHECK(g.at(id).commit() == 1); // the leader's own entry
    }
}

TEST_CASE("replica: heartbeats keep a leader in office") {
    group g{3};
    g.campaign(2);
    log_term const term = g.at(2).term();
    g.pass(60s);
    CHECK(g.leaders() == std::vector<std::uint32_t>{2});
    CHECK(g.at(2).term() == term);
}

TEST_CASE("replica: election timeouts lie between one and two of the configured") {
    std::set<std::int64_t> seen;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        group g{3, [&](replica_config& c) { c.seed = seed; }};
        duration const wait = g.at(1).next_deadline() - g.now;
        CHECK(wait >= 1s);
        CHECK(wait < 2s);
        seen.insert(wait.count());
    }
    CHECK(seen.size() > 190);
}

TEST_CASE("replica: a vote is given once in a term, first come, first served") {
    group g{5, [](replica_config& c) { c.pre_vote = false; }};
    g.lost = [](message const& m) { return m.to.value > 3 || m.from.value > 3; };
    g.at(1).campaign(g.now, g.out(1));
    g.at(2).campaign(g.now, g.out(2));
    g.deliver();
    CHECK(g.at(3).hard_state().voted_for == node_id{1});
    CHECK(g.leaders().empty()); // two and one of five
    g.heal();
    g.pass(10s);
    CHECK(g.leaders().size() == 1);
}

TEST_CASE("replica: a vote is told only when it is durable") {
    // Raft paper, figure 2: "updated on stable storage before responding to RPCs"
    group g{3, [](replica_config& c) { c.pre_vote = false; }};
    g.hold_writes = true;
    g.at(1).campaign(g.now, g.out(1));
    g.deliver();
    CHECK(g.leaders().empty());
    g.write_out(2);
    g.deliver();
    CHECK(g.leaders().empty()); // its own vote is not durable yet
    g.write_out(1);
    g.deliver();
    CHECK(g.leaders() == std::vector<std::uint32_t>{1});
}

TEST_CASE("replica: a vote survives a restart") {
    group g{3, [](replica_config& c) { c.pre_vote = false; }};
    g.lost = [](message const& m) { return m.to.value == 3 || std::holds_alternative<vote_response>(m.body); };
    g.campaign(1);
    CHECK(g.at(2).hard_state().voted_for == node_id{1});
    g.restart(2);
    CHECK(g.at(2).hard_state().voted_for == node_id{1});
    CHECK(g.at(2).term() == 1);
}

TEST_CASE("replica: a message of a later term makes anyone a follower of it") {
    group g{3, [](replica_config& c) { c.check_quorum = false; }};
    g.campaign(1);
    g.isolate(1);
    g.campaign(2);
    g.heal();
    g.pass(200ms);
    CHECK(g.leaders() == std::vector<std::uint32_t>{2});
    CHECK(g.at(1).role() == role::follower);
    CHECK(g.at(1).leader() == node_id{2});
}

TEST_CASE("replica: a group of one leads itself") {
    group g{1};
    g.pass(2s);
    CHECK(g.leaders() == std::vector<std::uint32_t>{1});
    REQUIRE(g.propose(1, "a").has_value());
    g.deliver();
    CHECK(g.applied[1] == std::vector<std::string>{"a"});
}

// --- section 5.3: log replication --------------------------------------------------------------------------------

TEST_CASE("replica: an entry is committed when a majority has it durably, and every server applies it") {
    group g{3};
    g.campaign(1);
    for (std::string const& each : abc) {
        REQUIRE(g.propose(1, each).has_value());
    }
    g.deliver();
    for (std::uint32_t id = 1; id <= 3; ++id) {
        CHECK(g.applied[id] == abc);
    }
}

TEST_CASE("replica: followers vouch for nothing that is not durable, and a leader counts itself no sooner") {
    group g{3};
    g.campaign(1);
    g.hold_writes = true;
    REQUIRE(g.propose(1, "a").has_value());
    g.deliver();
    CHECK(g.at(1).commit() == 1);
    g.write_out(2);
    g.deliver();
    CHECK(g.at(1).commit() == 1); // one of three, as the leader's own is not durable
    g.write_out(3);
    g.deliver();
    CHECK(g.at(1).commit() == 2); // two followers are a majority (thesis, section 10.2.1)
    CHECK(g.at(1).durable() == 1);
}

TEST_CASE("replica: entries proposed between two flushes travel together") {
    group g{3};
    g.campaign(1);
    for (int i = 0; i < 50; ++i) {
        REQUIRE(g.propose(1, "x").has_value());
    }
    g.settle();
    CHECK(g.flying.size() == 2);
    CHECK(std::get<append_request>(g.flying.front().get().body).entries.size() == 50);
}

TEST_CASE("replica: entries go out before the last ones are acknowledged, up to the window") {
    group g{3, [](replica_config& c) { c.inflight_entries_max = 3; }};
    g.campaign(1);
    for (int i = 0; i < 6; ++i) {
        REQUIRE(g.propose(1, "x").has_value());
        g.settle();
    }
    auto const to_two = std::ranges::count_if(g.flying, [](auto const& m) { return m.get().to == node_id{2}; });
    CHECK(to_two == 3);
    g.deliver();
    CHECK(g.at(2).commit() == 7);
}

TEST_CASE("replica: a follower's entries that conflict with the leader's are replaced") {
    group g{3};
    g.campaign(1);
    g.isolate(1);
    REQUIRE(g.propose(1, "lost").has_value());
    REQUIRE(g.propose(1, "lost too").has_value());
    g.deliver();
    CHECK(g.at(1).log().last_index() == 3);
    g.pass(5s); // the others elect one of theirs, the first steps down
    REQUIRE(g.leaders().size() == 1);
    std::uint32_t const leader = g.leaders().front();
    CHECK(leader != 1);
    REQUIRE(g.propose(leader, "kept").has_value());
    g.deliver();
    g.heal();
    g.pass(5s);
    for (std::uint32_t id = 1; id <= 3; ++id) {
        CHECK(g.applied[id] == std::vector<std::string>{"kept"});
    }
}

TEST_CASE("replica: what replaces a durable entry is not durable for that") {
    group g{3};
    g.campaign(1);
    g.isolate(1);
    REQUIRE(g.propose(1, "lost").has_value());
    g.deliver();
    REQUIRE(g.at(1).durable() == 2);
    g.now += 5s;
    g.campaign(2);
    REQUIRE(g.at(2).role() == role::leader);
    g.heal();
    g.hold_writes = true;
    g.pass(500ms);
    CHECK(g.at(1).log().term_at(2) == g.at(2).term()); // replaced
    CHECK(g.at(1).durable() == 1);
    CHECK(g.at(2).matched(node_id{1}) <= 1);
    g.write_out(1);
    g.deliver();
    CHECK(g.at(2).matched(node_id{1}) == 2);
}

TEST_CASE("replica: a write that ends late does not vouch for what has replaced its entries meanwhile") {
    group g{3};
    g.campaign(1);
    g.isolate(1);
    g.hold_writes = true;
    REQUIRE(g.propose(1, "lost").has_value());
    g.deliver();
    std::uint64_t const late = g.held(1);
    g.hold_writes = false;
    g.now += 5s;
    g.campaign(2);
    REQUIRE(g.at(2).role() == role::leader);
    g.heal();
    g.hold_writes = true;
    g.pass(500ms);
    REQUIRE(g.at(1).log().term_at(2) == g.at(2).term());
    g.at(1).written(late, g.now);
    g.deliver();
    CHECK(g.at(1).durable() == 1);
    CHECK(g.at(2).matched(node_id{1}) <= 1);
}

TEST_CASE("replica: a follower far behind is found by terms, not entry by entry") {
    // Raft paper, end of section 5.3
    group g{3, [](replica_config& c) { c.check_quorum = false; }};
    g.campaign(1);
    g.isolate(1);
    for (int i = 0; i < 100; ++i) {
        REQUIRE(g.propose(1, "lost").has_value());
        g.deliver();
    }
    g.campaign(2);
    for (int i = 0; i < 100; ++i) {
        REQUIRE(g.propose(2, "kept").has_value());
        g.deliver();
    }
    g.heal();
    int rejections = 0;
    g.lost = [&](message const& m) {
        auto const* const r = std::get_if<append_response>(&m.body);
        rejections += r != nullptr && r->rejected ? 1 : 0;
        return false;
    };
    g.pass(1s);
    CHECK(g.applied[1].size() == 100);
    CHECK(rejections <= 3);
}

TEST_CASE("replica: a lost message is sent again") {
    group g{3};
    g.campaign(1);
    int dropped = 0;
    g.lost = [&](message const& m) { return std::holds_alternative<append_request>(m.body) && dropped++ < 4; };
    REQUIRE(g.propose(1, "a").has_value());
    g.deliver();
    CHECK(g.applied[2].empty());
    g.pass(1s);
    CHECK(g.applied[2] == std::vector<std::string>{"a"});
    CHECK(g.applied[3] == std::vector<std::string>{"a"});
}

TEST_CASE("replica: messages that come twice, late or in another order change nothing that matters") {
    group g{3, [](replica_config& c) { c.append_entries_max = 1; }};
    g.campaign(1);
    for (std::string const& each : abc) {
        REQUIRE(g.propose(1, each).has_value());
    }
    g.settle();
    std::ranges::reverse(g.flying);
    std::size_t const count = g.flying.size();
    for (std::size_t i = 0; i < count; ++i) {
        g.flying.emplace_back(g.flying[i].get());
    }
    g.deliver();
    g.pass(1s);
    CHECK(g.applied[2] == abc);
    CHECK(g.applied[3] == abc);
}

// --- section 5.4: safety -----------------------------------------------------------------------------------------

TEST_CASE("replica: a server whose log is behind is not elected") {
    // Raft paper, section 5.4.1
    group g{3};
    g.campaign(1);
    g.isolate(3);
    REQUIRE(g.propose(1, "a").has_value());
    g.deliver();
    g.lost = [](message const& m) { return m.to.value == 1 || m.from.value == 1; };
    g.now += 5s; // nobody remembers the leader as recent
    g.campaign(3);
    CHECK(g.leaders() == std::vector<std::uint32_t>{1}); // 2 refuses
    g.campaign(2);
    CHECK(g.at(2).role() == role::leader);
}

TEST_CASE("replica: an entry of an earlier term is not committed by counting") {
    // Raft paper, section 5.4.2 and figure 8
    group g{3, [](replica_config& c) {
                c.check_quorum = c.pre_vote = false;
                c.append_entries_max = 1; // the old entry arrives, the leader's own does not
            }};
    g.campaign(1);
    g.isolate(1);
    REQUIRE(g.propose(1, "old").has_value()); // on 1 alone
    g.deliver();
    g.now += 5s;
    bool own_entry_reaches = false;
    g.lost = [&](message const& m) {
        auto const* const a = std::get_if<append_request>(&m.body);
        bool const own = a != nullptr && std::ranges::any_of(a->entries, [](entry const& e) { return e.term > 1; });
        bool const would_be_taken = g.at(2).log().last_index() >= 2; // before that it is refused
        return (own && would_be_taken && !own_entry_reaches) || m.to.value == 3;
    };
    g.at(2).campaign(g.now, g.out(2)); // 1 learns of a later term, and stands in a later one still
    g.deliver();
    g.at(1).campaign(g.now, g.out(1));
    g.deliver();
    REQUIRE(g.at(1).role() == role::leader);
    log_index const old = 2;
    g.pass(500ms);
    CHECK(g.at(1).matched(node_id{2}) == old); // on a majority
    CHECK(g.at(1).commit() < old);
    own_entry_reaches = true;
    g.pass(1s);
    CHECK(g.at(1).commit() > old);
}

TEST_CASE("replica: what is committed survives the loss of any minority") {
    for (std::uint32_t lost = 1; lost <= 3; ++lost) {
        group g{3};
        g.campaign(1);
        for (std::string const& each : abc) {
            REQUIRE(g.propose(1, each).has_value());
        }
        g.deliver();
        g.isolate(lost);
        g.pass(10s);
        for (std::uint32_t id = 1; id <= 3; ++id) {
            if (id != lost) {
                CHECK(g.at(id).leader() != node_id{lost});
                CHECK(g.applied[id] == abc);
            }
        }
    }
}

// --- thesis, section 9.6 and 6.2: pre-vote, check-quorum ---------------------------------------------------------

TEST_CASE("replica: a server that was cut off does not disturb the group when it comes back") {
    group g{3};
    g.campaign(1);
    g.isolate(3);
    g.pass(30s);
    log_term const term = g.at(1).term();
    CHECK(g.at(3).term() == term); // pre-votes raise none
    g.heal();
    g.pass(5s);
    CHECK(g.leaders() == std::vector<std::uint32_t>{1});
    CHECK(g.at(1).term() == term);
}

TEST_CASE("replica: without pre-votes a server that comes back in a later term deposes the leader once") {
    group g{3, [](replica_config& c) { c.pre_vote = false; }};
    g.campaign(1);
    g.isolate(3);
    g.pass(30s);
    CHECK(g.at(3).term() > g.at(1).term());
    g.heal();
    g.pass(10s);
    REQUIRE(g.leaders().size() == 1);
    CHECK(g.at(3).term() == g.at(g.leaders().front()).term());
}

TEST_CASE("replica: a leader that hears from no majority steps down") {
    group g{3};
    g.campaign(1);
    g.isolate(1);
    g.now += 10ms;
    g.pass(2500ms);
    CHECK(g.at(1).role() != role::leader);
}

TEST_CASE("replica: who hears of a leader votes for nobody else") {
    // thesis, section 4.2.3
    group g{3, [](replica_config& c) { c.pre_vote = false; }};
    g.campaign(1);
    g.pass(150ms);
    g.campaign(3);
    CHECK(g.at(2).hard_state().voted_for == node_id{1});
    CHECK(g.at(2).leader() == node_id{1});
}

// --- priorities, transfer (thesis, section 3.10) -----------------------------------------------------------------

TEST_CASE("replica: a server of higher priority stands for election first") {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        group g{3, [&](replica_config& c) { c.seed = seed; }};
        g.campaign(1);
        REQUIRE(change(g, 1, {{action::add_voter, node_id{3}, 9}}).has_value());
        g.deliver();
        g.isolate(1);
        g.pass(6s);
        CHECK(g.at(3).role() == role::leader);
    }
}

TEST_CASE("replica: leadership is handed over without waiting for a timeout") {
    group g{3};
    g.campaign(1);
    REQUIRE(g.propose(1, "a").has_value());
    REQUIRE(g.at(1).transfer_leadership(node_id{2}, g.now, g.out(1)).has_value());
    CHECK(g.propose(1, "b").error() == errc::leaving_office);
    g.deliver();
    CHECK(g.leaders() == std::vector<std::uint32_t>{2});
    CHECK(g.applied[2] == std::vector<std::string>{"a"});
}

TEST_CASE("replica: a transfer to who cannot be reached is given up after an election timeout") {
    group g{3};
    g.campaign(1);
    g.isolate(2);
    REQUIRE(g.propose(1, "a").has_value());
    REQUIRE(g.at(1).transfer_leadership(node_id{2}, g.now, g.out(1)).has_value());
    g.pass(1500ms);
    CHECK(g.leaders() == std::vector<std::uint32_t>{1});
    CHECK(g.propose(1, "b").has_value());
    CHECK(g.at(1).transfer_leadership(node_id{9}, g.now, g.out(1)).error() == errc::invalid_change);
    CHECK(g.at(3).transfer_leadership(node_id{2}, g.now, g.out(3)).error() == errc::not_leader);
}

// --- thesis, chapter 4: membership -------------------------------------------------------------------------------

TEST_CASE("replica: a server is added, catches up and counts") {
    group g{3, {}, 1};
    g.campaign(1);
    REQUIRE(g.propose(1, "a").has_value());
    g.deliver();
    REQUIRE(change(g, 1, {{action::add_voter, node_id{4}}}).has_value());
    g.pass(1s);
    CHECK(g.applied[4] == std::vector<std::string>{"a"});
    CHECK(g.at(4).committed_members().is_voter(node_id{4}));
    g.isolate(3);
    REQUIRE(g.propose(1, "b").has_value());
    g.pass(1s);
    CHECK(g.applied[4].size() == 2); // three of four
}

TEST_CASE("replica: a group moves to other servers at once, by a joint configuration that it leaves by itself") {
    group g{3, {}, 3};
    g.campaign(1);
    REQUIRE(g.propose(1, "a").has_value());
    g.deliver();
    REQUIRE(change(g, 1,
                   {{action::add_voter, node_id{4}},
                    {action::add_voter, node_id{5}},
                    {action::add_voter, node_id{6}},
                    {action::remove, node_id{1}},
                    {action::remove, node_id{2}},
                    {action::remove, node_id{3}}})
                .has_value());
    CHECK(change(g, 1, {{action::remove, node_id{2}}}).error() == errc::change_in_progress);
    g.pass(10s);
    REQUIRE(g.leaders().size() == 1);
    std::uint32_t const leader = g.leaders().front();
    CHECK(leader >= 4);
    REQUIRE(g.propose(leader, "b").has_value());
    g.deliver();
    CHECK(g.applied[4] == std::vector<std::string>{"a", "b"});
    CHECK(g.at(4).committed_members().members().size() == 3);
    CHECK(g.applied[1] == std::vector<std::string>{"a"});
}

TEST_CASE("replica: a leader changes the membership only when an entry of its term is committed") {
    // Ongaro, "bug in single-server membership changes", 2015
    group g{3};
    g.lost = [](message const& m) { return std::holds_alternative<append_request>(m.body); };
    g.campaign(1);
    REQUIRE(g.at(1).role() == role::leader);
    CHECK(change(g, 1, {{action::remove, node_id{3}}}).error() == errc::change_in_progress);
    g.heal();
    g.pass(1s);
    CHECK(change(g, 1, {{action::remove, node_id{3}}}).has_value());
}

TEST_CASE("replica: a membership that is not committed is taken back with its entry") {
    group g{3, {}, 1};
    g.campaign(1);
    g.isolate(1);
    REQUIRE(change(g, 1, {{action::add_voter, node_id{4}}}).has_value());
    g.deliver();
    CHECK(g.at(1).members().members().size() == 4); // in force from the moment it is in the log
    g.pass(5s);
    g.heal();
    g.pass(5s);
    CHECK(g.at(1).members().members().size() == 3);
    CHECK(g.leaders().size() == 1);
}

TEST_CASE("replica: a witness makes a majority, stores no commands, and never leads") {
    group g{2, {}, 1};
    g.campaign(1);
    REQUIRE(change(g, 1, {{action::add_witness, node_id{3}}}).has_value());
    g.pass(1s);
    g.isolate(2);
    REQUIRE(g.propose(1, "secret").has_value());
    g.pass(500ms);
    CHECK(g.at(1).commit() == g.at(1).log().last_index());
    CHECK(g.at(3).log().last_index() == g.at(1).log().last_index());
    CHECK(g.applied[3].empty());
    CHECK(g.at(3).log().at(g.at(3).commit()).kind == entry_kind::omitted);
    g.isolate(1);
    g.pass(20s);
    CHECK(g.at(3).role() != role::leader);
}

// --- thesis, section 6.4: reads ----------------------------------------------------------------------------------

TEST_CASE("replica: a read waits for a round of heartbeats, and many reads share one") {
    group g{3};
    g.campaign(1);
    REQUIRE(g.propose(1, "a").has_value());
    g.deliver();
    for (std::uint64_t id = 1; id <= 10; ++id) {
        REQUIRE(g.at(1).read(id, g.now, g.out(1)).has_value());
    }
    g.settle();
    CHECK(g.reads[1].empty());
    CHECK(g.flying.size() == 2);
    g.deliver();
    REQUIRE(g.reads[1].size() == 10);
    CHECK(g.reads[1].front().confirmed);
    CHECK(g.reads[1].front().index == 2);
}

TEST_CASE("replica: a leader that was deposed unknowingly answers no read") {
    group g{3, [](replica_config& c) { c.check_quorum = false; }};
    g.campaign(1);
    g.isolate(1);
    g.now += 5s;
    g.campaign(2);
    REQUIRE(g.at(1).role() == role::leader);
    REQUIRE(g.at(1).read(1, g.now, g.out(1)).has_value());
    g.deliver();
    CHECK(g.reads[1].empty());
    g.heal();
    g.pass(500ms);
    REQUIRE(g.reads[1].size() == 1);
    CHECK_FALSE(g.reads[1].front().confirmed);
}

TEST_CASE("replica: a follower's read is confirmed by the leader") {
    group g{3};
    g.campaign(1);
    REQUIRE(g.propose(1, "a").has_value());
    g.deliver();
    REQUIRE(g.at(3).read(7, g.now, g.out(3)).has_value());
    g.deliver();
    REQUIRE(g.reads[3].size() == 1);
    CHECK(g.reads[3].front().id == 7);
    CHECK(g.reads[3].front().index == 2);
}

TEST_CASE("replica: a new leader answers no read before it has committed an entry of its term") {
    group g{3};
    g.lost = [](message const& m) { return std::holds_alternative<append_request>(m.body); };
    g.campaign(1);
    REQUIRE(g.at(1).read(1, g.now, g.out(1)).has_value());
    g.pass(300ms);
    CHECK(g.reads[1].empty());
    g.heal();
    g.pass(500ms);
    CHECK(g.reads[1].size() == 1);
}

TEST_CASE("replica: under a lease a read asks nobody, and the lease ends with the answers") {
    group g{3, [](replica_config& c) { c.reads = read_mode::lease; }};
    g.campaign(1);
    g.pass(200ms);
    CHECK(g.at(1).holds_lease(g.now));
    REQUIRE(g.at(1).read(1, g.now, g.out(1)).has_value());
    g.settle();
    CHECK(g.reads[1].size() == 1);
    CHECK(g.flying.empty());
    g.isolate(1);
    g.pass(901ms);
    CHECK_FALSE(g.at(1).holds_lease(g.now));
    CHECK(g.at(1).role() == role::leader); // no one else can have been elected yet
}

TEST_CASE("replica: whoever hands over leadership has no lease any more") {
    group g{3, [](replica_config& c) { c.reads = read_mode::lease; }};
    g.campaign(1);
    g.pass(200ms);
    REQUIRE(g.at(1).holds_lease(g.now));
    REQUIRE(g.at(1).transfer_leadership(node_id{2}, g.now, g.out(1)).has_value());
    CHECK_FALSE(g.at(1).holds_lease(g.now));
}

// --- limits, rest, restarts --------------------------------------------------------------------------------------

TEST_CASE("replica: proposals beyond the quota are refused and change nothing") {
    group g{3, [](replica_config& c) {
                c.window_entries = 64;
                c.window_bytes = 1024;
                c.entry_bytes_max = 100;
                c.uncommitted_bytes_max = 500;
            }};
    g.campaign(1);
    g.isolate(1);
    CHECK(g.propose(1, std::string(101, 'x')).error() == errc::entry_too_large);
    int taken = 0;
    while (g.propose(1, std::string(100, 'x'))) {
        ++taken;
    }
    CHECK(taken == 5);
    CHECK(g.propose(2, "x").error() == errc::not_leader);
    g.heal();
    g.pass(1s);
    CHECK(g.propose(1, std::string(100, 'x')).has_value());
}

TEST_CASE("replica: a follower behind the leader's memory is sent entries from the log storage") {
    group g{3, [](replica_config& c) { c.window_entries = 8; }};
    g.campaign(1);
    g.isolate(3);
    for (int i = 0; i < 100; ++i) {
        REQUIRE(g.propose(1, std::to_string(i)).has_value());
        g.deliver();
    }
    CHECK(g.at(1).log().first_index() > 90);
    g.heal();
    g.pass(2s);
    CHECK(g.applied[3] == g.applied[1]);
}

TEST_CASE("replica: a window that is too small for what is in flight grows") {
    group g{3, [](replica_config& c) {
                c.window_entries = 4;
                c.check_quorum = false;
            }};
    g.campaign(1);
    for (int i = 0; i < 40; ++i) {
        while (!g.propose(1, std::to_string(i))) {
            g.deliver();
        }
    }
    g.pass(2s);
    CHECK(g.applied[1].size() == 40);
    CHECK(g.applied[2] == g.applied[1]);
}

TEST_CASE("replica: an idle group rests, and wakes to a proposal") {
    group g{3, [](replica_config& c) { c.quiesce_after = 500ms; }};
    g.campaign(1);
    g.pass(3s);
    for (std::uint32_t id = 1; id <= 3; ++id) {
        CHECK(g.at(id).quiescent());
        CHECK(g.at(id).next_deadline() == never);
        CHECK(g.at(id).log().memory() == 0);
    }
    REQUIRE(g.propose(1, "a").has_value());
    g.deliver();
    CHECK(g.applied[3] == std::vector<std::string>{"a"});
    CHECK_FALSE(g.at(3).quiescent());
    g.pass(3s);
    CHECK(g.at(1).quiescent());
}

TEST_CASE("replica: a group at rest whose leader is gone elects another when it is woken") {
    group g{3, [](replica_config& c) { c.quiesce_after = 500ms; }};
    g.campaign(1);
    g.pass(3s);
    g.isolate(1);
    g.at(2).peer_unreachable(node_id{1}, g.now);
    g.pass(5s);
    CHECK((g.at(2).role() == role::leader || g.at(3).role() == role::leader));
}

TEST_CASE("replica: after a restart everything committed is applied again, and nothing twice") {
    group g{3};
    g.campaign(1);
    for (std::string const& each : abc) {
        REQUIRE(g.propose(1, each).has_value());
    }
    g.deliver();
    g.restart(3);
    g.applied[3].clear();
    g.pass(1s);
    CHECK(g.applied[3] == abc);
    g.restart(1);
    g.applied[1].clear();
    g.pass(5s);
    CHECK(g.applied[1] == abc);
}

TEST_CASE("replica: equal replicas given equal events answer equally") {
    auto const run = [] {
        group g{3};
        g.pass(3s);
        (void)g.propose(g.leaders().front(), "a");
        g.isolate(g.leaders().front());
        g.pass(10s);
        return std::tuple{g.leaders(), g.at(1).term(), g.at(2).hard_state().voted_for, g.at(3).next_deadline()};
    };
    CHECK(run() == run());
}

TEST_CASE("replica: a copy goes its own way") {
    group g{3};
    g.campaign(1);
    replica copy = g.at(1);
    REQUIRE(copy.propose(std::as_bytes(std::span{"x", 1}), g.now).has_value());
    CHECK(copy.log().last_index() == 2);
    CHECK(g.at(1).log().last_index() == 1);
}

TEST_CASE("replica: configurations that contradict themselves are refused with the fix") {
    auto const wrong = [](auto mend) {
        replica_config c{.id = node_id{1}};
        mend(c);
        auto const checked = validate(c);
        return checked ? std::string{} : checked.error().message;
    };
    CHECK(wrong([](replica_config&) {}).empty());
    CHECK(wrong([](replica_config& c) { c.id = no_node; }).find("id") != std::string::npos);
    CHECK(wrong([](replica_config& c) { c.heartbeat_interval = 600ms; }).find("heartbeat") != std::string::npos);
    CHECK(wrong([](replica_config& c) { c.window_entries = 100; }).find("powers of two") != std::string::npos);
    CHECK(wrong([](replica_config& c) {
              c.reads = read_mode::lease;
              c.check_quorum = false;
          }).find("lease") != std::string::npos);
}

} // namespace hpcsched::raft
