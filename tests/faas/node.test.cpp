// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/faas/latency_question.hpp>
#include <hpcsched/faas/node.hpp>

#include <doctest/doctest.h>

#include "nodes.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace hpcsched::faas {
namespace {

using namespace test;

/// Probability that all servers of an M/M/c are busy (Erlang C), for 1 or 2 servers.
double erlang_c(double load, int cpus) {
    double const offered = load * cpus;
    double const full = (cpus == 1 ? offered : offered * offered / 2) / (1 - load);
    return full / ((cpus == 1 ? 1 : 1 + offered) + full);
}

/// P(sojourn > t) in an M/M/c whose servers are shared alike, services of mean 1: the chain of how many others are
/// there while one stays, begun as an arrival finds it, by uniformization.
double exact_tail(double load, int cpus, double t) {
    std::size_t const most = 400;
    double const lambda = load * cpus;
    std::vector<double> alive(most + 1);
    double weight = 1;
    double sum = 0;
    for (std::size_t n = 0; n <= most; ++n) {
        alive[n] = weight;
        sum += weight;
        weight *= lambda / static_cast<double>(std::min<std::size_t>(n + 1, static_cast<std::size_t>(cpus)));
    }
    for (double& p : alive) {
        p /= sum;
    }
    double const pace = lambda + cpus;
    double poisson = std::exp(-pace * t);
    double tail = 0;
    for (int jump = 0; jump < 2000; ++jump) {
        double left = 0;
        std::vector<double> next(most + 1);
        for (std::size_t n = 0; n <= most; ++n) {
            auto const others = static_cast<double>(n);
            double const share = std::min(1.0, cpus / (others + 1));
            double const up = n < most ? lambda : 0;
            left += alive[n];
            next[std::min(n + 1, most)] += alive[n] * up / pace;
            if (n > 0) {
                next[n - 1] += alive[n] * others * share / pace;
            }
            next[n] += alive[n] * (1 - (up + (others + 1) * share) / pace);
        }
        tail += poisson * left;
        poisson *= pace * t / (jump + 1);
        alive = std::move(next);
    }
    return tail;
}

void check(estimate const& found, double expected, double slack) {
    INFO("found ", found.mean, " +- ", found.error, ", expected ", expected);
    CHECK(found.error < slack);
    CHECK(std::abs(found.mean - expected) < 4 * found.error);
}

} // namespace

