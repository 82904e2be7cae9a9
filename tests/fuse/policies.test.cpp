// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/time.hpp>
#include <hpcsched/fuse/block_latency_model.hpp>
#include <hpcsched/fuse/cost_first.hpp>
#include <hpcsched/fuse/evaluator.hpp>
#include <hpcsched/fuse/failure_model.hpp>
#include <hpcsched/fuse/gaussian_process.hpp>
#include <hpcsched/fuse/gmorph.hpp>
#include <hpcsched/fuse/more_samplers.hpp>
#include <hpcsched/fuse/more_stopping.hpp>
#include <hpcsched/testing/conformance/archive_policy.hpp>
#include <hpcsched/testing/conformance/candidate_filter.hpp>
#include <hpcsched/testing/conformance/candidate_sampler.hpp>
#include <hpcsched/testing/conformance/cost_model.hpp>
#include <hpcsched/testing/conformance/evaluator.hpp>
#include <hpcsched/testing/conformance/stopping_policy.hpp>
#include <hpcsched/testing/fuse_networks.hpp>
#include <hpcsched/testing/synthetic_evaluator.hpp>

#include <Eigen/LU>
#include <doctest/doctest.h>

#include "small.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace hpcsched::fuse {
namespace {

using testing::synthetic_evaluator;

std::string first_of(std::vector<std::string> const& broken) {
    return broken.empty() ? "" : broken.front();
}

template <class Filter>
std::string check_filter() {
    return first_of(testing::check_candidate_filter<Filter>([] { return Filter{}; }));
}
template <class Stopping>
std::string check_stopping() {
    return first_of(testing::check_stopping_policy<Stopping>([] { return Stopping{}; }));
}
template <class Cost>
std::string check_cost() {
    return first_of(testing::check_cost_model<Cost>([] { return Cost{}; }));
}
template <class Sampler, class Mutation = every_mutation, class Cost = counted_cost>
std::string check_sampler() {
    return first_of(testing::check_candidate_sampler<Sampler, Mutation, Cost>([] { return Sampler{}; }));
}

/// A search through to its end; the speed-up that it found.
template <class Search>
double speed_up(teacher_set const& teachers, std::uint64_t seed, search_config config,
                typename Search::policies policies) {
    config.seed = seed;
    Search s{teachers, config, std::move(policies)};
    synthetic_evaluator machine{teachers, seed};
    byte_buffer journal;
    run(s, machine, journal, false, [](byte_buffer const&) { return true; });
    REQUIRE(s.is_finished());
    if (s.best() == nullptr) {
        return 1;
    }
    auto const drops = machine.floors(s.best()->graph);
    CHECK(*std::max_element(drops.begin(), drops.end()) < 0.012); // but for the noise of the last check
    return static_cast<double>(s.baseline().count()) / static_cast<double>(s.best()->latency.count());
}

} // namespace

TEST_CASE("policies: each keeps the rules of its concept") {
    CHECK(check_filter<admit_all>() == "");
    CHECK(check_filter<accepted_topologies>() == "");
    CHECK(check_filter<failure_rules>() == "");
    CHECK(check_filter<latency_bound>() == "");
    CHECK(check_filter<failure_model>() == "");
    CHECK(check_filter<filter_chain<latency_bound, failure_model>>() == "");
    CHECK(check_stopping<train_to_the_end>() == "");
    CHECK(check_stopping<learning_curve>() == "");
    CHECK(check_stopping<extrapolate>() == "");
    CHECK(check_stopping<successive_halving>() == "");
    CHECK(check_cost<unknown_cost>() == "");
    CHECK(check_cost<counted_cost>() == "");
    CHECK(check_cost<block_latency_model>() == "");
    CHECK(check_sampler<random_sampling>() == "");
    CHECK(check_sampler<elite_annealing>() == "");
    CHECK(check_sampler<evolutionary>() == "");
    CHECK(check_sampler<bayesian>() == "");
    CHECK(check_sampler<exhaustive_enumeration, reattach_within>() == "");
    CHECK(first_of(testing::check_archive_policy<elite_queue>([] { return elite_queue{5}; })) == "");
    CHECK(first_of(testing::check_archive_policy<pareto_archive>([] { return pareto_archive{5}; })) == "");
    auto const teachers = testing::drawn_teachers(4);
    synthetic_evaluator made_up{teachers, 1};
    CHECK(first_of(testing::check_evaluator(made_up, teachers)) == "");
}

