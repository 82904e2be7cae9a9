// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_LEDGER_HPP
#define HPCSCHED_GPU_LEDGER_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/sink.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/detail/device_choice.hpp>
#include <hpcsched/gpu/detail/free_index.hpp>
#include <hpcsched/gpu/device.hpp>
#include <hpcsched/gpu/host_load.hpp>
#include <hpcsched/gpu/host_state.hpp>
#include <hpcsched/gpu/lease.hpp>
#include <hpcsched/gpu/resources.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::gpu {

/// Who has which devices of a cluster, and who may come to want them.
///
/// It decides nothing but what is true: a grant is all or nothing, on devices that are free, in exact integers, under a
/// new fencing token. Which host to ask is a placement's business (placement.hpp), whether a host may carry one more
/// subscription an admission's (admission.hpp), who waits an allocator's (allocator.hpp).
///
/// Leases are idempotent: an owner counts what it wants, and asking again with the same number gives the same lease
/// while it lasts. A larger number replaces the lease that the owner has; a smaller one, or that of a lease that has
/// ended, is `stale` until the owner is forgotten.
///
/// Time is handed in, and only ever compared with what was handed in before. A lease until `never` does not end by
/// itself.
///
/// \complexity O(log n) for n leases, or owners, and O(devices of the host); where a host leaves or a device fails O(n)
/// \thread_safety none
class ledger {
  public:
    /// Whether these are a number and the facts of a host that could be added.
    [[nodiscard]] static bool may_add(host_id id, host_info const& info) noexcept {
        return id.value < host_count_max && info.devices.size() <= device_count_max && sound(info);
    }

    /// Adds a host; again with the same facts is done as well.
    [[nodiscard]] ledger_code add_host(host_id id, host_info const& info) {
        if (!may_add(id, info)) {
            return ledger_code::malformed;
        }
        if (contains(id)) {
            return same(hosts_[id.value], info) ? ledger_code::done : ledger_code::host_exists;
        }
        if (id.value >= hosts_.size()) {
            hosts_.resize(id.value + std::size_t{1});
            for (std::size_t i = loads_.size(); i <= id.value; ++i) {
                loads_.push_back({.host = host_id{static_cast<std::uint32_t>(i)}});
            }
        }
        host_state& h = hosts_[id.value];
        h = {};
        for (device_info const& d : info.devices) {
            device_mask group = 0;
            for (std::size_t i = 0; i < info.devices.size(); ++i) {
                group |= info.devices[i].link_group == d.link_group ? device_bit(static_cast<std::uint32_t>(i)) : 0;
            }
            h.devices.push_back({.info = d, .group = group});
        }
        h.capacity.cpu_milli = info.cpu_milli;
        h.capacity.memory_mib = info.memory_mib;
        loads_[id.value].present = true;
        ++host_count_;
        refresh(id);
        return ledger_code::done;
    }

    /// Takes a host out, with its subscriptions; its leases end as `host_lost`.
    [[nodiscard]] ledger_code remove_host(host_id id, sink<ended_lease>& ended) {
        if (!contains(id)) {
            return ledger_code::unknown_host;
        }
        end_all_of(id, ~device_mask{0}, lease_end::host_lost, ended);
        by_free_.move(id.value, loads_[id.value].free_count, 0);
        hosts_[id.value] = {};
        loads_[id.value] = {.host = id};
        --host_count_;
        while (!loads_.empty() && !loads_.back().present) {
            loads_.pop_back();
            hosts_.pop_back();
        }
        return ledger_code::done;
    }

    /// Whether a host takes new leases; those that it has stay.
    [[nodiscard]] ledger_code set_draining(host_id id, bool draining) {
        if (!contains(id)) {
            return ledger_code::unknown_host;
        }
        hosts_[id.value].draining = draining;
        refresh(id);
        return ledger_code::done;
    }

