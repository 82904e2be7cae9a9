// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/notebook/kernel_replica.hpp>

#include <boost/random/uniform_int_distribution.hpp>
#include <doctest/doctest.h>

#include "kernel_examples.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace hpcsched::notebook {
namespace {

using std::chrono::seconds;

/// A kernel of three replicas behind one log. What is proposed enters the log in a drawn order, everyone applies it
/// with a delay of their own, executions take their time, replicas pause for long or crash and come back from the log,
/// or get its snapshot instead of its entries. Now and then two schedulers choose two executors of one attempt.
template <class Election>
class drawn_kernel {
  public:
    drawn_kernel(std::uint64_t seed, replica_habits habits, bool faults)
        : draws_{seed, "kernel"}, habits_{habits}, faults_{faults} {
        for (std::uint32_t i = 0; i < 3; ++i) {
            members_.push_back(member{kernel_replica<Election>{replica_id{i}, habits}});
        }
    }

    /// Executes cells one after the other, each until the log says that it is over.
    void run(cell_number cells) {
        for (cell_number cell = 1; cell <= cells; ++cell) {
            for (std::uint32_t attempt = 1; front_.last_done().cell < cell; ++attempt) {
                REQUIRE(attempt < 300); // votes need all, or somebody whose time is up
                request({cell, attempt});
                // Then the scheduler makes another attempt: somebody may have crashed.
                for (int step = 0; step < 300 && front_.last_done().cell < cell && !failed({cell, attempt}); ++step) {
                    happen();
                }
            }
        }
        faults_ = false;
        for (member& m : members_) {
            m.paused = 0;
        }
        for (int step = 0; step < 3000; ++step) {
            happen();
        }
    }

    /// What must hold at the end: every replica's interpreter holds what the log holds.
    void check() const {
        for (member const& m : members_) {
            CHECK(m.applied == log_.size());
            CHECK(m.log == front_);
            CHECK(m.interpreter == interpreter_of(front_));
        }
        for (auto const& [attempt, who] : executors_) {
            CHECK((who.size() == 1 || habits_.start == start_after::request));
        }
        for (auto const& [attempt, who] : shown_) { // what clients saw is of those that the log decided for
            REQUIRE(decided_.contains(attempt));
            CHECK(who == decided_.at(attempt));
        }
        for (auto const& [cell, replies] : replies_) {
            CHECK(replies <= 1);
        }
        for (auto const& [cell, value] : acknowledged_) {
            CHECK(history_.at(cell) == value); // what the client was told of is what counts
        }
    }

    [[nodiscard]] std::size_t crashes() const noexcept { return crashes_; }
    [[nodiscard]] std::size_t discards() const noexcept { return discards_; }
    [[nodiscard]] std::size_t lost_starts() const noexcept { return lost_starts_; }
    [[nodiscard]] std::size_t snapshots() const noexcept { return snapshots_; }
    [[nodiscard]] std::size_t replied() const noexcept { return replies_.size(); }
    [[nodiscard]] std::size_t commits() const noexcept { return log_.size(); }

  private:
    using namespace_of_a_replica = std::map<std::string, byte_buffer>;

    struct member {
        kernel_replica<Election> core;
        kernel_log log{};
        std::size_t applied = 0;
        namespace_of_a_replica interpreter{};
        std::optional<cell_attempt> runs{};     // in the interpreter
        std::optional<cell_attempt> withheld{}; // what it said, and is not shown
        bool shows = false;
        std::vector<cell_attempt> overdue{};
        std::vector<cell_attempt> claims{}; // that are due some time
        int paused = 0;
    };

    std::uint64_t draw(std::uint64_t below) {
        return boost::random::uniform_int_distribution<std::uint64_t>{0, below - 1}(draws_);
    }

    static namespace_of_a_replica interpreter_of(kernel_log const& log) {
        namespace_of_a_replica names;
        for (auto const& [name, value] : log.names()) {
            names[name] = std::get<byte_buffer>(value);
        }
        return names;
    }

    [[nodiscard]] bool failed(cell_attempt a) const {
        return front_.newest() == a && front_.phase() == kernel_phase::failed;
    }

