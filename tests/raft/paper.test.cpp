// SPDX-License-Identifier: Apache-2.0
// One test case for each thing that the Raft paper (USENIX ATC 2014) or Ongaro's thesis says a server does, by section.
#include <hpcsched/raft/replica.hpp>

#include <doctest/doctest.h>

#include "group.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace hpcsched::raft {
namespace {

using test::group;
using namespace std::chrono_literals;
using action = membership_change::action;

/// One server of a group whose others are the test: it is handed messages, and what it sends is kept.
class lone_server {
  public:
    /// Server 1 of `count`, with a log of these terms on its disk.
    explicit lone_server(std::uint32_t count, std::vector<log_term> const& log = {}, hard_state const& hard = {},
                         log_index commit = 0)
        : replica_{config(), stored(count, hard, commit), now} {
        for (std::size_t i = 0; i < log.size(); ++i) {
            replica_.restore({i + 1, log[i], entry_kind::no_op, {}}, now);
        }
        flush();
    }

    void receive(std::uint32_t from, log_term term, message_body const& body) {
        replica_.receive({node_id{from}, node_id{1}, term, body}, now, out_);
        flush();
    }
    void time_out() {
        now = std::max(now, replica_.next_deadline());
        replica_.tick(now, out_);
        flush();
    }
    /// It stands for election and gets every vote.
    void lead() {
        time_out();
        for (member const& m : replica_.members().members()) {
            if (m.id != node_id{1}) {
                receive(m.id.value, replica_.term(), vote_response{.granted = true});
            }
        }
        REQUIRE(replica_.role() == role::leader);
    }
    void propose(std::string_view text) {
        REQUIRE(replica_.propose(std::as_bytes(std::span{text}), now).has_value());
        flush();
    }

    /// What it has sent of one kind since this was last asked, to whom it may concern.
    template <class Body>
    std::vector<std::pair<message, Body>> sent() {
        std::vector<std::pair<message, Body>> found;
        for (auto const& m : sent_) {
            if (auto const* const body = std::get_if<Body>(&m.get().body)) {
                found.emplace_back(m.get(), *body);
            }
        }
        old_.insert(old_.end(), std::make_move_iterator(sent_.begin()), std::make_move_iterator(sent_.end()));
        sent_.clear();
        return found;
    }
    template <class Body>
    Body answer() {
        auto const found = sent<Body>();
        REQUIRE(found.size() == 1);
        return found.front().second;
    }
    [[nodiscard]] std::vector<log_term> terms() const {
        std::vector<log_term> out;
        for (log_index i = replica_.log().first_index(); i <= replica_.log().last_index(); ++i) {
            out.push_back(replica_.log().at(i).term);
        }
        return out;
    }
    replica& operator*() { return replica_; }
    replica* operator->() { return &replica_; }
    ready& out() { return out_; }
    void flush() {
        for (replica_.flush(now, out_); !out_.empty(); replica_.flush(now, out_)) {
            for (message const& m : out_.messages.items()) {
                sent_.emplace_back(m);
            }
            chunks_ += out_.snapshot_stores.items().size();
            for (log_index i = out_.committed_first; i != 0 && i <= out_.committed_last; ++i) {
                applied_.push_back(i);
            }
            std::uint64_t const write = out_.write.number;
            out_.clear();
            if (write != 0) {
                replica_.written(write, now);
            }
        }
    }
    [[nodiscard]] std::size_t chunks() const { return chunks_; }
    [[nodiscard]] std::vector<log_index> const& applied() const { return applied_; }

    time_point now{};

  private:
    static replica_config config() {
        replica_config c;
        c.id = node_id{1};
        c.pre_vote = false;
        c.check_quorum = false;
        return c;
    }
    static stored_state stored(std::uint32_t count, hard_state const& hard, log_index commit) {
        std::vector<node_id> voters;
        for (std::uint32_t i = 1; i <= count; ++i) {
            voters.push_back(node_id{i});
        }
        return {.state = hard, .commit = commit, .members = membership{voters}};
    }

