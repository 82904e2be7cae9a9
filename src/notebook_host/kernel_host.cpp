// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook_host/kernel_host.hpp>
#include <hpcsched/raft_asio/node.hpp>

#include <boost/json.hpp>

#include "host_machine.hpp"
#include "host_protocol.hpp"
#include "hosted_kernel.hpp"
#include "status_json.hpp"
#include "status_page.hpp"
#include "store_keeper.hpp"
#include "timer.hpp"
#include "user_identity.hpp"
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <future>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace hpcsched::notebook_host {
namespace {

namespace json = boost::json;
using raft_asio::event_loop;
using host_node = raft_asio::node<host_machine>;

constexpr duration tick = std::chrono::milliseconds{100};
constexpr duration settle = std::chrono::milliseconds{500}; // between two tries of what may be lost

} // namespace

class kernel_host::state {
  public:
    state(event_loop& loop, kernel_host_config config, std::unique_ptr<host_node> node)
        : loop_{loop}, config_{std::move(config)}, interpreters_{loop, sockets_, config_.interpreter, config_.warm,
                                                                 [this](std::string const& what) { say(what); }},
          node_{std::move(node)}, self_{config_.network.self}, ticker_{loop, [this] { on_tick(); }},
          stores_{config_.store_age, [this](std::string const& what) { loop_.post([this, what] { say(what); }); }} {
        node_->network().set_on_log([this](std::string const& line) { say(line); });
        node_->network().set_on_client_gone([this](host_node::client_token who) { forget(who); });
        node_->set_on_applied([this](raft::group_id group, std::span<std::byte const> command,
                                     std::span<std::byte const> reply) { applied(group, command, reply); });
        node_->set_on_restored([this](raft::group_id group) { restored(group); });
        node_->set_on_host_request(
            [this](host_node::client_token from, raft_asio::request const& r) { take(from, r); });
        if (config_.users.of == kernel_users::kind::of_certificate) {
            node_->set_guard(
                [this](host_node::client_token from, raft_asio::request const& r) { return objection(from, r); });
        }
        expect_users({});
        ticker_.every(tick);
        reconcile_soon();
    }

    [[nodiscard]] host_node& node() noexcept { return *node_; }
    [[nodiscard]] std::uint16_t page_port() const noexcept { return page_ ? page_->port() : std::uint16_t{0}; }

    result<void> open_page() {
        if (config_.page.empty()) {
            return {};
        }
        auto made = status_page::open(config_.page, config_.page_token, [this] { return status_for_page(); });
        if (!made) {
            return made.error();
        }
        page_ = std::move(*made);
        return {};
    }

  private:
    struct attachment {
        host_node::client_token client = 0;
        std::uint64_t request = 0;
    };
    struct kernel_here {
        std::unique_ptr<hosted_kernel> kernel;
        std::string store;
        time_point collected{};
        std::vector<attachment> proxies;
        std::uint64_t told_generation = ~std::uint64_t{0};
        std::size_t told_replicas = 0;
        time_point ready_told{};
        time_point change_asked{};
        time_point alone_since{};
        bool ends = false; // its proxy said so
        time_point end_asked{};
    };

    void say(std::string const& line) const {
        if (config_.say) {
            config_.say(line);
        }
    }

    [[nodiscard]] cluster_machine const* cluster() {
        host_machine const* const m = node_->machine(cluster_group);
        return m == nullptr ? nullptr : m->cluster();
    }
    [[nodiscard]] notebook::kernel_log const* log_of(std::uint64_t serial) {
        host_machine const* const m = node_->machine(group_of_kernel(serial));
        return m == nullptr ? nullptr : m->kernel();
    }
    [[nodiscard]] bool leads(raft::group_id group) {
        auto const* const s = node_->server(group);
        return s != nullptr && s->replica().role() == raft::role::leader;
    }

    // --- whose kernels they are -----------------------------------------------------------------------------------

    [[nodiscard]] bool carries(host_node::client_token client, std::string const& name) {
        return node_->network().carries(client, name);
    }

    // Why a client may not ask for this; empty: it may. Every node of the cluster, and no client, writes to the logs of
    // kernels: what is in them, interpreters load.
    [[nodiscard]] std::string objection(host_node::client_token from, raft_asio::request const& r) {
        using raft_asio::request_kind;
        if (r.kind == request_kind::host) {
            return objection_to_host_request(from, r);
        }
        if (r.kind == request_kind::status || r.kind == request_kind::members) {
            return {};
        }
        bool const may_be =
            r.kind == request_kind::command || r.kind == request_kind::query || r.kind == request_kind::open_session;
        if (r.group != cluster_group || !may_be) {
            return "that is the hosts' own business";
        }
        if (r.kind != request_kind::command) {
            return {};
        }
        auto const subject = cluster_machine::subject_of(r.payload);
        using of = notebook::command_subject::of;
        if (!subject || subject->what == of::cluster) {
            return "that is the hosts' own business";
        }
        return subject->what == of::kernel ? objection_to_kernel(from, subject->serial)
                                           : objection_to_owner(from, subject->owner);
    }

    [[nodiscard]] std::string objection_to_owner(host_node::client_token from, std::string const& owner) {
        if (owner.empty() || !carries(from, owner)) {
            return "a kernel for '" + owner + "' is for who has a certificate that carries the DNS name '" + owner +
                   "'; this one does not";
        }
        auto const identity = user_identity::find(owner);
        if (!identity) {
            return identity.error().message + ": kernels run as the user whom the client's certificate names";
        }
        return identity->user == 0 ? "no kernel runs as root: use a certificate with another user's name" : "";
    }

    [[nodiscard]] std::string objection_to_kernel(host_node::client_token from, std::uint64_t serial) {
        std::string const* const owner = owner_of(serial);
        bool const is_owners = owner != nullptr && !owner->empty() && carries(from, *owner);
        return owner == nullptr || is_owners ? std::string{} : "that kernel is another user's";
    }

    [[nodiscard]] std::string objection_to_host_request(host_node::client_token from, raft_asio::request const& r) {
        auto const request = decode_host_request(r.payload);
        if (!request || std::holds_alternative<status_asked>(*request)) {
            return {}; // `take` refuses what is none
        }
        if (std::holds_alternative<drain_asked>(*request)) {
            return carries(from, kernel_users::operator_name)
                       ? std::string{}
                       : std::string{"that is for who has a certificate that carries the DNS name '"} +
                             kernel_users::operator_name + "'";
        }
        std::uint64_t const serial = std::visit(
            [](auto const& what) -> std::uint64_t {
                if constexpr (requires { what.kernel; }) {
                    return what.kernel;
                } else {
                    return 0;
                }
            },
            *request);
        // One that this host has not heard of yet, or that is over: nobody's yet. The client asks again.
        return owner_of(serial) == nullptr ? "no kernel of that number is open" : objection_to_kernel(from, serial);
    }

    [[nodiscard]] std::string const* owner_of(std::uint64_t serial) {
        cluster_machine const* const c = cluster();
        if (c == nullptr) {
            return nullptr;
        }
        for (auto const& [name, id] : c->open_kernels()) {
            if (c->kernel(id).serial == serial) {
                return &c->kernel(id).owner;
            }
        }
        return nullptr;
    }

    // Empty: as this process.
    [[nodiscard]] std::string user_for(std::string const& owner) const {
        switch (config_.users.of) {
        case kernel_users::kind::named:
            return config_.users.name;
        case kernel_users::kind::of_certificate:
            return owner;
        default:
            return {};
        }
    }

    // Interpreters are started ahead for who has a kernel here; and where all are one's, for that one.
    void expect_users(std::set<std::string> owners) {
        std::set<std::string> users;
        if (config_.users.of != kernel_users::kind::of_certificate) {
            users.insert(user_for({}));
        } else {
            users = std::move(owners);
        }
        interpreters_.expect(std::move(users));
    }

    // --- the log's news ---------------------------------------------------------------------------------------------

    void applied(raft::group_id group, std::span<std::byte const> command, std::span<std::byte const> reply) {
        if (group == cluster_group) {
            reconcile_soon();
            return;
        }
        std::uint64_t const serial = group.value - 1;
        auto const at = kernels_.find(serial);
        if (at == kernels_.end() || !at->second.kernel) {
            return;
        }
        notebook::kernel_log const& log = *log_of(serial);
        at->second.kernel->applied(command, notebook::kernel_log::decode(reply), log);
        follow_executor(group, log);
    }

    // The next cell most likely runs where the last did, and commits soonest where it is proposed by the leader.
    void follow_executor(raft::group_id group, notebook::kernel_log const& log) {
        if (log.phase() == notebook::kernel_phase::running && leads(group) && log.executor().value != self_.value) {
            loop_.post(
                [this, group, to = raft::node_id{log.executor().value}] { node_->transfer_leadership(group, to); });
        }
    }

    void restored(raft::group_id group) {
        if (group == cluster_group) {
            reconcile_soon();
        } else if (auto const at = kernels_.find(group.value - 1); at != kernels_.end() && at->second.kernel) {
            at->second.kernel->restored();
        }
    }

    // --- what should be here and what is -------------------------------------------------------------------------

    void on_tick() {
        time_point const now = event_loop::now();
        for (auto& [serial, here] : kernels_) {
            if (here.kernel) {
                here.kernel->tick(now);
            }
        }
        interpreters_.refill(now);
        watch_hosts(now);
        if (cluster_machine const* const c = cluster(); c != nullptr && leads(cluster_group)) {
            if (c->next_wake() <= wall_clock() && due(wake_asked_, now)) {
                byte_buffer command;
                cluster_machine::wake(wall_clock(), command);
                node_->offer(cluster_group, command);
            }
        }
        reconcile(now);
    }

    [[nodiscard]] static bool due(time_point& last, time_point now) {
        if (now - last < settle) {
            return false;
        }
        last = now;
        return true;
    }

    void watch_hosts(time_point now) {
        cluster_machine const* const c = cluster();
        if (c == nullptr) {
            return;
        }
        auto const& hosts = c->state().ledger();
        bool const known = hosts.contains(host_of(self_));
        bool const drains = known && c->state().host(host_of(self_)).phase == notebook::host_phase::draining;
        bool const joins = agrees(*c, now) && !draining_ && !is_up(*c);
        if ((joins || (known && drains != draining_)) && due(join_asked_, now)) {
            byte_buffer command;
            if (joins) {
                cluster_machine::join_host(host_of(self_), config_.devices, wall_clock(), command);
            } else {
                cluster_machine::drain_host(host_of(self_), draining_, wall_clock(), command);
            }
            node_->offer(cluster_group, command);
        }
        if (!leads(cluster_group)) {
            leader_since_ = now;
            return;
        }
        raft::replica const& group = node_->server(cluster_group)->replica();
        for (raft_asio::peer const& p : config_.network.peers) {
            raft::node_id const id = p.id;
            // A new leader must have had time to hear of it.
            bool const lost = id != self_ && now - std::max(group.heard(id), leader_since_) > config_.host_limit;
            if (lost && hosts.contains(host_of(id)) && due(lose_asked_, now)) {
                say("node " + std::to_string(id.value) + " does not answer: its host is lost to the cluster");
                byte_buffer command;
                cluster_machine::lose_host(host_of(id), wall_clock(), command);
                node_->offer(cluster_group, command);
            }
        }
    }

    // Whether this host can take part: by which policies the cluster goes is known, and its number of replicas is this
    // host's.
    bool agrees(cluster_machine const& c, time_point now) {
        byte_buffer own;
        config_.policies.save(own);
        byte_buffer present;
        c.scheduler().policies().save(present);
        if (c.policies_are_set() && own == present) {
            config_.changes_policies = false;
            return true;
        }
        if (!c.policies_are_set() || config_.changes_policies) {
            if (due(policies_asked_, now)) {
                byte_buffer command;
                cluster_machine::set_policies(own, config_.changes_policies, wall_clock(), command);
                node_->offer(cluster_group, command);
            }
        }
        bool const could = c.policies_are_set() && c.scheduler().policies().replicas == config_.policies.replicas;
        if (c.policies_are_set() && !std::exchange(policies_differ_, true)) {
            say("the cluster goes by other policies than this host was started with: " +
                json::serialize(described(c.scheduler().policies())) +
                (!could                     ? "; this host takes no part while the numbers of replicas differ"
                 : config_.changes_policies ? "; it is asked to go by this host's"
                                            : "; they hold here too"));
        }
        return could;
    }

    [[nodiscard]] bool is_up(cluster_machine const& c) const {
        auto const& ledger = c.state().ledger();
        if (!ledger.contains(host_of(self_))) {
            return false;
        }
        auto const& known = ledger.host(host_of(self_));
        bool same = known.capacity.cpu_milli == config_.devices.cpu_milli &&
                    known.capacity.memory_mib == config_.devices.memory_mib &&
                    known.devices.size() == config_.devices.devices.size();
        for (std::size_t i = 0; same && i < known.devices.size(); ++i) {
            same = known.devices[i].info == config_.devices.devices[i];
        }
        return same;
    }

    void reconcile_soon() {
        if (!std::exchange(will_reconcile_, true)) {
            loop_.post([this] {
                will_reconcile_ = false;
                reconcile(event_loop::now());
            });
        }
    }

    void reconcile(time_point now) {
        cluster_machine const* const c = cluster();
        if (c == nullptr) {
            return;
        }
        std::set<std::uint64_t> open;
        std::set<std::string> owners;
        auto const states = c->state().kernels();
        for (std::uint32_t i = 0; i < states.size(); ++i) {
            if (!states[i].open) {
                continue;
            }
            auto const& record = c->kernel(notebook::kernel_id{i});
            open.insert(record.serial);
            bool const is_here = states[i].lives_on(host_of(self_));
            if (is_here && !record.founders.empty()) {
                host(record.serial, record.name, record.founders, record.owner);
            }
            if (is_here) {
                owners.insert(record.owner);
            }
            auto const at = kernels_.find(record.serial);
            if (at == kernels_.end()) {
                continue;
            }
            if (!is_here && at->second.kernel) {
                say("kernel " + record.name + " has left this host");
                at->second.kernel.reset();
            }
            tell_placement(*c, notebook::kernel_id{i}, at->second);
            if (is_here && at->second.kernel) {
                tell_ready(notebook::kernel_id{i}, record.serial, states[i], at->second, now);
            }
            change_members(record.serial, states[i], at->second, now);
            note_end(notebook::kernel_id{i}, record.serial, at->second, now);
            collect(record.serial, at->second, now);
        }
        for (auto at = kernels_.begin(); at != kernels_.end();) {
            if (open.contains(at->first)) {
                ++at;
                continue;
            }
            if (!at->second.store.empty()) {
                stores_.remove(at->second.store);
            }
            for (attachment const& a : at->second.proxies) {
                node_->answer_host(a.client, a.request, raft_asio::response_status::ok, {});
            }
            at = kernels_.erase(at);
        }
        remove_closed(open, c->last_serial());
        expect_users(std::move(owners));
    }

    // By whoever leads the kernel's log, which knows all that is pointed to.
    void collect(std::uint64_t serial, kernel_here& here, time_point now) {
        if (!here.store.empty() && now - here.collected > config_.store_interval && leads(group_of_kernel(serial))) {
            here.collected = now;
            stores_.collect(here.store, live_chunks(*log_of(serial)));
        }
    }

    // What this host still has of kernels that are closed: it may have been away when they were.
    void remove_closed(std::set<std::uint64_t> const& open, std::uint64_t last_serial) {
        std::vector<raft::group_id> closed;
        node_->each_group([&](raft::group_id group, host_node::server_type const&) {
            std::uint64_t const serial = group.value - 1;
            if (group != cluster_group && serial <= last_serial && !open.contains(serial)) {
                closed.push_back(group);
            }
        });
        for (raft::group_id const group : closed) {
            if (auto const removed = node_->remove_group(group); !removed) {
                say(removed.error().message);
            }
        }
    }

    // The folder of a kernel's large values, its user's own.
    void prepare_store(std::string const& store, std::string const& user) {
        if (user.empty() || store.empty() || store.starts_with("redis")) {
            return;
        }
        auto const identity = user_identity::find(user);
        if (!identity) {
            return; // which is said where its interpreter is started
        }
        if (::mkdir(store.c_str(), 0700) == 0 && ::chown(store.c_str(), identity->user, identity->group) != 0) {
            say("cannot give the store '" + store + "' to " + user);
        }
    }

    void host(std::uint64_t serial, std::string const& name, std::vector<gpu::host_id> const& founders,
              std::string const& owner) {
        kernel_here& here = kernels_[serial];
        if (here.kernel) {
            return;
        }
        here.store = store_of_kernel(config_.store, name);
        here.collected = event_loop::now();
        prepare_store(here.store, user_for(owner));
        std::vector<raft::node_id> nodes;
        for (gpu::host_id const h : founders) {
            nodes.push_back(node_of(h));
        }
        bool const founds = std::ranges::find(nodes, self_) != nodes.end();
        auto const opened = node_->open_group(group_of_kernel(serial), founds ? std::span<raft::node_id const>{nodes}
                                                                              : std::span<raft::node_id const>{});
        if (!opened) {
            say("a kernel's log cannot be opened: " + opened.error().message);
            return;
        }
        here.kernel = std::make_unique<hosted_kernel>(
            notebook::replica_id{self_.value},
            hosted_kernel::surroundings{
                .loop = &loop_,
                .interpreters = &interpreters_,
                .store = here.store,
                .user = user_for(owner),
                .device_names = config_.device_names,
                .start = config_.start,
                .reclaim_after = config_.reclaim_after,
                .offer = [this, serial](
                             std::span<std::byte const> command) { node_->offer(group_of_kernel(serial), command); },
                .log = [this, serial] { return log_of(serial); },
                .has_majority =
                    [this, serial] {
                        auto const* const s = node_->server(group_of_kernel(serial));
                        return s != nullptr && s->replica().leader() != raft::no_node;
                    },
                .tell = [this, serial](host_answer const& what) { tell(serial, what); },
                .complain = [this, serial](
                                std::string const& what) { say("kernel " + std::to_string(serial) + ": " + what); }});
    }

    void tell_ready(notebook::kernel_id id, std::uint64_t serial, notebook::kernel_state const& s, kernel_here& here,
                    time_point now) {
        auto const mine = std::ranges::find(s.replicas, host_of(self_), &notebook::replica::host);
        auto const* const server = node_->server(group_of_kernel(serial));
        raft::member const* const member = server->replica().committed_members().find(self_);
        bool const votes = member != nullptr && member->votes && server->replica().leader() != raft::no_node;
        if (mine != s.replicas.end() && !mine->ready && votes && here.kernel->ready() && due(here.ready_told, now)) {
            byte_buffer command;
            cluster_machine::replica_is_ready(id, serial, mine->id, wall_clock(), command);
            node_->offer(cluster_group, command);
        }
    }

    // Whoever leads a kernel's group makes its members those that the scheduler wants: a new one first learns the log,
    // and then votes in the step in which an old one goes, so that there is always a majority that has everything.
    void change_members(std::uint64_t serial, notebook::kernel_state const& s, kernel_here& here, time_point now) {
        raft::group_id const group = group_of_kernel(serial);
        if (!leads(group)) {
            return;
        }
        raft::replica const& r = node_->server(group)->replica();
        std::set<raft::node_id> wanted;
        for (notebook::replica const& each : s.replicas) {
            wanted.insert(node_of(each.host));
        }
        using action = raft::membership_change::action;
        std::vector<raft::membership_change> changes;
        // One that is lost stays a member while nobody takes its place: a majority of fewer members would be lost
        // sooner. If it went later than the other votes, the next loss would be one too many meanwhile.
        bool all_vote = wanted.size() >= config_.policies.replicas;
        for (raft::node_id const id : wanted) {
            raft::member const* const m = r.members().find(id);
            if (m == nullptr) {
                changes.push_back({action::add_learner, id});
            } else if (!m->votes && r.matched(id) + 16 >= r.commit()) {
                changes.push_back({action::add_voter, id});
                continue;
            }
            all_vote = all_vote && m != nullptr && m->votes;
        }
        for (raft::member const& m : r.members().members()) {
            if (!all_vote || wanted.contains(m.id)) {
                continue;
            }
            if (m.id != self_) {
                changes.push_back({action::remove, m.id});
            } else if (changes.empty() && due(here.change_asked, now)) {
                node_->transfer_leadership(group, *wanted.begin());
            }
        }
        if (!changes.empty() && due(here.change_asked, now)) {
            node_->change_membership(group, std::move(changes));
        }
    }

    void note_end(notebook::kernel_id id, std::uint64_t serial, kernel_here& here, time_point now) {
        bool const is_alone = here.proxies.empty() && leads(group_of_kernel(serial));
        if (!is_alone || here.alone_since == time_point{}) {
            here.alone_since = now;
        } else if (!here.ends && now - here.alone_since > config_.orphan_limit) {
            say("kernel " + std::to_string(serial) + " has had no proxy for too long, and is closed");
            here.ends = true;
        }
        if (here.ends && due(here.end_asked, now)) {
            byte_buffer command;
            cluster_machine::close_kernel(id, serial, wall_clock(), command);
            node_->offer(cluster_group, command);
        }
    }

    // --- proxies -------------------------------------------------------------------------------------------------

    void take(host_node::client_token from, raft_asio::request const& r) {
        auto request = decode_host_request(r.payload);
        if (!request) {
            constexpr std::string_view why = "no request that this version knows";
            node_->answer_host(from, r.id, raft_asio::response_status::refused, std::as_bytes(std::span{why}));
            return;
        }
        if (auto const* const attach = std::get_if<attach_asked>(&*request)) {
            kernel_here& here = kernels_[attach->kernel];
            here.proxies.push_back({from, r.id});
            here.told_generation = ~std::uint64_t{0};
            if (here.kernel && here.kernel->ready()) {
                answer(here.proxies.back(), replica_here{});
            }
            reconcile_soon();
            return;
        }
        if (std::holds_alternative<status_asked>(*request)) {
            std::string const text = status();
            node_->answer_host(from, r.id, raft_asio::response_status::ok, std::as_bytes(std::span{text}));
            return;
        }
        if (auto const* const end = std::get_if<close_asked>(&*request)) {
            if (auto const at = kernels_.find(end->kernel); at != kernels_.end()) {
                at->second.ends = true;
                reconcile_soon();
            }
        } else if (auto const* const drain = std::get_if<drain_asked>(&*request)) {
            draining_ = drain->draining;
            join_asked_ = {};
            watch_hosts(event_loop::now());
        } else if (auto* const cell = std::get_if<cell_asked>(&*request)) {
            if (auto const at = kernels_.find(cell->kernel); at != kernels_.end() && at->second.kernel) {
                at->second.kernel->ask(std::move(*cell));
            }
        } else if (auto const* const passed = std::get_if<message_passed>(&*request)) {
            if (auto const at = kernels_.find(passed->kernel); at != kernels_.end() && at->second.kernel) {
                at->second.kernel->pass(passed->where, passed->message);
            }
        }
        node_->answer_host(from, r.id, raft_asio::response_status::ok, {});
    }

    void forget(host_node::client_token who) {
        for (auto& [serial, here] : kernels_) {
            std::erase_if(here.proxies, [who](attachment const& a) { return a.client == who; });
        }
    }

    void answer(attachment const& to, host_answer const& what) {
        byte_buffer bytes;
        encode(what, bytes);
        node_->answer_host(to.client, to.request, raft_asio::response_status::more, bytes);
    }

    void tell(std::uint64_t serial, host_answer const& what) {
        auto const at = kernels_.find(serial);
        if (at == kernels_.end() || at->second.proxies.empty()) {
            return;
        }
        byte_buffer bytes;
        encode(what, bytes);
        for (attachment const& a : at->second.proxies) {
            node_->answer_host(a.client, a.request, raft_asio::response_status::more, bytes);
        }
    }

    // On the page's thread.
    [[nodiscard]] std::string status_for_page() {
        auto const told = std::make_shared<std::promise<std::string>>();
        auto text = told->get_future();
        loop_.post([this, told] { told->set_value(status()); });
        constexpr auto limit = std::chrono::seconds{2}; // the loop may have ended
        return text.wait_for(limit) == std::future_status::ready ? text.get() : "{}";
    }

    // What this host knows of the cluster, and has: one JSON object. Hosts and kernels are the cluster's, as far as
    // this host has heard.
    [[nodiscard]] std::string status() {
        json::object told{{"node", self_.value}, {"hosts", json::array{}}, {"kernels", json::array{}}};
        cluster_machine const* const c = cluster();
        if (c == nullptr) {
            return json::serialize(told);
        }
        told["leader"] = node_->server(cluster_group)->replica().leader().value;
        if (c->policies_are_set()) {
            told["policies"] = described(c->scheduler().policies());
        }
        for (raft_asio::peer const& p : config_.network.peers) {
            json::object host = described(*c, p);
            host["connected"] = p.id == self_ || node_->network().connected(p.id);
            told["hosts"].as_array().push_back(std::move(host));
        }
        for (auto const& [name, id] : c->open_kernels()) {
            told["kernels"].as_array().push_back(status_of(*c, name, id));
        }
        return json::serialize(told);
    }

    [[nodiscard]] json::object status_of(cluster_machine const& c, std::string const& name, notebook::kernel_id id) {
        json::object kernel = described(c, name, id);
        auto const serial = c.kernel(id).serial;
        if (auto const here = kernels_.find(serial); here != kernels_.end() && here->second.kernel) {
            kernel["interpreter"] = here->second.kernel->interpreter_phase();
        }
        if (notebook::kernel_log const* const log = log_of(serial)) {
            describe(kernel, *log);
            kernel["leader"] = node_->server(group_of_kernel(serial))->replica().leader().value;
        }
        return kernel;
    }

    // A kernel's proxies hear where it lives, and where a cell of theirs is to run.
    void tell_placement(cluster_machine const& c, notebook::kernel_id id, kernel_here& here) {
        if (here.proxies.empty()) {
            return;
        }
        sequence_hash seen;
        for (notebook::replica const& r : c.state().kernel(id).replicas) {
            seen.add(r.host.value);
            seen.add(r.ready ? 1 : 0);
        }
        auto const& record = c.kernel(id);
        if (here.told_generation == record.generation && here.told_replicas == seen.value()) {
            return;
        }
        here.told_generation = record.generation;
        here.told_replicas = seen.value();
        placement_changed told;
        byte_buffer question;
        cluster_machine::ask_for(record.name, question);
        c.query(question, told.view);
        tell(record.serial, told);
    }

    event_loop& loop_;
    kernel_host_config config_;
    zmq::context_t sockets_{1};
    interpreter_pool interpreters_;
    std::unique_ptr<host_node> node_;
    raft::node_id self_;
    timer ticker_;
    std::map<std::uint64_t, kernel_here> kernels_; // by serial number: those that live here, or have proxies attached
    time_point leader_since_{};
    time_point join_asked_{};
    time_point policies_asked_{};
    time_point lose_asked_{};
    time_point wake_asked_{};
    bool will_reconcile_ = false;
    bool policies_differ_ = false; // and that was said
    bool draining_ = false;        // by an operator's wish, until this process ends
    std::unique_ptr<status_page> page_;
    store_keeper stores_;
};

kernel_host::kernel_host(std::unique_ptr<state> made) noexcept : state_{std::move(made)} {}
kernel_host::~kernel_host() = default;

result<std::unique_ptr<kernel_host>> kernel_host::open(event_loop& loop, kernel_host_config config) {
    raft_asio::node_config node;
    node.network = config.network;
    node.log = config.log;
    node.replica.election_timeout = config.election_timeout;
    node.replica.heartbeat_interval = config.election_timeout / 10;
    node.replica.entry_bytes_max = std::size_t{8} << 20U; // of a cell's changes that do not go to the store
    node.replica.window_bytes = std::size_t{16} << 20U;
    node.replica.uncommitted_bytes_max = std::size_t{16} << 20U;
    node.awake = {cluster_group};                             // who leads it hears which hosts are there
    node.replica.quiesce_after = 4 * config.election_timeout; // most kernels are idle most of the time
    auto const replicas = config.policies.replicas;
    auto made = host_node::open(loop, std::move(node), [replicas](raft::group_id group) {
        return group == cluster_group
                   ? host_machine{cluster_machine{notebook::standing_cluster{notebook::standing_policies{}}}}
                   : host_machine{notebook::kernel_log{replicas}};
    });
    if (!made) {
        return made.error();
    }
    std::vector<raft::node_id> founders;
    for (raft_asio::peer const& p : config.network.peers) {
        founders.push_back(p.id);
    }
    if (auto const possible = check(config.users, config.network.tls); !possible) {
        return possible.error();
    }
    if (auto const opened = (*made)->open_group(cluster_group, founders); !opened) {
        return opened.error();
    }
    if (!config.store.empty() && !config.store.starts_with("redis")) {
        std::error_code failed;
        std::filesystem::create_directories(config.store, failed);
        if (failed) {
            return error{"the store '" + config.store + "' cannot be made: " + failed.message()};
        }
    }
    auto opened = std::make_unique<state>(loop, std::move(config), std::move(*made));
    if (auto const page = opened->open_page(); !page) {
        return page.error();
    }
    return std::unique_ptr<kernel_host>{new kernel_host{std::move(opened)}};
}

std::uint16_t kernel_host::page_port() const noexcept {
    return state_->page_port();
}

std::uint16_t kernel_host::port() const noexcept {
    return state_->node().network().port();
}

std::string const& kernel_host::failure() const noexcept {
    return state_->node().failure();
}

} // namespace hpcsched::notebook_host