    void request(cell_attempt a) {
        bool const all_know = draw(4) != 0; // how the cell before ended: a client takes its time
        for (member& m : members_) {
            while (all_know && m.paused == 0 && m.applied < log_.size()) {
                apply_next(m);
            }
        }
        std::uint64_t const schedulers = faults_ && draw(4) == 0 ? 2 : 1;
        for (std::uint64_t i = 0; i < schedulers; ++i) {
            replica_id const chosen{static_cast<std::uint32_t>(draw(3))};
            for (member& m : members_) {
                if (m.paused == 0) {
                    deliver(m, cell_requested{a, chosen, 0});
                }
            }
        }
    }

    void happen() {
        now_ += seconds{1};
        member& m = members_[draw(members_.size())];
        if (m.paused > 0) {
            --m.paused;
            return;
        }
        switch (draw(8)) {
        case 0:
            if (faults_ && draw(12) == 0) {
                m.paused = static_cast<int>(draw(400));
            } else if (faults_ && draw(12) == 0) {
                crash(m);
            } else if (faults_ && draw(12) == 0 && m.applied < log_.size()) {
                take_snapshot(m);
            }
            break;
        case 1:
            if (m.runs && draw(3) == 0) {
                finish(m);
            }
            break;
        case 2:
            if (!m.overdue.empty() && draw(4) == 0) {
                cell_attempt const a = m.overdue.back();
                m.overdue.pop_back();
                deliver(m, proposals_overdue{a});
            } else if (!m.claims.empty() && draw(4) == 0) {
                cell_attempt const a = m.claims.back();
                m.claims.pop_back();
                deliver(m, claim_due{a});
            }
            break;
        case 3:
        case 4:
            if (!proposed_.empty()) {
                auto const at = proposed_.begin() + static_cast<std::ptrdiff_t>(draw(proposed_.size()));
                commit(*at);
                proposed_.erase(at);
            }
            break;
        default:
            if (m.applied < log_.size()) {
                apply_next(m);
            }
        }
    }

    void commit(kernel_entry const& entry) {
        log_.push_back(entry);
        byte_buffer reply;
        front_.apply(log_.size(), encoded(entry), reply);
        if (auto const* const d = std::get_if<cell_done>(&entry);
            d != nullptr && kernel_log::decode(reply) == entry_outcome::done) {
            history_[d->attempt.cell] = std::get<byte_buffer>(d->delta.changed.front().second);
        } else if (kernel_log::decode(reply) == entry_outcome::decided && front_.phase() == kernel_phase::running) {
            decided_.emplace(front_.newest(), front_.executor());
        }
    }

    void apply_next(member& m) {
        kernel_entry const entry = log_[m.applied++];
        byte_buffer reply;
        m.log.apply(m.applied, encoded(entry), reply);
        deliver(m, entry_applied{entry, kernel_log::decode(reply)});
    }

    void take_snapshot(member& m) {
        ++snapshots_;
        m.log = front_;
        m.applied = log_.size();
        deliver(m, log_replaced{});
    }

    // It loses what it held in memory, and comes back from the log: its interpreter as the log says.
    void crash(member& m) {
        ++crashes_;
        m.core = kernel_replica<Election>{m.core.self(), habits_};
        m.runs.reset();
        m.withheld.reset();
        m.shows = false;
        m.overdue.clear();
        m.claims.clear();
        m.interpreter = interpreter_of(m.log);
        m.paused = static_cast<int>(draw(60));
    }