    replica replica_;
    ready out_;
    std::vector<raft_sim::owned_message> sent_;
    std::vector<raft_sim::owned_message> old_; // what was handed out borrows from these
    std::size_t chunks_ = 0;
    std::vector<log_index> applied_;
};

entry no_op(log_index index, log_term term) {
    return {index, term, entry_kind::no_op, {}};
}

std::vector<entry> no_ops(log_index first, std::vector<log_term> const& terms) {
    std::vector<entry> out;
    for (log_term const t : terms) {
        out.push_back(no_op(first + out.size(), t));
    }
    return out;
}

using terms = std::vector<log_term>;

} // namespace

// --- section 5.1: terms ------------------------------------------------------------------------------------------

TEST_CASE("paper 5.1: whoever sees a later term is a follower in it at once") {
    for (role const before : {role::follower, role::candidate, role::leader}) {
        lone_server s{3};
        if (before == role::candidate) {
            s.time_out();
        } else if (before == role::leader) {
            s.lead();
        }
        REQUIRE(s->role() == before);
        s.receive(2, 5, heartbeat{.round = 1});
        CHECK(s->role() == role::follower);
        CHECK(s->term() == 5);
        CHECK(s->leader() == node_id{2});
    }
}

TEST_CASE("paper 5.1: a request of an earlier term is refused with the later term, and changes nothing") {
    lone_server s{3, {1}, {3, node_id{2}}};
    std::array<entry, 1> const entries{no_op(2, 2)};
    s.receive(2, 2, append_request{.previous_index = 1, .previous_term = 1, .entries = entries});
    auto const refused = s.sent<append_response>();
    REQUIRE(refused.size() == 1);
    CHECK(refused.front().second.rejected);
    CHECK(refused.front().first.term == 3);
    s.receive(3, 2, vote_request{.last_index = 9, .last_term = 2});
    auto const vote = s.sent<vote_response>();
    REQUIRE(vote.size() == 1);
    CHECK_FALSE(vote.front().second.granted);
    CHECK(vote.front().first.term == 3);
    CHECK(s.terms() == terms{1});
    CHECK(s->hard_state() == hard_state{3, node_id{2}});
}

TEST_CASE("paper 5.1: term and vote outlast a restart") {
    lone_server s{3, {}, {7, node_id{3}}};
    CHECK(s->term() == 7);
    s.receive(2, 7, vote_request{});
    CHECK_FALSE(s.answer<vote_response>().granted);
    s.receive(3, 7, vote_request{});
    CHECK(s.answer<vote_response>().granted); // the one it voted for asks again
}

// --- section 5.2: leader election --------------------------------------------------------------------------------

TEST_CASE("paper 5.2: servers begin as followers, and remain it while they hear from a leader") {
    lone_server s{3};
    CHECK(s->role() == role::follower);
    for (int i = 0; i < 100; ++i) {
        s.now += 900ms;
        s.receive(2, 1, heartbeat{.round = 1});
        s->tick(s.now, s.out());
        s.flush();
    }
    CHECK(s->role() == role::follower);
    CHECK(s->term() == 1);
}

TEST_CASE("paper 5.2: a leader sends heartbeats to all others at every interval") {
    lone_server s{3};
    s.lead();
    s.sent<heartbeat>();
    for (int i = 0; i < 5; ++i) {
        time_point const before = s.now;
        s.time_out();
        CHECK(s.now - before == 100ms);
        std::set<std::uint32_t> to;
        for (auto const& m : s.sent<heartbeat>()) {
            to.insert(m.first.to.value);
        }
        CHECK(to == std::set<std::uint32_t>{2, 3});
    }
}

TEST_CASE("paper 5.2: a follower that times out takes the next term, votes for itself and asks all others at once") {
    lone_server s{5, {1, 1}, {3, no_node}};
    s.time_out();
    CHECK(s->role() == role::candidate);
    CHECK(s->hard_state() == hard_state{4, node_id{1}});
    auto const asked = s.sent<vote_request>();
    REQUIRE(asked.size() == 4);
    for (auto const& [m, request] : asked) {
        CHECK(m.term == 4);
        CHECK(request.last_index == 2);
        CHECK(request.last_term == 1);
    }
}

