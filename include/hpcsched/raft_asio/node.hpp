// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_ASIO_NODE_HPP
#define HPCSCHED_RAFT_ASIO_NODE_HPP

#include <hpcsched/core/hash.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/raft/groups.hpp>
#include <hpcsched/raft/server.hpp>
#include <hpcsched/raft/state_machine.hpp>
#include <hpcsched/raft_asio/detail/addressed_machine.hpp>
#include <hpcsched/raft_asio/event_loop.hpp>
#include <hpcsched/raft_asio/network.hpp>
#include <hpcsched/raft_asio/request.hpp>
#include <hpcsched/raft_log/journal.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace hpcsched::raft_asio {

struct node_config {
    network_config network{};
    raft_log::journal_config log{};    ///< its cluster and node are those of `network`
    raft::replica_config replica{};    ///< of every group; its id is `network.self`, its seed is drawn from the group's
    raft::snapshot_policy snapshots{}; ///< likewise
    duration timer_granularity = std::chrono::milliseconds{5}; ///< see `raft::groups`
    duration read_limit = std::chrono::seconds{1};             ///< after which an unanswered read is given up
    std::vector<raft::group_id> awake{};                       ///< groups that never rest, whatever `replica` says
};

/// How a command ended that was submitted to this node.
enum class outcome : std::uint8_t {
    applied,    ///< carried out here; the reply is the machine's
    not_leader, ///< not taken: this node does not lead the group, see `leader`
    busy,       ///< not taken: too much is on its way, ask again after a while
    refused,    ///< not taken, and it never will be: it is larger than `replica_config::entry_bytes_max`
    lost,       ///< the leadership went to another before the command was committed: it may still be carried out
};

/// One process of a cluster: the servers that it has of any number of groups, each with its own `Machine`, all with one
/// log on disk, one set of connections and one thread, that of `loop`.
///
///     raft_asio::event_loop loop;
///     auto n = raft_asio::node<counter>::open(loop, config, [](raft::group_id) { return counter{}; });
///     (*n)->open_group(raft::group_id{1}, founders);
///     loop.run();
///
/// It answers the clients of the cluster (`client`): commands by the leader, queries, where the machine
/// `answers_queries`, by any server that can reach the leader. Within the process, `submit` and `read` do the same.
/// Entries that are proposed in one turn of the loop travel in one message and are written by one write.
///
/// \thread_safety none; all members on the loop's thread (`event_loop::post`)
template <raft::state_machine Machine>
class node {
    using held_machine = detail::addressed_machine<Machine>;
    struct watcher {
        node* owner;
        raft::group_id group;
        raft::node_id leader = raft::no_node; // as told last

        void applied(raft::entry const& e, std::span<std::byte const> reply) { owner->on_applied(group, e, reply); }
        void read_ready(std::uint64_t id, bool confirmed) { owner->on_read_ready(group, id, confirmed); }
        void restored(raft::log_index /*index*/) { owner->on_restored(group); }
    };
    using group_set = raft::groups<held_machine, raft_log::group_log, group_transport, watcher>;

  public:
    using server_type = typename group_set::server_type;
    using make_machine = std::function<Machine(raft::group_id)>;
    using client_token = raft_asio::network::client_token;
    /// Takes a command's outcome and, where it was applied, the machine's reply, borrowed for the call.
    using on_outcome = std::function<void(outcome, std::span<std::byte const> reply)>;
    /// Takes the machine, in a state that shows everything acknowledged before the read; null: ask again.
    using on_read = std::function<void(Machine const*)>;

