// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/gpu/allocator.hpp>
#include <hpcsched/testing/conformance/allocator.hpp>

#include <doctest/doctest.h>

#include "site.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace hpcsched::gpu {
namespace {

using namespace test;
using code = ledger_code;

/// What an allocator says, in short.
struct told {
    enum kind : std::uint8_t { granted, refused, queued, ended, armed } what{};
    std::uint64_t who = 0; ///< the owner; of a timer the second that it is set for
    std::uint64_t how = 0; ///< of a grant the host, else the code or reason

    friend bool operator==(told const&, told const&) = default;
};

told in_short(lease_granted const& c) {
    return {told::granted, c.what.owner, c.what.host.value};
}
told in_short(want_refused const& c) {
    return {told::refused, c.owner, static_cast<std::uint64_t>(c.why)};
}
told in_short(want_queued const& c) {
    return {told::queued, c.owner, 0};
}
told in_short(lease_ended const& c) {
    return {told::ended, c.what.what.owner, static_cast<std::uint64_t>(c.what.why)};
}
told in_short(arm_timer const& c) {
    return {told::armed, static_cast<std::uint64_t>(c.deadline.time_since_epoch() / 1s), 0};
}

using tale = std::vector<told>;

told grant(std::uint64_t owner, std::uint64_t host = 0) {
    return {told::granted, owner, host};
}
told refuse(std::uint64_t owner, code why) {
    return {told::refused, owner, static_cast<std::uint64_t>(why)};
}
told queue(std::uint64_t owner) {
    return {told::queued, owner, 0};
}
told end(std::uint64_t owner, lease_end why) {
    return {told::ended, owner, static_cast<std::uint64_t>(why)};
}
told arm(std::uint64_t second) {
    return {told::armed, second, 0};
}

template <class Allocator = allocator<>>
struct desk {
    Allocator a;
    buffer<allocator_command> out;

    explicit desk(std::vector<host_info> const& hosts, Allocator made = Allocator{}) : a{std::move(made)} {
        for (std::uint32_t i = 0; i < hosts.size(); ++i) {
            CHECK(tell(host_joined{host_id{i}, hosts[i]}).empty());
        }
    }

    template <class Event>
    tale tell(Event const& e, duration now = 0s) {
        out.clear();
        a.handle(e, at(now), out);
        tale all;
        for (allocator_command const& c : out.items()) {
            all.push_back(std::visit([](auto const& what) { return in_short(what); }, c));
        }
        CHECK(a.state().check() == std::string{});
        return all;
    }
    tale want(std::uint64_t owner, std::uint16_t count, lease_want w = {}, duration now = 0s) {
        w.owner = owner;
        w.sequence = w.sequence == 0 ? 1 : w.sequence;
        w.request.count = count;
        return tell(lease_wanted{w}, now);
    }
    tale give_back(std::uint64_t owner, duration now = 0s) {
        lease const* const l = a.state().of_owner(owner);
        REQUIRE(l != nullptr);
        return tell(lease_returned{l->token}, now);
    }
};

} // namespace

TEST_CASE(
    "allocator: a want is granted where there is room, queued where there will be, refused where there never is") {
    desk d{{uniform_host(4), uniform_host(2)}};
    CHECK(d.want(1, 4) == tale{grant(1)});
    CHECK(d.want(2, 3) == tale{queue(2)});
    CHECK(d.want(3, 5) == tale{refuse(3, code::never_fits)});
    CHECK(d.want(0, 1) == tale{refuse(0, code::malformed)});
    CHECK(d.want(4, 1, {.length = 0s}) == tale{refuse(4, code::malformed)});
    CHECK(d.want(4, 65) == tale{refuse(4, code::malformed)});
    CHECK(d.a.waiting_count() == 1);
    CHECK(d.give_back(1) == tale{grant(2)});
    CHECK(d.a.waiting_count() == 0);
    desk nobody{{}};
    CHECK(nobody.want(1, 1) == tale{refuse(1, code::never_fits)});
}