    /// Changes a device's health; the leases of one that failed end.
    [[nodiscard]] ledger_code set_health(host_id id, std::uint32_t device, device_health health,
                                         sink<ended_lease>& ended) {
        if (!contains(id) || device >= hosts_[id.value].devices.size()) {
            return ledger_code::unknown_host;
        }
        hosts_[id.value].devices[device].health = health;
        if (health == device_health::failed) {
            end_all_of(id, device_bit(device), lease_end::device_failed, ended);
        }
        refresh(id);
        return ledger_code::done;
    }

    /// Notes that `member` lives on the host and may come to want so much; again replaces the amount.
    /// \return malformed also where the host's sum would pass what ratios are computed of, 2^50 in a dimension
    [[nodiscard]] ledger_code subscribe(host_id id, std::uint64_t member, resources const& amount) {
        if (!amount.sound()) {
            return ledger_code::malformed;
        }
        if (!contains(id)) {
            return ledger_code::unknown_host;
        }
        host_state& h = hosts_[id.value];
        auto const known = h.members.find(member);
        resources const all = h.subscribed + amount - (known == h.members.end() ? resources{} : known->second);
        if (!all.sound(subscribed_max)) {
            return ledger_code::malformed;
        }
        h.subscribed = all;
        h.members.insert_or_assign(member, amount);
        refresh_counts(id);
        return ledger_code::done;
    }

    [[nodiscard]] ledger_code unsubscribe(host_id id, std::uint64_t member) {
        if (!contains(id)) {
            return ledger_code::unknown_host;
        }
        host_state& h = hosts_[id.value];
        auto const at = h.members.find(member);
        if (at == h.members.end()) {
            return ledger_code::unknown_member;
        }
        h.subscribed -= at->second;
        h.members.erase(at);
        refresh_counts(id);
        return ledger_code::done;
    }

    /// What came of `acquire`.
    struct grant {
        ledger_code code = ledger_code::malformed;
        lease what{}; ///< where it is done
    };

    /// Grants `owner` a lease, or says why not. What the owner had of a smaller number ends as `replaced`, but only
    /// where this is granted.
    /// \param chosen  the devices; 0: those that `pick_devices` names
    [[nodiscard]] grant acquire(std::uint64_t owner, std::uint64_t sequence, host_id id, device_request const& request,
                                device_mask chosen, std::int32_t priority, time_point now, duration length,
                                sink<ended_lease>& ended) {
        if (owner == 0 || sequence == 0 || !request.sound() || length <= duration{0} || now < time_point{}) {
            return {ledger_code::malformed, {}};
        }
        if (!contains(id)) {
            return {ledger_code::unknown_host, {}};
        }
        auto const known = owners_.find(owner);
        bool const holds = known != owners_.end() && known->second.token != 0;
        if (known != owners_.end() && sequence <= known->second.sequence) {
            lease const* const has = holds ? find(known->second.token) : nullptr;
            bool const again = has != nullptr && sequence == has->sequence && now < has->expiry;
            return again ? grant{ledger_code::done, *has} : grant{ledger_code::stale, {}};
        }
        if (holds) {
            // What it has counts as free for what it wants, so it is taken away before, and put back if that fails.
            lease const had = leases_.at(known->second.token);
            account(had, false);
            grant const g = place(owner, sequence, id, request, chosen, priority, now, length);
            if (g.code != ledger_code::done) {
                account(had, true);
                return g;
            }
            by_expiry_.erase({had.expiry, had.token});
            leases_.erase(had.token);
            ended.append({had, lease_end::replaced});
            return g;
        }
        return place(owner, sequence, id, request, chosen, priority, now, length);
    }

    /// Moves a lease's end to `now + length`, never to an earlier time. One whose end has come is `unknown_lease`,
    /// reclaimed or not.
    [[nodiscard]] ledger_code renew(lease_token token, time_point now, duration length) {
        auto const at = leases_.find(token);
        if (at == leases_.end() || now >= at->second.expiry) {
            return ledger_code::unknown_lease;
        }
        if (length <= duration{0} || now < time_point{}) {
            return ledger_code::malformed;
        }
        lease& l = at->second;
        time_point const until = std::max(l.expiry, saturating_add(now, length));
        by_expiry_.erase({l.expiry, token});
        by_expiry_.emplace(until, token);
        l.expiry = until;
        return ledger_code::done;
    }

