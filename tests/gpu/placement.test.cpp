// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/gpu/placement.hpp>
#include <hpcsched/testing/conformance/placement_policy.hpp>

#include <doctest/doctest.h>

#include "site.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace hpcsched::gpu {
namespace {

using namespace test;

using hosts = std::vector<std::uint32_t>;

/// Hosts with so many of 8 devices free.
struct loaded_site : site {
    explicit loaded_site(std::vector<std::uint16_t> const& free)
        : site{std::vector<host_info>(free.size(), uniform_host())} {
        for (std::uint32_t i = 0; i < free.size(); ++i) {
            if (free[i] < 8) {
                take(1000 + i, i, whole(static_cast<std::uint16_t>(8 - free[i])));
            }
        }
    }
};

/// The hosts in the order in which they would be taken.
template <class Policy>
hosts order(Policy const& p, ledger const& l, placement_request const& r, room where = room::now) {
    hosts taken;
    for (;;) {
        auto const h = best_host(
            p, l, r, where, [&](host_id id) { return std::find(taken.begin(), taken.end(), id.value) == taken.end(); });
        if (!h) {
            return taken;
        }
        taken.push_back(h->value);
    }
}

template <class Policy>
hosts order(Policy const& p, ledger const& l, std::uint16_t count, room where = room::now) {
    return order(p, l, {whole(count), {}}, where);
}

void subscribe(site& s, std::uint32_t host, std::uint64_t member, std::uint16_t devices) {
    REQUIRE(s.l.subscribe(host_id{host}, member, whole(devices).subscription()) == ledger_code::done);
}

} // namespace

// notebook.md 2.1: most idle devices, lowest subscription ratio, most pending devices, lowest number.
TEST_CASE("least_loaded: NotebookOS's order of hosts") {
    loaded_site s{{4, 8, 4, 4, 4, 0}};
    subscribe(s, 0, 1, 6);
    subscribe(s, 2, 1, 2);
    subscribe(s, 3, 1, 6);
    subscribe(s, 4, 1, 2);
    CHECK(order(least_loaded{}, s.l, 1) == hosts{1, 2, 4, 0, 3});
    REQUIRE(s.l.release(s.l.of_owner(1004)->token) == ledger_code::done);
    REQUIRE(s.ask(2000, 1, 4, share(500), {.chosen = 1}).code == ledger_code::done);
    REQUIRE(s.ask(2001, 1, 4, {.count = 3}, {.chosen = 0b1110}).code ==
            ledger_code::done);                                   // as many idle, half a device less leased
    CHECK(order(least_loaded{}, s.l, 1) == hosts{1, 2, 4, 0, 3}); // neither has more subscribed than leased
    subscribe(s, 2, 1, 5);
    subscribe(s, 4, 1, 5); // 1,000 and 1,500 pending
    CHECK(order(least_loaded{}, s.l, 1) == hosts{1, 4, 2, 0, 3});
}

TEST_CASE("pack: the fewest idle devices that are enough, then the least of shares, then the most subscribed") {
    loaded_site s{{4, 8, 2, 4, 0, 4}};
    CHECK(order(pack{}, s.l, 1) == hosts{2, 0, 3, 5, 1});
    CHECK(order(pack{}, s.l, 3) == hosts{0, 3, 5, 1});
    subscribe(s, 5, 1, 3);
    CHECK(order(pack{}, s.l, 1) == hosts{2, 5, 0, 3, 1});
    s.take(1, 3, share(10)); // three are idle there now
    s.take(2, 0, whole(1));  // as here, where nothing is left of the others
    CHECK(order(pack{}, s.l, 1) == hosts{2, 0, 3, 5, 1});
}

TEST_CASE("spread: the lowest subscription ratio, then the most idle devices") {
    loaded_site s{{4, 8, 8, 2}};
    subscribe(s, 1, 1, 4);
    subscribe(s, 2, 1, 2);
    CHECK(order(spread{}, s.l, 1) == hosts{0, 3, 2, 1});
    CHECK(order(spread{}, s.l, 1, room::ever) == hosts{0, 3, 2, 1});
    CHECK(order(spread{}, s.l, 5) == hosts{2, 1});
    CHECK(order(spread{}, s.l, 5, room::ever) == hosts{0, 3, 2, 1});
}

