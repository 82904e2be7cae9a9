// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook/cluster_noise.hpp>
#include <hpcsched/notebook/cluster_questions.hpp>
#include <hpcsched/notebook/cluster_world.hpp>
#include <hpcsched/predict/noisy_simulation.hpp>
#include <hpcsched/predict/sensitivity.hpp>
#include <hpcsched/testing/conformance/prediction.hpp>

#include <doctest/doctest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace hpcsched::notebook {
namespace {

hazard_curve always(double rate) {
    hazard_curve::by_octave rates{};
    rates.fill(rate);
    return {15, rates};
}

demand_belief exactly(std::uint16_t gpus) {
    return {.gpus = {gpus, gpus, gpus}};
}

session_outlook idle_on(std::uint16_t host, std::uint16_t gpus) {
    session_outlook s{.had_cell = true, .host_count = 1, .demand = exactly(gpus)};
    s.hosts[0] = host;
    s.returns = s.ends = {1e6, 1e6}; // all alike
    return s;
}
session_outlook running_on(std::uint16_t host, std::uint16_t gpus) {
    session_outlook s = idle_on(host, gpus);
    s.phase = session_phase::running;
    s.gpus = gpus;
    s.host = host;
    return s;
}

/// Nobody moves; one host of a device.
cluster_outlook one_device() {
    cluster_outlook o{.first_return = always(0.01), .next_return = always(0.01), .run_end = always(0.01)};
    o.free = {1};
    o.devices = {1};
    o.horizon = 100;
    o.runs_anywhere = false;
    return o;
}

std::uint64_t look(cluster_world::run const& r) {
    std::uint64_t hash = std::bit_cast<std::uint64_t>(r.now()) ^ r.requests() ^ (r.waits() << 20U);
    for (std::uint16_t const f : r.free()) {
        hash = hash * 31 + f;
    }
    return hash;
}

cluster_outlook three_hosts() {
    cluster_outlook o{.first_return = always(0.002), .next_return = always(0.02), .run_end = always(0.01)};
    o.free = {8, 4, 0};
    o.devices = {8, 8, 8};
    for (std::uint32_t n = 0; n < 20; ++n) {
        session_outlook s{.kernel = n, .had_cell = n % 3 != 0, .host_count = 2, .lasted = 10.0 * n};
        s.hosts = {static_cast<std::uint16_t>(n % 3), static_cast<std::uint16_t>((n + 1) % 3)};
        s.demand = {.gpus = {1, 4, 8}, .up_to = {0.5F, 0.8F, 1.0F}};
        s.returns = {1.5, 1.5};
        s.ends = {2, 2};
        o.sessions.push_back(s);
    }
    for (std::uint16_t const host : std::array<std::uint16_t, 3>{1, 2, 2}) {
        session_outlook s = running_on(host, 4);
        s.ends = {1, 1};
        o.sessions.push_back(s);
    }
    session_outlook waits = idle_on(2, 8);
    waits.phase = session_phase::waiting;
    waits.gpus = 8;
    o.sessions.push_back(waits);
    return o;
}

/// Plays a world without noise to its horizon.
cluster_world::run played(cluster_outlook const& o) {
    cluster_world::run r = cluster_world::make_run();
    cluster_world::begin(r, o);
    while (cluster_world::step(r) == predict::progress::running) {
    }
    return r;
}

} // namespace

TEST_CASE("cluster world: keeps the rules of a world, its noise and its questions theirs") {
    std::array<cluster_outlook, 2> const states{one_device(), three_hosts()};
    auto const first = [](std::vector<std::string> const& f) { return f.empty() ? std::string{} : f.front(); };
    CHECK(first(testing::check_prediction(cluster_world{}, cluster_noise{}, share_that_waits{}, states, look)) == "");
    CHECK(first(testing::check_prediction(cluster_world{}, cluster_noise{}, hosts_needed{8}, states, look)) == "");
    std::array<cluster_outlook, 1> const three{three_hosts()};
    CHECK(first(testing::check_prediction(cluster_world{}, cluster_noise{}, next_cell_waits{2}, three, look)) == "");
}

