// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft/groups.hpp>
#include <hpcsched/raft/memory_log.hpp>
#include <hpcsched/raft_sim/dice.hpp>
#include <hpcsched/raft_sim/owned_message.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <utility>
#include <variant>
#include <vector>

namespace hpcsched::raft {
namespace {

using namespace std::chrono_literals;

// Keeps every command that it is given.
struct list_machine {
    byte_buffer seen;

    void apply(log_index /*index*/, std::span<std::byte const> command, byte_buffer& /*reply*/) {
        seen.insert(seen.end(), command.begin(), command.end());
    }
    void save(byte_buffer& out) const { out.insert(out.end(), seen.begin(), seen.end()); }
    bool restore(std::span<std::byte const> saved) {
        seen.assign(saved.begin(), saved.end());
        return true;
    }
};

struct flying_message {
    group_id group;
    raft_sim::owned_message what;
};

struct wire {
    std::deque<flying_message>* out;
    group_id group;

    void send(message const& m) { out->push_back({group, raft_sim::owned_message{m}}); }
};

/// Three processes with a server of each group; messages arrive at once, unless the test says otherwise.
class processes {
  public:
    using process = groups<list_machine, memory_log, wire>;

    explicit processes(std::uint32_t count, duration granularity = 10ms) : count_{count} {
        std::vector<node_id> const voters{node_id{1}, node_id{2}, node_id{3}};
        for (std::uint32_t id = 1; id <= 3; ++id) {
            auto& p = all_.emplace_back(std::make_unique<process>(granularity));
            for (std::uint32_t g = 1; g <= count; ++g) {
                replica_config c{.id = node_id{id}, .seed = g, .window_entries = 64, .window_bytes = 4096};
                c.entry_bytes_max = 256;
                c.uncommitted_bytes_max = 1024;
                c.quiesce_after = 500ms;
                p->open(group_id{g}, c, {}, {}, memory_log{membership{voters}}, wire{&flying, group_id{g}}, {}, now);
            }
        }
    }

    process& at(std::uint32_t id) { return *all_.at(id - 1); }
    process::server_type& server(std::uint32_t id, std::uint32_t g) { return *at(id).find(group_id{g}); }
    [[nodiscard]] std::uint32_t count() const { return count_; }

    void deliver() {
        run_all();
        while (!flying.empty()) {
            for (std::size_t left = flying.size(); left > 0; --left) {
                flying_message const m = std::move(flying.front());
                flying.pop_front();
                if (!lost(m.what.get())) {
                    at(m.what.get().to.value).receive(m.group, m.what.get(), now);
                }
            }
            run_all();
        }
    }

    void pass(duration length) {
        time_point const end = now + length;
        deliver();
        for (;;) {
            auto const next = (*std::ranges::min_element(all_, {}, deadline))->next_deadline();
            if (next > end) {
                break;
            }
            now = std::max(now, next);
            deliver();
        }
        now = end;
    }

    /// Who leads group `g`; 0: nobody.
    std::uint32_t leader(std::uint32_t g) {
        std::uint32_t found = 0;
        log_term newest = 0;
        for (std::uint32_t id = 1; id <= 3; ++id) {
            auto const* const s = gone.contains(id) ? nullptr : at(id).find(group_id{g});
            if (s != nullptr && s->replica().role() == role::leader && s->replica().term() > newest) {
                found = id;
                newest = s->replica().term();
            }
        }
        return found;
    }

    bool propose(std::uint32_t g, std::uint8_t what) {
        std::uint32_t const to = leader(g);
        bool taken = false;
        std::array<std::byte, 1> const command{std::byte{what}};
        return to != 0 && at(to).with(group_id{g}, [&](process::server_type& s) {
            taken = s.propose(command, now).has_value();
        }) && taken;
    }

    time_point now{};
    std::deque<flying_message> flying;
    std::set<std::uint32_t> gone; ///< processes that have ended
    std::function<bool(message const&)> lost = [this](message const& m) { return gone.contains(m.to.value); };

  private:
    static time_point deadline(std::unique_ptr<process> const& p) { return p->next_deadline(); }

    void run_all() {
        for (std::uint32_t id = 1; id <= 3; ++id) {
            if (!gone.contains(id)) {
                at(id).run(now);
            }
        }
    }

