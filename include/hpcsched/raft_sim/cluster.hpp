// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_SIM_CLUSTER_HPP
#define HPCSCHED_RAFT_SIM_CLUSTER_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/hash.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/raft/server.hpp>
#include <hpcsched/raft/sessions.hpp>
#include <hpcsched/raft_sim/dice.hpp>
#include <hpcsched/raft_sim/invariants.hpp>
#include <hpcsched/raft_sim/owned_message.hpp>
#include <hpcsched/raft_sim/register_machine.hpp>
#include <hpcsched/raft_sim/simulated_disk.hpp>
#include <hpcsched/sim/event_queue.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace hpcsched::raft_sim {

/// What the network does to a message. Delays that differ reorder by themselves.
struct network_config {
    duration delay_min = std::chrono::microseconds{200};
    duration delay_max = std::chrono::milliseconds{2};
    ratio loss{};
    ratio duplicate{};
};

struct cluster_config {
    std::size_t founders = 3;       ///< servers 1 .. founders make up the group
    std::size_t spares = 0;         ///< the next ones run, empty, and wait to be added
    raft::replica_config replica{}; ///< of all; id and seed are set for each
    raft::snapshot_policy snapshots{};
    network_config network{};
    duration disk_min = std::chrono::microseconds{50}; ///< of one durable write
    duration disk_max = std::chrono::milliseconds{1};
    std::int32_t skew_ppm_max = 0; ///< clocks run up to this much fast or slow, each at its own constant rate
};

/// An entry that a server has carried out, with its answer.
struct applied_note {
    raft::node_id node{};
    raft::log_index index = 0;
    raft::log_term term = 0;
    raft::byte_buffer command;
    raft::byte_buffer reply;
};

struct read_note {
    raft::node_id node{};
    std::uint64_t id = 0;
    bool confirmed = false;
};

namespace detail {

// The server's side of the network: what it sends in one step.
class outbox {
  public:
    explicit outbox(std::vector<owned_message>& sent) noexcept : sent_{&sent} {}
    void send(raft::message const& m) { sent_->emplace_back(m); }

  private:
    std::vector<owned_message>* sent_;
};
static_assert(raft::transport<outbox>);

// What servers tell in one step.
struct notes {
    std::vector<applied_note> applied;
    std::vector<read_note> reads;
};

// Writes down what a server tells its host, and has it checked.
class note_taker {
  public:
    note_taker(raft::node_id node, invariants& checks, notes& to) noexcept : node_{node}, checks_{&checks}, to_{&to} {}

    void applied(raft::entry const& e, std::span<std::byte const> reply) {
        checks_->applied(node_, e, reply);
        if (e.kind == raft::entry_kind::command) {
            to_->applied.push_back(
                {node_, e.index, e.term, {e.payload.begin(), e.payload.end()}, {reply.begin(), reply.end()}});
        }
    }
    void read_ready(std::uint64_t id, bool confirmed) { to_->reads.push_back({node_, id, confirmed}); }
    void restored(raft::log_index /*index*/) {}

  private:
    raft::node_id node_;
    invariants* checks_;
    notes* to_;
};

} // namespace detail

/// A whole group in one thread: servers with simulated disks and clocks on a simulated network, and the invariants
/// checked after every step. Events of the same time are in this order: timers, disks, network; then as they were
/// scheduled.
///
/// `Disk` is what is left of a server when it crashes, with the members of `simulated_disk`; `Disk::log` is a log
/// storage on it. A disk whose log cannot be opened for good is `lost()`, and its server does not start again.
///
/// Equal configurations, seeds and calls give equal runs, to the bit.
/// \thread_safety none
template <class Disk>
class basic_cluster {
  public:
    using machine = raft::sessions<register_machine>;
    using server = raft::server<machine, typename Disk::log, detail::outbox, detail::note_taker>;