TEST_CASE("paper 5.2: a candidate wins with a majority of the whole group and no sooner") {
    for (std::uint32_t size = 2; size <= 7; ++size) {
        lone_server s{size};
        s.time_out();
        for (std::uint32_t votes = 2; votes <= size; ++votes) {
            CHECK((s->role() == role::leader) == (votes - 1 > size / 2));
            s.receive(votes, 1, vote_response{.granted = true});
        }
        CHECK(s->role() == role::leader);
    }
}

TEST_CASE("paper 5.2: one who votes twice counts once") {
    lone_server s{5};
    s.time_out();
    s.receive(2, 1, vote_response{.granted = true});
    s.receive(2, 1, vote_response{.granted = true});
    CHECK(s->role() == role::candidate);
}

TEST_CASE("paper 5.2: a server votes once in a term, for whoever asks first") {
    lone_server s{3};
    s.receive(2, 1, vote_request{});
    CHECK(s.answer<vote_response>().granted);
    s.receive(3, 1, vote_request{});
    CHECK_FALSE(s.answer<vote_response>().granted);
    s.receive(3, 2, vote_request{});
    CHECK(s.answer<vote_response>().granted); // a new term
}

TEST_CASE("paper 5.2: a candidate yields to the leader of its term, and not to one of an earlier term") {
    lone_server s{3};
    s.time_out();
    s.time_out();
    REQUIRE(s->term() == 2);
    s.receive(2, 1, append_request{});
    CHECK(s->role() == role::candidate);
    s.receive(3, 2, append_request{});
    CHECK(s->role() == role::follower);
    CHECK(s->leader() == node_id{3});
}

TEST_CASE("paper 5.2: after a split vote the next election is in a later term, and timeouts are drawn anew") {
    lone_server s{4};
    std::set<std::int64_t> waits;
    for (log_term term = 1; term <= 50; ++term) {
        time_point const before = s.now;
        s.time_out();
        CHECK(s->term() == term);
        CHECK(s.now - before >= 1s);
        CHECK(s.now - before < 2s);
        waits.insert((s.now - before).count());
    }
    CHECK(waits.size() == 50);
}

// --- section 5.3: log replication --------------------------------------------------------------------------------

TEST_CASE("paper 5.3: a leader appends a command and sends it to all others at once") {
    lone_server s{5};
    s.lead();
    for (std::uint32_t i = 2; i <= 5; ++i) {
        s.receive(i, 1, append_response{.matched = 1, .round = 1});
    }
    s.sent<append_request>();
    s.propose("x");
    auto const sent = s.sent<append_request>();
    REQUIRE(sent.size() == 4);
    for (auto const& [m, request] : sent) {
        CHECK(request.previous_index == 1);
        CHECK(request.previous_term == 1);
        REQUIRE(request.entries.size() == 1);
        CHECK(request.entries.front().term == 1);
    }
}

TEST_CASE("paper 5.3: an entry is committed when a majority of the group has it, whoever they are") {
    for (std::uint32_t first = 2; first <= 5; ++first) {
        for (std::uint32_t second = 2; second <= 5; ++second) {
            lone_server s{5};
            s.lead();
            s.receive(first, 1, append_response{.matched = 1, .round = 1});
            CHECK(s->commit() == 0);
            s.receive(second, 1, append_response{.matched = 1, .round = 1});
            CHECK(s->commit() == (first == second ? 0 : 1));
        }
    }
}

TEST_CASE("paper 5.3: with an entry all before it are committed, those of earlier leaders too") {
    for (terms const& before : {terms{}, terms{2}, terms{1, 2}, terms{1}}) {
        lone_server s{3, before, {2, no_node}};
        s.lead();
        s.receive(2, 3, append_response{.matched = before.size() + 1, .round = 1});
        CHECK(s->commit() == before.size() + 1);
        CHECK(s.applied().size() == before.size() + 1);
    }
}