    std::uint32_t count_;
    std::vector<std::unique_ptr<process>> all_;
};

TEST_CASE("groups: each group of a process has its own leader and its own log") {
    processes p{50};
    p.pass(3s);
    for (std::uint32_t g = 1; g <= p.count(); ++g) {
        REQUIRE(p.leader(g) != 0);
        CHECK(p.propose(g, static_cast<std::uint8_t>(g)));
    }
    p.pass(1s);
    for (std::uint32_t g = 1; g <= p.count(); ++g) {
        for (std::uint32_t id = 1; id <= 3; ++id) {
            CHECK(p.server(id, g).machine().seen == byte_buffer{static_cast<std::byte>(g)});
        }
    }
}

TEST_CASE("groups: the heartbeats of many groups fall due together") {
    processes p{200};
    p.pass(2900ms);
    std::set<time_point> beats;
    std::size_t messages = 0;
    p.lost = [&](message const& m) {
        if (std::holds_alternative<heartbeat>(m.body)) {
            beats.insert(p.now);
            ++messages;
        }
        return false;
    };
    for (std::uint32_t g = 1; g <= p.count(); ++g) {
        REQUIRE(p.propose(g, 1)); // so that none rests
    }
    p.pass(400ms);
    CHECK(messages >= 1600);
    CHECK(beats.size() <= 44); // every 10 ms at most, though 200 groups began at times of their own
}

TEST_CASE("groups: those at rest have no timers and are not looked at until something happens") {
    processes p{20};
    p.pass(10s);
    for (std::uint32_t id = 1; id <= 3; ++id) {
        CHECK(p.at(id).next_deadline() == never);
    }
    REQUIRE(p.propose(7, 42));
    p.deliver();
    std::uint32_t awake = 0;
    for (std::uint32_t g = 1; g <= p.count(); ++g) {
        awake += p.server(1, g).replica().quiescent() ? 0U : 1U;
    }
    CHECK(awake == 1);
    p.pass(10s);
    CHECK(p.at(1).next_deadline() == never);
    CHECK(p.server(3, 7).machine().seen == byte_buffer{std::byte{42}});
}

TEST_CASE("groups: those at rest look for a leader when the connection to the last one is lost, the others sleep on") {
    processes p{60};
    p.pass(10s);
    std::vector<std::uint32_t> orphans;
    for (std::uint32_t g = 1; g <= p.count(); ++g) {
        if (p.leader(g) == 1) {
            orphans.push_back(g);
        }
    }
    REQUIRE(!orphans.empty());
    REQUIRE(orphans.size() < p.count());
    p.gone.insert(1);
    p.at(2).peer_unreachable(node_id{1}, p.now);
    p.at(3).peer_unreachable(node_id{1}, p.now);
    p.pass(5s);
    for (std::uint32_t g = 1; g <= p.count(); ++g) {
        bool const orphan = std::ranges::find(orphans, g) != orphans.end();
        CHECK(p.leader(g) > 1);
        CHECK(p.server(2, g).replica().quiescent() != orphan);
        CHECK(p.propose(g, 9));
    }
}

TEST_CASE("groups: what is lost on the way is sent again in every group") {
    processes p{8};
    raft_sim::dice d{5, "loss"};
    p.lost = [&](message const&) { return d.below(5) == 0; };
    std::vector<std::size_t> taken(p.count() + 1);
    for (int i = 0; i < 400; ++i) {
        p.pass(50ms);
        auto const g = static_cast<std::uint32_t>(1 + d.below(p.count()));
        taken[g] += p.propose(g, static_cast<std::uint8_t>(i)) ? 1U : 0U;
    }
    p.lost = [](message const&) { return false; };
    p.pass(10s);
    for (std::uint32_t g = 1; g <= p.count(); ++g) {
        CHECK(taken[g] > 0);
        byte_buffer const& seen = p.server(1, g).machine().seen;
        CHECK(seen.size() <= taken[g]);
        CHECK(!seen.empty());
        CHECK(p.server(2, g).machine().seen == seen);
        CHECK(p.server(3, g).machine().seen == seen);
    }
}

TEST_CASE("groups: a group that was closed is unknown, and its messages hurt nobody") {
    processes p{2};
    p.pass(3s);
    p.at(3).close(group_id{1});
    CHECK(p.at(3).size() == 1);
    CHECK(p.at(3).find(group_id{1}) == nullptr);
    CHECK(!p.at(3).with(group_id{1}, [](auto&) { FAIL("there is none"); }));
    CHECK(p.propose(1, 5));
    p.pass(1s);
    CHECK(p.server(p.leader(1), 1).machine().seen == byte_buffer{std::byte{5}});
}

} // namespace
} // namespace hpcsched::raft
