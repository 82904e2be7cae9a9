// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_RAFT_GROUP_HPP
#define HPCSCHED_TESTS_RAFT_GROUP_HPP

#include <hpcsched/raft/memory_log.hpp>
#include <hpcsched/raft/replica.hpp>
#include <hpcsched/raft_sim/owned_message.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace hpcsched::raft::test {

using namespace std::chrono_literals;

/// A handful of replicas whose messages lie in a queue until the test delivers them, and whose writes are durable at
/// once or when the test says so.
class group {
  public:
    explicit group(std::size_t count, std::function<void(replica_config&)> const& configure = {},
                   std::size_t idle = 0) {
        std::vector<node_id> voters;
        for (std::uint32_t i = 1; i <= count; ++i) {
            voters.push_back(node_id{i});
        }
        for (std::uint32_t i = 1; i <= count + idle; ++i) {
            replica_config c;
            c.id = node_id{i};
            c.seed = 7;
            c.election_timeout = 1s;
            c.heartbeat_interval = 100ms;
            if (configure) {
                configure(c);
            }
            configs_[i] = c;
            logs_.emplace(i, memory_log{i <= count ? membership{voters} : membership{}});
            restart(i);
        }
    }

    replica& at(std::uint32_t id) { return *replicas_.at(id); }
    time_point now = time_point{0s};
    std::deque<raft_sim::owned_message> flying;
    std::map<std::uint32_t, std::vector<read_outcome>> reads;
    std::map<std::uint32_t, std::vector<std::string>> applied; ///< payloads of commands
    std::function<bool(message const&)> lost = [](message const&) { return false; };
    bool hold_writes = false;

    /// The process ends, and begins anew with what its log holds.
    void restart(std::uint32_t id) {
        memory_log& log = logs_.at(id);
        held_.erase(id);
        replicas_[id] = std::make_unique<replica>(configs_.at(id), log.stored(), now);
        log.each_stored([&](entry const& e) { replicas_[id]->restore(e, now); });
        outs_[id].clear();
    }

    /// Has every replica carry out what it has to, and puts its messages into the queue.
    void settle() {
        for (auto& [id, r] : replicas_) {
            ready& out = outs_[id];
            for (r->flush(now, out); !out.empty(); r->flush(now, out)) {
                carry_out(id, out);
            }
        }
    }

    /// The writes held back so far are durable.
    void write_out(std::uint32_t id) {
        if (held_.contains(id)) {
            at(id).written(held_[id], now);
        }
        settle();
    }

    /// The newest write that is held back.
    [[nodiscard]] std::uint64_t held(std::uint32_t id) const { return held_.at(id); }

    /// Delivers the oldest message.
    void deliver_one() {
        raft_sim::owned_message const m = std::move(flying.front());
        flying.pop_front();
        std::uint32_t const to = m.get().to.value;
        if (!lost(m.get()) && replicas_.contains(to)) {
            at(to).receive(m.get(), now, outs_[to]);
        }
        settle();
    }

    /// Delivers until nothing is left to deliver.
    void deliver() {
        settle();
        for (int steps = 0; !flying.empty(); ++steps) {
            REQUIRE(steps < 100'000);
            deliver_one();
        }
    }

    /// Lets time pass; timers go off in order, messages arrive at once.
    void pass(duration length) {
        time_point const end = now + length;
        for (;;) {
            auto const next =
                std::ranges::min_element(replicas_, {}, [](auto const& r) { return r.second->next_deadline(); });
            if (next->second->next_deadline() > end) {
                break;
            }
            now = std::max(now, next->second->next_deadline());
            next->second->tick(now, outs_[next->first]);
            deliver();
        }
        now = end;
    }

    void campaign(std::uint32_t id) {
        at(id).campaign(now, outs_[id]);
        deliver();
    }

    result<log_index, errc> propose(std::uint32_t id, std::string_view text) {
        return at(id).propose(std::as_bytes(std::span{text}), now);
    }
    ready& out(std::uint32_t id) { return outs_[id]; }
    memory_log& log(std::uint32_t id) { return logs_.at(id); }

    std::vector<std::uint32_t> leaders() {
        std::vector<std::uint32_t> found;
        for (auto const& [id, r] : replicas_) {
            if (r->role() == role::leader) {
                found.push_back(id);
            }
        }
        return found;
    }

    /// Nobody reaches `id`, nor it anybody.
    void isolate(std::uint32_t id) {
        lost = [id](message const& m) { return m.to.value == id || m.from.value == id; };
    }
    void heal() {
        lost = [](message const&) { return false; };
    }

  private:
    void carry_out(std::uint32_t id, ready& out) {
        if (!out.write.empty()) {
            REQUIRE(logs_.at(id).write(out.write).has_value());
        }
        for (message const& m : out.messages.items()) {
            flying.emplace_back(m);
        }
        for (log_index i = out.committed_first; i != 0 && i <= out.committed_last; ++i) {
            auto const stored = logs_.at(id).read(i, 1, 0);
            entry const e = at(id).log().holds(i) ? at(id).log().at(i) : stored.value().entries.front();
            if (e.kind == entry_kind::command) {
                applied[id].emplace_back(reinterpret_cast<char const*>(e.payload.data()), e.payload.size());
            }
        }
        for (read_outcome const& r : out.reads.items()) {
            reads[id].push_back(r);
        }
        std::uint64_t const write = out.write.number;
        std::vector<fetch> const fetches(out.fetches.items().begin(), out.fetches.items().end());
        out.clear();
        for (fetch const& f : fetches) {
            if (auto const stored = logs_.at(id).read(f.first_index, f.count_max, f.bytes_max)) {
                at(id).fetched(f.peer, stored->previous_term, stored->entries, out);
            } else {
                at(id).fetch_failed(f.peer);
            }
        }
        for (message const& m : out.messages.items()) {
            flying.emplace_back(m);
        }
        out.clear();
        if (write != 0 && hold_writes) {
            held_[id] = write;
        } else if (write != 0) {
            at(id).written(write, now);
        }
    }

    std::map<std::uint32_t, replica_config> configs_;
    std::map<std::uint32_t, memory_log> logs_;
    std::map<std::uint32_t, std::unique_ptr<replica>> replicas_;
    std::map<std::uint32_t, ready> outs_;
    std::map<std::uint32_t, std::uint64_t> held_;
};

} // namespace hpcsched::raft::test

#endif
