// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_ALLOCATOR_HPP
#define HPCSCHED_GPU_ALLOCATOR_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/sink.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/device.hpp>
#include <hpcsched/gpu/host_load.hpp>
#include <hpcsched/gpu/lease.hpp>
#include <hpcsched/gpu/ledger.hpp>
#include <hpcsched/gpu/placement.hpp>
#include <hpcsched/gpu/preemption.hpp>
#include <hpcsched/gpu/queueing.hpp>

#include <algorithm>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <variant>
#include <vector>

namespace hpcsched::gpu {

// --- events -------------------------------------------------------------------------------------------------

/// Somebody wants a lease. Again with the same owner and number changes nothing; a larger number that is not refused
/// replaces what waits, which gets no other answer.
struct lease_wanted {
    lease_want what;
};
/// Who waits has given up.
struct want_withdrawn {
    std::uint64_t owner = 0;
};
/// An owner will not come back: it waits no more, its lease ends, and its number may be used from 1 again.
struct owner_gone {
    std::uint64_t owner = 0;
};
/// A lease is given back; one that has ended already is passed over.
struct lease_returned {
    lease_token token = 0;
};
/// The owner is alive: its lease lasts for another `length`.
struct lease_renewed {
    lease_token token = 0;
    duration length = unlimited;
};
struct host_joined {
    host_id host{};
    host_info info;
};
struct host_left {
    host_id host{};
};
struct host_drained {
    host_id host{};
    bool draining = true;
};
struct device_changed {
    host_id host{};
    std::uint32_t device = 0;
    device_health health = device_health::healthy;
};
/// The time asked for by `arm_timer` has come.
struct timer_due {};

// --- commands -----------------------------------------------------------------------------------------------

struct lease_granted {
    lease what;
};
/// Never, or not by this number: see the code.
struct want_refused {
    std::uint64_t owner = 0;
    std::uint64_t sequence = 0;
    ledger_code why{};
};
/// Not now: it waits.
struct want_queued {
    std::uint64_t owner = 0;
    std::uint64_t sequence = 0;
};
/// A lease is no longer its owner's. Its devices may be another's by the next command.
struct lease_ended {
    ended_lease what;
};
/// Asks for `timer_due` at `deadline`; replaces the one asked for before.
struct arm_timer {
    time_point deadline{};
};

using allocator_command = std::variant<lease_granted, want_refused, want_queued, lease_ended, arm_timer>;

/// Grants leases by policies: where, to whom first of those that wait, and whether somebody is interrupted for it.
///
/// Events in, commands out, on a ledger of its own. To survive its machine, a driver proposes what the allocator
/// decides to the group that keeps a `ledger_machine`: `lease_granted` names host, devices, owner and number, which is
/// all that `ledger_machine::acquire` takes.
///
/// Each want is answered at once: granted, refused or queued. One that was queued is granted later, or refused where no
/// host that is left could ever serve it. Leases whose end has come are reclaimed before anything else.
///
/// `now` is the time of each event, not before the origin, and does not go back.
///
/// \complexity of an event: O((g + 1) (w log w + w h)) for g grants, w that wait and h hosts; with preemption and its
///             leases n, O((g + 1) w n) more. O(log n) where nobody waits
/// \thread_safety none
template <placement_policy Placement = least_loaded, queueing_policy Queueing = fifo,
          preemption_policy Preemption = no_preemption>
class allocator {
  public:
    using command_sink = sink<allocator_command>;

    explicit allocator(Placement placement = {}, Queueing queueing = {}, Preemption preemption = {})
        : placement_{std::move(placement)}, queueing_{std::move(queueing)}, preemption_{std::move(preemption)} {}