    /// Gives a lease back.
    [[nodiscard]] ledger_code release(lease_token token) { return drop(token); }

    /// Takes a lease away for something more urgent.
    [[nodiscard]] ledger_code preempt(lease_token token, sink<ended_lease>& ended) {
        auto const at = leases_.find(token);
        if (at == leases_.end()) {
            return ledger_code::unknown_lease;
        }
        lease const had = at->second;
        ended.append({had, lease_end::preempted});
        return drop(token);
    }

    /// Reclaims what was not renewed: every lease whose end is not after `now`, in order of their ends.
    void expire(time_point now, sink<ended_lease>& ended) {
        while (next_expiry() <= now && next_expiry() != never) {
            lease_token const token = by_expiry_.begin()->second;
            ended.append({leases_.at(token), lease_end::expired});
            (void)drop(token);
        }
    }

    /// When the next lease ends; `never` where none does.
    [[nodiscard]] time_point next_expiry() const noexcept {
        return by_expiry_.empty() ? never : by_expiry_.begin()->first;
    }

    /// Forgets an owner that will not come back, so that its number may be used from 1 again; ends its lease.
    void forget_owner(std::uint64_t owner) {
        auto const at = owners_.find(owner);
        if (at == owners_.end()) {
            return;
        }
        if (at->second.token != 0) {
            (void)drop(at->second.token);
        }
        owners_.erase(owner);
    }

    [[nodiscard]] bool contains(host_id id) const noexcept {
        return id.value < loads_.size() && loads_[id.value].present;
    }
    /// \pre contains(id)
    [[nodiscard]] host_state const& host(host_id id) const noexcept {
        HPCSCHED_ASSERT(contains(id));
        return hosts_[id.value];
    }
    /// \pre contains(id)
    [[nodiscard]] host_load const& load(host_id id) const noexcept {
        HPCSCHED_ASSERT(contains(id));
        return loads_[id.value];
    }
    /// One entry for every number up to the largest; `present` tells which are hosts.
    [[nodiscard]] std::span<host_load const> loads() const noexcept { return loads_; }
    [[nodiscard]] std::size_t host_count() const noexcept { return host_count_; }
    /// The hosts by their `host_load::free_count`.
    [[nodiscard]] detail::free_index const& by_free() const noexcept { return by_free_; }

    /// The lease of a token; null where it has ended. Valid until the next change.
    [[nodiscard]] lease const* find(lease_token token) const noexcept {
        auto const at = leases_.find(token);
        return at == leases_.end() ? nullptr : &at->second;
    }
    /// The lease that an owner has; null where it has none.
    [[nodiscard]] lease const* of_owner(std::uint64_t owner) const noexcept {
        auto const at = owners_.find(owner);
        return at == owners_.end() || at->second.token == 0 ? nullptr : find(at->second.token);
    }
    /// The largest sequence number that an owner was granted; 0: none, or it was forgotten.
    [[nodiscard]] std::uint64_t last_sequence(std::uint64_t owner) const noexcept {
        auto const at = owners_.find(owner);
        return at == owners_.end() ? 0 : at->second.sequence;
    }
    /// Owners that were granted a lease, and were not forgotten.
    [[nodiscard]] std::size_t owner_count() const noexcept { return owners_.size(); }
    /// In ascending order of tokens.
    [[nodiscard]] std::map<lease_token, lease> const& leases() const noexcept { return leases_; }

    /// The devices that `acquire` would take on a host; 0 where there are none, or none are wanted.
    ///
    /// Whole devices: from the link group with the fewest free that has enough; else from as few groups as it takes,
    /// those with the most free first. A share or a slice: on the device that has the least left and still fits.
    /// Among equals the lowest number.
    /// \pre contains(id)
    [[nodiscard]] device_mask pick_devices(host_id id, device_request const& request) const noexcept {
        HPCSCHED_ASSERT(contains(id));
        return detail::pick(hosts_[id.value], request);
    }