    /// Opens the log and every group in it, listens, and takes over the loop's turns.
    /// \error the configuration, the log or the network: which, and what would help
    [[nodiscard]] static result<std::unique_ptr<node>> open(event_loop& loop, node_config config, make_machine make) {
        config.replica.id = config.network.self;
        config.log.node = config.network.self;
        config.log.cluster_id = config.network.cluster_id;
        if (auto const valid = raft::validate(config.replica); !valid) {
            return valid.error();
        }
        auto log = raft_log::journal::open(config.log);
        if (!log) {
            return log.error();
        }
        auto net = network::open(loop, config.network);
        if (!net) {
            return net.error();
        }
        std::unique_ptr<node> made{
            new node{loop, std::move(config), std::move(make), std::move(*log), std::move(*net)}};
        for (raft::group_id const id : made->log_.groups()) {
            if (auto const opened = made->open_group(id, {}); !opened) {
                return opened.error();
            }
        }
        return made;
    }

    node(node const&) = delete;
    node& operator=(node const&) = delete;
    ~node() {
        loop_->set_on_turn({});
        if (log_.descriptor() >= 0) {
            loop_->unwatch(log_.descriptor());
        }
    }

    /// Has a server of group `id` from now on, founded by `founders`: all of them must be given the same. Without
    /// founders it waits to be added by `change_membership`. Nothing happens where there is one already, as there is
    /// for every group that the log knows.
    /// \error the log cannot be read, or holds what is no state of `Machine`
    [[nodiscard]] result<void> open_group(raft::group_id id, std::span<raft::node_id const> founders) {
        if (groups_.find(id) != nullptr) {
            return {};
        }
        auto storage = log_.open_group(id, founders.empty() ? raft::membership{} : raft::membership{founders});
        if (!storage) {
            return storage.error();
        }
        sequence_hash seed;
        seed.add(config_.network.cluster_id);
        seed.add(id.value);
        seed.add(config_.replica.id.value);
        raft::replica_config replica = config_.replica;
        replica.seed = seed.value();
        if (std::ranges::find(config_.awake, id) != config_.awake.end()) {
            replica.quiesce_after = duration{};
        }
        server_type const& opened =
            groups_.open(id, replica, config_.snapshots, held_machine{make_(id)}, std::move(*storage),
                         group_transport{network_, id}, watcher{this, id}, event_loop::now());
        if (opened.failed()) {
            return error{"group " + std::to_string(id.value) + ": " + opened.failure()};
        }
        note_addresses(id);
        return {};
    }

    /// Ends this node's server of group `id` for good, and forgets its log: the group is no more, or this node is none
    /// of its members. Who waits for something of it waits in vain. Not from within a callback of the group's.
    /// \error the log has failed
    [[nodiscard]] result<void> remove_group(raft::group_id id) {
        groups_.close(id);
        works_.erase(id);
        wake();
        return log_.remove_group(id);
    }

    /// Puts a command into the log of group `id`; `done` is called once, in a later turn, or never if the node ends.
    void submit(raft::group_id id, std::span<std::byte const> command, on_outcome done) {
        submission s{.group = id, .command = frame(detail::command_kind::of_the_machine, command)};
        s.waiting.done = std::move(done);
        submissions_.push_back(std::move(s));
        wake();
    }

    /// A linearizable read of the machine, in a later turn.
    void read(raft::group_id id, on_read done) {
        later([this, id, done = std::move(done)] { begin_read(id, [done](Machine const* m) { done(m); }); });
    }

    /// The server of group `id`, to look at; null where there is none.
    [[nodiscard]] server_type const* server(raft::group_id id) noexcept { return groups_.find(id); }
    /// The machine of group `id` as it is here now, which may be behind; null where there is no such group.
    [[nodiscard]] Machine const* machine(raft::group_id id) noexcept {
        server_type const* const s = groups_.find(id);
        return s == nullptr ? nullptr : &s->machine().machine();
    }
    [[nodiscard]] std::size_t group_count() const noexcept { return groups_.size(); }
    /// Calls `visit(group_id, server_type const&)` for each group, in no order.
    template <class Visit>
    void each_group(Visit&& visit) {
        groups_.each([&](raft::group_id id, server_type const& s) { visit(id, s); });
    }

