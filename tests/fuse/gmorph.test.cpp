// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/time.hpp>
#include <hpcsched/fuse/capacity.hpp>
#include <hpcsched/fuse/filter.hpp>
#include <hpcsched/fuse/gmorph.hpp>
#include <hpcsched/fuse/sampler.hpp>
#include <hpcsched/fuse/stopping.hpp>

#include <doctest/doctest.h>

#include "small.hpp"

#include <cmath>
#include <cstdint>
#include <unordered_set>
#include <utility>
#include <vector>

// GMorph by the numbers of its code.
namespace hpcsched::fuse {
namespace {

using namespace test;

/// What policies are shown, of a search that does not run.
struct shown {
    teacher_set teachers = two_chains();
    model_graph forest = model_graph::forest(teachers);
    std::vector<archive_member> members{};
    std::unordered_set<std::uint64_t> seen{};
    training_plan plan{.epochs_max = 40, .check_every = 5};
    double tolerated = 0.01;
    duration baseline{1'000'000};
    std::uint64_t iteration = 1;

    [[nodiscard]] search_view view(archive_member const* best = nullptr) const {
        return {teachers, forest, members, best, seen, plan, tolerated, baseline, iteration};
    }
};

std::vector<curve_point> curve(std::vector<double> const& drops, std::uint32_t every = 5) {
    std::vector<curve_point> made;
    for (double const d : drops) {
        made.push_back({static_cast<std::uint32_t>(made.size()) * every, d});
    }
    return made;
}

capacity_vector capacities(std::vector<std::uint64_t> values) {
    return {std::move(values), 5}; // of two tasks: total, each task's, each one's own, shared
}

} // namespace

// gmorph.md 4: p = (1 - exp(-(1 - d) T0 / T)) sqrt(elites / max).
TEST_CASE("gmorph: the probability of an elite base, by hand") {
    CHECK(elite_probability(0, 100, 100, 16, 16) == doctest::Approx(0.6321206)); // 1 - 1/e
    CHECK(elite_probability(0, 100, 100, 4, 16) == doctest::Approx(0.3160603));
    CHECK(elite_probability(0, 100, 100, 0, 16) == 0);
    CHECK(elite_probability(1, 100, 100, 16, 16) == 0);
    CHECK(elite_probability(0.5, 100, 100, 16, 16) == doctest::Approx(0.3934693));
    CHECK(elite_probability(0, 100 * std::pow(0.99, 199), 100, 10, 10) == doctest::Approx(0.9993825));
    CHECK(elite_probability(-0.01, 99, 100, 1, 10) == doctest::Approx((1 - std::exp(-1.01 / 0.99)) * std::sqrt(0.1)));
}

// gmorph.md 4: the temperature is refreshed only where a candidate was evaluated; p starts at 0.
TEST_CASE("gmorph: the temperature falls with the iteration, and stands while candidates are turned away") {
    shown s;
    elite_annealing sampler;
    CHECK(sampler.probability() == 0);
    s.members.resize(4);
    s.iteration = 10;
    sampler.learn(s.view(), {}, {.how = ending::ran_out, .drop = 0.25});
    double const expected = elite_probability(0.25, 100 * std::pow(0.99, 10), 100, 4, 16);
    CHECK(sampler.probability() == doctest::Approx(expected));
    s.iteration = 60;
    gmorph_mutation m;
    draws d{1, "iteration"};
    (void)sampler.propose(s.view(), m, unknown_cost{}, d);
    sampler.learn(s.view(), {}, {.how = ending::failed});
    CHECK(sampler.probability() == doctest::Approx(expected));
    sampler.learn(s.view(), {}, {.how = ending::ran_out, .drop = 0.25});
    CHECK(sampler.probability() > expected);
}

TEST_CASE("gmorph: elites are drawn evenly, as often as the probability says, else the forest") {
    shown s;
    for (candidate_id id = 1; id <= 4; ++id) {
        s.members.push_back({.id = id, .graph = s.forest});
    }
    elite_annealing sampler{{.elites_max = 4}};
    sampler.learn(s.view(), {}, {.how = ending::ran_out, .drop = 0});
    std::vector<int> bases(5, 0);
    gmorph_mutation m;
    for (std::uint64_t n = 0; n < 4'000; ++n) {
        draws d{n, "base"};
        auto const p = sampler.propose(s.view(), m, unknown_cost{}, d);
        REQUIRE(p.has_value());
        CHECK(p->mutations.size() == 2);
        ++bases[p->base];
    }
    double const p = sampler.probability(); // about 0.636
    CHECK(bases[0] == doctest::Approx(4'000 * (1 - p)).epsilon(0.05));
    for (std::size_t id = 1; id <= 4; ++id) {
        CHECK(bases[id] == doctest::Approx(1'000 * p).epsilon(0.12));
    }
}

// gmorph.md 4, part R.
TEST_CASE("gmorph: the rule turns away what is at least as aggressive in every respect, and not the same") {
    auto const failed = capacities({100, 60, 60, 40, 40, 20});
    CHECK(at_least_as_aggressive(capacities({90, 60, 60, 30, 30, 30}), failed));
    CHECK(at_least_as_aggressive(capacities({100, 60, 60, 40, 40, 21}), failed));
    CHECK(at_least_as_aggressive(capacities({99, 60, 60, 39, 40, 20}), failed));
    CHECK_FALSE(at_least_as_aggressive(failed, failed));
    CHECK_FALSE(at_least_as_aggressive(capacities({101, 60, 60, 40, 40, 30}), failed));
    CHECK_FALSE(at_least_as_aggressive(capacities({90, 60, 60, 30, 30, 19}), failed));
    CHECK_FALSE(at_least_as_aggressive(capacities({90, 61, 60, 30, 30, 30}), failed));

    shown s;
    candidate const x{.capacity = capacities({90, 60, 60, 30, 30, 30})};
    failure_rules rule;
    CHECK(rule.admits(s.view(), x));
    rule.learn(s.view(), {.capacity = failed}, {.how = ending::ran_out, .accepted = true});
    rule.learn(s.view(), {.capacity = failed}, {.how = ending::failed});
    CHECK(rule.admits(s.view(), x));
    rule.learn(s.view(), {.capacity = failed}, {.how = ending::ran_out});
    CHECK_FALSE(rule.admits(s.view(), x));
    CHECK(rule.admits(s.view(), {.capacity = failed}));
}

TEST_CASE("failure_rules: several failures must agree, and old ones are forgotten") {
    shown s;
    auto const failed = capacities({100, 60, 60, 40, 40, 20});
    candidate const x{.capacity = capacities({90, 60, 60, 30, 30, 30})};
    failure_rules rule{{.failures_needed = 2, .memory = 3}};
    rule.learn(s.view(), {.capacity = failed}, {.how = ending::ran_out});
    CHECK(rule.admits(s.view(), x));
    rule.learn(s.view(), {.capacity = failed}, {.how = ending::abandoned});
    CHECK_FALSE(rule.admits(s.view(), x));
    auto const mild = capacities({10, 6, 6, 4, 4, 2});
    rule.learn(s.view(), {.capacity = mild}, {.how = ending::ran_out});
    CHECK_FALSE(rule.admits(s.view(), x));
    rule.learn(s.view(), {.capacity = mild}, {.how = ending::ran_out});
    CHECK(rule.admits(s.view(), x));
    CHECK(rule.failures().size() == 3);
}

// gmorph.md 4, part P.
TEST_CASE("gmorph: the prediction of a learning curve, by hand") {
    // Differences 0.08, 0.04, 0.02: alpha 1, each step half of the last, 0.01 next.
    std::vector<double> const halving{0.20, 0.12, 0.08, 0.06};
    CHECK(predicted_drop(halving, 1, 0.01) == doctest::Approx(0.05));
    CHECK(predicted_drop(halving, 3, 0.01) == doctest::Approx(0.03));
    CHECK(predicted_drop(halving, 5, 0.01) == doctest::Approx(0.01));
    CHECK(predicted_drop(halving, 9, 0.01) == doctest::Approx(0.01).epsilon(0.1)); // it stops where it is tolerated
    auto const none = gmorph_quirks::none();
    CHECK(predicted_drop(halving, 1, 0.01, none) == doctest::Approx(0.05));
    CHECK(predicted_drop(halving, 3, 0.01, none) == doctest::Approx(0.0425)); // 0.01 + 0.005 + 0.0025
    CHECK(predicted_drop(halving, 50, 0.01, none) == doctest::Approx(0.04));
    // Differences 0.08, 0.04, 0.01: alpha 2, ln step = ln 0.01 + 2 ln(1/4).
    std::vector<double> const steeper{0.20, 0.12, 0.08, 0.07};
    CHECK(predicted_drop(steeper, 2, 0.01) == doctest::Approx(0.07 - 2 * 0.000625));
    // Only the last four count.
    CHECK(predicted_drop(std::vector<double>{0.5, 0.20, 0.12, 0.08, 0.06}, 1, 0.01) == doctest::Approx(0.05));
}

TEST_CASE("gmorph: a drop of 0 predicts 0.009, equal neighbours predict nothing") {
    CHECK(predicted_drop(std::vector<double>{0.2, 0.1, 0.05, 0}, 4, 0.01) == 0.009);
    CHECK(predicted_drop(std::vector<double>{0.2, 0.1, 0.05, 0}, 4, 0.01, gmorph_quirks::none()) < 0);
    CHECK(std::isnan(predicted_drop(std::vector<double>{0.2, 0.1, 0.1, 0.09}, 4, 0.01)));
    CHECK(std::isnan(predicted_drop(std::vector<double>{0.11, 0.1, 0.05, 0.05}, 4, 0.01)));
    shown s;
    auto const next = learning_curve{}.next(s.view(), {}, curve({0.2, 0.1, 0.1, 0.09}));
    CHECK(next.what == training_step::kind::train); // never cut short by what is no number
}

TEST_CASE("gmorph: a point is kept if it is no more than what is tolerated above the last") {
    CHECK(kept_drops(curve({0.2, 0.205, 0.216, 0.214, 0.1}), 0.01) == std::vector<double>{0.2, 0.205, 0.214, 0.1});
    CHECK(kept_drops({}, 0.01).empty());
}

TEST_CASE("gmorph: a hopeless curve is cut short at the fourth point, a good one goes on") {
    shown s;
    using kind = training_step::kind;
    learning_curve const p;
    CHECK(p.next(s.view(), {}, {}) == training_step{kind::train, 0});
    CHECK(p.next(s.view(), {}, curve({0.2})) == training_step{kind::train, 5});
    CHECK(p.next(s.view(), {}, curve({0.2, 0.12, 0.08})) == training_step{kind::train, 15});
    // Epoch 15 of 40, checks every 5: 8 - 3 + 1 = 6 left, 0.06 - 6 * 0.01 = 0.
    CHECK(p.next(s.view(), {}, curve({0.2, 0.12, 0.08, 0.06})) == training_step{kind::train, 20});
    // The same as steps shrink: 0.06 - 0.02 at most.
    CHECK(learning_curve{gmorph_quirks::none()}.next(s.view(), {}, curve({0.2, 0.12, 0.08, 0.06})) ==
          training_step{kind::conclude, 15});
    CHECK(p.next(s.view(), {}, curve({0.2, 0.16, 0.14, 0.13})) == training_step{kind::conclude, 15});
    // What is not kept is looked at again an epoch later.
    CHECK(p.next(s.view(), {}, curve({0.2, 0.25})) == training_step{kind::train, 6});
    auto odd = curve({0.2, 0.25});
    odd.push_back({6, 0.19});
    CHECK(p.next(s.view(), {}, odd) == training_step{kind::train, 10});
    CHECK(train_to_the_end{}.next(s.view(), {}, curve({0.9, 0.9, 0.9, 0.9})) == training_step{kind::train, 20});
}

TEST_CASE("gmorph: a topology is accepted once, one that failed is tried again") {
    shown s;
    candidate const c{.graph = graph_of(s.teachers, "1.0 1.1 1.2 1.3 [1.4 1.5 | 2.4 2.5]")};
    candidate const same{.graph = graph_of(s.teachers, "2.0 2.1 2.2 2.3 [1.4 1.5 | 2.4 2.5]")};
    accepted_topologies filter;
    filter.learn(s.view(), c, {.how = ending::ran_out});
    CHECK(filter.admits(s.view(), c));
    filter.learn(s.view(), c, {.how = ending::good_enough, .accepted = true});
    CHECK_FALSE(filter.admits(s.view(), c));
    CHECK_FALSE(filter.admits(s.view(), same));
    CHECK(filter.admits(s.view(), {.graph = s.forest}));
}

// gmorph.md 7: elite FIFO may evict the best elite.
TEST_CASE("elite_queue: the oldest goes, be it the best, which is still known") {
    elite_queue q{2};
    q.offer({.id = 1, .drop = 0.02, .latency = duration{1}}, 0.01);
    CHECK(q.best() == nullptr);
    q.offer({.id = 2, .drop = 0.01, .latency = duration{5}}, 0.01);
    q.offer({.id = 3, .drop = 0, .latency = duration{9}}, 0.01);
    q.offer({.id = 4, .drop = 0, .latency = duration{5}}, 0.01);
    REQUIRE(q.members().size() == 2);
    CHECK(q.members()[0].id == 3);
    CHECK(q.members()[1].id == 4);
    CHECK(q.best()->id == 2);
}

// gmorph.md 4: 16 elites for the plain policy, 10 with learning curves.
TEST_CASE("gmorph: the constants of its three searches") {
    CHECK(gmorph_policies().archive.elites_max() == 16);
    CHECK(gmorph_p_policies().archive.elites_max() == 10);
    CHECK(gmorph_pr_policies().archive.elites_max() == 10);
    CHECK(search_config{}.iterations_max == 200);
}

TEST_CASE("latency_bound: what cannot be faster is turned away, but for a quota") {
    shown s;
    archive_member const best{.latency = duration{1'000}};
    latency_bound filter{{.margin = 0.1, .quota = 3}};
    auto const admits = [&](std::int64_t predicted) {
        return filter.admits(s.view(&best), {.predicted = duration{predicted}});
    };
    CHECK(admits(899));
    CHECK(admits(0)); // not known
    CHECK_FALSE(admits(900));
    CHECK_FALSE(admits(2'000));
    CHECK(admits(2'000)); // every third
    CHECK_FALSE(admits(2'000));
    CHECK(latency_bound{}.admits(s.view(), {.predicted = duration{989'999}})); // the baseline is to be beaten
    CHECK_FALSE(latency_bound{}.admits(s.view(), {.predicted = duration{990'000}}));
}

} // namespace hpcsched::fuse
