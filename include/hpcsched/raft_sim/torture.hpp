// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_SIM_TORTURE_HPP
#define HPCSCHED_RAFT_SIM_TORTURE_HPP

#include <hpcsched/core/bytes.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/raft_sim/cluster.hpp>
#include <hpcsched/raft_sim/dice.hpp>
#include <hpcsched/raft_sim/linearizability.hpp>
#include <hpcsched/sim/event_queue.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::raft_sim {

/// What is done to a group, and what it is: all of it drawn from a seed, so that each run is hard on something else.
struct torture_plan {
    std::uint64_t seed = 0;
    cluster_config cluster{};
    std::size_t clients = 3;
    std::size_t operations = 60; ///< of all clients
    std::uint64_t keys = 3;
    duration think_max = std::chrono::milliseconds{50};
    duration fault_interval = std::chrono::milliseconds{400}; ///< on average
    duration fault_length = std::chrono::milliseconds{1500};  ///< at most
    bool at_leaders = false;                                  ///< most faults hit who leads
    bool ambushes = false; ///< most new leaders are cut off or crash as soon as they are elected
    // How often a fault is of each kind; 0: never.
    std::uint32_t crashes = 0;
    std::uint32_t partitions = 0;
    std::uint32_t one_way_cuts = 0;
    std::uint32_t pauses = 0;
    std::uint32_t slow_nodes = 0;
    std::uint32_t full_disks = 0;
    std::uint32_t lost_disks = 0;
    std::uint32_t transfers = 0;
    std::uint32_t changes = 0;
    std::uint32_t campaigns = 0;

    [[nodiscard]] std::uint32_t weights() const noexcept;
};

/// A kind of fault that a plan weighs.
struct fault_kind {
    char const* name;
    std::uint32_t torture_plan::* weight;
};

inline constexpr std::array fault_kinds{
    fault_kind{"crashes", &torture_plan::crashes},           fault_kind{"partitions", &torture_plan::partitions},
    fault_kind{"one-way cuts", &torture_plan::one_way_cuts}, fault_kind{"pauses", &torture_plan::pauses},
    fault_kind{"slow nodes", &torture_plan::slow_nodes},     fault_kind{"full disks", &torture_plan::full_disks},
    fault_kind{"lost disks", &torture_plan::lost_disks},     fault_kind{"transfers", &torture_plan::transfers},
    fault_kind{"changes", &torture_plan::changes},           fault_kind{"campaigns", &torture_plan::campaigns}};

inline std::uint32_t torture_plan::weights() const noexcept {
    std::uint32_t sum = 0;
    for (fault_kind const& kind : fault_kinds) {
        sum += this->*kind.weight;
    }
    return sum;
}