TEST_CASE("paper 5.3: a follower applies what it learns to be committed, in the order of the log") {
    lone_server s{3};
    auto const entries = no_ops(1, {1, 1, 1});
    s.receive(2, 1, append_request{.commit = 2, .entries = entries});
    CHECK(s->commit() == 2);
    s.receive(2, 1, append_request{.previous_index = 3, .previous_term = 1, .commit = 3});
    CHECK(s.applied() == std::vector<log_index>{1, 2, 3});
}

TEST_CASE("paper 5.3: a follower takes no more for committed than it has compared with the leader") {
    lone_server s{3, {1, 1, 1}, {1, no_node}};
    s.receive(2, 2, append_request{.previous_index = 1, .previous_term = 1, .commit = 3});
    CHECK(s->commit() == 1); // what it has at 2 and 3 may be another leader's
    s.receive(2, 2, heartbeat{.commit = 3, .round = 1});
    CHECK(s->commit() == 1);
}

TEST_CASE("paper 5.3: a follower refuses entries where it lacks the one before them") {
    struct row {
        log_index index;
        log_term term;
        bool refused;
    };
    for (row const r : {row{0, 0, false}, row{1, 1, false}, row{2, 2, false}, row{1, 2, true}, row{2, 3, true},
                        row{3, 3, true}, row{3, 2, true}}) {
        lone_server s{3, {1, 2}, {2, no_node}};
        s.receive(2, 3, append_request{.previous_index = r.index, .previous_term = r.term});
        CHECK(s.answer<append_response>().rejected == r.refused);
    }
}

TEST_CASE("paper 5.3: entries that conflict go with all that follow them, those that agree stay") {
    struct row {
        log_index index;
        log_term term;
        terms entries;
        terms after;
    };
    std::vector<row> const rows{{2, 2, {3}, {1, 2, 3}},
                                {1, 1, {3, 4}, {1, 3, 4}},
                                {0, 0, {1}, {1, 2}}, // an old message: nothing conflicts, so nothing goes
                                {0, 0, {3}, {3}},
                                {1, 1, {2, 4}, {1, 2, 4}}};
    for (row const& r : rows) {
        lone_server s{3, {1, 2}, {2, no_node}};
        auto const entries = no_ops(r.index + 1, r.entries);
        s.receive(2, 4, append_request{.previous_index = r.index, .previous_term = r.term, .entries = entries});
        CHECK(s.terms() == r.after);
    }
}

TEST_CASE("paper 5.3, figure 7: a leader makes every follower's log like its own, and changes nothing in its own") {
    std::vector<terms> const followers{
        {1, 1, 1, 4, 4, 5, 5, 6, 6},          {1, 1, 1, 4},          {1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6},
        {1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7}, {1, 1, 1, 4, 4, 4, 4}, {1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3}};
    terms const own{1, 1, 1, 4, 4, 5, 5, 6, 6, 6};
    for (terms const& log : followers) {
        lone_server leader{3, own, {7, no_node}};
        leader.lead();
        lone_server follower{3, log, {7, no_node}};
        for (int messages = 0; messages < 10; ++messages) { // the follower stands in for server 2
            for (auto const& [m, request] : leader.sent<append_request>()) {
                if (m.to == node_id{2}) {
                    follower.receive(3, 8, request);
                }
            }
            for (auto const& [m, response] : follower.sent<append_response>()) {
                leader.receive(2, 8, response);
            }
        }
        terms expected = own;
        expected.push_back(8);
        CHECK(follower.terms() == expected);
        CHECK(leader.terms() == expected);
    }
}

TEST_CASE("paper 5.3: a refused message is tried again one term further back, not one entry") {
    lone_server s{3, {1, 1, 1, 4, 4, 4, 4}, {4, no_node}};
    s.lead();
    s.sent<append_request>();
    s.receive(2, 5, append_response{.rejected = true, .matched = 7, .hint_term = 3, .asked = 7});
    auto const again = s.sent<append_request>();
    REQUIRE(again.size() == 1);
    CHECK(again.front().second.previous_index == 3);
    CHECK(again.front().second.previous_term == 1);
}

// --- section 5.4: safety -----------------------------------------------------------------------------------------

