// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/gpu/ledger_machine.hpp>
#include <hpcsched/raft/membership.hpp>
#include <hpcsched/raft/message.hpp>
#include <hpcsched/raft/replica_config.hpp>
#include <hpcsched/raft/server.hpp>
#include <hpcsched/raft_sim/dice.hpp>
#include <hpcsched/raft_sim/owned_message.hpp>
#include <hpcsched/raft_sim/simulated_disk.hpp>

#include <doctest/doctest.h>

#include "site.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::gpu {
namespace {

using namespace test;

/// What a server told of the entries that it carried out: the command and its answer, by index.
using journal = std::map<raft::log_index, std::pair<byte_buffer, byte_buffer>>;

struct sender {
    std::deque<raft_sim::owned_message>* out;

    void send(raft::message const& m) { out->emplace_back(m); }
};

struct listener {
    journal* to;

    void applied(raft::entry const& e, std::span<std::byte const> reply) {
        if (e.kind == raft::entry_kind::command) {
            (*to)[e.index] = {{e.payload.begin(), e.payload.end()}, {reply.begin(), reply.end()}};
        }
    }
    void read_ready(std::uint64_t /*id*/, bool /*confirmed*/) {}
    void restored(raft::log_index /*index*/) {}
};

/// Three servers that keep a ledger. Messages arrive at once and writes are durable at once, but for what a crash of
/// the leader cuts short.
class ledger_group {
  public:
    using server = raft::server<ledger_machine, raft_sim::simulated_disk::log, sender, listener>;

    explicit ledger_group(std::uint64_t seed) : seed_{seed}, dice_{seed, "ledger_group"} {
        for (node& n : nodes_) {
            n.disk = raft_sim::simulated_disk{raft::membership{ids}};
        }
        for (std::size_t i = 0; i < 3; ++i) {
            start(i);
        }
    }

    raft_sim::dice& dice() { return dice_; }
    [[nodiscard]] time_point now() const { return now_; }
    [[nodiscard]] ledger_machine const& machine(std::size_t i) const { return nodes_[i].server->machine(); }
    [[nodiscard]] std::size_t crashes() const { return crashes_; }

    /// Sends a command to whoever leads, again and again, until it is answered; now and then the leader dies of it.
    ledger_machine::answer carry_out(byte_buffer const& command) {
        for (int tries = 0; tries < 100; ++tries) {
            std::size_t const leader = elect();
            auto const index = nodes_[leader].server->propose(command, now_);
            REQUIRE(index.has_value());
            if (dice_.below(4) == 0) {
                die(leader);
                continue; // nobody knows what became of it
            }
            settle();
            auto const at = nodes_[leader].told.find(*index);
            if (at != nodes_[leader].told.end() && at->second.first == command) {
                return ledger_machine::decode(at->second.second);
            }
        }
        FAIL("a command is never answered");
        return {};
    }

    /// All are up, and have carried out what there is.
    void gather() {
        (void)elect();
        pass(5s);
    }

  private:
    static constexpr std::array<raft::node_id, 3> ids{raft::node_id{1}, raft::node_id{2}, raft::node_id{3}};

    struct node {
        raft_sim::simulated_disk disk;
        std::optional<ledger_group::server> server;
        journal told;
    };

    void start(std::size_t i) {
        node& n = nodes_[i];
        raft::replica_config c{.id = ids[i], .seed = seed_ + crashes_};
        c.window_entries = 256;
        c.window_bytes = 1U << 16U;
        c.entry_bytes_max = 1U << 14U;
        c.uncommitted_bytes_max = 1U << 15U;
        c.snapshot_chunk_bytes = 256; // a snapshot comes in pieces
        n.told.clear();
        n.server.emplace(c, raft::snapshot_policy{.every = 7, .trailing = 2}, ledger_machine{}, *n.disk.open(),
                         sender{&flying_}, listener{&n.told}, now_);
    }

    // The leader has sent, or written, a part of what it had to.
    void die(std::size_t leader) {
        nodes_[leader].server->run(now_);
        for (std::uint64_t left = dice_.below(flying_.size() + 1); left > 0; --left) {
            deliver_one();
        }
        flying_.clear();
        nodes_[leader].server.reset();
        nodes_[leader].disk.crash(dice_);
        ++crashes_;
    }

    void deliver_one() {
        raft_sim::owned_message const m = std::move(flying_.front());
        flying_.pop_front();
        node& n = nodes_[m.get().to.value - 1];
        if (n.server) {
            n.server->receive(m.get(), now_);
            run(n);
        }
    }

    void run(node& n) {
        n.server->run(now_);
        n.disk.complete_all();
        n.server->run(now_);
        n.disk.complete_all();
    }

