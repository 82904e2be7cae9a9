// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_GROUPS_HPP
#define HPCSCHED_RAFT_GROUPS_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/raft/server.hpp>
#include <hpcsched/raft/types.hpp>

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <memory>
#include <tuple>
#include <utility>

namespace hpcsched::raft {

/// The servers that one process has, of many groups: one loop for all. Only those are touched to which something has
/// happened or whose time has come, so a group at rest (`replica_config::quiesce_after`) costs its memory alone.
///
///     g.receive(id, message, now); g.with(id, [&](auto& server) { server.propose(command, now); }); ...
///     g.run(now);       // carries out what follows, and the timers that are due
///     ... hand the messages of this turn to the network, the writes of this turn to the disk, each as one ...
///     sleep until g.next_deadline()
///
/// Timers are held up to the next multiple of `granularity`, so that the heartbeats of many groups fall due together
/// and travel together: the transports and storages of all groups can share one connection to each server and one log.
///
/// \complexity `run`: O(log groups) for each group touched. Memory: that of the servers, and 100 bytes each
/// \thread_safety none; confine to the host's thread
template <state_machine Machine, log_storage Storage, transport Transport, class Observer = silent_observer>
class groups {
  public:
    using server_type = server<Machine, Storage, Transport, Observer>;

    explicit groups(duration granularity = {}) : granularity_{granularity} {}

    groups(groups const&) = delete;
    groups& operator=(groups const&) = delete;
    ~groups() = default;

    /// Adds a server of group `id`; the arguments are those of `server`. Its first work is done by the next `run`.
    /// \pre there is none of this group yet
    server_type& open(group_id id, replica_config const& config, snapshot_policy const& snapshots, Machine machine,
                      Storage storage, Transport transport, Observer observer, time_point now) {
        auto const [at, added] =
            slots_.try_emplace(id, std::make_unique<slot>(id, config, snapshots, std::move(machine), std::move(storage),
                                                          std::move(transport), std::move(observer), now));
        HPCSCHED_ASSERT(added);
        touch(*at->second);
        return at->second->what;
    }

    /// Ends the server of group `id`, if there is one. Not from within `run` by the group itself.
    void close(group_id id) { slots_.erase(id); }

    [[nodiscard]] server_type* find(group_id id) noexcept {
        auto const at = slots_.find(id);
        return at == slots_.end() ? nullptr : &at->second->what;
    }

    /// Hands group `id`'s server to `use`, and has the next `run` carry out what follows.
    /// \return whether there is such a group
    template <class Use>
    bool with(group_id id, Use&& use) {
        auto const at = slots_.find(id);
        if (at == slots_.end()) {
            return false;
        }
        touch(*at->second);
        use(at->second->what);
        return true;
    }

    /// A message has come for group `id`. What it borrows is read before this returns.
    /// \return whether there is such a group
    bool receive(group_id id, message const& m, time_point now) {
        return with(id, [&](server_type& s) { s.receive(m, now); });
    }

    /// The log storage of group `id` has made a write durable.
    void durable(group_id id) {
        with(id, [](server_type const& /*looks itself*/) {});
    }

    /// The connection to `peer` is lost: what was sent is sent again, and groups whose leader it was look for another.
    /// \complexity O(groups)
    void peer_unreachable(node_id peer, time_point now) {
        for (auto& [id, s] : slots_) {
            if (s->what.replica().members().find(peer) != nullptr) {
                s->what.peer_unreachable(peer, now);
                touch(*s);
            }
        }
    }

    /// Carries out all that has happened, and the timers that are due. Observers may call `with` for other groups than
    /// their own.
    void run(time_point now) {
        run(now, [](group_id /*group*/, server_type& /*touched*/) {});
    }

    /// The same, and calls `after(group_id, server_type&)` for each group that was touched.
    template <class After>
    void run(time_point now, After&& after) {
        while (!timers_.empty() && timers_.begin()->deadline <= now) {
            touch(*timers_.begin());
        }
        while (!touched_.empty()) {
            slot& s = touched_.front();
            touched_.pop_front();
            s.what.tick(now);
            s.what.run(now);
            after(s.group, s.what);
            if (s.in_timers.is_linked()) {
                timers_.erase(timers_.iterator_to(s));
            }
            s.deadline = s.what.next_deadline();
            if (s.deadline != never) {
                timers_.insert(s);
            }
        }
    }

    /// Whether something has happened that `run` has not seen yet.
    [[nodiscard]] bool has_work() const noexcept { return !touched_.empty(); }

    /// When `run` is due, if nothing happens before.
    [[nodiscard]] time_point next_deadline() const noexcept {
        if (timers_.empty()) {
            return never;
        }
        time_point const due = timers_.begin()->deadline;
        if (granularity_ <= duration{} || due > never - granularity_) {
            return due;
        }
        duration const past = due.time_since_epoch() % granularity_;
        return past == duration{} ? due : due + (granularity_ - past);
    }

    [[nodiscard]] std::size_t size() const noexcept { return slots_.size(); }

    /// Calls `visit(group_id, server_type&)` for each group, in no order; it may not add or close any.
    template <class Visit>
    void each(Visit&& visit) {
        for (auto& [id, s] : slots_) {
            visit(id, s->what);
        }
    }

  private:
    using unlinks_itself = boost::intrusive::link_mode<boost::intrusive::auto_unlink>;

    struct slot {
        template <class... Arguments>
        explicit slot(group_id id, Arguments&&... arguments) : group{id}, what{std::forward<Arguments>(arguments)...} {}

        boost::intrusive::list_member_hook<unlinks_itself> in_touched;
        boost::intrusive::set_member_hook<unlinks_itself> in_timers;
        time_point deadline = never;
        group_id group;
        server_type what;
    };
    struct by_deadline {
        bool operator()(slot const& a, slot const& b) const noexcept {
            return std::tie(a.deadline, a.group) < std::tie(b.deadline, b.group);
        }
    };
    using touched_list = boost::intrusive::list<
        slot,
        boost::intrusive::member_hook<slot, boost::intrusive::list_member_hook<unlinks_itself>, &slot::in_touched>,
        boost::intrusive::constant_time_size<false>>;
    using timer_set = boost::intrusive::set<
        slot, boost::intrusive::member_hook<slot, boost::intrusive::set_member_hook<unlinks_itself>, &slot::in_timers>,
        boost::intrusive::compare<by_deadline>, boost::intrusive::constant_time_size<false>>;

    void touch(slot& s) noexcept {
        if (!s.in_touched.is_linked()) {
            touched_.push_back(s);
        }
        if (s.in_timers.is_linked()) {
            s.in_timers.unlink();
        }
    }

    duration granularity_;
    boost::unordered_flat_map<group_id, std::unique_ptr<slot>, std::hash<group_id>> slots_;
    touched_list touched_; // something has happened to them
    timer_set timers_;     // the others that wait for a time
};

} // namespace hpcsched::raft

#endif
