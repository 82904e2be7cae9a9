// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_CRASHING_GROUP_HPP
#define HPCSCHED_TESTS_CRASHING_GROUP_HPP

#include <hpcsched/core/bytes.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/raft/membership.hpp>
#include <hpcsched/raft/message.hpp>
#include <hpcsched/raft/replica_config.hpp>
#include <hpcsched/raft/server.hpp>
#include <hpcsched/raft/state_machine.hpp>
#include <hpcsched/raft_sim/dice.hpp>
#include <hpcsched/raft_sim/owned_message.hpp>
#include <hpcsched/raft_sim/simulated_disk.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <utility>

namespace hpcsched::test {

/// Three servers that keep a state machine. Messages arrive at once and writes are durable at once, but for what a
/// crash of the leader cuts short.
template <raft::state_machine Machine>
class crashing_group {
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

  public:
    using server = raft::server<Machine, raft_sim::simulated_disk::log, sender, listener>;

    /// \param machine  what a server begins with
    crashing_group(std::uint64_t seed, Machine machine)
        : seed_{seed}, dice_{seed, "crashing_group"}, machine_{std::move(machine)} {
        for (node& n : nodes_) {
            n.disk = raft_sim::simulated_disk{raft::membership{ids}};
        }
        for (std::size_t i = 0; i < 3; ++i) {
            start(i);
        }
    }

    raft_sim::dice& dice() { return dice_; }
    [[nodiscard]] time_point now() const { return now_; }
    [[nodiscard]] Machine const& machine(std::size_t i) const { return nodes_[i].server->machine(); }
    /// The machine of whoever leads.
    [[nodiscard]] Machine const& leading() { return machine(elect()); }
    [[nodiscard]] std::size_t crashes() const { return crashes_; }

    /// Sends a command to whoever leads, again and again, until it is answered; now and then the leader dies of it.
    /// \return the answer
    typename Machine::answer carry_out(byte_buffer const& command) {
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
                return Machine::decode(at->second.second);
            }
        }
        FAIL("a command is never answered");
        return {};
    }

    /// All are up, and have carried out what there is.
    void gather() {
        (void)elect();
        pass(std::chrono::seconds{5});
    }

  private:
    static constexpr std::array<raft::node_id, 3> ids{raft::node_id{1}, raft::node_id{2}, raft::node_id{3}};

    struct node {
        raft_sim::simulated_disk disk;
        std::optional<crashing_group::server> server;
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
        n.server.emplace(c, raft::snapshot_policy{.every = 7, .trailing = 2}, machine_, *n.disk.open(),
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
            pass(std::chrono::milliseconds{200});
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
    Machine machine_;
    std::array<node, 3> nodes_;
    std::deque<raft_sim::owned_message> flying_;
    time_point now_{std::chrono::seconds{1}};
    std::size_t crashes_ = 0;
};

} // namespace hpcsched::test

#endif