    void finish(member& m) {
        cell_attempt const a = *m.runs;
        m.runs.reset();
        // Every cell sets "last" to who executed it in which attempt, and adds a name, or takes one away.
        byte_buffer const value = bytes_of(std::to_string(a.cell) + ' ' + std::to_string(a.number) + ' ' +
                                           std::to_string(m.core.self().value));
        state_delta delta{{{"last", value}}, {}};
        std::string const name = "n" + std::to_string(a.cell % 7);
        if (m.interpreter.contains(name)) {
            delta.removed.push_back(name);
            m.interpreter.erase(name);
        } else {
            delta.changed.emplace_back(name, value);
            m.interpreter[name] = value;
        }
        m.interpreter["last"] = value;
        // And a name that no other attempt sets: what is given up must not stay.
        std::string const own = "of " + std::to_string(a.cell) + '.' + std::to_string(a.number);
        delta.changed.emplace_back(own, value);
        m.interpreter[own] = value;
        results_.insert_or_assign({a, m.core.self()}, value);
        say(m, a);
        deliver(m, cell_ran{a, cell_status::ok, delta});
    }

    template <class Event>
    void deliver(member& m, Event const& e) {
        buffer<replica_command> out;
        m.core.handle(e, m.log, now_, out);
        for (replica_command const& c : out.items()) {
            std::visit([&](auto const& command) { obey(m, command); }, c);
        }
    }

    void obey(member&, propose_entry const& c) { proposed_.push_back(c.entry); }
    void obey(member& m, execute_cell const& c) {
        auto& who = executors_[c.attempt];
        if (std::find(who.begin(), who.end(), m.core.self()) == who.end()) {
            who.push_back(m.core.self());
        }
        m.runs = c.attempt;
        m.withheld.reset();
        m.shows = false;
        say(m, c.attempt);
    }
    void obey(member& m, show_outputs const& c) {
        m.shows = true;
        if (m.withheld) {
            CHECK(*m.withheld == c.attempt);
            say(m, *std::exchange(m.withheld, std::nullopt));
        }
    }
    void obey(member& m, release_reply const& c) {
        ++replies_[c.attempt.cell];
        REQUIRE(decided_.contains(c.attempt));
        CHECK(decided_.at(c.attempt) == m.core.self());
        acknowledged_[c.attempt.cell] = results_.at({c.attempt, m.core.self()});
    }
    void obey(member&, yield_cell const&) {}
    void obey(member&, attempt_failed const&) {}
    void obey(member& m, install_delta const& c) {
        for (auto const& [name, value] : c.delta.changed) {
            m.interpreter[name] = std::get<byte_buffer>(value);
        }
        for (std::string const& name : c.delta.removed) {
            m.interpreter.erase(name);
        }
    }
    // The cell prints something when it begins, and when it ends.
    void say(member& m, cell_attempt a) {
        if (!m.shows) {
            m.withheld = a;
            return;
        }
        auto const [at, is_first] = shown_.emplace(a, m.core.self());
        CHECK(at->second == m.core.self()); // two that show one attempt
    }
    void obey(member& m, discard_changes const&) {
        ++discards_;
        lost_starts_ += m.shows ? 0 : 1;
        m.runs.reset();
        m.withheld.reset();
        m.shows = false;
        m.interpreter = interpreter_of(m.log);
    }
    void obey(member& m, install_log const&) { m.interpreter = interpreter_of(m.log); }
    void obey(member& m, await_claim const& c) { m.claims.push_back(c.attempt); }
    void obey(member& m, await_proposals const& c) { m.overdue.push_back(c.attempt); }

    random_stream draws_;
    replica_habits habits_;
    bool faults_;
    time_point now_{};
    std::vector<member> members_;
    std::vector<kernel_entry> proposed_;
    std::vector<kernel_entry> log_; // committed
    kernel_log front_;              // with all of it applied
    std::map<cell_attempt, std::vector<replica_id>> executors_;
    std::map<cell_attempt, replica_id> decided_; // by the log
    std::map<cell_attempt, replica_id> shown_;   // to clients
    std::map<std::pair<cell_attempt, replica_id>, byte_buffer> results_;
    std::map<cell_number, int> replies_;
    std::map<cell_number, byte_buffer> acknowledged_;
    std::map<cell_number, byte_buffer> history_; // what each cell left, by the log
    std::size_t crashes_ = 0;
    std::size_t discards_ = 0;
    std::size_t lost_starts_ = 0; // discards of what was started, and not decided on
    std::size_t snapshots_ = 0;
};

template <class Election>
void torture(start_after start, bool faults, duration claim_after = {}) {
    std::size_t crashes = 0;
    std::size_t discards = 0;
    std::size_t lost_starts = 0;
    std::size_t snapshots = 0;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        CAPTURE(seed);
        drawn_kernel<Election> kernel{seed, {.start = start, .claim_after = claim_after}, faults};
        kernel.run(20);
        kernel.check();
        crashes += kernel.crashes();
        discards += kernel.discards();
        lost_starts += kernel.lost_starts();
        snapshots += kernel.snapshots();
        if (!faults) {
            CHECK(kernel.replied() == 20);
        }
    }
    CHECK((crashes > 50) == faults);
    CHECK((snapshots > 50) == faults);
    CHECK(discards > 10); // attempts that took too long, and were given up
    CAPTURE(lost_starts);
    CHECK((lost_starts > 50) == (start == start_after::request && faults));
}

