// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/bytes.hpp>
#include <hpcsched/core/random.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/admission.hpp>

#include <boost/random/uniform_01.hpp>
#include <boost/random/uniform_int_distribution.hpp>
#include <doctest/doctest.h>

#include "site.hpp"

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace hpcsched::gpu {
namespace {

using namespace test;

void subscribe(site& s, std::uint32_t host, std::uint64_t member, resources const& amount) {
    REQUIRE(s.l.subscribe(host_id{host}, member, amount) == ledger_code::done);
}
void subscribe(site& s, std::uint32_t host, std::uint64_t member, std::uint16_t devices) {
    subscribe(s, host, member, whole(devices).subscription());
}

} // namespace

TEST_CASE("admit_all: it does") {
    site const s{{uniform_host()}};
    CHECK(admit_all::admits_host(s.l, host_id{0}, whole(64)));
    CHECK(admit_all::admits_group(s.l, {}, whole(64)));
}

// notebook.md 2.3: SR_h = placed / (G R), the new request included.
TEST_CASE("subscription_limit: a host's ratio is what is placed over its devices and the replicas") {
    site s{{uniform_host()}};
    subscription_limit const a;
    CHECK(a.ratio(s.l.host(host_id{0}), {}) == 0);
    CHECK(a.ratio(s.l.host(host_id{0}), whole(4).subscription()) == doctest::Approx(4.0 / (8 * 3)));
    subscribe(s, 0, 1, 8);
    subscribe(s, 0, 2, 8);
    CHECK(a.ratio(s.l.host(host_id{0}), whole(8).subscription()) == doctest::Approx(1.0)); // 24 of 8 x 3
    subscription_limit const one{{.replicas = 1}};
    CHECK(one.ratio(s.l.host(host_id{0}), whole(8).subscription()) == doctest::Approx(3.0));
}

TEST_CASE("subscription_limit: the largest of the ratios of CPUs, memory, devices and their memory counts") {
    site const s{{uniform_host(8, 40'000, 64'000, 128'000)}};
    subscription_limit const a{{.replicas = 1}};
    host_state const& h = s.l.host(host_id{0});
    CHECK(a.ratio(h, {32'000, 32'000, 1000, 0}) == doctest::Approx(0.5));
    CHECK(a.ratio(h, {16'000, 96'000, 1000, 0}) == doctest::Approx(0.75));
    CHECK(a.ratio(h, {0, 0, 8000, 10}) == doctest::Approx(1.0));
    CHECK(a.ratio(h, {0, 0, 1000, 640'000}) == doctest::Approx(2.0));
    site const without{{uniform_host(0)}};
    CHECK(a.ratio(without.l.host(host_id{0}), whole(1).subscription()) == std::numeric_limits<double>::infinity());
    CHECK(a.ratio(without.l.host(host_id{0}), {64'000, 0, 0, 0}) == doctest::Approx(1.0));
}

// notebook.md 2.3: the mean of the last five samples of demand / busy, 7.0 until there are five.
TEST_CASE("subscription_limit: the limit is 7 until five samples are there, then their mean") {
    subscription_limit a;
    CHECK(a.limit() == 7.0);
    for (int i = 1; i <= 4; ++i) {
        a.sample(40, 10);
        CHECK(a.limit() == 7.0);
        CHECK_FALSE(a.settled());
    }
    a.sample(20, 10);
    CHECK(a.settled());
    CHECK(a.limit() == doctest::Approx((4 * 4.0 + 2.0) / 5));
    for (int i = 0; i < 5; ++i) {
        a.sample(30, 20); // the older ones are gone
    }
    CHECK(a.limit() == doctest::Approx(1.5));
}

TEST_CASE(
    "subscription_limit: a sample is 7 where nothing is busy, 1 where less is wanted than is busy, and not clamped") {
    auto const limit_of = [](std::int64_t demand, std::int64_t busy) {
        subscription_limit a;
        for (int i = 0; i < 5; ++i) {
            a.sample(demand, busy);
        }
        return a.limit();
    };
    CHECK(limit_of(0, 0) == 7.0);
    CHECK(limit_of(100, 0) == 7.0);
    CHECK(limit_of(5, 10) == 1.0);
    CHECK(limit_of(10, 10) == 1.0);
    CHECK(limit_of(100, 4) == doctest::Approx(25.0));
}

// notebook.md 2.3: turned away where the ratio reaches the limit; with one replica only where it passes it.
TEST_CASE(
    "subscription_limit: a host that would reach the limit is turned away, with one replica if it would pass it") {
    site s{{uniform_host(1)}};
    subscription_limit const three; // 7.0: below 21 devices
    subscribe(s, 0, 1, 19);
    CHECK(three.admits_host(s.l, host_id{0}, whole(1)));
    subscribe(s, 0, 2, 1);
    CHECK_FALSE(three.admits_host(s.l, host_id{0}, whole(1))); // 21 / 3 is the limit
    CHECK(three.admits_host(s.l, host_id{0}, whole(0)));
    subscription_limit const one{{.replicas = 1, .limit_at_rest = 21.0}};
    CHECK(one.admits_host(s.l, host_id{0}, whole(1)));
    subscribe(s, 0, 3, 1);
    CHECK_FALSE(one.admits_host(s.l, host_id{0}, whole(1)));
    CHECK(subscription_limit::admits_group(s.l, {}, whole(64)));
}

TEST_CASE("subscription_limit: its samples are written down and read back, or left as they are") {
    for (int samples : {0, 1, 4, 5, 6, 23}) {
        CAPTURE(samples);
        subscription_limit a;
        for (int n = 0; n < samples; ++n) {
            a.sample(10 + n, 2);
        }
        byte_buffer bytes;
        a.save_samples(bytes);
        subscription_limit other;
        other.sample(3, 1);
        byte_reader in{bytes};
        CHECK(other.restore_samples(in));
        CHECK(in.rest().empty());
        CHECK(other.limit() == a.limit());
        CHECK(other.settled() == a.settled());
        a.sample(100, 1);
        other.sample(100, 1);
        CHECK(other.limit() == a.limit());
        byte_reader cut{std::span{bytes}.first(bytes.size() - 1)};
        CHECK_FALSE(other.restore_samples(cut));
        CHECK(other.limit() == a.limit());
    }
    byte_buffer no_number;
    put_word(no_number, 1);
    put_word(no_number, std::bit_cast<std::uint64_t>(std::numeric_limits<double>::quiet_NaN()));
    byte_reader in{no_number};
    subscription_limit a;
    CHECK_FALSE(a.restore_samples(in));
}

TEST_CASE("subscription_limit: a window of another length is the mean of as many samples") {
    subscription_limit a{{.window = 2}};
    a.sample(30, 10);
    CHECK(a.limit() == 7.0);
    a.sample(10, 10);
    CHECK(a.limit() == doctest::Approx(2.0));
}

namespace {

/// The probability that `count` of a host's devices are free, by going through all that its members may do.
double enumerated(std::vector<double> const& runs_here, std::vector<std::size_t> const& sizes, std::size_t devices,
                  std::size_t count) {
    double enough = 0;
    for (std::size_t who = 0; who < std::size_t{1} << sizes.size(); ++who) {
        double p = 1;
        std::size_t leased = 0;
        for (std::size_t i = 0; i < sizes.size(); ++i) {
            bool const runs = (who >> i & 1U) != 0;
            p *= runs ? runs_here[i] : 1 - runs_here[i];
            leased += runs ? sizes[i] : 0;
        }
        enough += leased + count <= devices ? p : 0;
    }
    return enough;
}

} // namespace

TEST_CASE("service_level: the probability that devices are free is that of going through all cases") {
    random_stream bits{1, "service_level"};
    boost::random::uniform_int_distribution<std::uint64_t> below_four{0, 3};
    for (int n = 0; n < 50; ++n) {
        std::size_t const devices = 1 + static_cast<std::size_t>(bits() % 8);
        site s{{uniform_host(devices)}};
        service_level a{{.duty_unknown = 0.5, .prior = 0s, .replicas = 2}};
        std::vector<double> runs_here;
        std::vector<std::size_t> sizes;
        for (std::uint64_t member = 0; member < bits() % 11; ++member) {
            sizes.push_back(std::size_t{1} << below_four(bits));
            subscribe(s, 0, member, static_cast<std::uint16_t>(sizes.back()));
            double const duty = boost::random::uniform_01<double>{}(bits);
            bool const measured = member % 3 != 0;
            if (measured) {
                a.observe(member, from_seconds(1000 * duty), 1000s);
            }
            runs_here.push_back((measured ? duty : 0.5) / 2);
        }
        for (std::uint32_t count = 1; count <= devices; ++count) {
            CHECK(a.has_free(s.l.host(host_id{0}), count) ==
                  doctest::Approx(enumerated(runs_here, sizes, devices, count)).epsilon(1e-9));
        }
        CHECK(a.has_free(s.l.host(host_id{0}), 0) == doctest::Approx(1));
        CHECK(a.has_free(s.l.host(host_id{0}), static_cast<std::uint32_t>(devices + 1)) == 0);
    }
}

// Twelve kernels of one device and duty 0.25 on three hosts of one device each: a third of each on each.
TEST_CASE("service_level: a group is admitted where one of its hosts is free as often as is asked for") {
    site s{{uniform_host(1), uniform_host(1), uniform_host(1)}};
    for (std::uint32_t host = 0; host < 3; ++host) {
        for (std::uint64_t member = 0; member < 12; ++member) {
            subscribe(s, host, member, 1);
        }
    }
    double const free = std::pow(1 - 0.25 / 3, 12); // nobody runs here
    service_level const a{{.level = 0.7}};
    std::vector<host_id> const hosts{host_id{0}, host_id{1}, host_id{2}};
    CHECK(a.has_free(s.l.host(host_id{0}), 1) == doctest::Approx(free));
    CHECK(a.one_of_has_free(s.l, hosts, 1) == doctest::Approx(1 - std::pow(1 - free, 3)));
    CHECK(a.one_of_has_free(s.l, hosts, 1) == doctest::Approx(0.7286).epsilon(1e-3));
    CHECK(a.admits_group(s.l, hosts, whole(1)));
    CHECK_FALSE(a.admits_group(s.l, std::span{hosts}.first(2), whole(1)));
    CHECK_FALSE(service_level{{.level = 0.75}}.admits_group(s.l, hosts, whole(1)));
    CHECK_FALSE(a.admits_group(s.l, hosts, whole(2)));
    CHECK(service_level::admits_host(s.l, host_id{0}, whole(64)));
}

TEST_CASE("service_level: what was measured is clamped, and is forgotten when it is said so") {
    site s{{uniform_host(1)}};
    subscribe(s, 0, 1, 1);
    service_level a{{.duty_unknown = 0.2, .prior = 0s, .replicas = 1}};
    host_state const& h = s.l.host(host_id{0});
    CHECK(a.has_free(h, 1) == doctest::Approx(0.8));
    a.observe(1, 5s, 10s);
    CHECK(a.has_free(h, 1) == doctest::Approx(0.5));
    a.observe(1, 70s, 10s);
    CHECK(a.has_free(h, 1) == doctest::Approx(0.0));
    a.observe(1, -10s, 10s);
    CHECK(a.has_free(h, 1) == doctest::Approx(1.0));
    a.observe(1, 0s, 0s);
    CHECK(a.has_free(h, 1) == doctest::Approx(0.8));
    a.forget(1);
    CHECK(a.has_free(h, 1) == doctest::Approx(0.8));
}

TEST_CASE("service_level: what was measured for as long as the prior counts half") {
    site s{{uniform_host(1)}};
    subscribe(s, 0, 1, 1);
    service_level a{{.duty_unknown = 0.2, .prior = 100s, .replicas = 1}};
    host_state const& h = s.l.host(host_id{0});
    a.observe(1, 0s, 0s);
    CHECK(a.has_free(h, 1) == doctest::Approx(0.8));
    a.observe(1, 60s, 100s);
    CHECK(a.has_free(h, 1) == doctest::Approx(1 - (0.2 + 0.6) / 2));
    a.observe(1, 600'000s, 1'000'000s);
    CHECK(a.has_free(h, 1) == doctest::Approx(0.4).epsilon(1e-3));
}

TEST_CASE("service_level: devices that take no leases, or only slices, are never free") {
    site s{{sliced_host(4, 1)}};
    service_level const a;
    CHECK(a.has_free(s.l.host(host_id{0}), 3) == 1);
    CHECK(a.has_free(s.l.host(host_id{0}), 4) == 0);
    REQUIRE(s.fail(0, 1) == ledger_code::done);
    REQUIRE(s.fail(0, 2, device_health::draining) == ledger_code::done);
    CHECK(a.has_free(s.l.host(host_id{0}), 1) == 1);
    CHECK(a.has_free(s.l.host(host_id{0}), 2) == 0);
    REQUIRE(s.l.set_draining(host_id{0}, true) == ledger_code::done);
    CHECK(a.has_free(s.l.host(host_id{0}), 1) == 0);
}

} // namespace hpcsched::gpu