    void settle() {
        for (node& n : nodes_) {
            if (n.server) {
                run(n);
            }
        }
        while (!flying_.empty()) {
            deliver_one();
        }
    }

    void pass(duration length) {
        time_point const end = now_ + length;
        for (;;) {
            node* next = nullptr;
            for (node& n : nodes_) {
                if (n.server && (next == nullptr || n.server->next_deadline() < next->server->next_deadline())) {
                    next = &n;
                }
            }
            if (next->server->next_deadline() > end) {
                break;
            }
            now_ = std::max(now_, next->server->next_deadline());
            next->server->tick(now_);
            settle();
        }
        now_ = end;
    }

    // Time passes until somebody leads; who died before is back.
    std::size_t elect() {
        for (int waits = 0; waits < 1000; ++waits) {
            for (std::size_t i = 0; i < 3; ++i) {
                auto const& s = nodes_[i].server;
                if (s && s->replica().role() == raft::role::leader) {
                    return i;
                }
            }
            pass(200ms);
            for (std::size_t i = 0; i < 3; ++i) {
                if (!nodes_[i].server) {
                    start(i);
                }
            }
        }
        FAIL("nobody is elected");
        return 0;
    }

    std::uint64_t seed_;
    raft_sim::dice dice_;
    std::array<node, 3> nodes_;
    std::deque<raft_sim::owned_message> flying_;
    time_point now_{1s};
    std::size_t crashes_ = 0;
};

/// Owners that come and go, each of which asks until it is answered.
class owners {
  public:
    explicit owners(ledger_group& g) : group_{g} {}

    void begin() {
        for (std::uint32_t host = 0; host < 3; ++host) {
            byte_buffer command;
            ledger_machine::add_host(host_id{host}, uniform_host(4), command);
            CHECK(group_.carry_out(command).code == ledger_code::done);
        }
    }

    void act() {
        std::uint64_t const owner = 1 + group_.dice().below(6);
        bool const gives_back = held_.contains(owner) && group_.dice().below(2) == 0;
        byte_buffer command;
        if (gives_back) {
            ledger_machine::release(held_.at(owner).token, command);
            // A copy of it may have been carried out by a leader that died.
            auto const a = group_.carry_out(command);
            CHECK((a.code == ledger_code::done || a.code == ledger_code::unknown_lease));
            held_.erase(owner);
            return;
        }
        std::uint64_t const sequence = ++asked_[owner];
        auto const count = static_cast<std::uint16_t>(1 + group_.dice().below(3));
        host_id const host{static_cast<std::uint32_t>(group_.dice().below(3))};
        ledger_machine::acquire(owner, sequence, host, whole(count), 0, 0, group_.now(), unlimited, command);
        auto const a = group_.carry_out(command);
        if (a.code == ledger_code::no_room) {
            return; // and it has what it had
        }
        REQUIRE(a.code == ledger_code::done);
        CHECK(a.granted->owner == owner);
        CHECK(a.granted->sequence == sequence);
        CHECK(tokens_.insert(a.granted->token).second); // no other lease had it
        held_[owner] = *a.granted;
    }

    [[nodiscard]] std::map<std::uint64_t, lease> const& held() const { return held_; }

  private:
    ledger_group& group_;
    std::map<std::uint64_t, std::uint64_t> asked_;
    std::map<std::uint64_t, lease> held_;
    std::set<lease_token> tokens_;
};

} // namespace

TEST_CASE("ledger_machine: what a group has granted is held after its leader crashed, and nothing is granted twice") {
    std::size_t crashes = 0;
    for (std::uint64_t seed = 1; seed <= 15; ++seed) {
        CAPTURE(seed);
        ledger_group group{seed};
        owners all{group};
        all.begin();
        for (int step = 0; step < 60; ++step) {
            all.act();
        }
        group.gather();
        crashes += group.crashes();
        byte_buffer state;
        group.machine(0).save(state);
        for (std::size_t i = 0; i < 3; ++i) {
            ledger const& l = group.machine(i).state();
            CHECK(l.check() == std::string{});
            CHECK(l.leases().size() == all.held().size());
            std::map<std::pair<host_id, std::uint32_t>, std::uint64_t> of;
            for (auto const& [owner, held] : all.held()) {
                REQUIRE(l.of_owner(owner) != nullptr);
                CHECK(*l.of_owner(owner) == held);
                for_each_device(held.devices, [&](std::uint32_t d) {
                    bool const first = of.emplace(std::pair{held.host, d}, owner).second;
                    CHECK(first);
                });
            }
            byte_buffer other;
            group.machine(i).save(other);
            CHECK(other == state);
        }
    }
    CHECK(crashes > 100);
}

} // namespace hpcsched::gpu