    /// Hands leadership of group `id` over, if this node has it.
    void transfer_leadership(raft::group_id id, raft::node_id to) {
        later([this, id, to] {
            groups_.with(id, [&](server_type& s) { (void)s.transfer_leadership(to, event_loop::now()); });
        });
    }
    void campaign(raft::group_id id) {
        later([this, id] { groups_.with(id, [](server_type& s) { s.campaign(event_loop::now()); }); });
    }

    /// Puts a command into the log of group `id` by whichever node leads it, if that can be reached: nothing tells
    /// whether it was but `set_on_applied`. It may be lost, and where it is offered again it may be there twice.
    void offer(raft::group_id id, std::span<std::byte const> command) {
        raft::byte_buffer framed = frame(detail::command_kind::of_the_machine, command);
        later([this, id, framed = std::move(framed)] {
            groups_.with(id, [&](server_type& s) {
                if (!s.propose(framed, event_loop::now())) {
                    (void)s.forward(framed, event_loop::now());
                }
            });
        });
    }

    /// Changes who belongs to group `id`, if this node leads it, and no other change is under way. New members are
    /// reached by their addresses in `network_config::peers`.
    void change_membership(raft::group_id id, std::vector<raft::membership_change> changes) {
        later([this, id, changes = std::move(changes)] {
            groups_.with(id, [&](server_type& s) { (void)s.change_membership(changes, event_loop::now()); });
        });
    }

    /// Told of each command of a machine that was applied here, after it, with its reply. Both are borrowed for the
    /// call, in which nothing of this node but its looks (`machine`, `server`) may be called: `event_loop::post` the
    /// rest.
    void set_on_applied(
        std::function<void(raft::group_id, std::span<std::byte const> command, std::span<std::byte const> reply)>
            callback) {
        on_applied_ = std::move(callback);
    }
    /// Told when a group's machine was replaced by another's snapshot; see `set_on_applied`.
    void set_on_restored(std::function<void(raft::group_id)> callback) { on_restored_ = std::move(callback); }

    /// Asked of every request of a client before anything else: why it is refused, or nothing where it may be. By
    /// `network().carries` it can tell who the client is.
    void set_guard(std::function<std::string(client_token, request const&)> guard) { guard_ = std::move(guard); }

    /// Takes the requests of kind `host`: the host program's own, which need no leader. Answered by `answer_host`.
    void set_on_host_request(std::function<void(client_token, request const&)> callback) {
        on_host_request_ = std::move(callback);
    }
    /// Answers a request of kind `host`, by as many parts that are `more` as it likes, and then once by another.
    void answer_host(client_token to, std::uint64_t request, response_status status,
                     std::span<std::byte const> payload) {
        network_.reply(to, {.id = request, .status = status, .payload = payload});
        wake();
    }

    /// Told when this node hears of another leader of a group, or of none (`no_node`).
    void set_on_leader(std::function<void(raft::group_id, raft::node_id leader, raft::log_term)> callback) {
        on_leader_ = std::move(callback);
    }

    [[nodiscard]] raft_asio::network& network() noexcept { return network_; }
    [[nodiscard]] raft_log::journal& log() noexcept { return log_; }

    /// Why the node has stopped for good: its log failed. The loop was stopped then, and what was not acknowledged may
    /// be lost. Empty while it works.
    [[nodiscard]] std::string const& failure() const noexcept { return failure_; }

  private:
    // Who waits for a command: a client of the cluster, or somebody in this process.
    struct waiter {
        client_token client = 0;
        std::uint64_t request = 0;
        bool opens_session = false;
        std::function<void()> then{}; // applied: in place of an answer
        on_outcome done{};
    };
    struct pending_command {
        raft::log_index index = 0;
        raft::log_term term = 0;
        waiter who;
    };
    struct pending_read {
        std::uint64_t id = 0;
        on_read done;
    };
    struct group_work {
        std::deque<pending_command> commands; // by index
        std::deque<pending_read> reads;       // by id, and so by age
    };
    struct read_limit {
        time_point at{};
        raft::group_id group{};
        std::uint64_t id = 0;
    };
    struct submission {
        raft::group_id group{};
        raft::byte_buffer command{};
        waiter waiting{};
    };

