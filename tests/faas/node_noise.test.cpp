// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/faas/latency_question.hpp>
#include <hpcsched/faas/node_noise.hpp>
#include <hpcsched/predict/sensitivity.hpp>
#include <hpcsched/testing/conformance/prediction.hpp>

#include <doctest/doctest.h>

#include "nodes.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace hpcsched::faas {
namespace {

using namespace test;

node_function busy() {
    node_function f;
    f.rate = {.shape = 20, .seconds = 4};
    f.services = {{3, 0.05}, {10, 0.1}, {0.5, 0.9}};
    f.cpu_share = 0.8;
    f.cold_start = 0.3;
    f.concurrency = 3;
    f.warm = 1;
    f.queue_capacity = 5;
    f.running = {0.02, 0.5, 2};
    f.waiting = 2;
    f.target = 0.4;
    return f;
}

std::uint64_t look(node_run const& r) {
    auto const bits = [](double x) { return std::bit_cast<std::uint64_t>(x); };
    std::uint64_t sum = bits(r.now) * 3 + bits(r.received) * 5 + r.open * 7 + r.broken * 11 + r.jobs.size() * 13;
    for (std::size_t i = 0; i < r.functions.size(); ++i) {
        auto const& f = r.functions[i];
        sum = sum * 31 + bits(r.next_arrivals[i]) + bits(f.next_service) * 3 + bits(f.slow) * 5 + bits(f.latency) * 7 +
              f.waiting() * 17 + f.running * 19 + f.warm * 23;
    }
    return sum;
}

} // namespace

TEST_CASE("node noise: world, noise and questions keep the rules of prediction") {
    node_function quiet = busy();
    quiet.rate = {.shape = 0.5, .seconds = 6};
    quiet.running.clear();
    quiet.waiting = 0;
    std::vector<node_state> const states{node_of(2, 10, {busy(), quiet, known(3, {})}), node_of(1, 3, {quiet}),
                                         node_of(0.5, 5, {quiet, busy(), busy()}), node_of(1, 1, {})};
    auto const findings = [&](auto const& question, std::size_t count = 4) {
        auto const all =
            testing::check_prediction(node{}, node_noise{}, question, std::span{states}.first(count), look);
        return all.empty() ? std::string{} : all.front();
    };
    CHECK(findings(breaks_a_target{}) == "");
    CHECK(findings(mean_latency{}, 3) == "");
}

TEST_CASE("node noise: each source does what it says, and nothing else") {
    auto const spread_of = [](std::size_t source, auto const& measure) {
        node_noise one;
        for (std::size_t other = 0; other < 4; ++other) {
            one = other == source ? one : one.scaled(other, 0);
        }
        double sum = 0;
        double squares = 0;
        int const worlds = 4'000;
        for (std::uint64_t world = 0; world < worlds; ++world) {
            node_state s = node_of(1, 10, {busy()});
            predict::noise_streams<4> d{7, world};
            node_run r = node::make_run();
            one.perceive(s, d);
            node::begin(r, s);
            one.disturb(r, d);
            double const x = measure(s, r);
            sum += x / worlds;
            squares += x * x / worlds;
        }
        return std::array{sum, std::sqrt(std::max(0.0, squares - sum * sum))};
    };
    auto const rate = [](node_state const& s, node_run const&) { return s.functions[0].rate.mean(); };
    auto const mean = [](node_state const&, node_run const& r) { return r.functions[0].mean_service; };
    auto const gap = [](node_state const&, node_run const& r) { return r.next_arrivals[0]; };
    auto const service = [](node_state const&, node_run const& r) { return r.functions[0].next_service; };
    auto const left = [](node_state const&, node_run const& r) { return r.jobs[2].service; };

    auto const [rate_mean, rate_deviation] = spread_of(0, rate);
    CHECK(rate_mean == doctest::Approx(5).epsilon(0.02));
    CHECK(rate_deviation == doctest::Approx(std::sqrt(20) / 4).epsilon(0.05));
    CHECK(spread_of(0, mean)[1] < 1e-5);
    CHECK(spread_of(0, service)[1] < 1e-5);

    double const weighted = (3 * 0.05 + 10 * 0.1 + 0.5 * 0.9) / 13.5;
    CHECK(spread_of(1, mean)[0] == doctest::Approx(weighted).epsilon(0.02));
    CHECK(spread_of(1, mean)[1] > 0.02);
    CHECK(spread_of(1, rate)[1] < 1e-5);
    CHECK(spread_of(1, gap)[1] < 1e-5);

    CHECK(spread_of(2, gap)[0] == doctest::Approx(0.2).epsilon(0.05));
    CHECK(spread_of(2, gap)[1] == doctest::Approx(0.2).epsilon(0.08));
    CHECK(spread_of(2, service)[1] < 1e-5);

    CHECK(spread_of(3, service)[0] == doctest::Approx(weighted).epsilon(0.03));
    CHECK(spread_of(3, service)[1] == doctest::Approx(0.157).epsilon(0.1)); // of the atoms
    CHECK(spread_of(3, gap)[1] < 1e-5);
    CHECK(spread_of(3, left)[0] == doctest::Approx(2)); // older than all that is known: as long again
}