TEST_CASE("kernel replica: by assignment every cell runs once, is replied to once, and leaves all interpreters alike") {
    torture<by_assignment>(start_after::decision, false);
}
TEST_CASE("kernel replica: by assignment, with replicas that pause and crash, nothing acknowledged is lost") {
    torture<by_assignment>(start_after::decision, true);
}
TEST_CASE("kernel replica: by votes every cell runs once, is replied to once, and leaves all interpreters alike") {
    torture<by_votes>(start_after::decision, false);
}
TEST_CASE("kernel replica: by votes, with replicas that pause and crash, nothing acknowledged is lost") {
    torture<by_votes>(start_after::decision, true);
}
TEST_CASE("kernel replica: what starts before it is decided on is replied to once, and leaves all interpreters alike") {
    torture<by_assignment>(start_after::request, false);
    torture<by_votes>(start_after::request, false);
    torture<by_assignment>(start_after::request, false, seconds{5});
    torture<by_votes>(start_after::request, false, seconds{5});
}
TEST_CASE("kernel replica: of what starts before it is decided on, and loses, nothing is shown, told or kept") {
    torture<by_assignment>(start_after::request, true);
    torture<by_votes>(start_after::request, true);
    torture<by_assignment>(start_after::request, true, seconds{5});
    torture<by_votes>(start_after::request, true, seconds{5});
}

TEST_CASE("kernel replica: an assignment takes two commits a cell, NotebookOS's election at least six") {
    drawn_kernel<by_assignment> one{1, {}, false};
    one.run(20);
    CHECK(one.commits() == 40); // the assignment, and what the cell changed
    drawn_kernel<by_votes> votes{1, {}, false};
    votes.run(20);
    CHECK(votes.commits() >= 20 * (3 + 1 + 1)); // three proposals, a vote at least, what the cell changed
}

/// What NotebookOS does: the client hears before the changes are committed.
TEST_CASE("kernel replica 5.1: a reply before the quorum is lost with its executor, one after it is not") {
    kernel_replica<> before{replica_id{0}, {.reply = reply_after::execution}};
    kernel_replica<> after{replica_id{0}, {.reply = reply_after::quorum}};
    kernel_log log;
    for (kernel_replica<>* const r : {&before, &after}) {
        kernel_log fresh;
        byte_buffer reply;
        cell_assigned const assigned{{1, 1}, replica_id{0}, 9};
        fresh.apply(1, encoded(assigned), reply);
        buffer<replica_command> out;
        r->handle(entry_applied{assigned, entry_outcome::decided}, fresh, {}, out);
        REQUIRE(out.size() == 2);
        CHECK(std::get<execute_cell>(out.items()[0]).lease == 9);
        CHECK(std::get<show_outputs>(out.items()[1]).attempt == cell_attempt{1, 1});
        out.clear();
        r->handle(cell_ran{{1, 1}, cell_status::ok, {}}, fresh, {}, out);
        bool const replies = std::holds_alternative<release_reply>(out.items()[0]);
        CHECK(replies == (r == &before));
        out.clear();
        r->handle(entry_applied{cell_done{{1, 1}, replica_id{0}}, entry_outcome::done}, fresh, {}, out);
        CHECK(out.size() == (r == &after ? 1 : 0));
    }
}