TEST_CASE("pareto_archive: without a limit it is the front that looking at every pair finds") {
    constexpr double tolerated = 0.01;
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        draws d{seed, "front"};
        pareto_archive archive{1'000};
        std::vector<archive_member> all;
        for (candidate_id id = 1; id <= 60; ++id) {
            archive_member const m{.id = id,
                                   .drop = static_cast<double>(d.below(30)) * 0.001,
                                   .latency = duration{static_cast<std::int64_t>(1 + d.below(40))}};
            all.push_back(m);
            archive.offer(m, tolerated);
        }
        std::vector<archive_member> front;
        for (archive_member const& m : all) {
            bool const beaten = std::any_of(all.begin(), all.end(), [&](archive_member const& o) {
                double const drop = std::max(o.drop, tolerated);
                double const mine = std::max(m.drop, tolerated);
                bool const no_worse = o.latency <= m.latency && drop <= mine;
                return no_worse && (o.latency < m.latency || drop < mine || o.id < m.id);
            });
            if (!beaten && m.drop <= 0.025) {
                front.push_back(m);
            }
        }
        std::sort(front.begin(), front.end(), [](auto const& a, auto const& b) { return a.latency < b.latency; });
        REQUIRE(std::equal(front.begin(), front.end(), archive.members().begin(), archive.members().end()));
    }
}

TEST_CASE("block_latency_model: after some networks it tells the latency of others") {
    auto const teachers = teacher_set::make({testing::vgg("a"), testing::vgg("b"), testing::vgg("c")}).value();
    synthetic_evaluator const machine{teachers, 3};
    block_latency_model model;
    counted_cost const counted{};
    every_mutation mutations;
    draws d{1, "networks"};
    auto const network = [&] {
        auto graph = model_graph::forest(teachers);
        for (int n = 0; n < 4; ++n) {
            auto const m = mutations.draw(teachers, graph, d);
            graph = m ? mutations.apply(teachers, graph, *m).value() : graph;
        }
        return graph;
    };
    auto const error = [&](auto const& by) {
        double worst = 0;
        for (int n = 0; n < 100; ++n) {
            auto const graph = network();
            double const truth = static_cast<double>(machine.latency(graph).count());
            worst = std::max(worst, std::abs(static_cast<double>(by.latency(teachers, graph).count()) / truth - 1));
        }
        return worst;
    };
    model.learn(teachers, model_graph::forest(teachers), machine.latency(model_graph::forest(teachers)));
    double const after_one = error(model);
    for (int n = 0; n < 60; ++n) {
        auto const graph = network();
        model.learn(teachers, graph, machine.latency(graph));
    }
    double const after_sixty = error(model);
    MESSAGE("largest error: after one network " << after_one << ", after 61 " << after_sixty);
    CHECK(after_sixty < 0.03);
    CHECK(after_sixty < after_one);
    CHECK(error(counted) > after_sixty);
    CHECK(model.count() == 61);
}

