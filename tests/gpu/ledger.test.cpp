// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/gpu/ledger.hpp>

#include <doctest/doctest.h>

#include "site.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::gpu {
namespace {

using namespace test;
using code = ledger_code;
using ended_by = std::vector<std::pair<std::uint64_t, lease_end>>;

TEST_CASE("ledger: a host is there once it was added, and the same facts are the same host") {
    site s;
    CHECK_FALSE(s.l.contains(host_id{3}));
    CHECK(s.l.add_host(host_id{3}, uniform_host()) == code::done);
    CHECK(s.l.contains(host_id{3}));
    CHECK_FALSE(s.l.contains(host_id{2}));
    CHECK(s.l.host_count() == 1);
    CHECK(s.l.host(host_id{3}).capacity == resources{64'000, 128'000, 8000, 327'680});
    CHECK(s.l.add_host(host_id{3}, uniform_host()) == code::done);
    CHECK(s.l.add_host(host_id{3}, uniform_host(4)) == code::host_exists);
    CHECK(s.l.add_host(host_id{3}, uniform_host(8, 40'960, 32'000)) == code::host_exists);
    CHECK(s.l.host_count() == 1);
    CHECK(s.l.check().empty());
}

TEST_CASE("ledger: a host beyond a limit is malformed") {
    ledger l;
    CHECK(l.add_host(host_id{host_count_max}, uniform_host()) == code::malformed);
    CHECK(l.add_host(host_id{0}, uniform_host(65)) == code::malformed);
    CHECK(l.add_host(host_id{0}, uniform_host(1, (1U << 30U) + 1)) == code::malformed);
    CHECK(l.add_host(host_id{0}, uniform_host(1, 1, -1)) == code::malformed);
    CHECK(l.add_host(host_id{0}, uniform_host(1, 1, 1, std::numeric_limits<std::int64_t>::max())) == code::malformed);
    CHECK(l == ledger{});
    CHECK(l.add_host(host_id{host_count_max - 1}, uniform_host(64, 1U << 30U)) == code::done);
    CHECK(l.check().empty());
}

TEST_CASE("ledger: a host that leaves takes its leases and subscriptions along, and leaves no trace") {
    site s{{uniform_host(), uniform_host()}};
    ledger const before = s.l;
    s.take(7, 1, whole(2));
    s.take(8, 1, whole(1));
    s.take(9, 0, whole(1));
    REQUIRE(s.l.subscribe(host_id{1}, 7, whole(2).subscription()) == code::done);
    CHECK(s.l.remove_host(host_id{1}, s.ended) == code::done);
    CHECK(s.who_ended() == ended_by{{7, lease_end::host_lost}, {8, lease_end::host_lost}});
    CHECK_FALSE(s.l.contains(host_id{1}));
    CHECK(s.l.leases().size() == 1);
    CHECK(s.l.loads().size() == 1); // none above the largest number
    CHECK(s.l.remove_host(host_id{1}, s.ended) == code::unknown_host);
    CHECK(s.l.add_host(host_id{1}, uniform_host()) == code::done);
    CHECK(s.l.host(host_id{1}) == before.host(host_id{1}));
    CHECK(s.l.check().empty());
}

TEST_CASE("ledger: a host that is draining keeps its leases and takes no new ones") {
    site s{{uniform_host()}};
    s.take(1, 0, whole(2));
    CHECK(s.l.set_draining(host_id{0}, true) == code::done);
    CHECK(s.ended.empty());
    CHECK(s.ask(2, 1, 0, whole(1)).code == code::draining);
    CHECK(s.ask(2, 1, 0, whole(0)).code == code::draining);
    CHECK_FALSE(s.l.has_room(host_id{0}, whole(1)));
    CHECK(s.l.ever_fits(host_id{0}, whole(1)));
    CHECK(s.l.pick_devices(host_id{0}, whole(1)) == 0);
    CHECK(s.l.load(host_id{0}).free_count == 0);
    CHECK(s.l.load(host_id{0}).free_milli == 0);
    CHECK(s.l.load(host_id{0}).device_count == 8);
    CHECK(s.ask(1, 2, 0, whole(1)).code == code::draining); // not in place of its own either
    CHECK(s.l.of_owner(1)->sequence == 1);
    CHECK(s.l.set_draining(host_id{0}, false) == code::done);
    CHECK(s.ask(2, 1, 0, whole(6)).code == code::done);
    CHECK(s.l.set_draining(host_id{5}, true) == code::unknown_host);
    CHECK(s.l.check().empty());
}

TEST_CASE("ledger: a device that failed ends its leases and takes none, one that drains keeps them") {
    site s{{uniform_host(2)}};
    CHECK(s.take(1, 0, whole(1)) == device_bit(0));
    CHECK(s.fail(0, 0, device_health::draining) == code::done);
    CHECK(s.ended.empty());
    CHECK(s.take(2, 0, whole(1)) == device_bit(1));
    CHECK(s.fail(0, 1) == code::done);
    CHECK(s.who_ended() == ended_by{{2, lease_end::device_failed}});
    CHECK(s.l.host(host_id{0}).capacity == resources{64'000, 128'000, 1000, 40'960});
    CHECK(s.l.load(host_id{0}).device_count == 1);
    CHECK(s.ask(3, 1, 0, whole(1)).code == code::no_room); // the other drains
    CHECK(s.ask(3, 1, 0, whole(2)).code == code::never_fits);
    CHECK(s.ask(3, 1, 0, whole(1), {.chosen = device_bit(1)}).code == code::never_fits);
    CHECK(s.ask(3, 1, 0, whole(1), {.chosen = device_bit(0)}).code == code::draining);
    CHECK(s.fail(0, 1, device_health::healthy) == code::done);
    CHECK(s.ask(3, 1, 0, whole(1)).what.devices == device_bit(1));
    CHECK(s.fail(0, 2) == code::unknown_host);
    CHECK(s.fail(1, 0) == code::unknown_host);
    CHECK(s.l.check().empty());
}

TEST_CASE("ledger: a lease on several devices ends where one of them fails") {
    site s{{uniform_host(4)}};
    s.take(1, 0, whole(3));
    s.take(2, 0, whole(1));
    CHECK(s.fail(0, 1) == code::done);
    CHECK(s.who_ended() == ended_by{{1, lease_end::device_failed}});
    CHECK(s.l.load(host_id{0}).free_count == 2);
    CHECK(s.l.check().empty());
}

TEST_CASE("ledger: health and draining go together in any order") {
    site s{{uniform_host(2)}};
    CHECK(s.l.set_draining(host_id{0}, true) == code::done);
    CHECK(s.fail(0, 0) == code::done);
    CHECK(s.fail(0, 1, device_health::draining) == code::done);
    CHECK(s.l.set_draining(host_id{0}, false) == code::done);
    CHECK(s.l.load(host_id{0}).free_count == 0);
    CHECK(s.ask(1, 1, 0, whole(1)).code == code::no_room);
    CHECK(s.l.set_draining(host_id{0}, true) == code::done);
    CHECK(s.fail(0, 0, device_health::healthy) == code::done);
    CHECK(s.l.load(host_id{0}).free_count == 0);
    CHECK(s.l.set_draining(host_id{0}, false) == code::done);
    CHECK(s.take(1, 0, whole(1)) == device_bit(0));
    CHECK(s.l.check().empty());
}

TEST_CASE("ledger: subscriptions add up, may pass the capacity, and again replaces the amount") {
    site s{{uniform_host(1)}};
    CHECK(s.l.subscribe(host_id{0}, 1, whole(1).subscription()) == code::done);
    CHECK(s.l.subscribe(host_id{0}, 2, whole(3).subscription()) == code::done);
    CHECK(s.l.subscribe(host_id{0}, 1, whole(2).subscription()) == code::done);
    CHECK(s.l.host(host_id{0}).subscribed.gpu_milli == 5000);
    CHECK(s.l.load(host_id{0}).subscribed_ratio == 5 * host_load::ratio_one);
    CHECK(s.l.load(host_id{0}).pending_milli == 5000);
    CHECK(s.l.load(host_id{0}).member_count == 2);
    s.take(9, 0, whole(1));
    CHECK(s.l.load(host_id{0}).pending_milli == 4000);
    CHECK(s.l.unsubscribe(host_id{0}, 1) == code::done);
    CHECK(s.l.unsubscribe(host_id{0}, 1) == code::unknown_member);
    CHECK(s.l.unsubscribe(host_id{1}, 1) == code::unknown_host);
    CHECK(s.l.subscribe(host_id{1}, 1, {}) == code::unknown_host);
    CHECK(s.l.subscribe(host_id{0}, 1, {-1, 0, 0, 0}) == code::malformed);
    CHECK(s.l.host(host_id{0}).subscribed.gpu_milli == 3000);
    CHECK(s.l.check().empty());
}

TEST_CASE("ledger: subscriptions of any size never pass what is computed with") {
    site s{{uniform_host(1)}};
    constexpr std::int64_t most = std::int64_t{1} << 40U;
    std::uint64_t member = 0;
    while (s.l.subscribe(host_id{0}, ++member, {most, most, most, most}) == code::done) {
        REQUIRE(member < 2000);
    }
    CHECK(member == 1025); // 2^50 in each dimension
    CHECK(s.l.host(host_id{0}).members.size() == 1024);
    CHECK(s.l.subscribe(host_id{0}, 1, {}) == code::done);
    CHECK(s.l.subscribe(host_id{0}, member, {most, most, most, most}) == code::done);
    CHECK(s.l.load(host_id{0}).subscribed_ratio == std::numeric_limits<std::uint32_t>::max());
    CHECK(s.l.check().empty());
}

TEST_CASE("ledger: a host without devices has the largest ratio, and serves who wants none") {
    site s{{uniform_host(0)}};
    CHECK(s.l.load(host_id{0}).subscribed_ratio == std::numeric_limits<std::uint32_t>::max());
    CHECK(s.ask(1, 1, 0, whole(1)).code == code::never_fits);
    CHECK(s.ask(1, 1, 0, {.count = 0, .cpu_milli = 64'000}).code == code::done);
    CHECK(s.ask(2, 1, 0, {.count = 0, .cpu_milli = 1}).code == code::no_room);
    CHECK(s.ask(2, 1, 0, {.count = 0, .cpu_milli = 64'001}).code == code::never_fits);
    CHECK(s.ask(2, 1, 0, {.count = 0, .host_memory_mib = 128'001}).code == code::never_fits);
    CHECK(s.ask(2, 1, 0, {.count = 0, .host_memory_mib = 128'000}).code == code::done);
    CHECK(s.l.check().empty());
}

TEST_CASE("ledger: a request that makes no sense changes nothing") {
    site s{{uniform_host()}};
    ledger const before = s.l;
    CHECK(s.ask(0, 1, 0, whole(1)).code == code::malformed);
    CHECK(s.ask(1, 0, 0, whole(1)).code == code::malformed);
    CHECK(s.ask(1, 1, 0, whole(65)).code == code::malformed);
    CHECK(s.ask(1, 1, 0, whole(1), {.length = 0s}).code == code::malformed);
    CHECK(s.ask(1, 1, 0, whole(1), {.now = at(-1ns)}).code == code::malformed);
    CHECK(s.ask(1, 1, 0, whole(2), {.chosen = 1}).code == code::malformed); // another number of devices
    CHECK(s.ask(1, 1, 0, whole(0), {.chosen = 1}).code == code::malformed);
    CHECK(s.ask(1, 1, 1, whole(1)).code == code::unknown_host);
    CHECK(s.ask(1, 1, 0, whole(1), {.chosen = device_bit(8)}).code == code::unknown_host);
    CHECK(s.l == before);
    CHECK(s.l.last_sequence(1) == 0);
}

TEST_CASE("ledger: a grant is all or nothing") {
    site s{{uniform_host(4)}};
    s.take(1, 0, whole(3));
    ledger const before = s.l;
    CHECK(s.ask(2, 1, 0, whole(2)).code == code::no_room);
    CHECK(s.l == before);
    CHECK(s.ask(2, 1, 0, whole(5)).code == code::never_fits);
    CHECK(s.l == before);
    CHECK(s.take(2, 0, whole(1)) == device_bit(3));
}

TEST_CASE("ledger: asking again with the same number gives the same lease, whatever else is said") {
    site s{{uniform_host(), uniform_host()}};
    auto const first = s.ask(5, 1, 0, whole(2));
    REQUIRE(first.code == code::done);
    ledger const before = s.l;
    auto const again = s.ask(5, 1, 1, whole(1), {.now = at(1h)});
    CHECK(again.code == code::done);
    CHECK(again.what == first.what);
    CHECK(s.l == before);
}

TEST_CASE("ledger: a number that is past is stale, also after its lease has ended, until the owner is forgotten") {
    site s{{uniform_host()}};
    auto const g = s.ask(5, 3, 0, whole(1));
    CHECK(s.ask(5, 2, 0, whole(1)).code == code::stale);
    CHECK(s.l.last_sequence(5) == 3);
    REQUIRE(s.l.release(g.what.token) == code::done);
    CHECK(s.ask(5, 2, 0, whole(1)).code == code::stale);
    CHECK(s.ask(5, 3, 0, whole(1)).code == code::stale);
    CHECK(s.l.last_sequence(5) == 3);
    CHECK(s.ask(5, 4, 0, whole(1)).code == code::done);
    s.l.forget_owner(5);
    CHECK(s.l.leases().empty());
    CHECK(s.l.last_sequence(5) == 0);
    CHECK(s.ask(5, 1, 0, whole(1)).code == code::done);
    s.l.forget_owner(6); // nobody
    CHECK(s.l.check().empty());
}

TEST_CASE("ledger: a lease whose end has come is not given again, reclaimed or not") {
    site s{{uniform_host()}};
    REQUIRE(s.ask(5, 1, 0, whole(1), {.length = 10s}).code == code::done);
    CHECK(s.ask(5, 1, 0, whole(1), {.now = at(10s - 1ns)}).code == code::done);
    CHECK(s.ask(5, 1, 0, whole(1), {.now = at(10s)}).code == code::stale);
    s.l.expire(at(10s), s.ended);
    CHECK(s.ask(5, 1, 0, whole(1), {.now = at(10s)}).code == code::stale);
}

TEST_CASE("ledger: a larger number replaces the owner's lease, whose devices count as free for it") {
    site s{{uniform_host(4)}};
    auto const first = s.ask(5, 1, 0, whole(3));
    auto const second = s.ask(5, 2, 0, whole(4));
    REQUIRE(second.code == code::done);
    CHECK(second.what.token > first.what.token);
    CHECK(s.what_ended() == std::vector<ended_lease>{{first.what, lease_end::replaced}});
    CHECK(s.l.leases().size() == 1);
    CHECK(*s.l.of_owner(5) == second.what);
    CHECK(s.l.find(first.what.token) == nullptr);
    CHECK(s.l.check().empty());
}

TEST_CASE("ledger: a larger number that is not granted leaves the owner's lease as it was") {
    site s{{uniform_host(4), uniform_host(4)}};
    REQUIRE(s.ask(5, 1, 0, whole(3), {.length = 10s}).code == code::done);
    s.take(6, 1, whole(2));
    s.take(7, 0, share(500));
    ledger const before = s.l;
    CHECK(s.ask(5, 2, 0, whole(5)).code == code::never_fits);
    CHECK(s.ask(5, 2, 0, whole(4)).code == code::no_room);
    CHECK(s.ask(5, 2, 1, whole(3)).code == code::no_room);
    CHECK(s.ask(5, 2, 0, whole(1), {.chosen = device_bit(3)}).code == code::no_room);
    CHECK(s.ask(5, 2, 2, whole(1)).code == code::unknown_host);
    CHECK(s.ask(5, 2, 0, whole(1), {.length = -1s}).code == code::malformed);
    CHECK(s.ended.empty());
    CHECK(s.l == before);
    CHECK(s.l.next_expiry() == at(10s));
    CHECK(s.l.check().empty());
}

TEST_CASE("ledger: tokens grow, and fence every device that they were granted on") {
    site s{{uniform_host(2)}};
    auto const a = s.ask(1, 1, 0, whole(2));
    REQUIRE(s.l.release(a.what.token) == code::done);
    auto const b = s.ask(2, 1, 0, whole(1), {.chosen = device_bit(1)});
    CHECK(a.what.token == 1);
    CHECK(b.what.token == 2);
    CHECK(s.l.host(host_id{0}).devices[0].fence == 1);
    CHECK(s.l.host(host_id{0}).devices[1].fence == 2);
    CHECK(s.ask(3, 1, 0, whole(2)).code == code::no_room);
    CHECK(s.ask(3, 1, 0, whole(1)).what.token == 3); // none was used up meanwhile
}

TEST_CASE("ledger: a lease is renewed to a later end, never to an earlier one, and not once its end has come") {
    site s{{uniform_host()}};
    lease_token const token = s.ask(1, 1, 0, whole(1), {.length = 10s}).what.token;
    CHECK(s.l.find(token)->expiry == at(10s));
    CHECK(s.l.renew(token, at(5s), 10s) == code::done);
    CHECK(s.l.find(token)->expiry == at(15s));
    CHECK(s.l.renew(token, at(5s), 1s) == code::done);
    CHECK(s.l.find(token)->expiry == at(15s));
    CHECK(s.l.renew(token, at(5s), 0s) == code::malformed);
    CHECK(s.l.renew(token, time_point::min(), 1s) == code::malformed);
    CHECK(s.l.renew(token, at(15s), 10s) == code::unknown_lease);
    CHECK(s.l.renew(token + 1, at(5s), 10s) == code::unknown_lease);
    CHECK(s.l.next_expiry() == at(15s));
    CHECK(s.l.renew(token, at(14s), unlimited) == code::done);
    CHECK(s.l.find(token)->expiry == never);
    CHECK(s.l.check().empty());
}

TEST_CASE("ledger: leases that were not renewed are reclaimed in the order of their ends") {
    site s{{uniform_host()}};
    s.take(1, 0, whole(1), {.length = 30s});
    s.take(2, 0, whole(1), {.length = 10s});
    s.take(3, 0, whole(1), {.length = 20s});
    s.take(4, 0, whole(1));
    CHECK(s.l.next_expiry() == at(10s));
    s.l.expire(at(10s - 1ns), s.ended);
    CHECK(s.ended.empty());
    s.l.expire(at(20s), s.ended);
    CHECK(s.who_ended() == ended_by{{2, lease_end::expired}, {3, lease_end::expired}});
    CHECK(s.l.next_expiry() == at(30s));
    s.l.expire(at(1h), s.ended);
    CHECK(s.who_ended() == ended_by{{1, lease_end::expired}});
    CHECK(s.l.next_expiry() == never);
    s.l.expire(never, s.ended); // what has no end does not end
    CHECK(s.ended.empty());
    CHECK(s.l.leases().size() == 1);
    CHECK(s.l.check().empty());
}

TEST_CASE("ledger: a lease that is given back or preempted is gone at once") {
    site s{{uniform_host(1)}};
    auto const a = s.ask(1, 1, 0, whole(1));
    CHECK(s.l.release(a.what.token) == code::done);
    CHECK(s.l.release(a.what.token) == code::unknown_lease);
    CHECK(s.l.of_owner(1) == nullptr);
    auto const b = s.ask(2, 1, 0, whole(1), {.priority = -3});
    CHECK(b.what.priority == -3);
    CHECK(s.l.preempt(b.what.token, s.ended) == code::done);
    CHECK(s.what_ended() == std::vector<ended_lease>{{b.what, lease_end::preempted}});
    CHECK(s.l.preempt(b.what.token, s.ended) == code::unknown_lease);
    CHECK(s.l.load(host_id{0}).free_count == 1);
    CHECK(s.l.check().empty());
}

TEST_CASE("ledger: whole devices come from the tightest link group that has enough") {
    site s{{grouped_host({0, 0, 0, 0, 1, 1, 2, 2})}};
    CHECK(s.l.load(host_id{0}).group_free_max == 4);
    CHECK(s.l.pick_devices(host_id{0}, whole(2)) == 0b0011'0000);
    CHECK(s.take(1, 0, whole(1)) == 0b0001'0000);
    CHECK(s.l.pick_devices(host_id{0}, whole(1)) == 0b0010'0000); // one is left there
    CHECK(s.l.pick_devices(host_id{0}, whole(2)) == 0b1100'0000);
    CHECK(s.l.pick_devices(host_id{0}, whole(3)) == 0b0000'0111);
    CHECK(s.take(2, 0, whole(3)) == 0b0000'0111);
    CHECK(s.l.load(host_id{0}).group_free_max == 2);
}

TEST_CASE("ledger: where no link group has enough, as few as possible are used, the largest first") {
    site s{{grouped_host({0, 1, 1, 1, 2, 2, 0, 0})}};
    CHECK(s.l.pick_devices(host_id{0}, whole(4)) == 0b1100'0011); // all of group 0, one of group 1
    CHECK(s.l.pick_devices(host_id{0}, whole(6)) == 0b1100'1111);
    CHECK(s.l.pick_devices(host_id{0}, whole(7)) == 0b1101'1111);
    CHECK(s.l.pick_devices(host_id{0}, whole(8)) == 0b1111'1111);
    CHECK(s.l.pick_devices(host_id{0}, whole(9)) == 0);
}

TEST_CASE("ledger: a share goes where the least is left that is enough") {
    site s{{uniform_host(3)}};
    CHECK(s.take(1, 0, share(500)) == device_bit(0));
    CHECK(s.take(2, 0, share(300), {.chosen = device_bit(1)}) == device_bit(1));
    CHECK(s.take(3, 0, share(400)) == device_bit(0)); // 100 left there
    CHECK(s.take(4, 0, share(400)) == device_bit(1)); // 300 left there
    CHECK(s.l.load(host_id{0}).free_milli == 100 + 300 + 1000);
    CHECK(s.l.load(host_id{0}).free_count == 1);
    CHECK(s.ask(5, 1, 0, whole(2)).code == code::no_room);
    CHECK(s.take(5, 0, whole(1)) == device_bit(2));
    CHECK(s.ask(6, 1, 0, share(301)).code == code::no_room);
    CHECK(s.take(6, 0, share(300)) == device_bit(1));
    CHECK(s.l.check().empty());
}

TEST_CASE("ledger: shares of several devices are on as many devices") {
    site s{{uniform_host(3)}};
    s.take(1, 0, share(800), {.chosen = device_bit(1)});
    CHECK(s.take(2, 0, {.count = 2, .milli = 200}) == (device_bit(0) | device_bit(1)));
    CHECK(s.ask(3, 1, 0, {.count = 3, .milli = 1}).code == code::no_room);
    CHECK(s.take(3, 0, {.count = 2, .milli = 1}) == (device_bit(0) | device_bit(2)));
    CHECK(s.l.check().empty());
}

TEST_CASE("ledger: device memory runs out by itself, and no sum of it wraps around") {
    site s{{uniform_host(1, 40'000)}};
    s.take(1, 0, share(10, 30'000));
    CHECK(s.ask(2, 1, 0, share(10, 10'001)).code == code::no_room);
    CHECK(s.ask(2, 1, 0, share(10, 40'001)).code == code::never_fits);
    device_request const wrapping = share(10, std::numeric_limits<std::uint32_t>::max());
    CHECK(s.ask(2, 1, 0, wrapping).code == code::never_fits);
    CHECK_FALSE(s.l.has_room(host_id{0}, wrapping));
    CHECK(s.l.pick_devices(host_id{0}, wrapping) == 0);
    CHECK(s.ask(2, 1, 0, share(10, 10'000)).code == code::done);
    CHECK(s.l.host(host_id{0}).leased == resources{0, 0, 20, 40'000});
}

TEST_CASE("ledger: no sum of CPUs or main memory wraps around") {
    site s{{uniform_host(1)}};
    s.take(1, 0, {.count = 0, .cpu_milli = 1, .host_memory_mib = 1});
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
    CHECK_FALSE(s.l.has_room(host_id{0}, {.count = 0, .cpu_milli = most}));
    CHECK_FALSE(s.l.has_room(host_id{0}, {.count = 0, .host_memory_mib = most}));
    CHECK_FALSE(s.l.ever_fits(host_id{0}, {.count = 0, .cpu_milli = most}));
}

TEST_CASE("ledger: a whole device comes with all of its memory, and has as much as is asked for") {
    host_info h = uniform_host(3, 40'000);
    h.devices[1].memory_mib = 80'000;
    site s{{h}};
    CHECK(s.l.pick_devices(host_id{0}, {.memory_mib = 60'000}) == device_bit(1));
    CHECK(s.ask(1, 1, 0, {.count = 2, .memory_mib = 60'000}).code == code::never_fits);
    CHECK(s.ask(1, 1, 0, {.memory_mib = 60'000}, {.chosen = device_bit(0)}).code == code::never_fits);
    CHECK(s.take(1, 0, {.memory_mib = 60'000}) == device_bit(1));
    CHECK(s.l.host(host_id{0}).leased.gpu_memory_mib == 80'000);
    CHECK(s.ask(2, 1, 0, {.memory_mib = 60'000}).code == code::no_room);
    CHECK(s.take(2, 0, {.count = 2, .memory_mib = 40'000}) == 0b101);
    CHECK(s.l.check().empty());
}

TEST_CASE("ledger: a device in MIG mode is leased by slices only, and the others never") {
    site s{{sliced_host(2, 1)}};
    CHECK(s.l.load(host_id{0}).free_count == 1);
    CHECK(s.ask(1, 1, 0, whole(2)).code == code::never_fits);
    CHECK(s.ask(1, 1, 0, whole(1), {.chosen = device_bit(0)}).code == code::never_fits);
    CHECK(s.ask(1, 1, 0, share(100), {.chosen = device_bit(0)}).code == code::never_fits);
    CHECK(s.ask(1, 1, 0, slice(slice_1g), {.chosen = device_bit(1)}).code == code::never_fits);
    CHECK(s.take(1, 0, whole(1)) == device_bit(1));
    CHECK(s.take(2, 0, slice(slice_3g)) == device_bit(0));
    CHECK(s.ask(3, 1, 0, whole(1)).code == code::no_room);
    CHECK(s.ask(3, 1, 0, share(100)).code == code::no_room);
    CHECK(s.l.check().empty());
}

TEST_CASE("ledger: slices are where the hardware lets them be") {
    site s{{sliced_host(1, 1)}};
    CHECK(s.ask(1, 1, 0, slice(slice_2g)).what.slices == 0b0000'0011);
    CHECK(s.ask(2, 1, 0, slice(slice_3g)).what.slices == 0b1111'0000);
    CHECK(s.ask(3, 1, 0, slice(slice_4g)).code == code::no_room);
    CHECK(s.ask(3, 1, 0, slice(slice_1g)).what.slices == 0b0000'0100);
    CHECK(s.ask(4, 1, 0, slice(slice_2g)).code == code::no_room); // slice 3 is free, and slice 2 is not
    CHECK(s.ask(4, 1, 0, slice(slice_1g)).what.slices == 0b0000'1000);
    CHECK(s.ask(5, 1, 0, slice(slice_1g)).code == code::no_room);
    CHECK(s.l.host(host_id{0}).leased == resources{0, 0, 285 + 428 + 142 + 142, 40'960});
    s.l.forget_owner(3);
    s.l.forget_owner(1);
    s.l.forget_owner(4);
    CHECK(s.ask(6, 1, 0, slice(slice_4g)).what.slices == 0b0000'1111);
    CHECK(s.l.check().empty());
}

TEST_CASE("ledger: a slice goes to the device that has the least left and still has a place") {
    site s{{sliced_host(3, 3)}};
    CHECK(s.take(1, 0, slice(slice_7g)) == device_bit(0));
    CHECK(s.take(2, 0, slice(slice_1g)) == device_bit(1));
    CHECK(s.take(3, 0, slice(slice_2g)) == device_bit(1));
    CHECK(s.take(4, 0, slice(slice_4g)) == device_bit(2)); // only at the beginning, which is taken on 1
    CHECK(s.l.check().empty());
}

TEST_CASE("ledger: it says how many leases would have to end until there is room") {
    site s{{uniform_host(4), uniform_host(4)}};
    std::vector<lease_token> tokens;
    for (std::uint64_t owner = 1; owner <= 4; ++owner) {
        tokens.push_back(s.ask(owner, 1, 0, whole(1)).what.token);
    }
    lease_token const elsewhere = s.ask(5, 1, 1, whole(1)).what.token;
    CHECK(s.l.room_without(host_id{0}, whole(1), {}) == std::nullopt);
    CHECK(s.l.room_without(host_id{0}, whole(1), tokens) == 1);
    CHECK(s.l.room_without(host_id{0}, whole(3), tokens) == 3);
    CHECK(s.l.room_without(host_id{0}, whole(5), tokens) == std::nullopt);
    CHECK(s.l.room_without(host_id{1}, whole(3), tokens) == 0);
    std::vector<lease_token> const with_others{elsewhere, 999, tokens[2]};
    CHECK(s.l.room_without(host_id{0}, whole(1), with_others) == 3);
    CHECK(s.l.room_without(host_id{7}, whole(1), tokens) == std::nullopt);
    REQUIRE(s.l.set_draining(host_id{0}, true) == code::done);
    CHECK(s.l.room_without(host_id{0}, whole(1), tokens) == std::nullopt);
    CHECK(s.l.check().empty());
}

TEST_CASE("ledger: nothing is known of a host that is not there") {
    ledger const l;
    CHECK_FALSE(l.has_room(host_id{0}, whole(1)));
    CHECK_FALSE(l.ever_fits(host_id{0}, whole(0)));
    CHECK_FALSE(l.contains(host_id{std::numeric_limits<std::uint32_t>::max()}));
    CHECK(l.loads().empty());
    CHECK(l.next_expiry() == never);
    CHECK(l.check().empty());
}

} // namespace
} // namespace hpcsched::gpu