TEST_CASE("node: the mean latency of M/M/1 and M/M/2 under processor sharing is the formula's") {
    for (int const cpus : {1, 2}) {
        for (double const load : {0.3, 0.7}) {
            auto const s = node_of(cpus, 4'000, {known(load * cpus, exponential(1))});
            check(estimated(s, mean_latency{}, 60), 1 + erlang_c(load, cpus) / (cpus * (1 - load)), 0.04);
        }
    }
}

TEST_CASE("node: the tail of M/M/1 and M/M/2 under processor sharing is the exact one") {
    for (int const cpus : {1, 2}) {
        for (double const target : {2.0, 8.0}) {
            node_function f = known(0.7 * cpus, exponential(1));
            f.target = target;
            check(estimated(node_of(cpus, 4'000, {f}), slow_share{}, 60), exact_tail(0.7, cpus, target), 0.006);
        }
    }
}

TEST_CASE("node: under processor sharing the mean does not depend on how services are distributed") {
    check(estimated(node_of(1, 4'000, {known(0.6, always(1))}), mean_latency{}, 60), 2.5, 0.03);
    node_function two_sizes = known(0.6, {{9e9, 0.5}, {1e9, 5.5}});
    check(estimated(node_of(1, 8'000, {two_sizes}), mean_latency{}, 60), 2.5, 0.05);
}

TEST_CASE("node: with one worker a function is served first come first served, as Pollaczek and Khinchine say") {
    node_function f = known(0.6, always(1));
    f.concurrency = 1;
    check(estimated(node_of(4, 4'000, {f}), mean_latency{}, 60), 1 + 0.6 / (2 * 0.4), 0.02);
}

TEST_CASE("node: what is no CPU time is not shared") {
    node_function f = known(0.8, always(1));
    f.cpu_share = 0.5;
    check(estimated(node_of(1, 4'000, {f}), mean_latency{}, 60), 0.5 + 0.5 / (1 - 0.4), 0.01);
}

TEST_CASE("node: an invocation that finds its queue full is lost, as Erlang says") {
    node_function f = known(2, exponential(1));
    f.concurrency = 1;
    f.queue_capacity = 0;
    check(estimated(node_of(1, 4'000, {f}), ended_count{}, 60), 4'000 * 2 / 3.0, 10);
}

TEST_CASE("node: what is beyond the limit of a rate does not come") {
    node_function f = known(100, always(1e-6));
    f.rate_limit = 3;
    check(estimated(node_of(1, 1'000, {f}), ended_count{}, 60), 3'000, 10);
}

TEST_CASE("node: a worker that must be started first costs its start, once") {
    node_function f = known(1, always(0.1));
    f.warm = 0;
    f.cold_start = 0.5;
    auto const told = without_noise(node_of(1, 10.5, {f}), mean_latency{});
    CHECK(told.mean == doctest::Approx((0.6 + 9 * 0.1) / 10));
}

TEST_CASE("node: who comes waits behind those that were there") {
    node_function f = known(10, always(0.1));
    f.concurrency = 1;
    f.running = {0.05};
    f.waiting = 2;
    CHECK(without_noise(node_of(1, 0.15, {f}), mean_latency{}).mean == doctest::Approx(0)); // nobody ends by then
    f.target = 0.2;
    CHECK(without_noise(node_of(1, 0.15, {f}), slow_share{}).mean == 1); // at 0.35, where it came at 0.1
    f.target = 0.26;
    CHECK(without_noise(node_of(1, 0.15, {f}), slow_share{}).mean == 0);
}

TEST_CASE("node: those that have not ended when all is over are late") {
    node_function stuck = known(1, always(1'000));
    stuck.target = 2;
    CHECK(without_noise(node_of(8, 5.5, {stuck}), slow_share{}).mean == 1);
}

TEST_CASE("node: what an idle node would be too slow for is forgiven where that is wished") {
    node_function f = known(1, {{1e9, 0.1}, {1e9, 3}});
    f.target = 2;
    f.share_above = 0.1;
    node_state s = node_of(64, 100, {f});
    auto const risk = [&] {
        predict::noisy_simulation simulation{node{}, node_noise{}, breaks_a_target{}};
        return simulation.ask(s, 1, predict::precision::exactly(50)).value().answer.probability;
    };
    CHECK(risk() == 1);
    s.forgives_own = true;
    CHECK(risk() == 0);
}

TEST_CASE("node: a horizon is nearer where more than enough would come, and one slow invocation is forgiven") {
    node_function f = known(10, always(0.1));
    f.target = 0.01;
    f.share_above = 0.01;
    node_state s = node_of(64, 1'000, {f});
    s.arrivals_max = 20.5;
    CHECK(without_noise(s, ended_count{}).mean == 20);
    s.arrivals_max = 1.5;
    CHECK(without_noise(s, breaks_a_target{}).yes == 0);
    s.arrivals_max = 2.5;
    CHECK(without_noise(s, breaks_a_target{}).yes == 1);
}

TEST_CASE("node: a function of which nothing is known, and a node without functions, do nothing") {
    node_state const s = node_of(1, 10, {known(5, {})});
    CHECK(without_noise(s, ended_count{}).mean == 0);
    predict::noisy_simulation simulation{node{}, node_noise{}, ended_count{}};
    CHECK(simulation.ask(s, 1, predict::precision::exactly(5)).value().steps == 5);
    CHECK(without_noise(node_of(1, 10, {}), breaks_a_target{}).yes == 0);
}

} // namespace hpcsched::faas
