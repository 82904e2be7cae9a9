// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/gpu/ledger.hpp>
#include <hpcsched/testing/conformance/lease_book.hpp>

#include <doctest/doctest.h>

#include "draws.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::gpu {
namespace {

using test::draws;
using testing::lease_book;
using code = ledger_code;

/// A ledger beside a book that knows nothing of it but what it is told, and the rules. What a ledger decides by itself,
/// which devices and which token, is judged; everything else must be as the book says.
class pair_of_books {
  public:
    explicit pair_of_books(std::uint64_t seed) : draws_{seed, "ledger"} {}

    std::string wrong;

    void step() {
        now_ += duration{draws_.number<std::int64_t>(2'000'000'000)};
        switch (draws_.below(14)) {
        case 0:
        case 1:
            add_host();
            break;
        case 2:
            if (draws_.one_in(3)) {
                remove_host();
            }
            break;
        case 3:
            drain();
            break;
        case 4:
            change_health();
            break;
        case 5:
            subscribe();
            break;
        case 6:
            renew();
            break;
        case 7:
            release();
            break;
        case 8:
            expire();
            break;
        case 9:
            forget();
            break;
        default:
            acquire();
        }
        compare();
    }

    [[nodiscard]] std::size_t grants() const { return grants_; }

  private:
    void want(bool good, char const* what) {
        if (!good && wrong.empty()) {
            wrong = what;
        }
    }

    void add_host() {
        host_id const id = draws_.host();
        host_info const info = draws_.info();
        auto const amount_is_sound = [](std::int64_t a) { return a >= 0 && a <= std::int64_t{1} << 40U; };
        bool good = id.value < host_count_max && info.devices.size() <= 64 && amount_is_sound(info.cpu_milli) &&
                    amount_is_sound(info.memory_mib);
        for (device_info const& d : info.devices) {
            good = good && d.memory_mib <= 1U << 30U;
        }
        auto const at = book_.hosts.find(id);
        code const expected = !good                     ? code::malformed
                              : at == book_.hosts.end() ? code::done
                              : at->second.info == info ? code::done
                                                        : code::host_exists;
        want(ledger_.add_host(id, info) == expected, "add_host");
        if (good && at == book_.hosts.end()) {
            book_.hosts.try_emplace(id, info);
            members_[id];
        }
    }

    void remove_host() {
        host_id const id = draws_.host();
        buffer<ended_lease> ended;
        bool const there = book_.hosts.contains(id);
        want(ledger_.remove_host(id, ended) == (there ? code::done : code::unknown_host), "remove_host");
        check_ended(ended, lease_end::host_lost, [&](lease const& l) { return l.host == id; });
        book_.hosts.erase(id);
        members_.erase(id);
        std::erase_if(fences_, [id](auto const& f) { return f.first.first == id; });
    }

    void drain() {
        host_id const id = draws_.host();
        bool const draining = draws_.one_in(3);
        auto const at = book_.hosts.find(id);
        want(ledger_.set_draining(id, draining) == (at == book_.hosts.end() ? code::unknown_host : code::done),
             "drain");
        if (at != book_.hosts.end()) {
            at->second.draining = draining;
        }
    }

    void change_health() {
        host_id const id = draws_.host();
        auto const device = draws_.number<std::uint32_t>(7);
        device_health const health = draws_.health();
        auto const at = book_.hosts.find(id);
        bool const there = at != book_.hosts.end() && device < at->second.health.size();
        buffer<ended_lease> ended;
        want(ledger_.set_health(id, device, health, ended) == (there ? code::done : code::unknown_host), "set_health");
        check_ended(ended, lease_end::device_failed, [&](lease const& l) {
            return there && health == device_health::failed && l.host == id && (l.devices >> device & 1U) != 0;
        });
        if (there) {
            at->second.health[device] = health;
        }
    }

    void subscribe() {
        host_id const id = draws_.host();
        std::uint64_t const member = draws_.below(6);
        auto const at = members_.find(id);
        if (draws_.one_in(3)) {
            code const expected = at == members_.end()          ? code::unknown_host
                                  : at->second.contains(member) ? code::done
                                                                : code::unknown_member;
            want(ledger_.unsubscribe(id, member) == expected, "unsubscribe");
            if (at != members_.end()) {
                at->second.erase(member);
            }
            return;
        }
        resources const amount = draws_.subscription();
        code const expected = !amount.sound()        ? code::malformed
                              : at == members_.end() ? code::unknown_host
                                                     : code::done;
        want(ledger_.subscribe(id, member, amount) == expected, "subscribe");
        if (expected == code::done) {
            at->second[member] = amount;
        }
    }

    void renew() {
        lease_token const token = some_token();
        duration const length = draws_.length();
        auto const at = book_.leases.find(token);
        code const expected = at == book_.leases.end() || at->second.expiry <= now_ ? code::unknown_lease
                              : length <= duration{0}                               ? code::malformed
                                                                                    : code::done;
        want(ledger_.renew(token, now_, length) == expected, "renew");
        if (expected == code::done) {
            at->second.expiry = std::max(at->second.expiry, saturating_add(now_, length));
        }
    }

    void release() {
        lease_token const token = some_token();
        bool const there = book_.leases.contains(token);
        buffer<ended_lease> ended;
        code const said = draws_.one_in(2) ? ledger_.release(token) : ledger_.preempt(token, ended);
        want(said == (there ? code::done : code::unknown_lease), "release or preempt");
        want(ended.empty() || (there && ended.items()[0] == ended_lease{book_.leases.at(token), lease_end::preempted}),
             "preempt does not say what ended");
        book_.leases.erase(token);
    }

    void expire() {
        buffer<ended_lease> ended;
        ledger_.expire(now_, ended);
        for (std::size_t i = 1; i < ended.size(); ++i) {
            want(ended.items()[i - 1].what.expiry <= ended.items()[i].what.expiry, "leases expire in another order");
        }
        check_ended(ended, lease_end::expired, [&](lease const& l) { return l.expiry <= now_; });
    }

    void forget() {
        std::uint64_t const owner = draws_.owner();
        ledger_.forget_owner(owner);
        sequences_.erase(owner);
        std::erase_if(book_.leases, [&](auto const& l) { return l.second.owner == owner; });
    }

    void acquire() {
        std::uint64_t const owner = draws_.owner();
        std::uint64_t const sequence = draws_.one_in(4) ? draws_.below(6) : sequences_[owner] + 1;
        host_id const id = draws_.host();
        device_request const r = draws_.request();
        device_mask const chosen = draws_.one_in(4) ? draws_.below(128) : 0;
        auto const priority = static_cast<std::int32_t>(draws_.word());
        duration const length = draws_.length();
        buffer<ended_lease> ended;
        auto const g = ledger_.acquire(owner, sequence, id, r, chosen, priority, now_, length, ended);
        if (owner == 0 || sequence == 0 || !r.sound() || length <= duration{0}) {
            return want(g.code == code::malformed, "acquire of nonsense");
        }
        if (!book_.hosts.contains(id)) {
            return want(g.code == code::unknown_host, "acquire on no host");
        }
        lease const* const had = lease_of(owner);
        if (sequence <= sequences_[owner]) {
            bool const same = had != nullptr && had->sequence == sequence && had->expiry > now_;
            return want(same ? g.code == code::done && g.what == *had : g.code == code::stale, "acquire once more");
        }
        lease_token const own = had == nullptr ? 0 : had->token;
        want(g.code == expected(id, r, chosen, own), "acquire");
        want(ended.size() == (g.code == code::done && own != 0 ? 1 : 0), "acquire ends what it should not");
        if (g.code != code::done) {
            return;
        }
        want(own == 0 || ended.items()[0] == ended_lease{*had, lease_end::replaced}, "acquire replaces another");
        book_.leases.erase(own);
        want(book_.fault_of(g.what).empty(), "acquire grants what is not there");
        want(g.what.token > newest_, "a token is not above the one before it");
        want(chosen == 0 || g.what.devices == chosen, "acquire grants other devices than were chosen");
        lease const plain{g.what.token,  owner, sequence, id,   g.what.devices,
                          g.what.slices, r,     priority, now_, saturating_add(now_, length)};
        want(g.what == plain, "acquire grants something else");
        newest_ = g.what.token;
        sequences_[owner] = sequence;
        for_each_device(g.what.devices, [&](std::uint32_t i) { fences_[{id, i}] = newest_; });
        book_.leases.emplace(newest_, g.what);
        ++grants_;
    }

    // What comes of a request that makes sense, with the owner's own lease out of the way.
    [[nodiscard]] code expected(host_id id, device_request const& r, device_mask chosen, lease_token own) const {
        lease_book::host const& h = book_.hosts.at(id);
        if (!book_.ever_fits(id, r)) {
            return code::never_fits;
        }
        if (h.draining) {
            return code::draining;
        }
        if (!book_.host_has_room(id, r, own)) {
            return code::no_room;
        }
        if (chosen == 0 && r.count > 0) {
            return book_.fits(id, r, own) ? code::done : code::no_room;
        }
        if (device_count(chosen) != r.count) {
            return code::malformed;
        }
        bool suit = true;
        bool take = true;
        bool fit = true;
        for (std::uint32_t i = 0; i < 64; ++i) {
            if ((chosen >> i & 1U) == 0) {
                continue;
            }
            if (i >= h.health.size()) {
                return code::unknown_host;
            }
            suit = suit && book_.device_suits(id, i, r);
            take = take && h.health[i] == device_health::healthy;
            fit = fit && book_.device_has_room(id, i, r, own);
        }
        return !suit ? code::never_fits : !take ? code::draining : !fit ? code::no_room : code::done;
    }

    template <class Predicate>
    void check_ended(buffer<ended_lease> const& ended, lease_end why, Predicate const& ends) {
        std::map<lease_token, lease> said;
        for (ended_lease const& e : ended.items()) {
            want(e.why == why && said.emplace(e.what.token, e.what).second,
                 "a lease ends twice, or for another reason");
        }
        std::map<lease_token, lease> expected;
        for (auto const& [token, l] : book_.leases) {
            if (ends(l)) {
                expected.emplace(token, l);
            }
        }
        want(said == expected, "other leases end than should");
        std::erase_if(book_.leases, [&](auto const& l) { return expected.contains(l.first); });
    }

    [[nodiscard]] lease const* lease_of(std::uint64_t owner) const {
        lease const* found = nullptr;
        for (auto const& [token, l] : book_.leases) {
            found = l.owner == owner ? &l : found;
        }
        return found;
    }
    [[nodiscard]] lease_token some_token() {
        if (book_.leases.empty() || draws_.one_in(5)) {
            return draws_.one_in(2) ? draws_.below(newest_ + 2) : draws_.word();
        }
        return std::next(book_.leases.begin(), draws_.number<std::ptrdiff_t>(book_.leases.size()))->first;
    }

    void compare() {
        if (std::string const fault = ledger_.check(); !fault.empty() && wrong.empty()) {
            wrong = "check: " + fault;
        }
        want(ledger_.leases() == book_.leases, "the leases are not the same");
        want(ledger_.host_count() == book_.hosts.size(), "the hosts are not as many");
        time_point next = never;
        for (auto const& [token, l] : book_.leases) {
            next = std::min(next, l.expiry);
            lease const* const has = ledger_.of_owner(l.owner);
            want(has != nullptr && *has == l, "an owner's lease is not found");
        }
        want(ledger_.next_expiry() == next, "the next end is not the earliest");
        for (auto const& [id, h] : book_.hosts) {
            want(ledger_.contains(id), "a host is not there");
            compare_host(id, h);
        }
        for (auto const& [owner, sequence] : sequences_) {
            want(ledger_.last_sequence(owner) == sequence, "an owner's number is another");
        }
    }

    void compare_host(host_id id, lease_book::host const& h) {
        host_state const& seen = ledger_.host(id);
        host_load const& load = ledger_.load(id);
        resources leased{book_.cpu_milli_of(id), book_.memory_mib_of(id)};
        std::size_t alive = 0;
        std::size_t free = 0;
        std::map<std::uint16_t, std::size_t> free_of_group;
        std::int64_t free_milli = 0;
        for (std::uint32_t i = 0; i < h.health.size(); ++i) {
            device_state const& d = seen.devices[i];
            lease_book::taken const t = book_.of_device(id, i);
            want(d.info == h.info.devices[i] && d.health == h.health[i] && d.lease_count == t.lease_count,
                 "a device is not what it is");
            want(d.leased_milli <= 1000 && d.leased_memory_mib <= d.info.memory_mib, "a device is leased too much of");
            want(d.info.sliced || t.lease_count == 0 || d.leased_milli == t.milli, "a device's share is another");
            for (std::size_t k = 0; k < 8; ++k) {
                want((d.slices >> k & 1U) == (t.slices[k] ? 1U : 0U), "a device has other slices");
            }
            auto const fence = fences_.find({id, i});
            want(d.fence == (fence == fences_.end() ? 0 : fence->second), "a fence is not the newest token");
            leased += {0, 0, d.leased_milli, d.leased_memory_mib};
            bool const takes = h.health[i] == device_health::healthy && !h.draining;
            bool const is_free = takes && t.lease_count == 0 && !d.info.sliced;
            alive += h.health[i] != device_health::failed ? 1U : 0U;
            free += is_free ? 1U : 0U;
            free_of_group[d.info.link_group] += is_free ? 1U : 0U;
            free_milli += takes ? 1000 - d.leased_milli : 0;
        }
        std::size_t group_free_max = 0;
        for (auto const& [group, count] : free_of_group) {
            group_free_max = std::max(group_free_max, count);
        }
        resources subscribed;
        for (auto const& [member, amount] : members_.at(id)) {
            subscribed += amount;
        }
        want(seen.leased == leased && seen.subscribed == subscribed && seen.members == members_.at(id),
             "a host's accounts are others");
        want(load.host == id && load.present && load.takes_leases == !h.draining && load.device_count == alive &&
                 load.free_count == free && load.group_free_max == group_free_max && load.free_milli == free_milli &&
                 load.member_count == members_.at(id).size(),
             "a host's load is another");
        constexpr std::int64_t largest = std::numeric_limits<std::uint32_t>::max();
        std::int64_t const capacity = static_cast<std::int64_t>(alive) * 1000;
        std::int64_t const ratio = capacity == 0 ? largest : std::min(subscribed.gpu_milli * 1024 / capacity, largest);
        std::int64_t const pending = std::clamp<std::int64_t>(subscribed.gpu_milli - leased.gpu_milli, 0, largest);
        want(load.subscribed_ratio == ratio && load.pending_milli == pending, "a host's ratio is another");
    }

    draws draws_;
    ledger ledger_;
    lease_book book_;
    std::map<host_id, std::map<std::uint64_t, resources>> members_;
    std::map<std::uint64_t, std::uint64_t> sequences_;
    std::map<std::pair<host_id, std::uint32_t>, lease_token> fences_;
    lease_token newest_ = 0;
    time_point now_{};
    std::size_t grants_ = 0;
};

} // namespace

TEST_CASE("ledger: whatever is asked of it, it is as a plain book of leases says") {
    std::size_t grants = 0;
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        pair_of_books both{seed};
        for (int step = 0; step < 500 && both.wrong.empty(); ++step) {
            both.step();
        }
        CAPTURE(seed);
        REQUIRE(both.wrong == std::string{});
        grants += both.grants();
    }
    CHECK(grants > 1000);
}

} // namespace hpcsched::gpu