TEST_CASE("in_one_group: hosts where the devices are joined come first") {
    site s{{grouped_host({0, 0, 1, 1, 2, 2, 3, 3}), uniform_host(4), uniform_host(6)}};
    CHECK(order(in_one_group<>{}, s.l, 4) == hosts{2, 1, 0});
    CHECK(order(in_one_group<>{}, s.l, 2) == hosts{0, 2, 1});
    CHECK(order(in_one_group<pack>{}, s.l, 2) == hosts{1, 2, 0});
}

TEST_CASE("resident_first: hosts that have the data come first, where they have room") {
    loaded_site s{{4, 8, 2, 6, 1}};
    std::vector<host_id> const resident{host_id{4}, host_id{2}, host_id{77}};
    CHECK(order(resident_first<>{}, s.l, {whole(1), resident}) == hosts{2, 4, 1, 3, 0});
    CHECK(order(resident_first<>{}, s.l, {whole(2), resident}) == hosts{2, 1, 3, 0});
    CHECK(order(resident_first<pack>{}, s.l, {whole(1), resident}) == hosts{4, 2, 0, 3, 1});
    CHECK(order(resident_first<>{}, s.l, {whole(1), {}}) == hosts{1, 3, 0, 2, 4});
}

TEST_CASE("keeps_room: a host that could serve a large request is the last to be broken up") {
    loaded_site s{{8, 4, 8, 7}};
    CHECK(order(keeps_room<least_loaded>{}, s.l, 1) == hosts{3, 1, 0, 2});
    CHECK(order(keeps_room<least_loaded>{}, s.l, 8) == hosts{0, 2});
    CHECK(order(keeps_room<least_loaded>{.large = 4}, s.l, 1) == hosts{0, 2, 3, 1}); // 7, 7 and 6 still serve four
    CHECK(order(keeps_room<least_loaded>{.large = 4}, s.l, 4) == hosts{0, 2, 3, 1});
}

// Of requests half are for one device, a quarter each for two and for four. F of n idle devices is n times the share of
// requests that n are not enough for: 0.5, 0.5, 0.75, 0 of 1, 2, 3, 4.
TEST_CASE("least_fragmentation: the growth of what the next request could not use decides") {
    std::vector<std::uint32_t> const weights{0, 50, 25, 0, 25};
    least_fragmentation const p{weights};
    loaded_site s{{1, 2, 3, 4, 8}};
    CHECK(order(p, s.l, 1) == hosts{0, 2, 1, 4, 3});                       // -0.5, -0.25, 0, 0, +0.75
    CHECK(order(p, s.l, 2) == hosts{1, 2, 4, 3});                          // -0.5, -0.25, 0, +0.5
    CHECK(order(p, s.l, 4) == hosts{3, 4});                                // 0, 0: fewer idle first
    CHECK(order(least_fragmentation{{}}, s.l, 1) == hosts{0, 1, 2, 3, 4}); // nothing is known: packs
}

TEST_CASE("best_host: among equals the lowest number is taken") {
    site s{std::vector<host_info>(200, uniform_host())};
    std::vector<std::uint32_t> const weights{0, 1};
    CHECK(best_host(least_loaded{}, s.l, {whole(1), {}}, room::now) == host_id{0});
    CHECK(best_host(pack{}, s.l, {whole(1), {}}, room::now) == host_id{0});
    CHECK(best_host(spread{}, s.l, {whole(1), {}}, room::ever) == host_id{0});
    CHECK(best_host(least_fragmentation{weights}, s.l, {whole(1), {}}, room::now,
                    [](host_id h) { return h.value >= 130; }) == host_id{130});
}