TEST_CASE("cluster world: an idle session comes within the horizon as its hazard says") {
    cluster_outlook o = one_device();
    o.sessions = {idle_on(0, 1)};
    predict::noisy_simulation s{cluster_world{}, cluster_noise{}, next_cell_waits{0}};
    auto const p = s.ask(o, 1, {.half_width = 0.02});
    REQUIRE(p.has_value());
    CHECK(p->answer.happens.within.contains(1 - std::exp(-1.0)));
    REQUIRE(p->answer.then);
    CHECK(p->answer.then->mean == 0); // it is alone, and there is room
}

TEST_CASE("cluster world: a device that is taken is free at the horizon as the cell's hazard says") {
    cluster_outlook o = one_device();
    o.next_return = always(1e-9);
    o.free = {0};
    o.sessions = {running_on(0, 1)};
    predict::noisy_simulation s{cluster_world{}, cluster_noise{}, all_are_busy{{0}, 1}};
    auto const p = s.ask(o, 1, {.half_width = 0.02});
    CHECK(p->answer.within.contains(std::exp(-1.0)));
    CHECK(s.ask(o, 1, {.half_width = 0.02})->answer.yes == p->answer.yes);
}

TEST_CASE("cluster world: two on one device wait for each other in the share that a Markov chain has") {
    // Idle at rate a, running at rate b, one device: of the requests in the long run, those wait that find the other
    // running.
    cluster_outlook o = one_device();
    o.horizon = 20'000;
    o.sessions = {idle_on(0, 1), idle_on(0, 1)};
    predict::noisy_simulation s{cluster_world{}, cluster_noise{}, share_that_waits{}};
    auto const p = s.ask(o, 1, predict::precision::exactly(60));
    // States: 0, 1 or 2 of them at the device: with a = b the weights are 1, 2, 2, and requests come at 2a in 0, at a
    // in 1.
    CHECK(p->answer.then->mean == doctest::Approx(0.5).epsilon(0.03));
}

TEST_CASE("cluster world: a factor of two doubles the hazard, and what has lasted counts") {
    cluster_outlook o = one_device();
    o.sessions = {idle_on(0, 1)};
    o.sessions[0].returns = {2e6, 1e6};
    predict::noisy_simulation s{cluster_world{}, cluster_noise{}, next_cell_waits{0}};
    CHECK(s.ask(o, 1, {.half_width = 0.02})->answer.happens.within.contains(1 - std::exp(-2.0)));
    hazard_curve::by_octave rates{};
    rates[0] = 0.1; // the first quarter of a minute only
    o.next_return = {15, rates};
    o.sessions[0].lasted = 15;
    CHECK(s.ask(o, 1, predict::precision::exactly(200))->answer.happens.probability == 0);
}

TEST_CASE("cluster world: uncertain eagerness makes the sure less sure") {
    cluster_outlook o = one_device();
    o.sessions = {idle_on(0, 1)};
    o.sessions[0].returns = {0.5, 0.5}; // a mean of 1: P(comes) = 1 - (r / (r + 1)) ^ shape
    predict::noisy_simulation s{cluster_world{}, cluster_noise{}, next_cell_waits{0}};
    auto const p = s.ask(o, 1, {.half_width = 0.02});
    CHECK(p->answer.happens.within.contains(1 - std::sqrt(0.5 / 1.5)));
    o.sessions[0].returns = {3, 3};
    CHECK(s.ask(o, 1, {.half_width = 0.02})->answer.happens.within.contains(1 - std::pow(3.0 / 4, 3)));
}