TEST_CASE("paper 5.4.1: a vote is refused to a log that ends in an earlier term, or is shorter in the same") {
    struct row {
        terms log;
        log_index index;
        log_term term;
        bool granted;
    };
    std::vector<row> const rows{{{1}, 1, 1, true},  {{1}, 2, 1, true},     {{1, 1}, 1, 1, false}, {{1}, 1, 2, true},
                                {{1}, 2, 2, true},  {{1, 1}, 1, 2, true},  {{2}, 1, 1, false},    {{2}, 2, 1, false},
                                {{2}, 9, 1, false}, {{1, 2}, 1, 1, false}, {{}, 0, 0, true}};
    for (row const& r : rows) {
        lone_server s{3, r.log, {2, no_node}};
        s.receive(2, 3, vote_request{.last_index = r.index, .last_term = r.term});
        CHECK(s.answer<vote_response>().granted == r.granted);
    }
}

TEST_CASE("paper 5.4.2: a leader counts for entries of its own term alone") {
    for (log_index matched = 1; matched <= 3; ++matched) {
        lone_server s{3, {1, 2}, {2, no_node}};
        s.lead(); // its no_op is 3/3
        s.receive(2, 3, append_response{.matched = matched, .round = 1});
        CHECK(s->commit() == (matched < 3 ? 0 : 3));
    }
}

TEST_CASE("paper figure 8: what is committed in (e) is kept, what is on a majority in (c) may go") {
    lone_server c{5, {1, 2}, {3, no_node}, 1};
    c.lead();
    c.receive(2, 4, append_response{.matched = 2, .round = 1});
    c.receive(3, 4, append_response{.matched = 2, .round = 1});
    CHECK(c->commit() == 1);
    auto const other = no_ops(2, {3});
    c.receive(5, 5, append_request{.previous_index = 1, .previous_term = 1, .entries = other}); // (d)
    CHECK(c.terms() == terms{1, 3});

    lone_server e{5, {1, 2}, {3, no_node}, 1};
    e.lead();
    e.receive(2, 4, append_response{.matched = 3, .round = 1});
    e.receive(3, 4, append_response{.matched = 3, .round = 1});
    CHECK(e->commit() == 3);
    e.receive(5, 5, vote_request{.last_index = 2, .last_term = 3});
    CHECK_FALSE(e.answer<vote_response>().granted);
}

// --- section 5.5: crashes ----------------------------------------------------------------------------------------

TEST_CASE("paper 5.5: a server that is down is tried again for as long as it takes") {
    lone_server s{3};
    s.lead();
    s.receive(2, 1, append_response{.matched = 1, .round = 1});
    s.sent<append_request>();
    for (int beats = 0; beats < 20; ++beats) {
        s.time_out();
        auto const sent = s.sent<append_request>();
        CHECK(std::ranges::any_of(sent, [](auto const& m) { return m.first.to == node_id{3}; }));
    }
}

TEST_CASE("paper 5.5: a request that comes twice is answered twice and carried out once") {
    lone_server s{3};
    auto const entries = no_ops(1, {1, 1});
    for (int i = 0; i < 2; ++i) {
        s.receive(2, 1, append_request{.commit = 2, .entries = entries});
        auto const answers = s.sent<append_response>();
        REQUIRE_FALSE(answers.empty());
        CHECK(answers.back().second.matched == 2);
    }
    CHECK(s.terms() == terms{1, 1});
    CHECK(s.applied() == std::vector<log_index>{1, 2});
}

// --- section 5.6: timing -----------------------------------------------------------------------------------------

TEST_CASE("paper 5.6: heartbeats must be well within the election timeout") {
    replica_config c{.id = node_id{1}, .election_timeout = 100ms, .heartbeat_interval = 51ms};
    CHECK_FALSE(validate(c).has_value());
    c.heartbeat_interval = 50ms;
    CHECK(validate(c).has_value());
}

// --- section 6 and thesis, chapter 4: membership -----------------------------------------------------------------

