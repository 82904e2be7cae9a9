// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/gpu/room_forecast.hpp>

#include <doctest/doctest.h>

#include "site.hpp"

#include <cstdint>
#include <vector>

namespace hpcsched::gpu {
namespace {

using namespace test;

/// Free devices of a host, by future.
using by_future = std::vector<std::uint16_t>;

room_forecast foretold(std::vector<host_id> const& hosts, std::vector<by_future> const& futures) {
    room_forecast f;
    f.begin(hosts);
    for (by_future const& each : futures) {
        f.add(each);
    }
    return f;
}

std::vector<host_id> ids(std::vector<std::uint32_t> const& numbers) {
    std::vector<host_id> out;
    for (std::uint32_t const n : numbers) {
        out.push_back(host_id{n});
    }
    return out;
}

TEST_CASE("room_forecast: a share of futures, in which all hosts of a group are busy at once") {
    site const s{{uniform_host(), uniform_host(), uniform_host()}};
    // Hosts 2 and 0 are foretold in that order; host 1 is not.
    room_forecast const f = foretold(ids({2, 0}), {{0, 4}, {0, 8}, {1, 0}, {8, 0}});
    CHECK(f.futures() == 4);
    CHECK(f.all_busy(s.l, ids({2}), 1) == 0.5);
    CHECK(f.all_busy(s.l, ids({0}), 1) == 0.5);
    CHECK(f.all_busy(s.l, ids({0}), 5) == 0.75);
    // Whenever one is full the other has room: independent hosts would both be full in a quarter of the futures.
    CHECK(f.all_busy(s.l, ids({0, 2}), 1) == 0);
    CHECK(f.all_busy(s.l, ids({0, 2}), 2) == 0.25);
    CHECK(f.all_busy(s.l, {}, 1) == 1);
}

TEST_CASE("room_forecast: a host that nothing is foretold of counts by what it has free now") {
    site s{{uniform_host(), uniform_host()}};
    room_forecast const f = foretold(ids({0}), {{0}, {0}});
    CHECK(f.all_busy(s.l, ids({0, 1}), 8) == 0);
    s.take(1, 1, whole(3));
    CHECK(f.all_busy(s.l, ids({0, 1}), 5) == 0);
    CHECK(f.all_busy(s.l, ids({0, 1}), 6) == 1);
    room_forecast const nothing;
    CHECK(nothing.all_busy(s.l, ids({1}), 5) == 0);
    CHECK(nothing.all_busy(s.l, ids({1}), 6) == 1);
}

TEST_CASE("room_forecast: begun anew it knows nothing of before") {
    site const s{{uniform_host(), uniform_host(2)}};
    room_forecast f = foretold(ids({0, 1}), {{0, 0}});
    f.begin(ids({1}));
    f.add(by_future{1});
    CHECK(f.futures() == 1);
    CHECK(f.all_busy(s.l, ids({0}), 8) == 0);
    CHECK(f.all_busy(s.l, ids({1}), 2) == 1);
}

TEST_CASE("foreseen_room: a group is admitted where one of its hosts has room in enough of the futures") {
    site const s{{uniform_host(), uniform_host()}};
    std::vector<by_future> futures(10, by_future{8, 8});
    futures[3] = {2, 1};
    foreseen_room ninety{{.level = 0.9}};
    foreseen_room ninety_five{{.level = 0.95}};
    CHECK(ninety_five.admits_group(s.l, ids({0, 1}), whole(8))); // nothing is foretold yet: by what is free now
    room_forecast const f = foretold(ids({0, 1}), futures);
    ninety.foresee(f);
    ninety_five.foresee(f);
    CHECK(ninety.admits_group(s.l, ids({0, 1}), whole(8)));
    CHECK_FALSE(ninety_five.admits_group(s.l, ids({0, 1}), whole(8)));
    CHECK(ninety_five.admits_group(s.l, ids({0, 1}), whole(2)));
}

TEST_CASE("foreseen_room: a host takes so many members and no more") {
    site s{{uniform_host()}};
    foreseen_room const a{{.members = 2}};
    for (std::uint64_t const member : {1U, 2U}) {
        CHECK(a.admits_host(s.l, host_id{0}, whole(1)));
        REQUIRE(s.l.subscribe(host_id{0}, member, whole(1).subscription()) == ledger_code::done);
    }
    CHECK_FALSE(a.admits_host(s.l, host_id{0}, whole(1)));
}

} // namespace
} // namespace hpcsched::gpu