    void handle(lease_wanted const& e, time_point now, command_sink& out) {
        reclaim(now, out);
        std::uint64_t const number = take_in(e.what, now, out);
        serve(now, out);
        auto const is_it = [number](waiting_want const& w) { return w.number == number; };
        if (std::any_of(waiting_.begin(), waiting_.end(), is_it)) {
            out.append(want_queued{e.what.owner, e.what.sequence});
        }
        arm(now, out);
    }
    void handle(want_withdrawn const& e, time_point now, command_sink& out) {
        reclaim(now, out);
        withdraw(e.owner);
        go_on(now, out);
    }
    void handle(owner_gone const& e, time_point now, command_sink& out) {
        reclaim(now, out);
        withdraw(e.owner);
        if (lease const* const l = ledger_.of_owner(e.owner)) {
            note_end(*l);
        }
        ledger_.forget_owner(e.owner);
        go_on(now, out);
    }
    void handle(lease_returned const& e, time_point now, command_sink& out) {
        reclaim(now, out);
        if (lease const* const l = ledger_.find(e.token)) {
            note_end(*l);
            (void)ledger_.release(e.token);
        }
        go_on(now, out);
    }
    void handle(lease_renewed const& e, time_point now, command_sink& out) {
        reclaim(now, out);
        (void)ledger_.renew(e.token, now, e.length);
        go_on(now, out);
    }
    void handle(host_joined const& e, time_point now, command_sink& out) {
        reclaim(now, out);
        (void)ledger_.add_host(e.host, e.info);
        go_on(now, out);
    }
    void handle(host_left const& e, time_point now, command_sink& out) {
        reclaim(now, out);
        buffer<ended_lease> ended;
        (void)ledger_.remove_host(e.host, ended);
        report(ended, out);
        refuse_hopeless(out);
        go_on(now, out);
    }
    void handle(host_drained const& e, time_point now, command_sink& out) {
        reclaim(now, out);
        (void)ledger_.set_draining(e.host, e.draining);
        go_on(now, out);
    }
    void handle(device_changed const& e, time_point now, command_sink& out) {
        reclaim(now, out);
        buffer<ended_lease> ended;
        (void)ledger_.set_health(e.host, e.device, e.health, ended);
        report(ended, out);
        refuse_hopeless(out);
        go_on(now, out);
    }
    void handle(timer_due const& /*e*/, time_point now, command_sink& out) {
        armed_ = now >= armed_ ? never : armed_; // one that was replaced may come all the same
        reclaim(now, out);
        go_on(now, out);
    }

    [[nodiscard]] gpu::ledger const& state() const noexcept { return ledger_; }
    /// Those that wait, in order of arrival.
    [[nodiscard]] std::span<waiting_want const> waiting() const noexcept { return waiting_; }
    [[nodiscard]] std::size_t waiting_count() const noexcept { return waiting_.size(); }
    [[nodiscard]] tenant_usage const& usage() const noexcept { return usage_; }

  private:
    struct place {
        queue_rank rank{};
        std::size_t index = 0; // in waiting_, in order of arrival

        friend auto operator<=>(place const&, place const&) = default;
    };

    void reclaim(time_point now, command_sink& out) {
        buffer<ended_lease> ended;
        ledger_.expire(now, ended);
        report(ended, out);
    }

    void go_on(time_point now, command_sink& out) {
        serve(now, out);
        arm(now, out);
    }

    // Answers a want, or has it wait.
    // Returns its number where it was not answered; 0: it was
    std::uint64_t take_in(lease_want const& w, time_point now, command_sink& out) {
        auto const refuse = [&](ledger_code why) {
            out.append(want_refused{w.owner, w.sequence, why});
            return std::uint64_t{0};
        };
        if (w.owner == 0 || w.sequence == 0 || !w.request.sound() || w.length <= duration{0}) {
            return refuse(ledger_code::malformed);
        }
        if (lease const* const has = ledger_.of_owner(w.owner); has != nullptr && has->sequence == w.sequence) {
            out.append(lease_granted{*has});
            return 0;
        }
        auto const waits = std::find_if(waiting_.begin(), waiting_.end(),
                                        [&](waiting_want const& other) { return other.what.owner == w.owner; });
        if (waits != waiting_.end() && waits->what.sequence == w.sequence) {
            out.append(want_queued{w.owner, w.sequence});
            return 0;
        }
        bool const overtaken = waits != waiting_.end() && w.sequence < waits->what.sequence;
        if (overtaken || w.sequence <= ledger_.last_sequence(w.owner)) {
            return refuse(ledger_code::stale);
        }
        if (!could_ever(w)) {
            return refuse(ledger_code::never_fits);
        }
        if (waits != waiting_.end()) {
            waiting_.erase(waits);
        }
        waiting_.push_back({w, now, ++last_number_});
        return last_number_;
    }

