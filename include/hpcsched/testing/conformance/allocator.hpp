// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_CONFORMANCE_ALLOCATOR_HPP
#define HPCSCHED_TESTING_CONFORMANCE_ALLOCATOR_HPP

#include <hpcsched/core/random.hpp>
#include <hpcsched/core/sink.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/allocator.hpp>
#include <hpcsched/gpu/device.hpp>
#include <hpcsched/gpu/lease.hpp>
#include <hpcsched/gpu/queueing.hpp>
#include <hpcsched/testing/conformance/lease_book.hpp>

#include <boost/random/uniform_int_distribution.hpp>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace hpcsched::testing {

struct allocator_check_options {
    std::uint64_t seeds = 30;
    std::size_t steps = 300; ///< events of each seed
    std::uint32_t host_count = 4;
    bool in_order = false;        ///< nobody passes who is more urgent, or as urgent and waits for longer
    bool nobody_passes_by = true; ///< who waits, or in order the first, has no room anywhere
    bool preempts = false;        ///< leases may end for something more urgent
};

namespace detail {

/// What an allocator has been told, and has said, so far; judges what it says next.
class allocator_book {
  public:
    explicit allocator_book(allocator_check_options const& options) : options_{options} {}

    lease_book book;
    std::map<std::uint64_t, gpu::waiting_want> waiting; ///< by owner
    std::map<std::uint64_t, std::uint64_t> granted;     ///< the largest number that an owner had a lease for
    std::optional<time_point> armed;
    std::string wrong; ///< the first rule that was broken

    /// An event begins; nothing but a want may be answered.
    void begin(time_point now) {
        now_ = now;
        asked_.reset();
        answers_ = 0;
        refused_ = false;
        gone_.reset();
        failed_.reset();
        lost_a_host_ = false;
    }
    void asks(gpu::lease_want const& w) { asked_ = w; }
    void host_is_gone(gpu::host_id h) {
        gone_ = h;
        lost_a_host_ = true;
    }
    void device_failed(gpu::host_id h, std::uint32_t device) {
        failed_ = std::pair{h, device};
        lost_a_host_ = true;
    }

    void hears(gpu::allocator_command const& c) {
        std::visit([&](auto const& what) { take(what); }, c);
    }

    /// The event is over: all that it asks for has been said.
    void end() {
        if (asked_ && answers_ != 1) {
            fail("a want is answered " + std::to_string(answers_) + " times");
        }
        std::optional<time_point> next;
        for (auto const& [token, l] : book.leases) {
            if (l.expiry <= now_) {
                fail("a lease outlives its end");
            }
            if (l.expiry != never) {
                next = std::min(next.value_or(never), l.expiry);
            }
        }
        if (!taken_.empty()) {
            fail("a lease was taken for nobody");
        }
        if (next && (!armed || *armed > *next)) {
            fail("nobody will be told when a lease ends");
        }
        if (options_.nobody_passes_by) {
            look_for_room();
        }
    }

    void fail(std::string const& what) {
        if (wrong.empty()) {
            wrong = what;
        }
    }

    /// Who is the first of those that wait, by urgency and then by age; null where nobody does.
    [[nodiscard]] gpu::waiting_want const* first() const {
        gpu::waiting_want const* found = nullptr;
        for (auto const& [owner, w] : waiting) {
            if (found == nullptr || w.what.priority > found->what.priority ||
                (w.what.priority == found->what.priority && w.number < found->number)) {
                found = &w;
            }
        }
        return found;
    }

  private:
    void take(gpu::lease_granted const& c) {
        gpu::lease const& l = c.what;
        forget_what_is_replaced();
        bool const is_asked = asked_ && asked_->owner == l.owner && asked_->sequence == l.sequence;
        if (auto const at = book.leases.find(l.token); at != book.leases.end()) { // once more
            if (!is_asked || at->second != l) {
                fail("a lease is granted twice, or is not what it was");
            }
            ++answers_;
            return;
        }
        auto const waits = waiting.find(l.owner);
        bool const was_waiting = waits != waiting.end() && waits->second.what.sequence == l.sequence;
        if (!is_asked && !was_waiting) {
            return fail("a lease is granted that nobody wants");
        }
        gpu::lease_want const w = is_asked ? *asked_ : waits->second.what;
        answers_ += is_asked ? 1U : 0U;
        judge_grant(l, w);
        if (options_.in_order) {
            gpu::waiting_want const* const before = first();
            bool const passes =
                before != nullptr && before->what.owner != l.owner &&
                (before->what.priority > w.priority ||
                 (before->what.priority == w.priority && (is_asked || before->number < waits->second.number)));
            if (passes) {
                fail("a want passes one that comes before it");
            }
        }
        waiting.erase(l.owner);
        granted[l.owner] = l.sequence;
        book.leases.emplace(l.token, l);
        newest_ = l.token;
    }