    basic_cluster(cluster_config const& config, std::uint64_t seed)
        : config_{config}, seed_{seed}, network_dice_{seed, "network"}, disk_dice_{seed, "disk"},
          crash_dice_{seed, "crash"} {
        std::vector<raft::node_id> founders;
        for (std::size_t i = 0; i < config.founders; ++i) {
            founders.push_back(id_at(i));
        }
        std::size_t const count = config.founders + config.spares;
        dice skews{seed, "clocks"};
        auto const most = static_cast<std::uint64_t>(config.skew_ppm_max);
        for (std::size_t i = 0; i < count; ++i) {
            node& n = nodes_.emplace_back();
            n.disk = Disk{i < config.founders ? raft::membership{founders} : raft::membership{}};
            n.skew_ppm = static_cast<std::int32_t>(skews.below(2 * most + 1)) - config.skew_ppm_max;
        }
        cuts_.assign(count * count, false);
        for (std::size_t i = 0; i < count; ++i) {
            start(i);
        }
    }
    basic_cluster(basic_cluster const&) = delete;
    basic_cluster& operator=(basic_cluster const&) = delete;
    ~basic_cluster() = default;

    [[nodiscard]] time_point now() const noexcept { return now_; }
    [[nodiscard]] time_point next_time() const noexcept { return queue_.next_time(); }
    [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }
    [[nodiscard]] static raft::node_id id_at(std::size_t position) noexcept {
        return raft::node_id{static_cast<std::uint32_t>(position + 1)};
    }

    /// Carries out the next event.
    /// \pre next_time() != never
    void step() {
        auto event = queue_.pop();
        now_ = event.key.at;
        ++events_;
        happening& h = event.payload;
        node& n = nodes_[h.node];
        hash_.add(static_cast<std::uint64_t>(now_.time_since_epoch().count()));
        hash_.add(static_cast<std::uint64_t>(h.what) << 32U | h.node);
        bool const of_the_dead = h.what != occurrence::arrival && h.generation != n.generation;
        if (of_the_dead || !n.server) {
            return;
        }
        if (n.paused_until > now_) {
            if (h.what == occurrence::timer && n.armed == now_) {
                n.armed = n.paused_until;
            }
            auto const phase = static_cast<std::uint32_t>(h.what);
            queue_.push(n.paused_until, phase, std::move(h));
            return;
        }
        if (h.what == occurrence::arrival) {
            n.server->receive(h.message->get(), local(h.node, now_));
        } else if (h.what == occurrence::disk) {
            n.disk.complete_one();
        } else if (n.armed == now_) {
            n.armed = never;
            n.server->tick(local(h.node, now_));
        } else {
            return; // a timer that was set anew
        }
        settle(h.node);
    }

    /// Carries out all events up to `until`, then it is that time.
    void run_until(time_point until) {
        while (queue_.next_time() <= until) {
            step();
        }
        now_ = std::max(now_, until);
    }

    /// Calls `what(server, its local time)` and has the server carry out what follows; nothing where it is down or
    /// paused.
    /// \return whether it was called
    template <class What>
    bool act(raft::node_id id, What&& what) {
        if (!up(id)) {
            return false;
        }
        what(*nodes_[position(id)].server, local(position(id), now_));
        settle(position(id));
        return true;
    }

    // --- faults ---