TEST_CASE("node noise: a source that is turned off leaves what the others draw as it was") {
    auto const begun = [](node_noise const& noise, std::uint64_t world) {
        node_state s = node_of(1, 10, {busy(), busy()});
        predict::noise_streams<4> d{3, world};
        node_run r = node::make_run();
        noise.perceive(s, d);
        node::begin(r, s);
        noise.disturb(r, d);
        return r;
    };
    for (std::uint64_t world = 0; world < 50; ++world) {
        node_run const all = begun(node_noise{}, world);
        node_run const without_rates = begun(node_noise{}.scaled(0, 0), world);
        node_run const without_services = begun(node_noise{}.scaled(1, 0).scaled(3, 0), world);
        for (std::size_t i = 0; i < 2; ++i) {
            double const drawn = all.next_arrivals[i] / all.functions[i].gap;
            CHECK(without_rates.next_arrivals[i] / without_rates.functions[i].gap == doctest::Approx(drawn));
            CHECK(without_services.next_arrivals[i] == all.next_arrivals[i]);
            CHECK(without_rates.functions[i].next_service == all.functions[i].next_service);
        }
    }
}

TEST_CASE("node noise: of what runs the rest is drawn from what it can still be") {
    node_run::function f;
    f.services = {{3, 0.05}, {13, 0.1}, {13.5, 0.9}}; // summed up
    CHECK(node_run::service_left(f, 0, 0) == 0.05);
    CHECK(node_run::service_left(f, 0, 0.5) == 0.1);
    CHECK(node_run::service_left(f, 0, 0.999) == 0.9);
    CHECK(node_run::service_left(f, 0.05, 0) == doctest::Approx(0.05)); // the first is ruled out
    CHECK(node_run::service_left(f, 0.2, 0) == doctest::Approx(0.7));
    CHECK(node_run::service_left(f, 1, 0.5) == 1);
}

TEST_CASE("node noise: where nothing is known of a rate, that is what the answer depends on") {
    node_function f = known(1, always(0.1));
    f.rate = {.shape = 1, .seconds = 0.2};
    f.target = 0.5;
    f.share_above = 0.01;
    predict::noisy_simulation simulation{node{}, node_noise{}, breaks_a_target{}};
    auto const told = predict::sensitivities(simulation, node_of(1, 20, {f}), 1, 300);
    REQUIRE(told.size() == 4);
    CHECK(told[0].source == "rate belief");
    CHECK(told[0].changed > 0.1);
    CHECK(told[1].changed == 0); // one atom, and it is known well
    CHECK(told[0].changed > 2 * told[3].changed);
}

} // namespace hpcsched::faas