    /// Whether a host could grant a request now.
    [[nodiscard]] bool has_room(host_id id, device_request const& request) const noexcept {
        return contains(id) && detail::has_room(hosts_[id.value], request);
    }

    /// How many of `leases`, ended first to last, it takes until a host has room for a request; nothing where all of
    /// them are not enough. Those that have ended, or are of other hosts, are passed over.
    /// \complexity O(leases x (log n + devices of the host))
    [[nodiscard]] std::optional<std::size_t> room_without(host_id id, device_request const& request,
                                                          std::span<lease_token const> leases) const {
        if (!contains(id)) {
            return std::nullopt;
        }
        host_state const& h = hosts_[id.value];
        host_state left{h.capacity, {}, h.leased, h.free, h.draining, h.devices, {}};
        for (std::size_t count = 0;; ++count) {
            if (detail::has_room(left, request)) {
                return count;
            }
            if (count == leases.size()) {
                return std::nullopt;
            }
            if (lease const* const l = find(leases[count]); l != nullptr && l->host == id) {
                detail::enter(left, *l, false);
            }
        }
    }

    /// Whether a host could ever grant a request: with nothing leased, on the devices that have not failed.
    [[nodiscard]] bool ever_fits(host_id id, device_request const& request) const noexcept {
        if (!contains(id)) {
            return false;
        }
        host_state const& h = hosts_[id.value];
        auto const suits = [&](device_state const& d) { return detail::suits(d, request); };
        return request.cpu_milli <= h.capacity.cpu_milli && request.host_memory_mib <= h.capacity.memory_mib &&
               std::count_if(h.devices.begin(), h.devices.end(), suits) >= request.count;
    }

    /// Recomputes every account from the leases and subscriptions.
    /// \return the first that differs, or rule that is broken; empty: none
    /// \complexity O(everything)
    [[nodiscard]] std::string check() const;

    friend bool operator==(ledger const& a, ledger const& b) {
        return a.hosts_ == b.hosts_ && a.loads_ == b.loads_ && a.leases_ == b.leases_ && a.owners_ == b.owners_ &&
               a.last_token_ == b.last_token_;
    }

  private:
    friend class ledger_image; // writes it down and reads it back

    static constexpr std::int64_t subscribed_max = std::int64_t{1} << 50U; // x ratio_one is within 64 bits

    struct owner_state {
        std::uint64_t sequence = 0; // the largest it was granted
        lease_token token = 0;      // of the lease it has; 0: none

        friend bool operator==(owner_state const&, owner_state const&) = default;
    };

    static bool sound(host_info const& info) noexcept {
        return resources{info.cpu_milli, info.memory_mib}.sound() &&
               std::all_of(info.devices.begin(), info.devices.end(),
                           [](device_info const& d) { return d.memory_mib <= (std::uint32_t{1} << 30U); });
    }

    static bool same(host_state const& h, host_info const& info) {
        return h.capacity.cpu_milli == info.cpu_milli && h.capacity.memory_mib == info.memory_mib &&
               std::equal(h.devices.begin(), h.devices.end(), info.devices.begin(), info.devices.end(),
                          [](device_state const& d, device_info const& i) { return d.info == i; });
    }