    [[nodiscard]] bool up(raft::node_id id) const noexcept {
        node const& n = nodes_[position(id)];
        return n.server.has_value() && n.paused_until <= now_;
    }
    /// The process dies; its disk keeps what is durable and maybe more.
    void crash(raft::node_id id) {
        node& n = nodes_[position(id)];
        if (n.server) {
            n.server.reset();
            n.disk.crash(crash_dice_);
            ++n.generation;
            n.armed = never;
            checks_.forget(id);
        }
    }
    /// A crashed process starts again, unless its disk is lost.
    void restart(raft::node_id id) {
        node& n = nodes_[position(id)];
        if (!n.server && !n.disk.lost()) {
            start(position(id));
        }
    }
    /// The process stands still for a while; what comes meanwhile waits.
    void pause(raft::node_id id, duration length) { nodes_[position(id)].paused_until = now_ + length; }
    /// Its disk and its messages, to and fro, take `slow_factor` times as long for a while.
    void slow(raft::node_id id, duration length) { nodes_[position(id)].slow_until = now_ + length; }
    static constexpr int slow_factor = 5;
    /// It is neither paused nor slow any more.
    void resume(raft::node_id id) {
        nodes_[position(id)].paused_until = now_;
        nodes_[position(id)].slow_until = now_;
    }
    /// Whether messages from `from` to `to` are lost.
    void cut(raft::node_id from, raft::node_id to, bool lost) {
        cuts_[position(from) * nodes_.size() + position(to)] = lost;
    }
    /// No message is lost or doubled from here on.
    void heal_network() {
        cuts_.assign(cuts_.size(), false);
        config_.network.loss = {};
        config_.network.duplicate = {};
    }
    [[nodiscard]] Disk& disk(raft::node_id id) noexcept { return nodes_[position(id)].disk; }

    // --- what is seen ---

    /// The server, or null while it is down.
    [[nodiscard]] server const* find(raft::node_id id) const noexcept {
        node const& n = nodes_[position(id)];
        return n.server ? &*n.server : nullptr;
    }
    /// The leader of the highest term among the servers that are up; `no_node` where none leads.
    [[nodiscard]] raft::node_id leader() const noexcept {
        raft::replica const* best = nullptr;
        for (node const& n : nodes_) {
            if (n.server && n.server->replica().role() == raft::role::leader &&
                (best == nullptr || n.server->replica().term() > best->term())) {
                best = &n.server->replica();
            }
        }
        return best == nullptr ? raft::no_node : best->id();
    }
    [[nodiscard]] invariants& checks() noexcept { return checks_; }
    [[nodiscard]] invariants const& checks() const noexcept { return checks_; }
    /// What was carried out, and which reads were answered, since the last call.
    [[nodiscard]] std::vector<applied_note> take_applied() { return std::exchange(notes_.applied, {}); }
    [[nodiscard]] std::vector<read_note> take_reads() { return std::exchange(notes_.reads, {}); }
    /// Of all events so far: equal runs have equal hashes.
    [[nodiscard]] std::uint64_t hash() const noexcept { return hash_.value(); }
    [[nodiscard]] std::uint64_t event_count() const noexcept { return events_; }

  private:
    enum class occurrence : std::uint8_t { timer, disk, arrival }; // in this order at the same time

    struct happening {
        occurrence what{};
        std::uint32_t node = 0;
        std::uint32_t generation = 0;
        std::optional<owned_message> message;
    };

    struct node {
        Disk disk;
        std::optional<typename basic_cluster::server> server; // gone before its disk
        std::uint32_t generation = 0;
        std::int32_t skew_ppm = 0;
        time_point paused_until{};
        time_point slow_until{};
        time_point armed = never;
        time_point disk_free{}; // when the last write under way is durable
    };

    [[nodiscard]] std::size_t position(raft::node_id id) const noexcept {
        HPCSCHED_ASSERT(id.value >= 1 && id.value <= nodes_.size());
        return id.value - 1;
    }

    [[nodiscard]] bool is_slow(node const& n) const noexcept { return n.slow_until > now_; }

    // A clock that runs `skew_ppm` fast, and the first moment when it shows at least `shown`.
    [[nodiscard]] time_point local(std::size_t at, time_point real) const noexcept {
        std::int64_t const t = real.time_since_epoch().count();
        return time_point{duration{t + t / 1'000'000 * nodes_[at].skew_ppm}};
    }
    [[nodiscard]] time_point real(std::size_t at, time_point shown) const noexcept {
        if (shown == never) {
            return never;
        }
        std::int64_t const t = shown.time_since_epoch().count();
        time_point moment{duration{t - t / 1'000'000 * nodes_[at].skew_ppm}};
        while (local(at, moment) < shown) {
            moment += shown - local(at, moment);
        }
        return moment;
    }