    node(event_loop& loop, node_config config, make_machine make, raft_log::journal log, raft_asio::network net)
        : loop_{&loop}, config_{std::move(config)}, make_{std::move(make)}, log_{std::move(log)},
          network_{std::move(net)}, groups_{config_.timer_granularity}, peers_{config_.network.peers} {
        log_.set_on_durable([this](raft::group_id id) { groups_.durable(id); });
        if (log_.descriptor() >= 0) {
            loop_->watch(log_.descriptor(), [this] { check(log_.complete()); });
        }
        network_.set_on_message(
            [this](raft::group_id id, raft::message const& m) { groups_.receive(id, m, event_loop::now()); });
        network_.set_on_unreachable([this](raft::node_id id) { groups_.peer_unreachable(id, event_loop::now()); });
        network_.set_on_request([this](client_token from, request const& r) { on_request(from, r); });
        loop_->set_on_turn([this](time_point now) { return turn(now); });
    }

    // --- the turn -------------------------------------------------------------------------------------------------

    // Until nothing is left that follows at once. Messages leave before this node's own write: a leader's do not depend
    // on it, and those that depend on one are made only after it.
    time_point turn(time_point now) {
        in_turn_ = true;
        give_up_reads(now);
        do {
            carry_out_later();
            propose_submissions(now);
            groups_.run(now, [this](raft::group_id id, server_type& s) { settle(id, s); });
            network_.flush();
            check(log_.flush());
        } while (failure_.empty() && (groups_.has_work() || !submissions_.empty() || !later_.empty()));
        network_.flush();
        in_turn_ = false;
        return std::min(groups_.next_deadline(), read_limits_.empty() ? never : read_limits_.front().at);
    }

    void carry_out_later() {
        for (auto const& work : std::exchange(later_, {})) {
            work();
        }
    }

    void propose_submissions(time_point now) {
        for (submission& s : std::exchange(submissions_, {})) {
            propose(s.group, s.command, std::move(s.waiting), now);
        }
    }

    // Observers may not call their own server: what they cause is done when it has finished.
    void later(std::function<void()> work) {
        later_.push_back(std::move(work));
        wake();
    }

    // What is asked for from outside a turn must bring one about.
    void wake() {
        if (!woken_ && !in_turn_) {
            woken_ = true;
            loop_->post([this] { woken_ = false; });
        }
    }

    void check(result<void> const& outcome) {
        if (!outcome && failure_.empty()) {
            failure_ = outcome.error().message;
            loop_->stop();
        }
    }

    // After a server has run: commands of a term in which it led, and leads no more, have an unknown end.
    void settle(raft::group_id id, server_type& s) {
        if (s.failed()) {
            check(error{"group " + std::to_string(id.value) + ": " + s.failure()});
        }
        raft::node_id const leader = s.replica().leader();
        if (std::exchange(s.observer().leader, leader) != leader && on_leader_) {
            on_leader_(id, leader, s.replica().term());
        }
        auto const at = works_.find(id);
        if (at == works_.end()) {
            return;
        }
        bool const leads = s.replica().role() == raft::role::leader;
        auto& commands = at->second.commands;
        while (!commands.empty() && (!leads || commands.front().term != s.replica().term())) {
            pending_command const lost = std::move(commands.front());
            commands.pop_front();
            finish(id, lost.who, outcome::lost, {});
        }
        if (s.replica().quiescent() && commands.empty() && at->second.reads.empty()) {
            works_.erase(at);
        }
    }

    // --- commands -------------------------------------------------------------------------------------------------

    static raft::byte_buffer frame(detail::command_kind kind, std::span<std::byte const> what) {
        raft::byte_buffer framed;
        framed.reserve(what.size() + 1);
        framed.push_back(static_cast<std::byte>(kind));
        framed.insert(framed.end(), what.begin(), what.end());
        return framed;
    }