TEST_CASE("paper 6: a joint configuration elects and commits by majorities of both") {
    std::array<node_id, 3> const old_voters{node_id{1}, node_id{2}, node_id{3}};
    std::array<membership_change, 3> const changes{
        membership_change{action::add_voter, node_id{4}}, {action::remove, node_id{2}}, {action::remove, node_id{3}}};
    membership const joint = membership{old_voters}.changed(changes).value();
    REQUIRE(joint.joint());
    for (unsigned agree = 0; agree < 16; ++agree) { // bit i - 1: server i
        bool const of_old = std::popcount(agree & 7U) >= 2;
        bool const of_new = (agree & 1U) != 0 && (agree & 8U) != 0; // {1, 4}
        CHECK(joint.is_quorum([&](std::size_t i) { return (agree >> i & 1U) != 0; }) == (of_old && of_new));
        CHECK(joint.quorum_value([&](std::size_t i) { return agree >> i & 1U; }) == (of_old && of_new ? 1 : 0));
    }
}

TEST_CASE("paper 6: a server goes by the newest configuration in its log, committed or not") {
    group g{3, [](replica_config& c) { c.check_quorum = false; }, 1};
    g.campaign(1);
    g.isolate(1);
    std::array<membership_change, 1> const add{membership_change{action::add_voter, node_id{4}}};
    REQUIRE(g.at(1).change_membership(add, g.now).has_value());
    g.settle();
    CHECK(g.at(1).members().is_voter(node_id{4}));
    CHECK_FALSE(g.at(1).committed_members().is_voter(node_id{4}));
}

TEST_CASE(
    "paper 6: a leader outside the new configuration steps down when that is committed, without counting itself") {
    group g{3};
    g.campaign(1);
    std::array<membership_change, 1> const leave{membership_change{action::remove, node_id{1}}};
    REQUIRE(g.at(1).change_membership(leave, g.now).has_value());
    g.lost = [](message const& m) { return m.to.value == 3; };
    g.deliver();
    CHECK(g.at(1).role() == role::leader); // of {2, 3} one has it
    CHECK(g.at(1).commit() == 1);
    g.heal();
    g.pass(1s);
    CHECK(g.at(1).role() != role::leader);
    CHECK(g.at(1).commit() >= 2);
}

TEST_CASE("paper 6: whoever hears from a leader ignores requests for votes, and their terms") {
    group g{3, [](replica_config& c) { c.pre_vote = false; }};
    g.campaign(1);
    g.pass(500ms);
    raft_sim::owned_message const request{{node_id{3}, node_id{2}, 9, vote_request{.last_index = 99, .last_term = 8}}};
    g.at(2).receive(request.get(), g.now, g.out(2));
    g.settle();
    CHECK(g.flying.empty());
    CHECK(g.at(2).term() == 1);
}

TEST_CASE("thesis 4.1: majorities of configurations that differ by one server overlap") {
    std::vector<node_id> voters;
    for (std::uint32_t size = 1; size <= 6; ++size) {
        voters.push_back(node_id{size});
        membership const before{voters};
        std::array<membership_change, 1> const add{membership_change{action::add_voter, node_id{size + 1}}};
        membership const after = before.changed(add).value();
        CHECK_FALSE(after.joint());
        for (unsigned agree = 0; agree < (1U << (size + 1)); ++agree) {
            bool const one = before.is_quorum([&](std::size_t i) { return (agree >> i & 1U) != 0; });
            bool const other = after.is_quorum([&](std::size_t i) { return (~agree >> i & 1U) != 0; });
            CHECK_FALSE((one && other)); // no two disjoint sets are both
        }
    }
}

TEST_CASE("thesis 4.2.1: a new server catches up as a learner before it counts") {
    group g{1, {}, 1};
    g.campaign(1);
    std::array<membership_change, 1> const learner{membership_change{action::add_learner, node_id{2}}};
    REQUIRE(g.at(1).change_membership(learner, g.now).has_value());
    g.isolate(2);
    g.pass(200ms);
    REQUIRE(g.propose(1, "x").has_value());
    g.pass(200ms);
    CHECK(g.at(1).commit() == g.at(1).log().last_index()); // it need not have anything
    g.heal();
    g.pass(1s);
    CHECK(g.applied[2] == std::vector<std::string>{"x"});
}