TEST_CASE("allocator: who asks again is told the same again") {
    desk d{{uniform_host(4)}};
    CHECK(d.want(1, 4) == tale{grant(1)});
    lease const first = *d.a.state().of_owner(1);
    CHECK(d.want(1, 2) == tale{grant(1)});
    CHECK(*d.a.state().of_owner(1) == first);
    CHECK(d.want(2, 1) == tale{queue(2)});
    CHECK(d.want(2, 1) == tale{queue(2)});
    CHECK(d.a.waiting_count() == 1);
    CHECK(d.give_back(1) == tale{grant(2)});
    CHECK(d.want(1, 4) == tale{refuse(1, code::stale)}); // it has ended
    CHECK(d.want(1, 4, {.sequence = 2}) == tale{queue(1)});
    CHECK(d.want(1, 4, {.sequence = 1}) == tale{refuse(1, code::stale)});
}

TEST_CASE("allocator: a larger number replaces what waits, unless it is refused") {
    desk d{{uniform_host(4)}};
    CHECK(d.want(1, 4) == tale{grant(1)});
    CHECK(d.want(2, 1) == tale{queue(2)});
    CHECK(d.want(3, 1) == tale{queue(3)});
    CHECK(d.want(2, 5, {.sequence = 2}) == tale{refuse(2, code::never_fits)});
    CHECK(d.a.waiting()[0].what.sequence == 1);
    CHECK(d.want(2, 3, {.sequence = 2}) == tale{queue(2)}); // and comes last now
    CHECK(d.a.waiting()[1].what.sequence == 2);
    CHECK(d.want(2, 1) == tale{refuse(2, code::stale)});
    CHECK(d.give_back(1) == tale{grant(3), grant(2)});
}

TEST_CASE("allocator: a larger number replaces the lease that the owner has, whose devices count as free for it") {
    desk d{{uniform_host(4), uniform_host(2)}};
    CHECK(d.want(1, 3) == tale{grant(1)});
    CHECK(d.want(2, 1) == tale{grant(2, 1)});
    CHECK(d.want(1, 4, {.sequence = 2}) == tale{end(1, lease_end::replaced), grant(1)});
    CHECK(d.a.state().leases().size() == 2);
    CHECK(d.want(3, 2) == tale{queue(3)});
    CHECK(d.want(1, 1, {.sequence = 3, .hosts = {host_id{1}}}) == tale{queue(1)}); // behind who waits
    CHECK(d.a.state().of_owner(1)->sequence == 2);                                 // and it has what it had
    CHECK(d.give_back(1) == tale{grant(3), grant(1, 1)});
}

TEST_CASE("allocator: nobody passes who comes later, so large requests do not starve") {
    desk d{{uniform_host(4)}};
    CHECK(d.want(1, 3) == tale{grant(1)});
    CHECK(d.want(2, 2) == tale{queue(2)});
    CHECK(d.want(3, 1) == tale{queue(3)}); // there is one free
    CHECK(d.want(4, 4, {.priority = 1}) == tale{queue(4)});
    CHECK(d.give_back(1) == tale{grant(4)});
    CHECK(d.give_back(4) == tale{grant(2), grant(3)});
}

TEST_CASE("allocator: others pass as long as the first is patient") {
    desk d{{uniform_host(4)}, allocator<least_loaded, fifo>{{}, fifo{.patience = 60s}}};
    CHECK(d.want(1, 3) == tale{grant(1)});
    CHECK(d.want(2, 2) == tale{queue(2)});
    CHECK(d.want(3, 1, {}, 59s) == tale{grant(3)});
    CHECK(d.give_back(3, 60s).empty());
    CHECK(d.want(4, 1, {}, 60s) == tale{queue(4)});
    CHECK(d.give_back(1, 61s) == tale{grant(2), grant(4)});
}