    void propose(raft::group_id id, std::span<std::byte const> framed, waiter who, time_point now) {
        outcome refused = outcome::not_leader;
        bool taken = false;
        groups_.with(id, [&](server_type& s) {
            auto const index = s.propose(framed, now);
            if (index) {
                works_[id].commands.push_back({*index, s.replica().term(), std::move(who)});
                taken = true;
                return;
            }
            switch (index.error()) {
            case raft::errc::quota_exceeded:
            case raft::errc::leaving_office:
                refused = outcome::busy;
                break;
            case raft::errc::entry_too_large:
                refused = outcome::refused;
                break;
            default:
                break;
            }
        });
        if (!taken) {
            finish(id, who, refused, {});
        }
    }

    void on_applied(raft::group_id id, raft::entry const& e, std::span<std::byte const> reply) {
        if (e.kind == raft::entry_kind::command && !e.payload.empty() &&
            e.payload.front() == static_cast<std::byte>(detail::command_kind::addresses)) {
            note_addresses(id);
        } else if (on_applied_ && e.kind == raft::entry_kind::command && !e.payload.empty()) {
            on_applied_(id, e.payload.subspan(1), reply);
        }
        auto const at = works_.find(id);
        if (at == works_.end()) {
            return;
        }
        auto& commands = at->second.commands;
        while (!commands.empty() && commands.front().index <= e.index) {
            pending_command const p = std::move(commands.front());
            commands.pop_front();
            bool const same = p.index == e.index && p.term == e.term;
            finish(id, p.who, same ? outcome::applied : outcome::lost, reply);
        }
    }

    void finish(raft::group_id id, waiter const& who, outcome how, std::span<std::byte const> reply) {
        if (who.then && how == outcome::applied) {
            who.then();
        } else if (who.client != 0) {
            answer(who, id, how, reply);
        } else if (who.done) {
            who.done(how, reply);
        }
    }

    void answer(waiter const& who, raft::group_id id, outcome how, std::span<std::byte const> reply) {
        constexpr std::size_t session_answer = 9; // its status, and the client's number
        switch (how) {
        case outcome::applied:
            respond(who.client, who.request, id, response_status::ok,
                    who.opens_session && reply.size() == session_answer ? reply.subspan(1) : reply);
            break;
        case outcome::not_leader:
            respond(who.client, who.request, id, response_status::not_leader, {});
            break;
        case outcome::busy:
            respond(who.client, who.request, id, response_status::busy, {});
            break;
        case outcome::refused:
            refuse(who.client, who.request, id, "larger than entry_bytes_max of the cluster");
            break;
        case outcome::lost:
            respond(who.client, who.request, id, response_status::unavailable, {});
            break;
        }
    }

    // --- reads ----------------------------------------------------------------------------------------------------

    void begin_read(raft::group_id id, on_read done) {
        std::uint64_t const number = ++reads_begun_;
        time_point const now = event_loop::now();
        bool asked = false;
        groups_.with(id, [&](server_type& s) { asked = s.read(number, now).has_value(); });
        if (!asked) {
            done(nullptr);
            return;
        }
        works_[id].reads.push_back({number, std::move(done)});
        read_limits_.push_back({saturating_add(now, config_.read_limit), id, number});
    }

    void on_read_ready(raft::group_id id, std::uint64_t number, bool confirmed) {
        auto const at = works_.find(id);
        if (at == works_.end()) {
            return;
        }
        auto& reads = at->second.reads;
        auto const mine = std::ranges::find(reads, number, &pending_read::id);
        if (mine != reads.end()) {
            pending_read const r = std::move(*mine);
            reads.erase(mine);
            r.done(confirmed ? machine(id) : nullptr);
        }
    }

    // A question to the leader, or its answer, can be lost.
    void give_up_reads(time_point now) {
        while (!read_limits_.empty() && read_limits_.front().at <= now) {
            read_limit const over = read_limits_.front();
            read_limits_.pop_front();
            on_read_ready(over.group, over.id, false); // if it is still waited for
        }
    }