    // What was asked was not refused, which comes first: a smaller number of its owner waits no more.
    void forget_what_is_replaced() {
        if (asked_ && !refused_) {
            std::erase_if(waiting, [&](auto const& w) {
                return w.first == asked_->owner && w.second.what.sequence < asked_->sequence;
            });
        }
    }

    void judge_grant(gpu::lease const& l, gpu::lease_want const& w) {
        if (l.token <= newest_) {
            fail("a token is not above the one before it");
        }
        if (std::string const fault = book.fault_of(l); !fault.empty()) {
            fail("a lease cannot be: " + fault);
        }
        if (!w.hosts.empty() && std::find(w.hosts.begin(), w.hosts.end(), l.host) == w.hosts.end()) {
            fail("a lease is on a host that was not asked for");
        }
        if (l.request != w.request || l.priority != w.priority || l.granted != now_ ||
            l.expiry != saturating_add(now_, w.length)) {
            fail("a lease is not what was wanted");
        }
        if (l.sequence <= granted[l.owner]) {
            fail("an owner is granted a number that is past");
        }
        for (auto const& [token, other] : book.leases) {
            if (other.owner == l.owner) {
                fail("an owner has two leases");
            }
        }
        for (gpu::lease const& victim : taken_) {
            if (victim.host != l.host || victim.priority >= l.priority) {
                fail("a lease was taken for something that is elsewhere, or no more urgent");
            }
        }
        taken_.clear();
    }

    void take(gpu::lease_ended const& c) {
        gpu::lease const& l = c.what.what;
        auto const at = book.leases.find(l.token);
        if (at == book.leases.end()) {
            return fail("a lease ends that is not there");
        }
        bool right = false;
        switch (c.what.why) {
        case gpu::lease_end::expired:
            right = at->second.expiry <= now_;
            break;
        case gpu::lease_end::host_lost:
            right = gone_ == l.host;
            break;
        case gpu::lease_end::device_failed:
            right = failed_ && failed_->first == l.host && (l.devices >> failed_->second & 1U) != 0;
            break;
        case gpu::lease_end::replaced:
            right = (asked_ && asked_->owner == l.owner) || waiting.contains(l.owner);
            break;
        case gpu::lease_end::preempted:
            right = options_.preempts;
            taken_.push_back(l);
            break;
        case gpu::lease_end::released:
            break; // its owner knows
        }
        if (!right) {
            fail("a lease ends for no reason");
        }
        book.leases.erase(at);
    }

    void take(gpu::want_refused const& c) {
        bool const is_asked = asked_ && asked_->owner == c.owner && asked_->sequence == c.sequence;
        auto const waits = waiting.find(c.owner);
        if (is_asked) {
            ++answers_;
            refused_ = true;
            judge_refusal(c.why);
            return;
        }
        bool const hopeless = lost_a_host_ && c.why == gpu::ledger_code::never_fits && waits != waiting.end() &&
                              waits->second.what.sequence == c.sequence && !could_ever(waits->second.what);
        if (!hopeless) {
            return fail("a want is refused that waits, and could be served");
        }
        waiting.erase(waits);
    }

    void judge_refusal(gpu::ledger_code why) {
        gpu::lease_want const& w = *asked_;
        auto const waits = waiting.find(w.owner);
        bool const past =
            w.sequence <= granted[w.owner] || (waits != waiting.end() && w.sequence < waits->second.what.sequence);
        bool const sound = w.owner != 0 && w.sequence != 0 && w.request.sound() && w.length > duration{0};
        bool right = false;
        switch (why) {
        case gpu::ledger_code::malformed:
            right = !sound;
            break;
        case gpu::ledger_code::stale:
            right = past;
            break;
        case gpu::ledger_code::never_fits:
            right = !could_ever(w);
            break;
        default:
            break;
        }
        if (!right) {
            fail("a want is refused for no reason");
        }
    }