    void start(std::size_t at) {
        node& n = nodes_[at];
        raft::replica_config c = config_.replica;
        c.id = id_at(at);
        c.seed = seed_ + n.generation;
        n.disk_free = now_;
        auto log = n.disk.open();
        if (!log) {
            return;
        }
        n.server.emplace(c, config_.snapshots, machine{register_machine{}}, std::move(*log), detail::outbox{sent_},
                         detail::note_taker{c.id, checks_, notes_}, local(at, now_));
        settle(at);
    }

    // The server carries out what is to be done; what it sent, wrote and waits for is scheduled, and all is checked.
    void settle(std::size_t at) {
        node& n = nodes_[at];
        n.server->run(local(at, now_));
        for (owned_message& m : sent_) {
            deliver(std::move(m));
        }
        sent_.clear();
        for (std::size_t writes = n.disk.take_begun(); writes > 0; --writes) {
            n.disk_free = std::max(n.disk_free, now_) +
                          disk_dice_.between(config_.disk_min, config_.disk_max) * (is_slow(n) ? slow_factor : 1);
            queue_.push(n.disk_free, static_cast<std::uint32_t>(occurrence::disk),
                        {occurrence::disk, static_cast<std::uint32_t>(at), n.generation, {}});
        }
        time_point const due = std::max(real(at, n.server->next_deadline()), now_);
        if (due != n.armed) {
            n.armed = due;
            if (due != never) {
                queue_.push(due, static_cast<std::uint32_t>(occurrence::timer),
                            {occurrence::timer, static_cast<std::uint32_t>(at), n.generation, {}});
            }
        }
        check(at);
    }

    void deliver(owned_message m) {
        raft::message const& sent = m.get();
        if (sent.to.value == 0 || sent.to.value > nodes_.size() ||
            cuts_[position(sent.from) * nodes_.size() + position(sent.to)] ||
            network_dice_.chance(config_.network.loss)) {
            return;
        }
        auto const to = static_cast<std::uint32_t>(position(sent.to));
        int const factor = is_slow(nodes_[position(sent.from)]) || is_slow(nodes_[to]) ? slow_factor : 1;
        auto const arrives = [&] {
            return now_ + network_dice_.between(config_.network.delay_min, config_.network.delay_max) * factor;
        };
        if (network_dice_.chance(config_.network.duplicate)) {
            queue_.push(arrives(), static_cast<std::uint32_t>(occurrence::arrival),
                        {occurrence::arrival, to, 0, owned_message{sent}});
        }
        time_point const at = arrives();
        queue_.push(at, static_cast<std::uint32_t>(occurrence::arrival), {occurrence::arrival, to, 0, std::move(m)});
    }

    void check(std::size_t at) {
        raft::replica const& r = nodes_[at].server->replica();
        checks_.look_at(r);
        hash_.add(r.term());
        hash_.add(r.commit());
        hash_.add(r.log().last_index());
        for (std::size_t h = 0; h < nodes_.size(); ++h) {
            auto const& holder = nodes_[h].server;
            if (!holder || !holder->replica().holds_lease(local(h, now_))) {
                continue;
            }
            for (node const& other : nodes_) {
                if (other.server) {
                    checks_.lease(holder->replica(), other.server->replica());
                }
            }
        }
    }

    cluster_config config_;
    std::uint64_t seed_;
    dice network_dice_;
    dice disk_dice_;
    dice crash_dice_;
    std::deque<node> nodes_; // servers point into it
    std::vector<bool> cuts_; // from * size + to
    sim::event_queue<happening> queue_;
    time_point now_{};
    std::vector<owned_message> sent_;
    detail::notes notes_;
    invariants checks_;
    sequence_hash hash_;
    std::uint64_t events_ = 0;
};

using cluster = basic_cluster<simulated_disk>;

} // namespace hpcsched::raft_sim

#endif