    // --- clients --------------------------------------------------------------------------------------------------

    void on_request(client_token from, request const& r) {
        if (guard_) {
            if (std::string const why = guard_(from, r); !why.empty()) {
                refuse(from, r.id, r.group, why);
                return;
            }
        }
        if (r.kind == request_kind::host) {
            if (on_host_request_) {
                on_host_request_(from, r);
            } else {
                refuse(from, r.id, r.group, "this node's program takes no requests of its own");
            }
            return;
        }
        server_type* const s = groups_.find(r.group);
        if (s == nullptr) {
            refuse(from, r.id, r.group, "this node has no server of group " + std::to_string(r.group.value));
            return;
        }
        waiter who{.client = from, .request = r.id};
        switch (r.kind) {
        case request_kind::command:
            framed_ = frame(detail::command_kind::of_the_machine, r.payload);
            propose(r.group, framed_, std::move(who), event_loop::now());
            break;
        case request_kind::query:
            query(from, r);
            break;
        case request_kind::members: {
            auto const members = raft::membership_codec::encode(s->replica().members());
            respond(from, r.id, r.group, response_status::ok, {members.data(), members.size()});
            break;
        }
        case request_kind::status: {
            std::string const text = status(*s);
            respond(from, r.id, r.group, response_status::ok, std::as_bytes(std::span{text}));
            break;
        }
        case request_kind::open_session:
            open_session(std::move(who), r.group);
            break;
        case request_kind::change_membership:
            change_membership(from, r);
            break;
        case request_kind::transfer:
            transfer(from, r);
            break;
        default:
            refuse(from, r.id, r.group, "this version does not know the request");
            break;
        }
    }

    void query(client_token from, request const& r) {
        if constexpr (raft::answers_queries<Machine>) {
            raft::byte_buffer question{r.payload.begin(), r.payload.end()};
            begin_read(r.group, [this, from, id = r.id, group = r.group, question](Machine const* m) {
                if (m == nullptr) {
                    respond(from, id, group, response_status::unavailable, {});
                    return;
                }
                reply_.clear();
                m->query(question, reply_);
                respond(from, id, group, response_status::ok, reply_);
            });
        } else {
            refuse(from, r.id, r.group, "this group's state machine answers no queries");
        }
    }

    void open_session(waiter who, raft::group_id group) {
        if constexpr (detail::has_sessions<Machine>) {
            raft::byte_buffer opening;
            Machine::encode({}, {}, opening);
            who.opens_session = true;
            propose(group, frame(detail::command_kind::of_the_machine, opening), std::move(who), event_loop::now());
        } else {
            refuse(who.client, who.request, group, "this group's state machine has no sessions");
        }
    }

    // First where new nodes are to be reached goes through the log, then the change.
    void change_membership(client_token from, request const& r) {
        auto const changes = decode_changes(r.payload);
        if (!changes) {
            refuse(from, r.id, r.group, "no membership change");
            return;
        }
        std::vector<raft::membership_change> bare;
        for (addressed_change const& c : *changes) {
            bare.push_back(c.change);
        }
        waiter who{.client = from, .request = r.id};
        who.then = [this, from, id = r.id, group = r.group, bare] {
            later([this, from, id, group, bare] { begin_change(from, id, group, bare); });
        };
        propose(r.group, frame(detail::command_kind::addresses, r.payload), std::move(who), event_loop::now());
    }

    void begin_change(client_token from, std::uint64_t id, raft::group_id group,
                      std::vector<raft::membership_change> const& changes) {
        groups_.with(group, [&](server_type& s) {
            auto const index = s.change_membership(changes, event_loop::now());
            if (index) {
                works_[group].commands.push_back({*index, s.replica().term(), {.client = from, .request = id}});
            } else if (index.error() == raft::errc::invalid_change) {
                refuse(from, id, group,
                       "the membership that would result has no voter that can lead, too many members or as many "
                       "witnesses as voters with data, or the change names a node that is no member");
            } else {
                respond(from, id, group,
                        index.error() == raft::errc::not_leader ? response_status::not_leader : response_status::busy,
                        {});
            }
        });
    }