TEST_CASE("allocator: the shortest run goes first where that is the policy, and usage decides between tenants") {
    desk d{{uniform_host(1)}, allocator<least_loaded, shortest_first>{}};
    CHECK(d.want(1, 1) == tale{grant(1)});
    CHECK(d.want(2, 1, {.expected_run = 60s}) == tale{queue(2)});
    CHECK(d.want(3, 1, {.expected_run = 5s}) == tale{queue(3)});
    CHECK(d.give_back(1) == tale{grant(3)});
    desk shared{{uniform_host(3)}, allocator<least_loaded, fair_share>{{}, fair_share{{{1, 2000}, {2, 1000}}}}};
    CHECK(shared.want(1, 3, {.tenant = 1}) == tale{grant(1)}); // while nobody else wants anything
    CHECK(shared.a.usage() == tenant_usage{{1, 3000}});
    CHECK(shared.want(2, 1, {.tenant = 1}) == tale{queue(2)});
    CHECK(shared.want(3, 1, {.tenant = 2}) == tale{queue(3)});
    CHECK(shared.want(4, 1, {.tenant = 1}) == tale{queue(4)});
    CHECK(shared.want(5, 1, {.tenant = 2}) == tale{queue(5)});
    CHECK(shared.give_back(1) == tale{grant(2), grant(3), grant(4)}); // within the quotas, the second time by need
    CHECK(shared.a.usage() == tenant_usage{{1, 2000}, {2, 1000}});
    CHECK(shared.give_back(2) == tale{grant(5)});
    CHECK(shared.give_back(4).empty());
    CHECK(shared.a.usage() == tenant_usage{{2, 2000}});
}

TEST_CASE("allocator: who names hosts gets the first of them that has room, and no other") {
    desk d{{uniform_host(2), uniform_host(2), uniform_host(8)}};
    CHECK(d.want(1, 2, {.hosts = {host_id{1}, host_id{0}}}) == tale{grant(1, 1)});
    CHECK(d.want(2, 2, {.hosts = {host_id{1}, host_id{0}}}) == tale{grant(2, 0)});
    CHECK(d.want(3, 2, {.hosts = {host_id{1}, host_id{0}}}) == tale{queue(3)});
    CHECK(d.want(4, 3, {.hosts = {host_id{1}, host_id{0}, host_id{9}}}) == tale{refuse(4, code::never_fits)});
    CHECK(d.give_back(2) == tale{grant(3, 0)});
}

TEST_CASE("allocator: who gives up waits no more, and those behind it go on") {
    desk d{{uniform_host(4)}};
    CHECK(d.want(1, 3) == tale{grant(1)});
    CHECK(d.want(2, 4) == tale{queue(2)});
    CHECK(d.want(3, 1) == tale{queue(3)});
    CHECK(d.tell(want_withdrawn{2}) == tale{grant(3)});
    CHECK(d.tell(want_withdrawn{2}).empty());
    CHECK(d.tell(want_withdrawn{1}).empty()); // it has a lease, and keeps it
    CHECK(d.a.state().leases().size() == 2);
}

TEST_CASE("allocator: an owner that is gone leaves nothing behind, and may come again from 1") {
    desk d{{uniform_host(2)}};
    CHECK(d.want(1, 2) == tale{grant(1)});
    CHECK(d.want(2, 1) == tale{queue(2)});
    CHECK(d.want(1, 1, {.sequence = 2}) == tale{queue(1)});
    CHECK(d.tell(owner_gone{1}) == tale{grant(2)});
    CHECK(d.a.waiting_count() == 0);
    CHECK(d.want(1, 1) == tale{grant(1)});
    CHECK(d.a.usage() == tenant_usage{{0, 2000}});
    CHECK(d.tell(owner_gone{77}).empty());
}