// --- section 7: snapshots ----------------------------------------------------------------------------------------

TEST_CASE("paper 7: the entry that a snapshot ends with takes part in the consistency check") {
    lone_server s{3};
    std::array<node_id, 3> const voters{node_id{1}, node_id{2}, node_id{3}};
    s->snapshot_restored(5, 2, membership{voters}, s.now);
    s.flush();
    s.sent<append_response>();
    auto const entries = no_ops(6, {3});
    s.receive(2, 3, append_request{.previous_index = 5, .previous_term = 2, .commit = 6, .entries = entries});
    auto const answers = s.sent<append_response>();
    REQUIRE_FALSE(answers.empty());
    CHECK_FALSE(answers.back().second.rejected);
    CHECK(s->commit() == 6);
    CHECK(s.applied() == std::vector<log_index>{6}); // what is in the snapshot is not applied again
}

TEST_CASE("paper 7, figure 13: a snapshot of what the log has changes nothing, one of what it lacks is stored") {
    std::array<node_id, 3> const voters{node_id{1}, node_id{2}, node_id{3}};
    auto const members = membership_codec::encode(membership{voters});
    snapshot_chunk const chunk{
        .last_index = 2, .last_term = 1, .last = true, .members = {members.data(), members.size()}};
    lone_server has{3, {1, 1, 1}, {1, no_node}};
    has.receive(2, 1, chunk);
    CHECK(has.chunks() == 0);
    CHECK(has.terms() == terms{1, 1, 1}); // what follows is retained
    CHECK(has->commit() == 2);
    lone_server lacks{3, {1}, {1, no_node}};
    lacks.receive(2, 1, chunk);
    CHECK(lacks.chunks() == 1);
    lone_server differs{3, {1, 2, 2}, {2, no_node}};
    differs.receive(2, 2, chunk);
    CHECK(differs.chunks() == 1);
}

// --- section 8 and thesis, chapter 6: clients --------------------------------------------------------------------

TEST_CASE("paper 8: a leader begins its term with an entry that changes nothing") {
    lone_server s{3, {1, 1}, {1, no_node}};
    s.lead();
    CHECK(s.terms() == terms{1, 1, 2});
    CHECK(s->log().at(3).kind == entry_kind::no_op);
}

TEST_CASE("paper 8: a read is answered when a majority has answered a heartbeat that was sent after it") {
    lone_server s{5};
    s.lead();
    for (std::uint32_t i = 2; i <= 4; ++i) {
        s.receive(i, 1, append_response{.matched = 1, .round = 1});
    }
    s.sent<heartbeat>();
    REQUIRE(s->read(7, s.now, s.out()).has_value());
    s->flush(s.now, s.out());
    std::uint64_t round = 0;
    for (message const& m : s.out().messages.items()) {
        auto const* const beat = std::get_if<heartbeat>(&m.body);
        round = beat != nullptr ? std::max(round, beat->round) : round;
    }
    CHECK(round > 1);
    s.out().clear();
    auto const answered = [&](std::uint32_t from, std::uint64_t of) {
        s->receive({node_id{from}, node_id{1}, 1, heartbeat_response{.round = of, .verified = 1}}, s.now, s.out());
        s->flush(s.now, s.out());
        auto const reads = s.out().reads.items();
        bool const confirmed = !reads.empty() && reads.front().confirmed && reads.front().index == 1;
        s.out().clear();
        return confirmed;
    };
    CHECK_FALSE(answered(2, round - 1)); // an older round says nothing
    CHECK_FALSE(answered(3, round - 1));
    CHECK_FALSE(answered(2, round));
    CHECK(answered(3, round)); // with itself three of five
}

TEST_CASE("thesis 6.4: a leader that has committed nothing in its term answers no read") {
    lone_server s{3, {1}, {1, no_node}};
    s.lead();
    REQUIRE(s->read(7, s.now, s.out()).has_value());
    s->flush(s.now, s.out());
    s.out().clear();
    s->receive({node_id{2}, node_id{1}, 2, heartbeat_response{.round = 2, .verified = 1}}, s.now, s.out());
    s->flush(s.now, s.out());
    CHECK(s.out().reads.empty());
}