    void withdraw(std::uint64_t owner) {
        std::erase_if(waiting_, [owner](waiting_want const& w) { return w.what.owner == owner; });
    }

    // Whether a want can be served one day by the hosts that are there.
    [[nodiscard]] bool could_ever(lease_want const& w) const {
        auto const fits = [&](host_id h) { return ledger_.ever_fits(h, w.request); };
        if (!w.hosts.empty()) {
            return std::any_of(w.hosts.begin(), w.hosts.end(), fits);
        }
        auto const loads = ledger_.loads();
        return std::any_of(loads.begin(), loads.end(), [&](host_load const& l) { return fits(l.host); });
    }

    // A host went, or a device: who waits for it alone would wait, and hold up others, for ever.
    void refuse_hopeless(command_sink& out) {
        std::erase_if(waiting_, [&](waiting_want const& w) {
            bool const hopeless = !could_ever(w.what);
            if (hopeless) {
                out.append(want_refused{w.what.owner, w.what.sequence, ledger_code::never_fits});
            }
            return hopeless;
        });
    }

    // What the owner has already counts as free for what it wants instead.
    [[nodiscard]] std::optional<host_id> where(lease_want const& w) const {
        lease const* const has = ledger_.of_owner(w.owner);
        auto const room = [&](host_id h) {
            return has != nullptr && has->host == h ? ledger_.room_without(h, w.request, {&has->token, 1}).has_value()
                                                    : ledger_.has_room(h, w.request);
        };
        if (!w.hosts.empty()) { // in the caller's order
            auto const first = std::find_if(w.hosts.begin(), w.hosts.end(), room);
            return first == w.hosts.end() ? std::nullopt : std::optional{*first};
        }
        auto const best = best_host(placement_, ledger_, {w.request, w.resident}, room::now);
        return !best && has != nullptr && room(has->host) ? std::optional{has->host} : best;
    }

    void report(buffer<ended_lease> const& ended, command_sink& out) {
        for (ended_lease const& e : ended.items()) {
            note_end(e.what);
            out.append(lease_ended{e});
        }
    }

    void note_end(lease const& l) {
        auto const tenant = tenant_of_.find(l.token);
        if (auto const used = usage_.find(tenant->second); used != usage_.end()) {
            used->second -= l.request.subscription().gpu_milli;
            if (used->second == 0) {
                usage_.erase(used);
            }
        }
        tenant_of_.erase(tenant);
    }

    // Serves who can be served, best rank first; ranks change with every grant.
    void serve(time_point now, command_sink& out) {
        for (bool again = true; again && !waiting_.empty();) {
            again = false;
            order_.clear();
            for (std::size_t i = 0; i < waiting_.size(); ++i) {
                order_.push_back({queueing_.rank(waiting_[i], now, usage_), i});
            }
            std::sort(order_.begin(), order_.end());
            for (place const& p : order_) {
                again = try_grant(p.index, now, out);
                if (again || queueing_.holds_up(waiting_[p.index], now)) {
                    break;
                }
            }
        }
    }

    bool try_grant(std::size_t index, time_point now, command_sink& out) {
        auto host = where(waiting_[index].what);
        host = host ? host : make_room(waiting_[index], now, out);
        if (!host) {
            return false;
        }
        lease_want const w = std::move(waiting_[index].what);
        waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(index));
        buffer<ended_lease> ended; // what the owner had before
        auto const g = ledger_.acquire(w.owner, w.sequence, *host, w.request, 0, w.priority, now, w.length, ended);
        HPCSCHED_ASSERT(g.code == ledger_code::done);
        report(ended, out);
        if (std::int64_t const amount = w.request.subscription().gpu_milli; amount > 0) {
            usage_[w.tenant] += amount;
        }
        tenant_of_.emplace(g.what.token, w.tenant);
        out.append(lease_granted{g.what});
        return true;
    }