    grant place(std::uint64_t owner, std::uint64_t sequence, host_id id, device_request const& request,
                device_mask chosen, std::int32_t priority, time_point now, duration length) {
        host_state& h = hosts_[id.value];
        if (!ever_fits(id, request)) {
            return {ledger_code::never_fits, {}};
        }
        if (h.draining) {
            return {ledger_code::draining, {}};
        }
        if (!detail::fits_host(h, request)) {
            return {ledger_code::no_room, {}};
        }
        if (chosen == 0 && request.count > 0) {
            chosen = detail::pick(h, request);
            if (chosen == 0) {
                return {ledger_code::no_room, {}};
            }
        } else if (auto const code = detail::judge(h, request, chosen); code != ledger_code::done) {
            return {code, {}};
        }
        lease l{.token = ++last_token_,
                .owner = owner,
                .sequence = sequence,
                .host = id,
                .devices = chosen,
                .request = request,
                .priority = priority,
                .granted = now,
                .expiry = saturating_add(now, length)};
        if (request.sliced()) {
            auto const device = static_cast<std::size_t>(std::countr_zero(chosen));
            l.slices = place_slices(request.slices, h.devices[device].slices);
        }
        account(l, true);
        for_each_device(chosen, [&](std::uint32_t i) { h.devices[i].fence = l.token; });
        leases_.emplace(l.token, l);
        by_expiry_.emplace(l.expiry, l.token);
        owners_.insert_or_assign(owner, owner_state{sequence, l.token});
        return {ledger_code::done, l};
    }

    void account(lease const& l, bool add) {
        detail::enter(hosts_[l.host.value], l, add);
        refresh(l.host);
    }

    ledger_code drop(lease_token token) {
        auto const at = leases_.find(token);
        if (at == leases_.end()) {
            return ledger_code::unknown_lease;
        }
        lease const l = at->second;
        account(l, false);
        by_expiry_.erase({l.expiry, token});
        leases_.erase(at);
        owners_.at(l.owner).token = 0;
        return ledger_code::done;
    }

    void end_all_of(host_id id, device_mask devices, lease_end why, sink<ended_lease>& ended) {
        std::vector<lease_token> tokens;
        for (auto const& [token, l] : leases_) {
            bool const touched = why == lease_end::host_lost || (l.devices & devices) != 0;
            if (l.host == id && touched) {
                tokens.push_back(token);
            }
        }
        for (lease_token const token : tokens) {
            ended.append({leases_.at(token), why});
            (void)drop(token);
        }
    }

    // What follows from the devices: the capacity, the free ones, and the columns that a placement reads.
    void refresh(host_id id) {
        host_state& h = hosts_[id.value];
        host_load& l = loads_[id.value];
        h.capacity.gpu_milli = h.capacity.gpu_memory_mib = 0;
        h.free = 0;
        std::uint32_t device_count_now = 0;
        std::uint32_t free_milli = 0;
        for (std::size_t i = 0; i < h.devices.size(); ++i) {
            device_state const& d = h.devices[i];
            if (d.health == device_health::failed) {
                continue;
            }
            ++device_count_now;
            h.capacity.gpu_milli += whole_device;
            h.capacity.gpu_memory_mib += d.info.memory_mib;
            free_milli += d.takes_leases() ? whole_device - d.leased_milli : 0;
            h.free |= d.wholly_free() ? device_bit(static_cast<std::uint32_t>(i)) : 0;
        }
        device_mask const free = h.draining ? 0 : h.free;
        std::uint32_t group_free_max = 0;
        for (device_mask left = free; left != 0;) {
            device_mask const group = free & h.devices[static_cast<std::size_t>(std::countr_zero(left))].group;
            group_free_max = std::max(group_free_max, device_count(group));
            left &= ~group;
        }
        by_free_.move(id.value, l.free_count, device_count(free));
        l.device_count = static_cast<std::uint16_t>(device_count_now);
        l.free_count = static_cast<std::uint16_t>(device_count(free));
        l.group_free_max = static_cast<std::uint16_t>(group_free_max);
        l.takes_leases = !h.draining;
        l.free_milli = h.draining ? 0 : free_milli;
        refresh_counts(id);
    }

    [[nodiscard]] std::string fault_of(lease const& l, host_state& beside) const;

    // What follows from the subscriptions.
    void refresh_counts(host_id id) {
        host_state const& h = hosts_[id.value];
        host_load& l = loads_[id.value];
        constexpr std::int64_t largest = std::numeric_limits<std::uint32_t>::max();
        std::int64_t const ratio =
            h.capacity.gpu_milli == 0 ? largest : h.subscribed.gpu_milli * host_load::ratio_one / h.capacity.gpu_milli;
        l.subscribed_ratio = static_cast<std::uint32_t>(std::min(ratio, largest));
        l.pending_milli = static_cast<std::uint32_t>(
            std::clamp<std::int64_t>(h.subscribed.gpu_milli - h.leased.gpu_milli, 0, largest));
        l.member_count = static_cast<std::uint32_t>(h.members.size());
    }