/// What a replica of the number 0 says to a cell that it is chosen for.
class early_replica {
  public:
    explicit early_replica(start_after start = start_after::request, duration claim_after = {})
        : core_{replica_id{0}, {.start = start, .claim_after = claim_after}} {}

    std::vector<replica_command> due(cell_attempt a) { return handle(claim_due{a}); }

    std::vector<replica_command> asked(cell_attempt a, gpu::lease_token lease = 0) {
        return handle(cell_requested{a, replica_id{0}, lease});
    }
    std::vector<replica_command> logged(kernel_entry const& entry) {
        byte_buffer reply;
        log_.apply(++index_, encoded(entry), reply);
        return handle(entry_applied{entry, kernel_log::decode(reply)});
    }
    /// The log is another, which has these.
    std::vector<replica_command> replaced(std::vector<kernel_entry> const& entries) {
        log_ = kernel_log{};
        for (kernel_entry const& each : entries) {
            byte_buffer reply;
            log_.apply(++index_, encoded(each), reply);
        }
        return handle(log_replaced{});
    }
    std::vector<replica_command> ran(cell_attempt a) { return handle(cell_ran{a, cell_status::ok, {}}); }

  private:
    template <class Event>
    std::vector<replica_command> handle(Event const& e) {
        buffer<replica_command> out;
        core_.handle(e, log_, {}, out);
        return {out.items().begin(), out.items().end()};
    }

    kernel_replica<> core_;
    kernel_log log_;
    std::uint64_t index_ = 0;
};

/// The names of commands, each a word.
std::string told(std::vector<replica_command> const& commands) {
    constexpr std::array<char const*, 11> words{"propose", "execute", "show",      "reply", "yield",  "failed",
                                                "install", "discard", "reinstall", "await", "overdue"};
    static_assert(words.size() == std::variant_size_v<replica_command>);
    std::string text;
    for (replica_command const& c : commands) {
        text += std::string{text.empty() ? "" : " "} + words[c.index()];
    }
    return text;
}

constexpr replica_id zero{0};
constexpr replica_id one{1};