// --- thesis, section 3.10: transfer ------------------------------------------------------------------------------

TEST_CASE("thesis 3.10: the target is told to stand only when it has everything, and no command is taken meanwhile") {
    lone_server s{3};
    s.lead();
    s.receive(2, 1, append_response{.matched = 1, .round = 1});
    s.propose("x");
    REQUIRE(s->transfer_leadership(node_id{2}, s.now, s.out()).has_value());
    s.flush();
    CHECK(s.sent<timeout_now>().empty());
    CHECK(s->propose({}, s.now).error() == errc::leaving_office);
    s.receive(2, 1, append_response{.matched = 2, .round = 1});
    auto const told = s.sent<timeout_now>();
    REQUIRE(told.size() == 1);
    CHECK(told.front().first.to == node_id{2});
}

TEST_CASE("thesis 3.10: who is told to stand does so at once, and asks in a way that all must listen to") {
    lone_server s{3};
    s.receive(2, 1, append_request{});
    s.receive(2, 1, timeout_now{});
    CHECK(s->role() == role::candidate);
    auto const asked = s.sent<vote_request>();
    REQUIRE(asked.size() == 2);
    CHECK(asked.front().second.transfer);
}

TEST_CASE("thesis 3.10: a transfer that has not happened after an election timeout is given up") {
    lone_server s{3};
    s.lead();
    REQUIRE(s->transfer_leadership(node_id{2}, s.now, s.out()).has_value());
    s.flush();
    time_point const end = s.now + 1s;
    while (s.now < end) {
        CHECK(s->propose({}, s.now).error() == errc::leaving_office);
        s.time_out();
    }
    CHECK(s->propose({}, s.now).has_value());
}

// --- thesis, section 9.6: pre-votes ------------------------------------------------------------------------------

TEST_CASE("thesis 9.6: a pre-vote changes nobody's term or vote") {
    group g{3};
    g.at(1).campaign(g.now, g.out(1));
    g.settle();
    CHECK(g.at(1).role() == role::pre_candidate);
    CHECK(g.at(1).term() == 0);
    std::size_t const requests = g.flying.size();
    for (std::size_t i = 0; i < requests; ++i) {
        g.deliver_one();
    }
    for (std::uint32_t id = 2; id <= 3; ++id) {
        CHECK(g.at(id).hard_state() == hard_state{});
    }
}

TEST_CASE("thesis 9.6: a pre-vote is granted to an up-to-date log by those who hear of no leader") {
    group g{3};
    g.campaign(1);
    REQUIRE(g.propose(1, "x").has_value());
    g.lost = [](message const& m) { return m.to.value == 3; };
    g.deliver();
    g.heal();
    auto const asks = [&](std::uint32_t from, log_index last) {
        raft_sim::owned_message const request{
            {node_id{from}, node_id{2}, 2, vote_request{.last_index = last, .last_term = 1, .pre_vote = true}}};
        g.at(2).receive(request.get(), g.now, g.out(2));
        g.settle();
        std::string said = "nothing";
        if (!g.flying.empty()) {
            said = std::get<vote_response>(g.flying.front().get().body).granted ? "granted" : "refused";
        }
        g.flying.clear();
        return said;
    };
    g.flying.clear();
    CHECK(asks(3, 2) == "nothing"); // it hears of a leader
    g.now += 1s;
    CHECK(asks(3, 1) == "refused");
    CHECK(asks(3, 2) == "granted");
    CHECK(g.at(2).term() == 1);
}

// --- thesis, section 10.2.1: writing in parallel -----------------------------------------------------------------

TEST_CASE("thesis 10.2.1: a leader may commit an entry that is not on its own disk") {
    group g{3};
    g.campaign(1);
    g.hold_writes = true;
    REQUIRE(g.propose(1, "x").has_value());
    g.deliver();
    g.write_out(2);
    g.write_out(3);
    g.deliver();
    CHECK(g.at(1).commit() == 2);
    CHECK(g.at(1).durable() == 1);
}

} // namespace hpcsched::raft