    std::vector<host_state> hosts_; // by number
    std::vector<host_load> loads_;  // by number
    detail::free_index by_free_;    // the same by free_count
    std::size_t host_count_ = 0;
    std::map<lease_token, lease> leases_; // ordered: a snapshot is the same on every server
    std::map<std::uint64_t, owner_state> owners_;
    std::set<std::pair<time_point, lease_token>> by_expiry_;
    lease_token last_token_ = 0;
};

// What is wrong with a lease beside those that were entered on its host before.
inline std::string ledger::fault_of(lease const& l, host_state& beside) const {
    std::string const name = "lease " + std::to_string(l.token);
    if (l.token == 0 || l.token > last_token_ || !by_expiry_.contains({l.expiry, l.token})) {
        return name + " has a token that was never granted, or no end";
    }
    auto const owner = owners_.find(l.owner);
    if (owner == owners_.end() || owner->second.token != l.token || owner->second.sequence != l.sequence) {
        return name + " is not its owner's";
    }
    if (!detail::may_hold(beside, l)) {
        return name + " has what its host has not, beside those before it";
    }
    detail::enter(beside, l, true);
    device_mask left = l.devices;
    for (device_state const& d : beside.devices) {
        if ((left & 1U) != 0 && d.fence < l.token) {
            return name + " is behind the fence of its device";
        }
        left >>= 1U;
    }
    return {};
}

inline std::string ledger::check() const {
    auto const held = [](auto const& owner) { return owner.second.token != 0; };
    auto const present = [](host_load const& l) { return l.present; };
    if (hosts_.size() != loads_.size() || by_expiry_.size() != leases_.size() ||
        static_cast<std::size_t>(std::count_if(loads_.begin(), loads_.end(), present)) != host_count_ ||
        static_cast<std::size_t>(std::count_if(owners_.begin(), owners_.end(), held)) != leases_.size()) {
        return "hosts, owners or ends are not as many as they are";
    }
    ledger again; // the same, without leases at first
    again.hosts_ = hosts_;
    again.loads_ = loads_;
    again.by_free_ = by_free_;
    for (host_state& h : again.hosts_) {
        h.leased = {};
        h.subscribed = {};
        for (auto const& [member, amount] : h.members) {
            h.subscribed += amount;
        }
        for (device_state& d : h.devices) {
            d.leased_milli = d.leased_memory_mib = d.lease_count = 0;
            d.slices = 0;
            if (d.fence > last_token_) {
                return "a device's fence was never granted";
            }
        }
    }
    for (auto const& [token, l] : leases_) {
        if (token != l.token || !contains(l.host)) {
            return "lease " + std::to_string(token) + " is another, or on a host that is gone";
        }
        if (std::string fault = fault_of(l, again.hosts_[l.host.value]); !fault.empty()) {
            return fault;
        }
    }
    std::size_t counted = 0;
    for (host_load const& l : loads_) {
        if (l.present) {
            again.refresh(l.host);
        }
        if (again.hosts_[l.host.value] != hosts_[l.host.value] || again.loads_[l.host.value] != l) {
            return "host " + std::to_string(l.host.value) + " has accounts that its leases do not make";
        }
        counted += l.free_count == 0 ? 1U : 0U;
        if (l.free_count > 0 && !by_free_.contains(l.host.value, l.free_count)) {
            return "host " + std::to_string(l.host.value) + " is not found by what it has free";
        }
    }
    for (std::uint32_t free = 1; free <= by_free_.most(); ++free) {
        counted += by_free_.count(free);
    }
    return counted == loads_.size() ? std::string{} : "a host is found by what it has not free";
}

} // namespace hpcsched::gpu

#endif