TEST_CASE("cluster world: without room at home a cell moves where it may, and waits in order of arrival where not") {
    cluster_outlook o = one_device();
    o.horizon = 1e5;
    o.run_end = always(1e-9);
    o.free = {0, 1};
    o.devices = {1, 1};
    o.sessions = {running_on(0, 1), idle_on(0, 1)};
    predict::noisy_simulation stays{cluster_world{}, cluster_noise{}, all_are_busy{{1}, 1}};
    CHECK(stays.ask(o, 1, predict::precision::exactly(50))->answer.probability == 0);
    o.runs_anywhere = true;
    CHECK(stays.ask(o, 1, predict::precision::exactly(50))->answer.probability == 1);
    predict::noisy_simulation next{cluster_world{}, cluster_noise{}, next_cell_waits{1}};
    CHECK(next.ask(o, 1, predict::precision::exactly(50))->answer.then->mean == 1); // for the move
}

TEST_CASE("cluster world: of those that wait already, who has waited the longest runs first") {
    cluster_outlook o = one_device();
    o.free = {0};
    for (double const waited : {50.0, 90.0}) {
        session_outlook s = idle_on(0, 1);
        s.phase = session_phase::waiting;
        s.gpus = 1;
        s.lasted = waited;
        o.sessions.push_back(s);
    }
    o.sessions.push_back(running_on(0, 1)); // without noise it ends at its median, after 69 of the 100 seconds
    cluster_world::run const r = played(o);
    CHECK(r.first_ended(2));
    CHECK(r.is_running(1));
    CHECK_FALSE(r.is_running(0));
}

TEST_CASE("cluster world: devices wanted are those that run or are waited for, at their most at one time") {
    cluster_outlook o = one_device();
    o.free = {4};
    o.next_return = always(0.02); // without noise after 35 s
    session_outlook waits = idle_on(0, 1);
    waits.phase = session_phase::waiting;
    waits.gpus = 1;
    o.sessions = {running_on(0, 2), waits, idle_on(0, 4)};
    CHECK(played(o).devices_peak() == 7);
    o.horizon = 200;
    o.next_return = always(0.005); // after 139 s, when the cell that runs has ended, after 69 s
    o.sessions = {running_on(0, 2), idle_on(0, 4)};
    CHECK(played(o).devices_peak() == 4);
}

TEST_CASE(
    "cluster world: of several hosts with room the last one is taken, or the fullest, or the emptiest, as asked") {
    cluster_outlook o = one_device();
    o.free = {2, 1};
    o.devices = {2, 2};
    o.sessions = {idle_on(0, 1)};
    o.sessions[0].host_count = 2;
    o.sessions[0].hosts = {0, 1};
    o.sessions[0].previous = 1;
    using free_by_host = std::vector<std::uint16_t>;
    CHECK(played(o).free() == free_by_host{2, 0});
    o.previous_first = false;
    CHECK(played(o).free() == free_by_host{1, 1});
    o.fullest_first = true;
    CHECK(played(o).free() == free_by_host{2, 0});
}

TEST_CASE("cluster world: a first cell comes by the hazard of first cells") {
    cluster_outlook o = one_device();
    o.next_return = always(1e-9);
    o.sessions = {idle_on(0, 1)};
    CHECK(played(o).requests() == 0);
    o.sessions[0].had_cell = false;
    CHECK(played(o).requests() == 1);
}

TEST_CASE("cluster world: each moment counts once for a watched request, whatever happens in between") {
    cluster_outlook o = one_device();
    o.sessions = {idle_on(0, 1)};
    o.watched = {{.session = 0, .demand = exactly(1), .host_count = 1}};
    CHECK(played(o).watched(0).all == doctest::Approx(std::log(2))); // until it comes, at the median
    o.free = {2};
    o.run_end = always(0.03); // something happens every 23 s or so
    o.next_return = always(0.01);
    o.sessions.push_back(running_on(0, 1));
    o.sessions.push_back(running_on(0, 1));
    o.sessions[2].lasted = 5;
    CHECK(played(o).watched(0).all == doctest::Approx(std::log(2)));
}