    void transfer(client_token from, request const& r) {
        auto const to = decode_node(r.payload);
        if (!to) {
            refuse(from, r.id, r.group, "no node to transfer to");
            return;
        }
        groups_.with(r.group, [&](server_type& s) {
            auto const begun = s.transfer_leadership(*to, event_loop::now());
            if (begun) {
                respond(from, r.id, r.group, response_status::ok, {});
            } else if (begun.error() == raft::errc::invalid_change) {
                refuse(from, r.id, r.group, "node " + std::to_string(to->value) + " may not lead this group");
            } else {
                respond(from, r.id, r.group,
                        begun.error() == raft::errc::not_leader ? response_status::not_leader : response_status::busy,
                        {});
            }
        });
    }

    [[nodiscard]] static std::string status(server_type const& s) {
        raft::replica const& r = s.replica();
        constexpr std::array<char const*, 4> roles{"follower", "pre-candidate", "candidate", "leader"};
        return "role " + std::string{roles[static_cast<std::size_t>(r.role())]} + "\nterm " + std::to_string(r.term()) +
               "\nleader " + std::to_string(r.leader().value) + "\nlast_index " + std::to_string(r.log().last_index()) +
               "\ncommit " + std::to_string(r.commit()) + "\napplied " + std::to_string(s.applied()) + "\ndurable " +
               std::to_string(r.durable()) + "\nsnapshot " + std::to_string(s.storage().snapshot().index) + '\n';
    }

    void respond(client_token to, std::uint64_t id, raft::group_id group, response_status how,
                 std::span<std::byte const> payload) {
        server_type const* const s = groups_.find(group);
        network_.reply(to, {.id = id,
                            .status = how,
                            .leader = s == nullptr ? raft::no_node : s->replica().leader(),
                            .payload = payload});
    }
    void refuse(client_token to, std::uint64_t id, raft::group_id group, std::string const& why) {
        respond(to, id, group, response_status::refused, std::as_bytes(std::span{why}));
    }

    void on_restored(raft::group_id id) {
        note_addresses(id);
        if (on_restored_) {
            on_restored_(id);
        }
    }

    // --- peers ----------------------------------------------------------------------------------------------------

    // Beside the peers that are configured there are those that the group's log names.
    void note_addresses(raft::group_id id) {
        server_type const* const s = groups_.find(id);
        std::vector<peer> known = peers_;
        for (auto const& [id_there, address] : s->machine().addresses()) {
            auto const at = std::ranges::find(known, id_there, &peer::id);
            if (at == known.end()) {
                known.push_back({id_there, address});
            } else {
                at->address = address;
            }
        }
        if (known != peers_ && network_.set_peers(known)) {
            peers_ = std::move(known);
        }
    }

    event_loop* loop_;
    node_config config_;
    make_machine make_;
    raft_log::journal log_;
    raft_asio::network network_;
    group_set groups_;
    std::vector<peer> peers_;
    std::unordered_map<raft::group_id, group_work> works_; // of groups that were asked something
    std::deque<read_limit> read_limits_;                   // of reads that were begun, answered or not
    std::vector<submission> submissions_;
    std::vector<std::function<void()>> later_;
    raft::byte_buffer framed_;
    raft::byte_buffer reply_;
    std::uint64_t reads_begun_ = 0;
    bool woken_ = false;
    bool in_turn_ = false;
    std::string failure_;
    std::function<void(raft::group_id, raft::node_id, raft::log_term)> on_leader_;
    std::function<void(raft::group_id, std::span<std::byte const>, std::span<std::byte const>)> on_applied_;
    std::function<void(raft::group_id)> on_restored_;
    std::function<void(client_token, request const&)> on_host_request_;
    std::function<std::string(client_token, request const&)> guard_;
};

} // namespace hpcsched::raft_asio

#endif
