// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/bytes.hpp>
#include <hpcsched/gpu/chosen_admission.hpp>

#include <doctest/doctest.h>

#include "site.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

namespace hpcsched::gpu {
namespace {

using namespace test;

chosen_admission by_name(std::string_view name, double level = 0.9, std::uint32_t replicas = 1) {
    return chosen_admission{{.policy = *chosen_admission::named(name), .level = level, .replicas = replicas}};
}

/// One host of one device with so many subscriptions of it.
struct crowded : site {
    explicit crowded(std::uint64_t members) : site{{uniform_host(1)}} {
        for (std::uint64_t m = 0; m < members; ++m) {
            REQUIRE(l.subscribe(host_id{0}, m, whole(1).subscription()) == ledger_code::done);
        }
    }
};

bool admits(chosen_admission const& a, site const& s, std::uint16_t devices = 1) {
    std::vector<host_id> const hosts{host_id{0}};
    return a.admits_host(s.l, host_id{0}, whole(devices)) && a.admits_group(s.l, hosts, whole(devices));
}

} // namespace

TEST_CASE("chosen_admission: by its name it admits as the policy of that name") {
    chosen_admission limit = by_name("subscription-limit");
    CHECK(admits(limit, crowded(6)));
    CHECK_FALSE(admits(limit, crowded(7))); // 7.0 before there are samples
    for (int n = 0; n < 5; ++n) {
        limit.sample(2, 1);
    }
    CHECK(limit.limit() == 2);
    CHECK(admits(limit, crowded(1)));
    CHECK_FALSE(admits(limit, crowded(2)));

    chosen_admission level = by_name("service-level", 0.5);
    CHECK(admits(level, crowded(2)));       // 0.75^2 = 0.56 of the time it is free
    CHECK_FALSE(admits(level, crowded(3))); // 0.42
    for (std::uint64_t m = 0; m < 3; ++m) {
        level.observe(m, 0s, 100'000s);
    }
    CHECK(admits(level, crowded(3)));
    level.forget(0);
    level.forget(1);
    level.forget(2);
    CHECK_FALSE(admits(level, crowded(3)));

    CHECK(admits(by_name("everyone"), crowded(1000)));
    CHECK_FALSE(chosen_admission::named("nobody"));
}

TEST_CASE("chosen_admission: who wants no device is admitted") {
    for (std::string_view const name : chosen_admission::names) {
        CHECK(admits(by_name(name, 1.0), crowded(1000), 0));
    }
}

TEST_CASE("chosen_admission: each is written down and read back, what was chosen apart from what was learned") {
    for (std::string_view const name : chosen_admission::names) {
        CAPTURE(name);
        chosen_admission chosen = by_name(name, 0.75, 2);
        CHECK(chosen.name() == name);
        byte_buffer bytes;
        chosen.save(bytes);
        for (int n = 0; n < 7; ++n) {
            chosen.sample(3, 1);
        }
        byte_buffer later;
        chosen.save(later);
        CHECK(later == bytes);

        chosen_admission other;
        for (int n = 0; n < 7; ++n) {
            other.sample(4, 1);
        }
        byte_reader in{bytes};
        CHECK(other.restore(in));
        CHECK(other == chosen);
        CHECK(other.limit() == 4);

        byte_buffer learned;
        chosen.save_learned(learned);
        byte_reader what{learned};
        CHECK(other.restore_learned(what));
        CHECK(other.limit() == 3);

        byte_reader cut{std::span{bytes}.first(bytes.size() - 1)};
        CHECK_FALSE(other.restore(cut));
        CHECK(other == chosen);
    }
}

TEST_CASE("chosen_admission: what is no choice is not read") {
    auto const reads = [](std::uint64_t policy, double level, std::uint64_t replicas) {
        byte_buffer bytes;
        put_word(bytes, policy);
        put_word(bytes, std::bit_cast<std::uint64_t>(level));
        put_word(bytes, replicas);
        byte_reader in{bytes};
        return chosen_admission{}.restore(in);
    };
    CHECK(reads(2, 1.0, 1));
    CHECK_FALSE(reads(3, 1.0, 1));
    CHECK_FALSE(reads(2, 1.01, 1));
    CHECK_FALSE(reads(2, -0.01, 1));
    CHECK_FALSE(reads(2, std::numeric_limits<double>::quiet_NaN(), 1));
    CHECK_FALSE(reads(2, 1.0, 0));
    CHECK_FALSE(reads(2, 1.0, std::uint64_t{1} << 32U));
}

} // namespace hpcsched::gpu