    // Ends leases so that a want can be served, where that may be: on the host where it takes the fewest, of which none
    // could be spared.
    std::optional<host_id> make_room(waiting_want const& w, time_point now, command_sink& out) {
        if constexpr (std::same_as<Preemption, no_preemption>) {
            return std::nullopt;
        }
        auto const& hosts = w.what.hosts;
        std::map<host_id, std::vector<lease const*>> takeable;
        for (auto const& [token, l] : ledger_.leases()) {
            bool const eligible = hosts.empty() || std::find(hosts.begin(), hosts.end(), l.host) != hosts.end();
            if (eligible && l.owner != w.what.owner && preemption_.may_take(l, w, now)) {
                takeable[l.host].push_back(&l);
            }
        }
        std::optional<host_id> best;
        std::vector<lease_token> fewest;
        for (auto& [host, leases] : takeable) {
            auto victims = victims_on(host, w.what, leases);
            if (victims && (!best || victims->size() < fewest.size())) {
                best = host;
                fewest = std::move(*victims);
            }
        }
        buffer<ended_lease> ended;
        for (lease_token const token : fewest) {
            (void)ledger_.preempt(token, ended);
        }
        report(ended, out);
        return best;
    }

    // Which of some leases on a host would have to end for a want; nothing where all are not enough. The least urgent
    // go first, then the youngest, which have the least to lose.
    [[nodiscard]] std::optional<std::vector<lease_token>> victims_on(host_id h, lease_want const& w,
                                                                     std::vector<lease const*>& leases) const {
        std::sort(leases.begin(), leases.end(), [](lease const* a, lease const* b) {
            return a->priority != b->priority ? a->priority < b->priority : a->token > b->token;
        });
        std::vector<lease_token> tokens;
        lease const* const has = ledger_.of_owner(w.owner);
        std::size_t const own = has != nullptr && has->host == h ? 1 : 0; // ends without being taken from anybody
        if (own > 0) {
            tokens.push_back(has->token);
        }
        for (lease const* const l : leases) {
            tokens.push_back(l->token);
        }
        auto const enough = ledger_.room_without(h, w.request, tokens);
        if (!enough) {
            return std::nullopt;
        }
        tokens.resize(*enough);
        for (std::size_t i = tokens.size(); i-- > own;) { // the most urgent is spared first
            std::vector<lease_token> without = tokens;
            without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
            if (ledger_.room_without(h, w.request, without)) {
                tokens = std::move(without);
            }
        }
        tokens.erase(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(std::min(own, tokens.size())));
        return tokens;
    }

    // The next moment at which something changes by itself: a lease ends, or may be taken.
    void arm(time_point now, command_sink& out) {
        time_point next = ledger_.next_expiry();
        if constexpr (!std::same_as<Preemption, no_preemption>) {
            for (waiting_want const& w : waiting_) {
                for (auto const& [token, l] : ledger_.leases()) {
                    time_point const at = preemption_.earliest(l, w);
                    next = at > now && l.owner != w.what.owner ? std::min(next, at) : next;
                }
            }
        }
        if (next != armed_ && next != never) {
            armed_ = next;
            out.append(arm_timer{next});
        }
    }

    Placement placement_;
    Queueing queueing_;
    Preemption preemption_;
    gpu::ledger ledger_;
    std::vector<waiting_want> waiting_;
    std::vector<place> order_; // of serve, kept for its memory
    std::uint64_t last_number_ = 0;
    tenant_usage usage_;
    std::map<lease_token, std::uint32_t> tenant_of_;
    time_point armed_ = never;
};

static_assert(std::movable<allocator<>>);

} // namespace hpcsched::gpu

#endif