TEST_CASE("allocator: who waits for a host that leaves is refused where no other could serve it") {
    desk d{{uniform_host(4), uniform_host(2)}};
    CHECK(d.want(1, 4) == tale{grant(1)});
    CHECK(d.want(2, 2) == tale{grant(2, 1)});
    CHECK(d.want(3, 3) == tale{queue(3)});
    CHECK(d.want(4, 1) == tale{queue(4)});
    CHECK(d.want(5, 1, {.hosts = {host_id{0}}}) == tale{queue(5)});
    CHECK(d.tell(host_left{host_id{0}}) ==
          tale{end(1, lease_end::host_lost), refuse(3, code::never_fits), refuse(5, code::never_fits)});
    CHECK(d.give_back(2) == tale{grant(4, 1)});
    CHECK(d.tell(host_left{host_id{0}}).empty());
}

TEST_CASE("allocator: a device that fails ends its lease, and refuses who needs one more than is left") {
    desk d{{uniform_host(2)}};
    CHECK(d.want(1, 2) == tale{grant(1)});
    CHECK(d.want(2, 2) == tale{queue(2)});
    CHECK(d.want(3, 1) == tale{queue(3)});
    CHECK(d.tell(device_changed{host_id{0}, 1, device_health::failed}) ==
          tale{end(1, lease_end::device_failed), refuse(2, code::never_fits), grant(3)});
}

TEST_CASE("allocator: a host that drains takes nobody, and who waits is served when it is back or another joins") {
    desk d{{uniform_host(2)}};
    CHECK(d.tell(host_drained{host_id{0}, true}).empty());
    CHECK(d.want(1, 1) == tale{queue(1)});
    CHECK(d.want(2, 2) == tale{queue(2)});
    CHECK(d.tell(host_joined{host_id{7}, uniform_host(1)}) == tale{grant(1, 7)});
    CHECK(d.tell(host_drained{host_id{0}, false}) == tale{grant(2)});
}

TEST_CASE("allocator: a lease that is not renewed ends when its time has come, and somebody else has it at once") {
    desk d{{uniform_host(1)}};
    CHECK(d.want(1, 1, {.length = 10s}) == tale{grant(1), arm(10)});
    CHECK(d.want(2, 1, {.length = 10s}, 2s) == tale{queue(2)});
    lease_token const token = d.a.state().of_owner(1)->token;
    CHECK(d.tell(lease_renewed{token, 10s}, 5s) == tale{arm(15)});
    CHECK(d.tell(timer_due{}, 10s).empty()); // the one that was replaced
    CHECK(d.tell(lease_renewed{token, 1s}, 12s).empty());
    CHECK(d.tell(timer_due{}, 15s) == tale{end(1, lease_end::expired), grant(2), arm(25)});
    CHECK(d.tell(lease_renewed{token, 10s}, 16s).empty());
    CHECK(d.tell(lease_returned{token}, 16s).empty());
    CHECK(d.give_back(2, 16s).empty());
    CHECK(d.tell(timer_due{}, 25s).empty());
}

TEST_CASE("allocator: a lease whose end has come is reclaimed by whatever happens then") {
    desk d{{uniform_host(1)}};
    CHECK(d.want(1, 1, {.length = 10s}) == tale{grant(1), arm(10)});
    CHECK(d.want(1, 1, {.length = 10s}, 10s) == tale{end(1, lease_end::expired), refuse(1, code::stale)});
    CHECK(d.want(1, 1, {.sequence = 2, .length = 10s}, 10s) == tale{grant(1), arm(20)});
    lease_token const token = d.a.state().of_owner(1)->token;
    CHECK(d.tell(lease_returned{token}, 20s) == tale{end(1, lease_end::expired)});
}

TEST_CASE("allocator: a timer is set for the next end, and not again for the same") {
    desk d{{uniform_host(4)}};
    CHECK(d.want(1, 1, {.length = 30s}) == tale{grant(1), arm(30)});
    CHECK(d.want(2, 1, {.length = 30s}) == tale{grant(2)});
    CHECK(d.want(3, 1, {.length = 10s}) == tale{grant(3), arm(10)});
    CHECK(d.want(4, 1) == tale{grant(4)}); // without an end
    CHECK(d.give_back(3, 1s) == tale{arm(30)});
    CHECK(d.tell(timer_due{}, 30s) == tale{end(1, lease_end::expired), end(2, lease_end::expired)});
}