    void take(gpu::want_queued const& c) {
        if (!asked_ || asked_->owner != c.owner || asked_->sequence != c.sequence) {
            return fail("a want is queued that nobody asked about");
        }
        ++answers_;
        auto const waits = waiting.find(c.owner);
        if (waits == waiting.end() || waits->second.what.sequence != c.sequence) {
            waiting[c.owner] = {*asked_, now_, ++arrivals_};
        }
    }

    void take(gpu::arm_timer const& c) {
        if (c.deadline <= now_ || c.deadline == never) {
            fail("a timer is set for the past, or for no time");
        }
        if (armed == c.deadline) {
            fail("a timer is set that is set already");
        }
        armed = c.deadline;
    }

    [[nodiscard]] bool could_ever(gpu::lease_want const& w) const {
        return any_host(w, [&](gpu::host_id h) { return book.ever_fits(h, w.request); });
    }

    template <class Predicate>
    [[nodiscard]] bool any_host(gpu::lease_want const& w, Predicate const& good) const {
        if (!w.hosts.empty()) {
            return std::any_of(w.hosts.begin(), w.hosts.end(), good);
        }
        return std::any_of(book.hosts.begin(), book.hosts.end(), [&](auto const& h) { return good(h.first); });
    }

    void look_for_room() {
        for (auto const& [owner, w] : waiting) {
            if (options_.in_order && &w != first()) {
                continue;
            }
            gpu::lease const* own = nullptr; // ends where the want is served
            for (auto const& [token, l] : book.leases) {
                own = l.owner == owner ? &l : own;
            }
            bool const room = any_host(w.what, [&](gpu::host_id h) {
                return book.fits(h, w.what.request, own != nullptr && own->host == h ? own->token : 0);
            });
            if (room) {
                fail("a want waits although there is room for it");
            }
        }
    }

    allocator_check_options options_;
    time_point now_{};
    std::optional<gpu::lease_want> asked_;
    std::size_t answers_ = 0;
    bool refused_ = false;
    std::optional<gpu::host_id> gone_;
    std::optional<std::pair<gpu::host_id, std::uint32_t>> failed_;
    bool lost_a_host_ = false;
    std::vector<gpu::lease> taken_; ///< for the next that is granted
    gpu::lease_token newest_ = 0;
    std::uint64_t arrivals_ = 0;
};

/// Draws what happens to an allocator, and has its commands judged.
template <class Allocator>
class allocator_check {
  public:
    allocator_check(Allocator allocator, std::uint64_t seed, allocator_check_options const& options)
        : allocator_{std::move(allocator)}, options_{options}, book_{options}, bits_{seed, "allocator"} {}