TEST_CASE("cluster world: less noise keeps the mean of what is believed, and each factor is of its own belief") {
    cluster_outlook o = one_device();
    o.sessions = {idle_on(0, 1), running_on(0, 1)};
    o.sessions[0].returns = {2, 1};
    o.sessions[1].returns = {1, 1};
    o.sessions[1].ends = {4, 1};
    for (double const spread : {1.0, 0.5}) {
        cluster_noise const noise =
            cluster_noise{}.scaled(cluster_noise::eagerness, spread).scaled(cluster_noise::length, spread);
        double returns = 0;
        double ends = 0;
        constexpr std::uint64_t worlds = 4'000;
        cluster_world::run r = cluster_world::make_run();
        for (std::uint64_t world = 0; world < worlds; ++world) {
            cluster_noise::streams streams{1, world};
            cluster_world::begin(r, o);
            noise.disturb(r, streams);
            returns += r.return_factor(0) / worlds;
            ends += r.end_factor(1) / worlds;
        }
        CHECK(returns == doctest::Approx(2).epsilon(0.06));
        CHECK(ends == doctest::Approx(4).epsilon(0.06));
    }
}

TEST_CASE("cluster world: a watched request waits as often as the same session's cell does") {
    cluster_outlook o = three_hosts();
    watched_request w{.session = 5, .demand = o.sessions[5].demand, .host_count = 2, .hosts = o.sessions[5].hosts};
    o.watched = {w};
    double all = 0;
    double busy = 0;
    std::uint64_t came = 0;
    std::uint64_t waited = 0;
    cluster_world::run run = cluster_world::make_run();
    for (std::uint64_t world = 0; world < 20'000; ++world) {
        cluster_outlook seen = o;
        cluster_noise::streams streams{1, world};
        (void)predict::play(cluster_world{}, cluster_noise{}, share_that_waits{}, seen, run, streams, 100'000,
                            [](auto const&) {});
        all += run.watched(0).all;
        busy += run.watched(0).busy;
        came += run.first_request(5) != cluster_world::run::first::none ? 1U : 0U;
        waited += run.first_request(5) == cluster_world::run::first::waited ? 1U : 0U;
    }
    double const share = static_cast<double>(waited) / static_cast<double>(came);
    CHECK(busy / all == doctest::Approx(share).epsilon(0.05));
    CHECK(share > 0.05);
}

TEST_CASE("cluster world: a watched request of nobody's counts every moment alike") {
    cluster_outlook o = one_device();
    o.next_return = always(1e-9);
    o.free = {0};
    o.sessions = {running_on(0, 1)};
    o.watched = {{.demand = exactly(1), .host_count = 1}};
    predict::noisy_simulation s{cluster_world{}, cluster_noise{}, request_waits{0}};
    auto const p = s.ask(o, 1, {.half_width = 0.01});
    CHECK(p->answer.within.contains(1 - std::exp(-1.0))); // the mean of exp(-t / 100) over the 100 s
}

TEST_CASE("cluster world: sensitivities name who matters") {
    cluster_outlook o = one_device();
    o.sessions = {idle_on(0, 1)};
    o.sessions[0].returns = {0.5, 0.5};
    predict::noisy_simulation s{cluster_world{}, cluster_noise{}, next_cell_waits{0}};
    auto const all = predict::sensitivities(s, o, 1, 500);
    CHECK(all[cluster_noise::eagerness].changed > 0.1);
    CHECK(all[cluster_noise::return_time].changed > 0.1);
    CHECK(all[cluster_noise::length].changed == 0);
    CHECK(all[cluster_noise::end_time].changed == 0);
    CHECK(all[cluster_noise::demand].changed == 0);
}

TEST_CASE("cluster world: beliefs that are no number diverge, and are told as such") {
    cluster_outlook o = one_device();
    o.sessions = {idle_on(0, 1)};
    o.sessions[0].lasted = std::numeric_limits<double>::quiet_NaN();
    predict::noisy_simulation s{cluster_world{}, cluster_noise{}, hosts_needed{8}};
    auto const p = s.ask(o, 1);
    REQUIRE(p.has_error());
    CHECK(p.error().message.find("diverged") != std::string::npos);
}

} // namespace hpcsched::notebook
