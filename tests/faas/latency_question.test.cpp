// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/faas/latency_question.hpp>

#include <doctest/doctest.h>

#include "nodes.hpp"

namespace hpcsched::faas {
namespace {

using namespace test;

/// Half of the time one of two CPUs is taken; 1 % may take more than four times their service.
node_function innocent() {
    node_function f = known(10, always(0.05));
    f.target = 0.2;
    f.share_above = 0.01;
    return f;
}

} // namespace

TEST_CASE("latency question: one more function is judged by what it does to the targets of those that are there") {
    auto const risk = [](node_function candidate) {
        return risk_of_admitting(node_of(2, 60, {innocent()}), std::move(candidate), 1,
                                 predict::precision::exactly(200))
            .value();
    };
    admission_risk const small = risk(known(1, always(0.1)));
    CHECK(small.without.answer.within.high < 0.1);
    CHECK(small.with.answer.within.high < 0.1);
    admission_risk const large = risk(known(20, always(0.1)));
    CHECK(large.without.answer.probability == small.without.answer.probability);
    CHECK(large.with.answer.within.low > 0.9);
}

TEST_CASE("latency question: a candidate may declare a belief, and is the riskier the less is known of it") {
    auto const risk = [](double shape) {
        node_function candidate = known(1, always(0.1));
        candidate.rate = {.shape = shape, .seconds = shape / 3}; // 3 per second, surely or perhaps
        return risk_of_admitting(node_of(2, 60, {innocent()}), candidate, 1, predict::precision::exactly(300))
            .value()
            .with.answer.probability;
    };
    double const sure = risk(1e6);
    double const unsure = risk(1);
    CHECK(sure < 0.05);
    CHECK(unsure > 0.1);
    CHECK(unsure < 0.9);
}

TEST_CASE("latency question: asked of one function, the others' targets do not matter") {
    node_function hopeless = known(1, always(1));
    hopeless.target = 0.5;
    hopeless.share_above = 0.01;
    node_state const s = node_of(4, 60, {innocent(), hopeless});
    auto const told = [&](breaks_a_target question) {
        predict::noisy_simulation simulation{node{}, node_noise{}, question};
        return simulation.ask(s, 1, predict::precision::exactly(50)).value().answer.probability;
    };
    CHECK(told({}) == 1);
    CHECK(told({1}) == 1);
    CHECK(told({0}) < 0.1);
}

TEST_CASE("latency question: a precision that is out of range is an error that says so") {
    auto const told = risk_of_admitting(node_of(2, 60, {innocent()}), innocent(), 1, {.error = 2});
    REQUIRE(told.has_error());
    CHECK(told.error().message.find("precision") != std::string::npos);
}

} // namespace hpcsched::faas