TEST_CASE("block_latency_model: times of single blocks take the place of the guess") {
    auto const teachers = test::two_chains();
    std::vector<block_timing> timings;
    for (std::uint16_t l = 0; l < 6; ++l) {
        timings.push_back({{1, l}, duration{1'000 * (l + 1)}});
    }
    block_latency_model model;
    model.profile(teachers, timings);
    auto const one = teacher_set::make({teachers.teachers()[0]}).value();
    // 1.2 and 1.4 are one kind, as are 1.1 and 1.3: the later timing counts.
    CHECK(model.latency(one, model_graph::forest(one)) == duration{1'000 + 4'000 + 5'000 + 4'000 + 5'000 + 6'000});
    model.learn(one, model_graph::forest(one), duration{50'000}); // twice as slow together
    CHECK(std::abs(model.latency(one, model_graph::forest(one)).count() - 50'000) < 10);
}

TEST_CASE("gaussian_process: it passes through what it saw, doubts what is far, and is exact at the origin") {
    gaussian_process gp;
    auto const point = [](double a, double b) {
        Eigen::VectorXd x(2);
        x << a, b;
        return x;
    };
    CHECK(gp.at(point(0, 0)).mean == 0);
    CHECK(gp.at(point(1, 1)).mean == doctest::Approx(0.04)); // by its slope alone
    gp.learn(point(0.5, 0), 0.1);
    gp.learn(point(0, 0.5), 0.0);
    CHECK(gp.at(point(0.5, 0)).mean == doctest::Approx(0.1).epsilon(0.1));
    CHECK(gp.at(point(0, 0.5)).mean < 0.02);
    CHECK(gp.at(point(0.5, 0)).deviation < gp.at(point(0.5, 1)).deviation);
    CHECK(gp.at(point(1, 0)).mean > gp.at(point(0, 1)).mean);
    CHECK(normal_belief{0, 1}.chance_below(0) == doctest::Approx(0.5));
    CHECK(normal_belief{0, 1}.chance_below(1.959964) == doctest::Approx(0.975));
    // Against the inverse written out, for three points.
    gaussian_process::config const c;
    gaussian_process third{c};
    std::vector<Eigen::VectorXd> const xs{point(0.1, 0.2), point(0.4, 0.1), point(0.3, 0.6)};
    Eigen::VectorXd y(3);
    y << 0.02, 0.05, 0.01;
    auto const k = [&](Eigen::VectorXd const& a, Eigen::VectorXd const& b) {
        return c.linear * c.linear * a.dot(b) +
               c.smooth * c.smooth * std::exp(-(a - b).squaredNorm() / (2 * c.length * c.length));
    };
    Eigen::MatrixXd gram(3, 3);
    Eigen::VectorXd rest(3);
    for (int i = 0; i < 3; ++i) {
        third.learn(xs[static_cast<std::size_t>(i)], y[i]);
        rest[i] = y[i] - c.slope * xs[static_cast<std::size_t>(i)].sum();
        for (int j = 0; j < 3; ++j) {
            gram(i, j) =
                k(xs[static_cast<std::size_t>(i)], xs[static_cast<std::size_t>(j)]) + (i == j ? c.noise * c.noise : 0);
        }
    }
    auto const x = point(0.2, 0.3);
    Eigen::VectorXd near(3);
    for (int i = 0; i < 3; ++i) {
        near[i] = k(x, xs[static_cast<std::size_t>(i)]);
    }
    Eigen::MatrixXd const inverse = gram.inverse();
    CHECK(third.at(x).mean == doctest::Approx(c.slope * 0.5 + near.dot(inverse * rest)));
    CHECK(third.at(x).deviation == doctest::Approx(std::sqrt(k(x, x) + c.noise * c.noise - near.dot(inverse * near))));
}

TEST_CASE("drop_features: nothing for the forest, and of a fused graph what is done to each task") {
    auto const teachers = test::two_chains();
    CHECK(drop_features(teachers, model_graph::forest(teachers)).isZero());
    auto const x = drop_features(teachers, test::graph_of(teachers, "1.0 1.1 1.2 1.3 [1.4 1.5 | 2.4 2.5]"));
    REQUIRE(x.size() == 14);
    CHECK(x.head(7).isZero()); // task 1 runs as ever
    CHECK(x[7] == 0);          // task 2 has as many blocks, two of them of task 1
    CHECK(x[9] == doctest::Approx(2 * (1.0 / 6 + 3.0 / 6) / 4));
    CHECK(x[13] == doctest::Approx(0.25)); // one edge that is new
    auto const pruned =
        drop_features(teachers, test::graph_of(teachers, "[1.0 1.1 1.4 1.5 | 2.0 2.1 2.2 2.3 2.4 2.5]"));
    CHECK(pruned[0] == doctest::Approx(0.25));
    CHECK(pruned[1] == doctest::Approx(0.0625));
}

TEST_CASE("failure_model: it learns what fails, and still lets some through") {
    testing::drawn_view shown{7};
    failure_model model{{.least_chance = 0.2, .quota = 4}};
    std::size_t right = 0;
    std::size_t judged = 0;
    for (int n = 0; n < 300; ++n) {
        auto const c = shown.candidate();
        auto const o = shown.outcome_of(c);
        if (n >= 200 && o.how != ending::failed) {
            double const chance = model.chance(drop_features(shown.view().teachers, c.graph));
            right += (chance > 0.5) == o.accepted ? 1U : 0U;
            ++judged;
        }
        model.learn(shown.view(), c, o);
    }
    MESSAGE(right << " of " << judged << " judged rightly");
    CHECK(right * 10 > judged * 7);
}

TEST_CASE("extrapolated_drop: a curve that shrinks by one factor ends where its sum does") {
    std::vector<curve_point> const curve{{0, 0.20}, {2, 0.12}, {4, 0.08}};
    CHECK(extrapolated_drop(curve, 1) == doctest::Approx(0.06));
    CHECK(extrapolated_drop(curve, 2) == doctest::Approx(0.05));
    CHECK(extrapolated_drop(curve, 1'000) == doctest::Approx(0.04));
    // One that falls faster and faster is taken to slow down all the same.
    std::vector<curve_point> const falling{{0, 0.20}, {2, 0.19}, {4, 0.17}};
    CHECK(extrapolated_drop(falling, 1) == doctest::Approx(0.17 - 0.02 * 0.95));
    CHECK(extrapolated_drop(falling, 2) == doctest::Approx(0.17 - 0.02 * (0.95 + 0.95 * 0.95)));
    std::vector<curve_point> const flat{{0, 0.20}, {2, 0.12}, {4, 0.13}};
    CHECK(extrapolated_drop(flat, 10) == 0.13);
    CHECK(extrapolated_drop(std::vector<curve_point>{{0, 0.3}}, 5) == 0.3);
    CHECK(extrapolated_drop({}, 5) == 0);
}

TEST_CASE("successive_halving: at each rung the best third goes on") {
    testing::drawn_view shown{3, 2};
    successive_halving policy{{.first_rung = 2, .eta = 3}};
    using kind = training_step::kind;
    auto const next = [&](double at_two) {
        return policy.next(shown.view(), {}, std::vector<curve_point>{{0, 0.9}, {2, at_two}});
    };
    CHECK(policy.next(shown.view(), {}, {}) == training_step{kind::train, 0});
    CHECK(policy.next(shown.view(), {}, std::vector<curve_point>{{0, 0.5}}) == training_step{kind::train, 2});
    CHECK(next(0.8) == training_step{kind::train, 6}); // the first to come
    for (double const drop : {0.1, 0.2, 0.3, 0.4, 0.5}) {
        policy.learn(shown.view(), {}, std::vector<curve_point>{{0, 0.9}, {2, drop}}, {.how = ending::ran_out});
    }
    CHECK(next(0.05) == training_step{kind::train, 6});
    CHECK(next(0.15) == training_step{kind::train, 6}); // second of six
    CHECK(next(0.25) == training_step{kind::abandon, 2});
    CHECK(policy.next(shown.view(), {}, std::vector<curve_point>{{0, 0.9}, {2, 0.1}, {6, 0.3}}) ==
          training_step{kind::train, 18});
}

TEST_CASE("exhaustive_enumeration: every graph that can be reached, once each, as counting by hand finds") {
    using test::conv;
    auto const teachers = teacher_set::make({{"a", {conv(3, 4, 1), conv(4, 4, 1), test::head(4, 2, 1)}},
                                             {"b", {conv(3, 4, 1), conv(4, 4, 1), test::head(4, 3, 1)}}})
                              .value();
    auto const forest = model_graph::forest(teachers);
    std::unordered_set<std::uint64_t> const none;
    search_view const view{teachers, forest, {}, nullptr, none, {}, 0.01, duration{1}, 1};
    using moves = mutation_mix<reattach_across, reattach_within>;
    moves m;
    exhaustive_enumeration sampler;
    draws d{1, "none"};
    std::vector<model_graph> found;
    while (!sampler.is_exhausted()) {
        auto const p = sampler.propose(view, m, unknown_cost{}, d);
        if (p) {
            found.push_back(p->graph);
        }
    }
    CHECK_FALSE(sampler.propose(view, m, unknown_cost{}, d).has_value());
    // By a list that is searched from end to end.
    std::vector<model_graph> all{forest};
    for (std::size_t i = 0; i < all.size(); ++i) {
        buffer<mutation> steps;
        m.enumerate(teachers, all[i], steps);
        for (mutation const& s : steps.items()) {
            auto const made = m.apply(teachers, all[i], s).value();
            if (std::find(all.begin(), all.end(), made) == all.end()) {
                all.push_back(made);
            }
        }
    }
    CHECK(found.size() == all.size() - 1);
    CHECK(sampler.found() == all.size());
    for (model_graph const& g : found) {
        CHECK(std::find(all.begin(), all.end(), g) != all.end());
        CHECK(std::count(found.begin(), found.end(), g) == 1);
    }
    MESSAGE(all.size() << " graphs of two chains of three");
}

// gmorph.md 6.3 and 8: GMorph spends most of its epochs on what cannot be faster or fails.
TEST_CASE("cost_first: in the same time a faster network than GMorph's three searches") {
    std::vector<teacher_set> const sites{
        teacher_set::make({testing::vgg("a"), testing::vgg("b"), testing::vgg("c")}).value(),
        teacher_set::make(
            {testing::resnet("a", {3, 32, 32}, {3, 4, 3}, 16, 20), testing::resnet("b", {3, 32, 32}, {2, 2, 2}, 16, 5)})
            .value(),
        teacher_set::make(
            {testing::transformer("a", {3, 32, 32}, 64, 6, 20), testing::transformer("b", {3, 32, 32}, 48, 4, 5)})
            .value()};
    search_config const config{
        .iterations_max = 3'000, .plan = {.epochs_max = 40, .check_every = 5}, .time_budget = std::chrono::hours{20}};
    for (auto const& teachers : sites) {
        double ours = 0;
        double best_of_theirs = 0;
        for (std::uint64_t seed = 1; seed <= 4; ++seed) {
            double const plain = speed_up<gmorph>(teachers, seed, config, gmorph_policies());
            double const p = speed_up<gmorph_p>(teachers, seed, config, gmorph_p_policies());
            double const pr = speed_up<gmorph_pr>(teachers, seed, config, gmorph_pr_policies());
            double const own = speed_up<cost_first>(teachers, seed, config, cost_first_policies());
            MESSAGE("seed " << seed << ": gmorph " << plain << ", w P " << p << ", w P+R " << pr << ", cost_first "
                            << own);
            ours += std::log(own);
            best_of_theirs += std::log(std::max({plain, p, pr}));
        }
        CHECK(ours > best_of_theirs);
    }
}

} // namespace hpcsched::fuse