/// The plan of a seed.
[[nodiscard]] inline torture_plan draw_plan(std::uint64_t seed) {
    using namespace std::chrono_literals;
    dice d{seed, "plan"};
    auto const pick = [&](auto... choices) {
        std::common_type_t<decltype(choices)...> const all[] = {choices...};
        return all[d.below(sizeof...(choices))];
    };
    torture_plan p;
    p.seed = seed;
    cluster_config& c = p.cluster;
    c.founders = static_cast<std::size_t>(pick(1, 2, 3, 3, 3, 5, 5));
    c.spares = static_cast<std::size_t>(pick(0, 0, 2));
    c.network.delay_max = pick(duration{1ms}, duration{5ms}, duration{30ms});
    c.network.loss = pick(ratio{0}, ratio{10'000}, ratio{100'000}, ratio{250'000});
    c.network.duplicate = pick(ratio{0}, ratio{50'000}, ratio{300'000});
    c.disk_max = pick(duration{200us}, duration{3ms}, duration{40ms}, duration{200ms});
    c.skew_ppm_max = pick(0, 1'000, 20'000);
    raft::replica_config& r = c.replica;
    r.election_timeout = 200ms;
    r.heartbeat_interval = pick(duration{20ms}, duration{50ms});
    r.lease_margin = 50ms;
    r.pre_vote = d.below(4) != 0;
    r.check_quorum = d.below(4) != 0;
    r.reads = r.check_quorum && d.below(2) == 0 ? raft::read_mode::lease : raft::read_mode::quorum;
    r.window_entries = static_cast<std::size_t>(pick(4, 16, 256));
    r.window_bytes = static_cast<std::size_t>(pick(1024, 65'536));
    r.entry_bytes_max = 256;
    r.uncommitted_bytes_max = r.window_bytes;
    r.append_entries_max = static_cast<std::size_t>(pick(1, 3, 64));
    r.append_bytes_max = static_cast<std::size_t>(pick(64, 4096));
    r.inflight_entries_max = static_cast<std::size_t>(pick(1, 8, 256));
    r.snapshot_chunk_bytes = static_cast<std::size_t>(pick(40, 4096));
    r.quiesce_after = pick(duration{}, duration{}, duration{100ms});
    c.snapshots.every = static_cast<std::uint64_t>(pick(0, 5, 20, 1'000));
    c.snapshots.trailing = static_cast<std::uint64_t>(pick(0, 3, 50));
    p.clients = 1 + d.below(6);
    p.keys = 1 + d.below(4);
    p.operations = 40 + d.below(80);
    p.think_max = pick(duration{5ms}, duration{50ms}, duration{300ms});
    p.fault_interval = pick(duration{30ms}, duration{100ms}, duration{400ms}, duration{1500ms});
    p.fault_length = pick(duration{50ms}, duration{300ms}, duration{1500ms});
    p.at_leaders = d.below(2) == 0;
    p.ambushes = d.below(3) == 0;
    if (p.ambushes) { // figure 8 of the Raft paper wants an entry to arrive, and the next one not
        c.founders = 3;
        r.append_entries_max = 1;
        c.network.delay_max = pick(duration{5ms}, duration{30ms});
        p.fault_length = pick(duration{500ms}, duration{1500ms});
    }
    for (fault_kind const& kind : fault_kinds) {
        p.*kind.weight = static_cast<std::uint32_t>(d.below(2) * (1 + d.below(4)));
    }
    return p;
}

/// How a run ended.
struct torture_outcome {
    std::string failure;    ///< what was violated; empty: nothing
    std::uint64_t hash = 0; ///< of the whole run: the same for the same plan
    std::uint64_t events = 0;
    std::uint64_t faults = 0;
    std::size_t leaders = 0;     ///< terms that had one
    raft::log_index entries = 0; ///< committed
    std::size_t answered = 0;    ///< operations that got an answer
    bool undecided = false;      ///< the search for a linear order was given up
};

/// Runs one plan: clients work on registers while faults are done to the servers (the safety phase); then all faults
/// end but lost disks, and the group must answer every client and bring every server to the same state within a
/// simulated minute (the liveness phase); last, the clients' history must be linearizable.
///
/// \source the two phases are those of TigerBeetle's simulator (src/vopr.zig)
template <class Disk>
class basic_torture {
    using cluster = basic_cluster<Disk>;
    using server = typename cluster::server;
    using machine = typename cluster::machine;

  public:
    explicit basic_torture(torture_plan const& plan)
        : plan_{plan}, cluster_{plan.cluster, plan.seed}, client_dice_{plan.seed, "clients"},
          fault_dice_{plan.seed, "faults"} {
        for (std::size_t i = 0; i < plan.clients; ++i) {
            clients_.emplace_back();
            pick_server(clients_.back());
            queue_.push(time_point{duration{1 + static_cast<std::int64_t>(i)}}, 0, {happening::kind::client, i});
        }
        if (plan.weights() > 0) {
            queue_.push(time_point{plan.fault_interval}, 1, {happening::kind::fault, 0});
        }
    }

    torture_outcome run() {
        using namespace std::chrono_literals;
        time_point const safety_ends = time_point{20s};
        while (healthy() && !(finished() && now_ > time_point{2s}) && now_ < safety_ends && !at_rest()) {
            step();
        }
        heal();
        time_point const must_end = now_ + 60s;
        while (healthy() && !(finished() && converged())) {
            if (now_ > must_end) {
                cluster_.checks().broken(std::string{"no progress: "} + (finished() ? "the servers" : "the clients") +
                                         " are not done a minute after the last fault");
                break;
            }
            step();
        }
        torture_outcome out{.failure = cluster_.checks().breach(),
                            .hash = cluster_.hash(),
                            .events = cluster_.event_count(),
                            .faults = faults_,
                            .leaders = cluster_.checks().leader_count(),
                            .entries = cluster_.checks().committed_count(),
                            .answered = answered_};
        if (out.failure.empty()) {
            verdict const v = check_registers(history_);
            out.undecided = v == verdict::undecided;
            out.failure =
                v == verdict::violated ? "linearizability: no order of the operations explains the answers" : "";
        }
        return out;
    }

  private:
    struct happening {
        enum class kind : std::uint8_t { client, fault, restart, heal_cuts, free_disk, ambush };
        kind what{};
        std::size_t who = 0;
    };

    struct client {
        enum class state : std::uint8_t { idle, opening, waiting };
        state now_doing = state::idle;
        raft::node_id server{};
        std::uint64_t session = 0;
        std::uint64_t sequence = 0;
        std::size_t at = 0;        // of its operation in the history
        raft::log_index index = 0; // of the entry that opens its session
        raft::log_term term = 0;
        std::uint64_t read_id = 0;
        time_point patience{};
        unsigned tries = 0; // of this operation; who hears nothing waits longer each time
    };

    void step() {
        if (cluster_.next_time() <= queue_.next_time()) {
            HPCSCHED_ASSERT(cluster_.next_time() != never);
            cluster_.step();
        } else {
            auto const event = queue_.pop();
            cluster_.run_until(event.key.at);
            now_ = cluster_.now();
            handle(event.payload);
        }
        now_ = cluster_.now();
        take_notes();
        if (plan_.ambushes && !healing_ && cluster_.checks().leader_count() > leaders_seen_) {
            leaders_seen_ = cluster_.checks().leader_count();
            raft::node_id const leader = cluster_.leader();
            if (leader != raft::no_node && fault_dice_.below(4) != 0) {
                duration const soon = fault_dice_.between(duration{}, 4 * plan_.cluster.network.delay_max);
                queue_.push(now_ + soon, 1, {happening::kind::ambush, leader.value - 1});
            }
        }
    }

    [[nodiscard]] bool at_rest() const { return cluster_.next_time() == never && queue_.next_time() == never; }
    [[nodiscard]] bool healthy() const { return cluster_.checks().breach().empty(); }
    [[nodiscard]] bool finished() const {
        return started_ >= plan_.operations &&
               std::ranges::all_of(clients_, [](client const& c) { return c.now_doing == client::state::idle; });
    }

    void handle(happening const& h) {
        switch (h.what) {
        case happening::kind::client:
            act(h.who);
            break;
        case happening::kind::fault:
            if (!healing_) {
                ++faults_;
                do_fault();
                queue_.push(now_ + fault_dice_.between(duration{1}, 2 * plan_.fault_interval), 1, h);
            } else {
                repair();
                queue_.push(now_ + std::chrono::milliseconds{100}, 1, h);
            }
            break;
        case happening::kind::restart:
            cluster_.restart(cluster::id_at(h.who));
            break;
        case happening::kind::free_disk:
            cluster_.disk(cluster::id_at(h.who)).set_full(false);
            cluster_.crash(cluster::id_at(h.who)); // a server that failed is started anew
            cluster_.restart(cluster::id_at(h.who));
            break;
        case happening::kind::ambush:
            if (!healing_) {
                ++faults_;
                bool const dies = fault_dice_.below(2) == 0;
                dies ? cluster_.crash(cluster::id_at(h.who)) : cut_all(h.who, true, true);
                queue_.push(now_ + fault_dice_.between(duration{1}, plan_.fault_length), 1,
                            {dies ? happening::kind::restart : happening::kind::heal_cuts, h.who});
            }
            break;
        case happening::kind::heal_cuts:
            cut_all(h.who, false, false);
            break;
        }
    }

    // --- clients ---

    void pick_server(client& c) { c.server = cluster::id_at(client_dice_.below(cluster_.size())); }

    void act(std::size_t who) {
        client& c = clients_[who];
        duration again = client_dice_.between(duration{1}, plan_.think_max);
        if (c.now_doing == client::state::idle) {
            if (started_ < plan_.operations) {
                begin(c);
            } else {
                return;
            }
        } else if (now_ >= c.patience) {
            raft::node_id const known = healing_ ? cluster_.leader() : leader_known_to(c.server);
            if (known != raft::no_node && (healing_ || client_dice_.below(2) == 0)) {
                c.server = known;
            } else {
                pick_server(c);
            }
            send(c);
        }
        queue_.push(now_ + again, 0, {happening::kind::client, who});
    }

    [[nodiscard]] raft::node_id leader_known_to(raft::node_id id) const {
        server const* const s = cluster_.find(id);
        return s == nullptr ? raft::no_node : s->replica().leader();
    }

    void begin(client& c) {
        ++started_;
        operation o{.key = client_dice_.below(plan_.keys)};
        auto const kind = client_dice_.below(3);
        o.what = static_cast<operation::kind>(kind);
        o.value = started_; // never the same twice
        o.expected = client_dice_.below(3) == 0 ? 0 : last_value_;
        last_value_ = o.what == operation::kind::read ? last_value_ : o.value;
        c.at = history_.size();
        c.tries = 0;
        history_.push_back({.what = o, .called = now_});
        if (o.what != operation::kind::read) {
            ++c.sequence;
        }
        c.now_doing = client::state::waiting;
        send(c);
    }

    void send(client& c) {
        duration const wait = client_dice_.between(std::chrono::milliseconds{20}, std::chrono::milliseconds{400});
        c.patience = now_ + wait * (1 << std::min(c.tries++, 4U));
        operation const& o = history_[c.at].what;
        bool const reads = o.what == operation::kind::read;
        cluster_.act(c.server, [&](server& s, time_point local) {
            if (reads) {
                c.read_id = ++read_ids_;
                (void)s.read(c.read_id, local);
                return;
            }
            if (c.session == 0) {
                raft::byte_buffer open;
                machine::encode({}, {}, open);
                auto const index = s.propose(open, local);
                c.now_doing = client::state::opening;
                c.index = index ? *index : 0;
                c.term = s.replica().term();
                return;
            }
            raft::byte_buffer inner;
            register_machine::encode(o, inner);
            raft::byte_buffer command;
            machine::encode({c.session, c.sequence}, inner, command);
            (void)s.forward(command, local);
        });
    }

    void take_notes() {
        for (applied_note const& n : cluster_.take_applied()) {
            for (client& c : clients_) {
                if (c.server == n.node && c.now_doing != client::state::idle) {
                    take(c, n);
                }
            }
        }
        for (read_note const& n : cluster_.take_reads()) {
            for (client& c : clients_) {
                if (c.now_doing == client::state::waiting && c.read_id == n.id && c.server == n.node && n.confirmed) {
                    finish(c, cluster_.find(n.node)->machine().machine().value(history_[c.at].what.key));
                }
            }
        }
    }

    void take(client& c, applied_note const& n) {
        using reply = typename machine::session_reply;
        byte_reader command{n.command};
        std::uint64_t const session = command.word();
        std::uint64_t const sequence = command.word();
        byte_reader answer{std::span{n.reply}.subspan(1)};
        if (c.now_doing == client::state::opening) {
            if (n.index == c.index && n.term == c.term && session == 0) {
                c.session = answer.word();
                c.sequence = 1;
                c.now_doing = client::state::waiting;
                c.patience = now_;
            }
            return;
        }
        if (c.session == 0 || session != c.session || sequence != c.sequence ||
            history_[c.at].what.what == operation::kind::read) {
            return;
        }
        if (static_cast<reply>(n.reply.front()) == reply::done) {
            finish(c, answer.word());
        } else { // the session is gone: whether the command was carried out will not be known
            c.session = 0;
            c.sequence = 0;
            c.now_doing = client::state::idle;
        }
    }

    void finish(client& c, std::uint64_t answer) {
        history_[c.at].returned = now_;
        history_[c.at].answer = answer;
        c.read_id = 0; // its answer may come twice
        c.now_doing = client::state::idle;
        ++answered_;
    }

    // --- faults ---

    [[nodiscard]] raft::node_id any_server() { return cluster::id_at(fault_dice_.below(cluster_.size())); }

    void do_fault() {
        std::uint64_t draw = fault_dice_.below(plan_.weights());
        auto const is = [&](std::uint32_t weight) {
            bool const hit = draw < weight;
            draw -= hit ? 0 : weight;
            return hit;
        };
        bool const at_leader = plan_.at_leaders && fault_dice_.below(4) != 0;
        raft::node_id const victim = at_leader ? cluster_leader_or(any_server()) : any_server();
        std::size_t const at = victim.value - 1;
        duration const length = fault_dice_.between(duration{1}, plan_.fault_length);
        if (is(plan_.crashes)) {
            cluster_.crash(victim);
            queue_.push(now_ + length, 1, {happening::kind::restart, at});
        } else if (is(plan_.partitions)) {
            cut_all(at, true, true);
            queue_.push(now_ + length, 1, {happening::kind::heal_cuts, at});
        } else if (is(plan_.one_way_cuts)) {
            cut_all(at, true, false);
            queue_.push(now_ + length, 1, {happening::kind::heal_cuts, at});
        } else if (is(plan_.pauses)) {
            cluster_.pause(victim, length);
        } else if (is(plan_.slow_nodes)) {
            cluster_.slow(victim, length);
        } else if (is(plan_.full_disks)) {
            cluster_.disk(victim).set_full(true);
            queue_.push(now_ + length, 1, {happening::kind::free_disk, at});
        } else if (is(plan_.lost_disks)) {
            lose_disk(victim, length);
        } else if (is(plan_.transfers)) {
            cluster_.act(cluster_leader_or(victim),
                         [&](server& s, time_point local) { (void)s.transfer_leadership(any_server(), local); });
        } else if (is(plan_.changes)) {
            change_members();
        } else {
            cluster_.act(victim, [&](server& s, time_point local) { s.campaign(local); });
        }
    }

    [[nodiscard]] raft::node_id cluster_leader_or(raft::node_id other) const {
        return cluster_.leader() != raft::no_node ? cluster_.leader() : other;
    }

    // Some or all of the ways to and from one server; which ones is drawn anew where only one direction is cut.
    void cut_all(std::size_t at, bool lost, bool both) {
        bool const out = both || !lost || fault_dice_.below(2) == 0;
        for (std::size_t i = 0; i < cluster_.size(); ++i) {
            if (i == at) {
                continue;
            }
            if (out || !lost) {
                cluster_.cut(cluster::id_at(at), cluster::id_at(i), lost);
            }
            if (both || !out || !lost) {
                cluster_.cut(cluster::id_at(i), cluster::id_at(at), lost);
            }
        }
    }

    // Never so many that no majority of any membership in some log is left.
    void lose_disk(raft::node_id victim, duration length) {
        if (lost_.size() >= (plan_.cluster.founders - 1) / 2 || plan_.changes > 0 ||
            std::ranges::find(lost_, victim) != lost_.end()) {
            return;
        }
        lost_.push_back(victim);
        cluster_.crash(victim);
        cluster_.disk(victim).damage(fault_dice_);
        queue_.push(now_ + length, 1, {happening::kind::restart, victim.value - 1}); // if its log still opens
    }

    void change_members() {
        using action = raft::membership_change::action;
        std::vector<raft::membership_change> changes;
        auto const count = 1 + fault_dice_.below(3);
        for (std::uint64_t i = 0; i < count; ++i) {
            // Once a witness, always a witness: what it has left out is not to be had from it.
            raft::node_id const node = any_server();
            bool const may_witness = plan_.cluster.spares > 0 && node.value == cluster_.size();
            auto const draw = fault_dice_.below(3);
            action const what = draw == 0     ? action::remove
                                : may_witness ? action::add_witness
                                : draw == 1   ? action::add_voter
                                              : action::add_learner;
            changes.push_back({what, node, static_cast<std::uint8_t>(fault_dice_.below(4))});
        }
        cluster_.act(cluster_leader_or(any_server()), [&](server& s, time_point local) {
            (void)s.change_membership(changes, local, fault_dice_.below(4) == 0);
        });
    }

    // --- the end ---

    void heal() {
        healing_ = true;
        cluster_.heal_network();
        for (std::size_t i = 0; i < cluster_.size(); ++i) {
            raft::node_id const id = cluster::id_at(i);
            cluster_.resume(id);
            cluster_.disk(id).set_full(false);
            server const* const s = cluster_.find(id);
            if (s != nullptr && s->failed()) {
                cluster_.crash(id);
            }
            cluster_.restart(id);
        }
        for (client& c : clients_) {
            c.tries = 0;
            c.patience = now_;
        }
        queue_.push(now_, 1, {happening::kind::fault, 0});
    }

    // An operator's part: a group at rest is woken; servers that were removed are shut down, as without pre-votes and
    // check-quorum they disturb the others (thesis, section 4.2.3); those whose disk is lost are taken out.
    void repair() {
        server const* const first = cluster_.leader() == raft::no_node ? nullptr : cluster_.find(cluster_.leader());
        bool const settled = first != nullptr && first->replica().commit() == first->replica().log().last_index();
        for (std::size_t i = 0; settled && i < cluster_.size(); ++i) {
            raft::node_id const id = cluster::id_at(i);
            server const* const s = cluster_.find(id);
            if (s != nullptr && !s->replica().members().empty() && first->replica().members().find(id) == nullptr) {
                cluster_.crash(id);
            }
        }
        for (std::size_t i = 0; i < cluster_.size(); ++i) {
            cluster_.act(cluster::id_at(i), [](server& s, time_point local) { s.wake(local); });
        }
        for (raft::node_id const id : lost_) {
            raft::membership_change const remove{raft::membership_change::action::remove, id};
            cluster_.act(cluster_leader_or(cluster::id_at(0)), [&](server& s, time_point local) {
                if (s.replica().members().find(id) != nullptr) {
                    (void)s.change_membership({&remove, 1}, local);
                }
            });
        }
    }

    [[nodiscard]] bool converged() const {
        raft::node_id const leader = cluster_.leader();
        server const* const first = leader == raft::no_node ? nullptr : cluster_.find(leader);
        if (first == nullptr || first->replica().commit() != first->replica().log().last_index()) {
            return false;
        }
        for (raft::member const& m : first->replica().members().members()) {
            server const* const s = cluster_.find(m.id);
            if (s == nullptr || s->applied() != first->applied() ||
                (!m.witness && !(s->machine().machine() == first->machine().machine()))) {
                return false;
            }
        }
        return true;
    }

    torture_plan plan_;
    cluster cluster_;
    dice client_dice_;
    dice fault_dice_;
    sim::event_queue<happening> queue_;
    time_point now_{};
    std::vector<client> clients_;
    std::vector<observed_operation> history_;
    std::vector<raft::node_id> lost_;
    std::size_t started_ = 0;
    std::size_t answered_ = 0;
    std::uint64_t last_value_ = 0;
    std::uint64_t read_ids_ = 0;
    std::uint64_t faults_ = 0;
    std::size_t leaders_seen_ = 0;
    bool healing_ = false;
};

using torture = basic_torture<simulated_disk>;

/// A plan that fails as `plan` does and does less: without whole kinds of faults, with fewer clients, operations and
/// servers, as far as it still fails (with a message that begins alike).
/// \param tried  called with each plan before it is run
/// \complexity at most about 60 runs
template <class Tried>
[[nodiscard]] torture_plan shrink(torture_plan const& plan, std::string const& failure, Tried tried) {
    std::string const how = failure.substr(0, failure.find(':'));
    torture_plan best = plan;
    auto const try_it = [&](auto change) {
        torture_plan smaller = best;
        change(smaller);
        tried(smaller);
        if (torture{smaller}.run().failure.starts_with(how)) {
            best = smaller;
            return true;
        }
        return false;
    };
    for (fault_kind const& kind : fault_kinds) {
        if (best.*kind.weight > 0) {
            (void)try_it([&](torture_plan& p) { p.*kind.weight = 0; });
        }
    }
    (void)try_it([](torture_plan& p) { p.ambushes = false; });
    (void)try_it([](torture_plan& p) { p.cluster.network.duplicate = {}; });
    (void)try_it([](torture_plan& p) { p.cluster.network.loss = {}; });
    (void)try_it([](torture_plan& p) { p.cluster.skew_ppm_max = 0; });
    (void)try_it([](torture_plan& p) { p.cluster.snapshots.every = 0; });
    (void)try_it([](torture_plan& p) { p.cluster.spares = 0; });
    while (best.clients > 1 && try_it([](torture_plan& p) { --p.clients; })) {
    }
    while (best.keys > 1 && try_it([](torture_plan& p) { --p.keys; })) {
    }
    while (best.operations > 1 && try_it([](torture_plan& p) { p.operations /= 2; })) {
    }
    return best;
}

} // namespace hpcsched::raft_sim

#endif