    [[nodiscard]] std::string run() {
        for (std::uint32_t h = 0; h < options_.host_count; ++h) {
            join(gpu::host_id{h});
        }
        for (std::size_t step = 0; step < options_.steps && book_.wrong.empty(); ++step) {
            pass(duration{static_cast<std::int64_t>(below(3) * below(1'000'000'000))});
            act();
        }
        finish();
        return book_.wrong;
    }

  private:
    [[nodiscard]] std::uint64_t below(std::uint64_t count) {
        return boost::random::uniform_int_distribution<std::uint64_t>{0, count - 1}(bits_);
    }
    [[nodiscard]] gpu::host_id any_host() {
        return gpu::host_id{static_cast<std::uint32_t>(below(options_.host_count))};
    }

    template <class Event>
    void tell(Event const& e) {
        commands_.clear();
        allocator_.handle(e, now_, commands_);
        for (gpu::allocator_command const& c : commands_.items()) {
            book_.hears(c);
        }
        book_.end();
        auto const& kept = allocator_.state().leases();
        if (kept != book_.book.leases) {
            book_.fail("its ledger does not hold what it said");
        }
        if (std::string const fault = allocator_.state().check(); !fault.empty()) {
            book_.fail("its ledger does not add up: " + fault);
        }
    }

    // Time passes; timers go off when they are due.
    void pass(duration length) {
        time_point const end = saturating_add(now_, length);
        while (book_.armed && *book_.armed <= end && book_.wrong.empty()) {
            now_ = std::max(now_, *book_.armed);
            book_.begin(now_);
            book_.armed.reset();
            tell(gpu::timer_due{});
        }
        now_ = end;
    }

    void act() {
        book_.begin(now_);
        switch (below(16)) {
        case 0:
            join(any_host());
            break;
        case 1:
            leave(any_host());
            break;
        case 2:
            drain(any_host(), below(2) == 0);
            break;
        case 3:
            change(any_host(), static_cast<std::uint32_t>(below(9)), static_cast<gpu::device_health>(below(3)));
            break;
        case 4: {
            std::uint64_t const owner = 1 + below(12);
            book_.waiting.erase(owner);
            tell(gpu::want_withdrawn{owner});
            break;
        }
        case 5:
            give_up(1 + below(12));
            break;
        case 6:
        case 7:
        case 8:
            give_back(some_lease());
            break;
        case 9:
            renew(some_lease());
            break;
        default:
            want(1 + below(12));
        }
    }

    void join(gpu::host_id h) {
        auto info = gpu::uniform_host(static_cast<std::size_t>(1 + below(8)));
        for (gpu::device_info& d : info.devices) {
            d.sliced = below(8) == 0;
            d.link_group = static_cast<std::uint16_t>(below(2));
        }
        book_.begin(now_);
        book_.book.hosts.try_emplace(h, info);
        tell(gpu::host_joined{h, info});
    }
    void leave(gpu::host_id h) {
        book_.book.hosts.erase(h);
        book_.host_is_gone(h);
        tell(gpu::host_left{h});
    }
    void drain(gpu::host_id h, bool draining) {
        if (auto const at = book_.book.hosts.find(h); at != book_.book.hosts.end()) {
            at->second.draining = draining;
        }
        tell(gpu::host_drained{h, draining});
    }
    void change(gpu::host_id h, std::uint32_t device, gpu::device_health health) {
        auto const at = book_.book.hosts.find(h);
        if (at != book_.book.hosts.end() && device < at->second.health.size()) {
            at->second.health[device] = health;
            if (health == gpu::device_health::failed) {
                book_.device_failed(h, device);
            }
        }
        tell(gpu::device_changed{h, device, health});
    }

    [[nodiscard]] gpu::lease_token some_lease() {
        auto const& leases = book_.book.leases;
        if (leases.empty() || below(10) == 0) {
            return below(50); // maybe one that has ended
        }
        return std::next(leases.begin(), static_cast<std::ptrdiff_t>(below(leases.size())))->first;
    }
    // What has expired is reclaimed before the event, and said; so the book must not know of the return before.
    void give_back(gpu::lease_token token) {
        auto const at = book_.book.leases.find(token);
        if (at != book_.book.leases.end() && at->second.expiry > now_) {
            book_.book.leases.erase(at);
        }
        tell(gpu::lease_returned{token});
    }
    void renew(gpu::lease_token token) {
        duration const length = below(8) == 0 ? unlimited : duration{static_cast<std::int64_t>(below(4'000'000'000))};
        auto const at = book_.book.leases.find(token);
        if (at != book_.book.leases.end() && at->second.expiry > now_ && length > duration{0}) {
            at->second.expiry = std::max(at->second.expiry, saturating_add(now_, length));
        }
        tell(gpu::lease_renewed{token, length});
    }
    void give_up(std::uint64_t owner) {
        book_.waiting.erase(owner);
        book_.granted.erase(owner);
        std::erase_if(book_.book.leases,
                      [&](auto const& l) { return l.second.owner == owner && l.second.expiry > now_; });
        sequence_.erase(owner);
        tell(gpu::owner_gone{owner});
    }

    void want(std::uint64_t owner) {
        gpu::lease_want w;
        w.owner = below(60) == 0 ? 0 : owner;
        std::uint64_t& next = sequence_[owner];
        next += below(4) > 0 ? 1U : 0U; // now and then the same again, or an old one
        w.sequence = below(20) == 0 ? below(next + 1) : next;
        w.request.count = static_cast<std::uint16_t>(std::uint64_t{1} << below(4));
        std::uint64_t const kind = below(12);
        if (kind == 0) {
            w.request.milli = static_cast<std::uint32_t>(below(1100));
            w.request.memory_mib = static_cast<std::uint32_t>(below(60'000));
        } else if (kind == 1) {
            w.request.count = 1;
            w.request.slices = gpu::slice_2g;
        } else if (kind == 2) {
            w.request.cpu_milli = static_cast<std::int64_t>(below(70'000));
            w.request.count = static_cast<std::uint16_t>(below(3));
        }
        for (std::uint64_t left = below(3) == 0 ? 1 + below(3) : 0; left > 0; --left) {
            w.hosts.push_back(any_host());
        }
        w.priority = static_cast<std::int32_t>(below(3));
        w.tenant = static_cast<std::uint32_t>(below(3));
        w.expected_run = duration{static_cast<std::int64_t>(below(1'000'000'000))};
        w.length = below(2) == 0 ? unlimited : duration{static_cast<std::int64_t>(below(5'000'000'000))};
        book_.asks(w);
        tell(gpu::lease_wanted{w});
    }

    // All is given back, and all hosts are whole: then nobody may wait who could be served by one of them.
    void finish() {
        for (std::uint32_t h = 0; h < options_.host_count; ++h) {
            gpu::host_id const id{h};
            book_.begin(now_);
            drain(id, false);
            for (std::uint32_t device = 0; device < 8; ++device) {
                book_.begin(now_);
                change(id, device, gpu::device_health::healthy);
            }
        }
        while (!book_.book.leases.empty() && book_.wrong.empty()) {
            book_.begin(now_);
            give_back(book_.book.leases.begin()->first);
        }
        if (!book_.waiting.empty()) {
            book_.fail("a want waits for ever");
        }
    }

    Allocator allocator_;
    allocator_check_options options_;
    allocator_book book_;
    random_stream bits_;
    time_point now_{std::chrono::seconds{1}};
    std::map<std::uint64_t, std::uint64_t> sequence_;
    buffer<gpu::allocator_command> commands_;
};

} // namespace detail

/// What takes the events of `gpu::allocator`, answers with its commands and shows its ledger.
template <class A>
concept grants_leases =
    std::movable<A> && requires(A& a, A const& seen, time_point now, sink<gpu::allocator_command>& out) {
        a.handle(gpu::lease_wanted{}, now, out);
        a.handle(gpu::want_withdrawn{}, now, out);
        a.handle(gpu::owner_gone{}, now, out);
        a.handle(gpu::lease_returned{}, now, out);
        a.handle(gpu::lease_renewed{}, now, out);
        a.handle(gpu::host_joined{}, now, out);
        a.handle(gpu::host_left{}, now, out);
        a.handle(gpu::host_drained{}, now, out);
        a.handle(gpu::device_changed{}, now, out);
        a.handle(gpu::timer_due{}, now, out);
        { seen.state() } -> std::same_as<gpu::ledger const&>;
    };

/// Uses an allocator at random and judges what it says by a book of its own:
///
/// * a lease is what was wanted, where it was wanted, on devices that are there, take leases and are nobody else's;
///   tokens grow, an owner has one lease, and none for a number that is past;
/// * a lease ends for a reason that there is, and none outlives its end;
/// * every want is answered once; one that waits is granted later or was hopeless; none waits where there is room;
/// * a timer is set before the next lease ends, never in the past or twice for one time.
///
/// \param make  returns a new allocator
/// \return the first rule that was broken, with the seed; empty: none
template <std::invocable Make>
    requires grants_leases<std::invoke_result_t<Make&>>
[[nodiscard]] std::vector<std::string> check_allocator(Make make, allocator_check_options const& options = {}) {
    for (std::uint64_t seed = 1; seed <= options.seeds; ++seed) {
        using made = std::invoke_result_t<Make&>;
        std::string const wrong = detail::allocator_check<made>{make(), seed, options}.run();
        if (!wrong.empty()) {
            return {"seed " + std::to_string(seed) + ": " + wrong};
        }
    }
    return {};
}

} // namespace hpcsched::testing

#endif