namespace {

using preempting = allocator<least_loaded, fifo, minimum_run>;

preempting preempts_after(duration minimum) {
    return preempting{{}, {}, minimum_run{.minimum = minimum}};
}

} // namespace

TEST_CASE("allocator: something more urgent takes the fewest leases, on the host where they are fewest") {
    desk d{{uniform_host(4), uniform_host(4)}, preempts_after(0s)};
    for (std::uint64_t owner = 1; owner <= 4; ++owner) {
        CHECK(d.want(owner, 1, {.hosts = {host_id{0}}}) == tale{grant(owner)});
    }
    CHECK(d.want(5, 2, {.hosts = {host_id{1}}}) == tale{grant(5, 1)});
    CHECK(d.want(6, 2, {.hosts = {host_id{1}}}) == tale{grant(6, 1)});
    CHECK(d.want(7, 2) == tale{queue(7)}); // no more urgent than they
    CHECK(d.tell(want_withdrawn{7}).empty());
    CHECK(d.want(8, 2, {.priority = 1}) == tale{end(6, lease_end::preempted), grant(8, 1)}); // one, not two
    CHECK(d.want(9, 1, {.priority = 1}) == tale{end(4, lease_end::preempted), grant(9)});    // the youngest
}

TEST_CASE("allocator: no lease is taken that could be spared") {
    desk d{{uniform_host(4)}, preempts_after(0s)};
    CHECK(d.want(1, 3, {.priority = 1}) == tale{grant(1)});
    CHECK(d.want(2, 1) == tale{grant(2)});
    // The least urgent goes first, but alone it is not enough, and with the other it is not needed.
    CHECK(d.want(3, 3, {.priority = 2}) == tale{end(1, lease_end::preempted), grant(3)});
    CHECK(d.a.state().of_owner(2) != nullptr);
}

TEST_CASE("allocator: nothing is taken where that would not be enough") {
    desk d{{uniform_host(4)}, preempts_after(0s)};
    CHECK(d.want(1, 2, {.priority = 5}) == tale{grant(1)});
    CHECK(d.want(2, 2) == tale{grant(2)});
    CHECK(d.want(3, 3, {.priority = 1}) == tale{queue(3)});
    CHECK(d.a.state().leases().size() == 2);
}

TEST_CASE("allocator: what the owner has itself is never taken from it, and counts as free") {
    desk d{{uniform_host(4)}, preempts_after(0s)};
    CHECK(d.want(1, 2) == tale{grant(1)});
    CHECK(d.want(2, 2) == tale{grant(2)});
    CHECK(d.want(1, 4, {.sequence = 2, .priority = 1}) ==
          tale{end(2, lease_end::preempted), end(1, lease_end::replaced), grant(1)});
    desk alone{{uniform_host(4)}, preempts_after(0s)};
    CHECK(alone.want(1, 2) == tale{grant(1)});
    CHECK(alone.want(1, 4, {.sequence = 2, .priority = 1}) == tale{end(1, lease_end::replaced), grant(1)});
}

TEST_CASE("allocator: a lease runs for its minimum before it is taken, and a timer is set for that") {
    desk d{{uniform_host(1)}, preempts_after(60s)};
    CHECK(d.want(1, 1, {}, 10s) == tale{grant(1)});
    CHECK(d.want(2, 1, {.priority = 1, .length = 100s}, 20s) == tale{queue(2), arm(70)});
    CHECK(d.tell(timer_due{}, 70s) == tale{end(1, lease_end::preempted), grant(2), arm(170)});
}