TEST_CASE("best_host: only hosts with room are asked, now or ever") {
    loaded_site s{{0, 2, 8}};
    REQUIRE(s.l.set_draining(host_id{2}, true) == ledger_code::done);
    CHECK(order(least_loaded{}, s.l, 3).empty());
    CHECK(order(least_loaded{}, s.l, 2) == hosts{1});
    CHECK(order(least_loaded{}, s.l, 3, room::ever) == hosts{1, 0});
    CHECK(order(least_loaded{}, s.l, 9, room::ever).empty());
    CHECK(order(least_loaded{}, s.l, {share(500), {}}) == hosts{1});
    CHECK(order(least_loaded{}, s.l, {{.count = 0, .cpu_milli = 64'000}, {}}) == hosts{1, 0});
    CHECK(order(least_loaded{}, s.l, {{.count = 1, .cpu_milli = 64'001}, {}}).empty());
    CHECK(best_host(least_loaded{}, ledger{}, {whole(1), {}}, room::now) == std::nullopt);
}

namespace {

/// Says no to some.
struct picky {
    [[nodiscard]] static std::uint64_t score(placement_request const&, host_load const& h) noexcept {
        return h.host.value % 2 == 0 ? 0 : 1;
    }
};

/// A bound that is too low.
struct overconfident : least_loaded {
    [[nodiscard]] static std::uint64_t ceiling(placement_request const&, std::uint32_t free) noexcept {
        return std::uint64_t{free} << 40U;
    }
};

} // namespace

TEST_CASE("best_host: a host with score 0 is not taken, whatever it is wrapped in") {
    loaded_site const s{{8, 8, 8, 8}};
    CHECK(order(picky{}, s.l, 1) == hosts{1, 3});
    CHECK(order(in_one_group<picky>{}, s.l, 1) == hosts{1, 3});
    std::vector<host_id> const resident{host_id{2}};
    CHECK(order(resident_first<picky>{}, s.l, {whole(1), resident}) == hosts{1, 3});
    CHECK(order(keeps_room<picky>{}, s.l, 1) == hosts{1, 3});
}

TEST_CASE("place_members: different hosts, best first, that admit one more, and fewer where there are no more") {
    loaded_site s{{1, 8, 4, 6}};
    auto const all = [](host_id) { return true; };
    std::vector<host_id> const three{host_id{1}, host_id{3}, host_id{2}};
    CHECK(place_members(least_loaded{}, s.l, {whole(8), {}}, 3, all) == three); // where to live, not where to run
    auto const not_the_first = [](host_id h) { return h != host_id{1}; };
    std::vector<host_id> const others{host_id{3}, host_id{2}, host_id{0}};
    CHECK(place_members(least_loaded{}, s.l, {whole(8), {}}, 5, not_the_first) == others);
    CHECK(place_members(least_loaded{}, s.l, {whole(9), {}}, 3, all).empty());
    CHECK(place_members(least_loaded{}, s.l, {whole(1), {}}, 0, all).empty());
}

TEST_CASE("placement policies: each keeps to the rules, and best_host finds what looking at each finds") {
    using broken = std::vector<std::string>;
    std::vector<std::uint32_t> const weights{0, 50, 25, 0, 25, 0, 0, 0, 10};
    CHECK(testing::check_placement_policy(least_loaded{}) == broken{});
    CHECK(testing::check_placement_policy(pack{}) == broken{});
    CHECK(testing::check_placement_policy(spread{}) == broken{});
    CHECK(testing::check_placement_policy(in_one_group<>{}) == broken{});
    CHECK(testing::check_placement_policy(in_one_group<spread>{}) == broken{});
    CHECK(testing::check_placement_policy(resident_first<>{}) == broken{});
    CHECK(testing::check_placement_policy(resident_first<in_one_group<pack>>{}) == broken{});
    CHECK(testing::check_placement_policy(keeps_room<>{}) == broken{});
    CHECK(testing::check_placement_policy(keeps_room<resident_first<spread>>{.large = 4}) == broken{});
    CHECK(testing::check_placement_policy(least_fragmentation{weights}) == broken{});
    CHECK(testing::check_placement_policy(picky{}) == broken{});
    static_assert(!bounded_placement_policy<in_one_group<spread>>);
    static_assert(!bounded_placement_policy<keeps_room<resident_first<spread>>>);
}

TEST_CASE("placement policies: a bound that is none is found out") {
    CHECK(testing::check_placement_policy(overconfident{}).size() == 1);
}

} // namespace hpcsched::gpu
