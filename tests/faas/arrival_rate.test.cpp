// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/faas/arrival_rate.hpp>

#include <doctest/doctest.h>

#include <chrono>

namespace hpcsched::faas {
namespace {

using namespace std::chrono_literals;

/// `rate` arrivals per second, evenly, until `end`.
void feed(arrival_rate_posterior& p, time_point& now, duration gap, time_point end) {
    for (; now < end; now += gap) {
        p.observe(now);
    }
}

} // namespace

TEST_CASE("arrival rate: before anything came it is the prior, and fades towards nothing") {
    arrival_rate_posterior const p{time_point{}};
    CHECK(p.at(time_point{}).mean() == doctest::Approx(0.5));
    CHECK(p.at(time_point{1min}).mean() == doctest::Approx(0.5 / 6).epsilon(0.01));
}

TEST_CASE("arrival rate: a steady rate is known, as well as so many counts can tell it") {
    arrival_rate_posterior p{time_point{}};
    time_point now{};
    feed(p, now, 50ms, time_point{1min});
    rate_belief const told = p.at(now);
    CHECK(told.mean() == doctest::Approx(20).epsilon(0.2));
    CHECK(told.shape == doctest::Approx(100).epsilon(0.02)); // 20 / s x 5 s, and the prior
    CHECK(told.deviation() == doctest::Approx(told.mean() / 10).epsilon(0.05));
}

TEST_CASE("arrival rate: a flood is known for what it is within a second") {
    arrival_rate_posterior p{time_point{}};
    time_point now{};
    feed(p, now, 1s, time_point{1min});
    CHECK(p.at(now).mean() == doctest::Approx(1).epsilon(0.3));
    feed(p, now, 2ms, time_point{1min + 750ms});
    CHECK(p.at(now).mean() == doctest::Approx(500).epsilon(0.2));
    feed(p, now, 2ms, time_point{2min});
    CHECK(p.at(now).mean() == doctest::Approx(500).epsilon(0.2));
}

TEST_CASE("arrival rate: two that come by chance at once are no flood") {
    arrival_rate_posterior p{time_point{}};
    time_point now{};
    feed(p, now, 1s, time_point{1min});
    p.observe(now);
    p.observe(now);
    CHECK(p.at(now).mean() < 2);
}

TEST_CASE("arrival rate: a flood that is over is forgotten") {
    arrival_rate_posterior p{time_point{}};
    time_point now{};
    feed(p, now, 2ms, time_point{10s});
    CHECK(p.at(now + 30s).mean() < 3);
}

TEST_CASE("arrival rate: a clock that stands still, or goes back, does no harm") {
    arrival_rate_posterior p{time_point{1s}};
    p.observe(time_point{0s});
    p.observe(time_point{2s});
    p.observe(time_point{1s});
    CHECK(p.at(time_point{0s}).mean() > 0);
    CHECK(p.at(time_point{2s}).shape == doctest::Approx(0.5 + 2 + 0.8187).epsilon(0.01));
}

} // namespace hpcsched::faas