TEST_CASE("kernel replica: a cell starts with its proposal, and is shown and proposed as done when it is decided on") {
    early_replica r;
    CHECK(told(r.asked({1, 1})) == "propose execute");
    CHECK(told(r.logged(cell_assigned{{1, 1}, zero, 0})) == "show");
    CHECK(told(r.ran({1, 1})) == "propose");
    CHECK(told(r.logged(cell_done{{1, 1}, zero})) == "reply");
    CHECK(told(r.asked({2, 1})) == "propose execute");
    CHECK(told(r.ran({2, 1})).empty()); // faster than the commit
    CHECK(told(r.logged(cell_assigned{{2, 1}, zero, 0})) == "show propose");
    CHECK(told(r.logged(cell_done{{2, 1}, zero})) == "reply");
}
TEST_CASE("kernel replica: a cell that ends soon is proposed with its end, and one that does not when that is due") {
    early_replica r{start_after::request, seconds{1}};
    CHECK(told(r.asked({1, 1})) == "await execute");
    CHECK(told(r.asked({1, 1})).empty()); // in its time
    CHECK(told(r.ran({1, 1})) == "propose propose");
    CHECK(told(r.due({1, 1})).empty());
    CHECK(told(r.logged(cell_assigned{{1, 1}, zero, 0})) == "show");
    CHECK(told(r.logged(cell_done{{1, 1}, zero})) == "reply");
    CHECK(told(r.asked({2, 1})) == "await execute");
    CHECK(told(r.due({1, 1})).empty());
    CHECK(told(r.due({2, 1})) == "propose");
    CHECK(told(r.due({2, 1})).empty());
    CHECK(told(r.ran({2, 1})).empty());
    CHECK(told(r.asked({2, 1})) == "propose"); // it may have been lost
    early_replica late{start_after::request, seconds{1}};
    CHECK(told(late.asked({1, 1})) == "await execute");
    CHECK(told(late.ran({1, 1})) == "propose propose");
    CHECK(told(late.logged(cell_done{{1, 1}, zero})).empty()); // it came first: the log refuses it
    CHECK(told(late.logged(cell_assigned{{1, 1}, zero, 0})) == "show propose");
    CHECK(told(late.logged(cell_done{{1, 1}, zero})) == "reply");
}
TEST_CASE("kernel replica: in the safe order a cell starts when it is decided on") {
    early_replica r{start_after::decision};
    CHECK(told(r.asked({1, 1})) == "propose");
    CHECK(told(r.logged(cell_assigned{{1, 1}, zero, 0})) == "execute show");
}
TEST_CASE("kernel replica: a start that loses is discarded, by a decision, by an end, and by a snapshot") {
    early_replica decision;
    (void)decision.asked({1, 1});
    CHECK(told(decision.logged(cell_assigned{{1, 1}, one, 0})) == "discard yield");
    CHECK(told(decision.ran({1, 1})).empty());
    CHECK(told(decision.logged(cell_assigned{{1, 1}, zero, 0})).empty()); // refused by the log
    CHECK(told(decision.logged(cell_done{{1, 1}, one})) == "install");

    early_replica snapshot;
    (void)snapshot.asked({1, 1});
    (void)snapshot.ran({1, 1});
    CHECK(told(snapshot.replaced({cell_assigned{{1, 1}, one, 0}})) == "discard");
    early_replica over;
    (void)over.asked({1, 1});
    CHECK(told(over.replaced({cell_assigned{{1, 1}, one, 0}, cell_done{{1, 1}, one}})) == "discard");
    early_replica behind;
    (void)behind.asked({1, 1});
    CHECK(told(behind.replaced(
              {cell_assigned{{1, 1}, one, 0}, cell_done{{1, 1}, one}, cell_assigned{{2, 1}, one, 0}})) == "discard");
    early_replica devices; // other ones than it began with
    (void)devices.asked({1, 1}, 5);
    CHECK(told(devices.logged(cell_assigned{{1, 1}, zero, 6})) == "discard execute show");
}
TEST_CASE("kernel replica: a snapshot that has the end of what was executed is the reply, any other is installed") {
    early_replica r;
    (void)r.logged(cell_assigned{{1, 1}, zero, 0});
    (void)r.ran({1, 1});
    CHECK(told(r.replaced({cell_assigned{{1, 1}, zero, 0}, cell_done{{1, 1}, zero}})) == "reply");
    CHECK(told(r.replaced({cell_assigned{{1, 1}, one, 0}, cell_done{{1, 1}, one}})) == "reinstall");
}
TEST_CASE("kernel replica: a snapshot that has the decision for what was started confirms it") {
    early_replica r;
    (void)r.asked({1, 1}, 5);
    CHECK(told(r.replaced({})).empty());
    (void)r.ran({1, 1});
    CHECK(told(r.replaced({cell_assigned{{1, 1}, zero, 5}})) == "show propose"); // what was refused it does not know
    CHECK(told(r.replaced({cell_assigned{{1, 1}, zero, 5}})).empty());
}
TEST_CASE("kernel replica: what it did before it lost its memory is installed, and what it does for the same once more "
          "is not") {
    early_replica r; // it has crashed, and its proposals are still to come
    CHECK(told(r.logged(cell_assigned{{1, 1}, zero, 0})) == "execute show");
    CHECK(told(r.logged(cell_done{{1, 1}, zero, cell_status::ok, {{}, {"x"}}})) == "discard install");
    CHECK(told(r.ran({1, 1})).empty());
}
TEST_CASE("kernel replica: a later attempt, and one whose interpreter is behind, wait for the decision") {
    early_replica later;
    CHECK(told(later.asked({1, 2})) == "propose");
    early_replica behind;
    CHECK(told(behind.asked({2, 1})) == "propose");
    early_replica begun; // by somebody else, whom this one was not to take the place of
    (void)begun.logged(cell_assigned{{1, 1}, one, 0});
    CHECK(told(begun.asked({1, 1})) == "propose");
}

} // namespace
} // namespace hpcsched::notebook