TEST_CASE("allocator: on several hosts a lease is only taken where the want may run") {
    desk d{{uniform_host(1), uniform_host(1)}, preempts_after(0s)};
    CHECK(d.want(1, 1, {.hosts = {host_id{0}}}) == tale{grant(1)});
    CHECK(d.want(2, 1, {.hosts = {host_id{1}}}) == tale{grant(2, 1)});
    CHECK(d.want(3, 1, {.hosts = {host_id{1}}, .priority = 1}) == tale{end(2, lease_end::preempted), grant(3, 1)});
}

TEST_CASE("allocator: it is a value, and goes on when it was moved") {
    desk d{{uniform_host(1)}};
    CHECK(d.want(1, 1, {.length = 10s}) == tale{grant(1), arm(10)});
    CHECK(d.want(2, 1) == tale{queue(2)});
    allocator<> moved{std::move(d.a)};
    d.a = std::move(moved);
    CHECK(d.tell(timer_due{}, 10s) == tale{end(1, lease_end::expired), grant(2)});
}

TEST_CASE("allocator: whatever happens, what it says is true") {
    using broken = std::vector<std::string>;
    CHECK(testing::check_allocator([] { return allocator<>{}; }, {.in_order = true}) == broken{});
    CHECK(testing::check_allocator([] { return allocator<pack, fifo>{{}, fifo{.patience = unlimited}}; }) == broken{});
    CHECK(testing::check_allocator([] { return allocator<in_one_group<>, shortest_first>{}; }) == broken{});
    CHECK(testing::check_allocator([] { return allocator<spread, aged>{}; }) == broken{});
    CHECK(testing::check_allocator(
              [] { return allocator<keeps_room<>, fair_share>{{}, fair_share{{{1, 3000}, {2, 0}}}}; }) == broken{});
    CHECK(testing::check_allocator([] { return preempts_after(0s); }, {.in_order = true, .preempts = true}) ==
          broken{});
    CHECK(testing::check_allocator([] { return preempts_after(500ms); }, {.in_order = true, .preempts = true}) ==
          broken{});
}

namespace {

/// Breaks one rule, as is asked for.
struct faulty {
    enum class fault : std::uint8_t { forgets_timer, answers_twice, grants_twice, hides_an_end, never_serves } what{};
    allocator<> inner{};

    template <class Event>
    void handle(Event const& e, time_point now, sink<allocator_command>& out) {
        buffer<allocator_command> said;
        inner.handle(e, now, said);
        for (allocator_command const& c : said.items()) {
            bool const hidden = (what == fault::forgets_timer && std::holds_alternative<arm_timer>(c)) ||
                                (what == fault::hides_an_end && std::holds_alternative<lease_ended>(c)) ||
                                (what == fault::never_serves && std::holds_alternative<lease_granted>(c) &&
                                 !std::is_same_v<Event, lease_wanted>);
            if (!hidden) {
                out.append(c);
            }
            bool const again = (what == fault::answers_twice && std::holds_alternative<want_queued>(c)) ||
                               (what == fault::grants_twice && std::holds_alternative<lease_granted>(c));
            if (again) {
                out.append(c);
            }
        }
    }
    [[nodiscard]] ledger const& state() const { return inner.state(); }
};

} // namespace

TEST_CASE("allocator: what breaks a rule is found out") {
    using fault = faulty::fault;
    for (fault const f :
         {fault::forgets_timer, fault::answers_twice, fault::grants_twice, fault::hides_an_end, fault::never_serves}) {
        CHECK(testing::check_allocator([f] { return faulty{f}; }).size() == 1);
    }
    // A queue that lets others pass is not in order.
    CHECK(testing::check_allocator([] { return allocator<pack, fifo>{{}, fifo{.patience = unlimited}}; },
                                   {.in_order = true})
              .size() == 1);
    // One that preempts does so where nobody expects it.
    CHECK(testing::check_allocator([] { return preempts_after(0s); }, {.in_order = true}).size() == 1);
}

} // namespace hpcsched::gpu
