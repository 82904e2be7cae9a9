// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/notebook/kernel_replica.hpp>

#include <boost/random/uniform_int_distribution.hpp>
#include <doctest/doctest.h>

#include "kernel_examples.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace hpcsched::notebook {
namespace {

using std::chrono::seconds;

/// A kernel of three replicas behind one log. What is proposed enters the log in a drawn order, everyone applies it
/// with a delay of their own, executions take their time, replicas pause for long or crash and come back from the log.
template <class Election>
class drawn_kernel {
  public:
    drawn_kernel(std::uint64_t seed, reply_after reply, bool faults)
        : draws_{seed, "kernel"}, reply_{reply}, faults_{faults} {
        for (std::uint32_t i = 0; i < 3; ++i) {
            members_.push_back(member{kernel_replica<Election>{replica_id{i}, reply}});
        }
    }

    /// Executes cells one after the other, each until the log says that it is over.
    void run(cell_number cells) {
        for (cell_number cell = 1; cell <= cells; ++cell) {
            for (std::uint32_t attempt = 1; front_.last_done().cell < cell; ++attempt) {
                REQUIRE(attempt < 60);
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
            CHECK(who.size() == 1);
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
    [[nodiscard]] std::size_t replied() const noexcept { return replies_.size(); }
    [[nodiscard]] std::size_t commits() const noexcept { return log_.size(); }

  private:
    using namespace_of_a_replica = std::map<std::string, byte_buffer>;

    struct member {
        kernel_replica<Election> core;
        kernel_log log{};
        std::size_t applied = 0;
        namespace_of_a_replica interpreter{};
        std::optional<cell_attempt> runs{}; // in the interpreter
        std::vector<cell_attempt> overdue{};
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
        replica_id const chosen{static_cast<std::uint32_t>(draw(3))};
        for (member& m : members_) {
            if (m.paused == 0) {
                deliver(m, cell_requested{a, chosen, 0});
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
        }
    }

    void apply_next(member& m) {
        kernel_entry const entry = log_[m.applied++];
        byte_buffer reply;
        m.log.apply(m.applied, encoded(entry), reply);
        deliver(m, entry_applied{entry, kernel_log::decode(reply)});
    }

    // It loses what it held in memory, and comes back from the log: its interpreter as the log says.
    void crash(member& m) {
        ++crashes_;
        m.core = kernel_replica<Election>{m.core.self(), reply_};
        m.runs.reset();
        m.overdue.clear();
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
        results_[a] = value;
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
    }
    void obey(member&, release_reply const& c) {
        ++replies_[c.attempt.cell];
        acknowledged_[c.attempt.cell] = results_[c.attempt];
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
    void obey(member& m, discard_changes const&) {
        ++discards_;
        m.runs.reset();
        m.interpreter = interpreter_of(m.log);
    }
    void obey(member& m, await_proposals const& c) { m.overdue.push_back(c.attempt); }

    random_stream draws_;
    reply_after reply_;
    bool faults_;
    time_point now_{};
    std::vector<member> members_;
    std::vector<kernel_entry> proposed_;
    std::vector<kernel_entry> log_; // committed
    kernel_log front_;              // with all of it applied
    std::map<cell_attempt, std::vector<replica_id>> executors_;
    std::map<cell_attempt, byte_buffer> results_;
    std::map<cell_number, int> replies_;
    std::map<cell_number, byte_buffer> acknowledged_;
    std::map<cell_number, byte_buffer> history_; // what each cell left, by the log
    std::size_t crashes_ = 0;
    std::size_t discards_ = 0;
};

template <class Election>
void torture(bool faults) {
    std::size_t crashes = 0;
    std::size_t discards = 0;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        CAPTURE(seed);
        drawn_kernel<Election> kernel{seed, reply_after::quorum, faults};
        kernel.run(20);
        kernel.check();
        crashes += kernel.crashes();
        discards += kernel.discards();
        if (!faults) {
            CHECK(kernel.replied() == 20);
        }
    }
    CHECK((crashes > 50) == faults);
    CHECK(discards > 10); // attempts that took too long, and were given up
}

TEST_CASE("kernel replica: by assignment every cell runs once, is replied to once, and leaves all interpreters alike") {
    torture<by_assignment>(false);
}
TEST_CASE("kernel replica: by assignment, with replicas that pause and crash, nothing acknowledged is lost") {
    torture<by_assignment>(true);
}
TEST_CASE("kernel replica: by votes every cell runs once, is replied to once, and leaves all interpreters alike") {
    torture<by_votes>(false);
}
TEST_CASE("kernel replica: by votes, with replicas that pause and crash, nothing acknowledged is lost") {
    torture<by_votes>(true);
}

TEST_CASE("kernel replica: an assignment takes two commits a cell, NotebookOS's election at least six") {
    drawn_kernel<by_assignment> one{1, reply_after::quorum, false};
    one.run(20);
    CHECK(one.commits() == 40); // the assignment, and what the cell changed
    drawn_kernel<by_votes> votes{1, reply_after::quorum, false};
    votes.run(20);
    CHECK(votes.commits() >= 20 * (3 + 1 + 1)); // three proposals, a vote at least, what the cell changed
}

/// What NotebookOS does: the client hears before the changes are committed.
TEST_CASE("kernel replica 5.1: a reply before the quorum is lost with its executor, one after it is not") {
    kernel_replica<> before{replica_id{0}, reply_after::execution};
    kernel_replica<> after{replica_id{0}, reply_after::quorum};
    kernel_log log;
    for (kernel_replica<>* const r : {&before, &after}) {
        kernel_log fresh;
        byte_buffer reply;
        cell_assigned const assigned{{1, 1}, replica_id{0}, 9};
        fresh.apply(1, encoded(assigned), reply);
        buffer<replica_command> out;
        r->handle(entry_applied{assigned, entry_outcome::decided}, fresh, {}, out);
        REQUIRE(out.size() == 1);
        CHECK(std::get<execute_cell>(out.items()[0]).lease == 9);
        out.clear();
        r->handle(cell_ran{{1, 1}, cell_status::ok, {}}, fresh, {}, out);
        bool const replies = std::holds_alternative<release_reply>(out.items()[0]);
        CHECK(replies == (r == &before));
        out.clear();
        r->handle(entry_applied{cell_done{{1, 1}, replica_id{0}}, entry_outcome::done}, fresh, {}, out);
        CHECK(out.size() == (r == &after ? 1 : 0));
    }
}

} // namespace
} // namespace hpcsched::notebook
