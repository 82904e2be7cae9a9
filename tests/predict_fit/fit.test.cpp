// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/predict/noisy_simulation.hpp>
#include <hpcsched/predict_fit/fit.hpp>

#include <doctest/doctest.h>

#include <predict/walk.hpp>

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace hpcsched::predict_fit {
namespace {

using namespace predict::test;

/// Questions about the walk: does it end beyond the point? The answer's probability is known exactly.
std::vector<double> const points{6, 7, 8, 9, 9.5, 10, 10.5, 11, 12, 13, 14};

std::vector<double> exactly(double deviation) {
    std::vector<double> shares;
    for (double const point : points) {
        shares.push_back(normal_above(point, 10, deviation));
    }
    return shares;
}
std::vector<predict::observed_answers> observe(std::vector<double> const& shares,
                                               predict::response_model const& response, double people) {
    std::vector<predict::observed_answers> out;
    for (double const p : shares) {
        out.push_back({.yes = people * response.share(p), .asked = people});
    }
    return out;
}

/// The same by noisy simulation: two parameters, both sources of noise.
std::vector<double> simulated(std::span<double const> spread, std::uint64_t worlds) {
    std::vector<double> shares;
    for (double const point : points) {
        predict::noisy_simulation s{walk{}, jitter{.start = spread[0], .step = spread[1]}, ends_beyond{point}};
        shares.push_back(s.ask({}, 1, predict::precision::exactly(worlds))->answer.probability);
    }
    return shares;
}

std::string message_of(result<fitted> const& r) {
    return r.has_error() ? r.error().message : "";
}

} // namespace

TEST_CASE("fit: finds the spread, the lapse and the bias that made the answers") {
    predict::response_model const truth{.lapse = 0.15, .bias = 0.8};
    auto const observed = observe(exactly(2.5), truth, 1000);
    std::vector<parameter> const looked_for{
        {.name = "deviation", .low = 0.1, .high = 20, .start = 0.5, .logarithmic = true}};
    auto const f = fit(looked_for, [](std::span<double const> v) { return exactly(v[0]); }, observed);
    REQUIRE(f.has_value());
    CHECK(f->values[0] == doctest::Approx(2.5).epsilon(0.02));
    CHECK(f->response.lapse == doctest::Approx(0.15).epsilon(0.05));
    CHECK(f->response.bias == doctest::Approx(0.8).epsilon(0.05));
    CHECK(f->standard_errors[0] > 0);
    CHECK(f->standard_errors[0] < 0.3);
    CHECK(f->probabilities.size() == points.size());
}

TEST_CASE("fit: more people make a smaller error, as their root") {
    std::vector<parameter> const looked_for{
        {.name = "deviation", .low = 0.1, .high = 20, .start = 1, .logarithmic = true}};
    auto const error_with = [&](double people) {
        auto const observed = observe(exactly(2.5), {}, people);
        return fit(looked_for, [](std::span<double const> v) { return exactly(v[0]); }, observed)->standard_errors[0];
    };
    CHECK(error_with(400) / error_with(10'000) == doctest::Approx(5).epsilon(0.15));
}

TEST_CASE("fit: recovers a synthetic observer by simulation within 15 %") {
    // One question tells the sum of both variances only; starts at two distances tell them apart no better, so one is
    // known.
    auto const observed = observe(exactly(std::sqrt(1 + 10 * 0.25)), {.lapse = 0.05}, 200);
    std::vector<parameter> const looked_for{{.name = "step", .low = 0.05, .high = 5, .start = 2, .logarithmic = true}};
    auto const f =
        fit(looked_for, [](std::span<double const> v) { return simulated(std::vector<double>{1, v[0]}, 1000); },
            observed, {.evaluations = 60});
    REQUIRE(f.has_value());
    CHECK(f->values[0] == doctest::Approx(0.5).epsilon(0.15));
}

TEST_CASE("fit: what cannot be told from the answers has no finite error, or a wide one") {
    auto const observed = observe(exactly(2), {}, 100);
    std::vector<parameter> const looked_for{{.name = "deviation", .low = 0.5, .high = 8, .start = 1},
                                            {.name = "nothing", .low = 0, .high = 1, .start = 0.5}};
    auto const f = fit(looked_for, [](std::span<double const> v) { return exactly(v[0]); }, observed);
    REQUIRE(f.has_value());
    CHECK(f->values[0] == doctest::Approx(2).epsilon(0.05));
    CHECK(std::isinf(f->standard_errors[1]));
}

TEST_CASE("fit: can be watched and stopped, with the best so far") {
    auto const observed = observe(exactly(2), {}, 100);
    std::vector<parameter> const looked_for{{.name = "deviation", .low = 0.5, .high = 8, .start = 1}};
    std::size_t calls = 0;
    fit_config config{.progress = [&](std::size_t evaluations, double likelihood) {
        ++calls;
        CHECK(evaluations == calls);
        CHECK(std::isfinite(likelihood));
        return evaluations < 5;
    }};
    auto const f = fit(looked_for, [](std::span<double const> v) { return exactly(v[0]); }, observed, config);
    REQUIRE(f.has_value());
    CHECK(calls == 5);
    CHECK(f->evaluations == 5);
    CHECK(f->values.size() == 1);
}

TEST_CASE("fit: stays within the evaluations that it has, but for those of the errors") {
    auto const observed = observe(exactly(2), {}, 100);
    std::vector<parameter> const looked_for{{.name = "deviation", .low = 0.5, .high = 8, .start = 1},
                                            {.name = "nothing", .low = 0, .high = 1, .start = 0.5}};
    std::size_t calls = 0;
    auto const f = fit(looked_for,
                       [&](std::span<double const> v) {
                           ++calls;
                           return exactly(v[0]);
                       },
                       observed, {.evaluations = 30});
    REQUIRE(f.has_value());
    CHECK(calls <= 1 + 30 + 2 * 4 + 1);
    CHECK(f->evaluations == calls);
}

TEST_CASE("fit: what makes no sense is an error that names it") {
    auto const observed = observe(exactly(2), {}, 100);
    auto const known = [](std::span<double const> v) { return exactly(v[0]); };
    auto const with = [&](parameter const& p) { return message_of(fit(std::vector{p}, known, observed)); };
    CHECK(with({.name = "a", .low = 2, .high = 1}).find("parameter a") != std::string::npos);
    CHECK(with({.name = "a", .low = 0, .high = 1, .start = 2}).find("start") != std::string::npos);
    CHECK(with({.name = "a", .low = 0, .high = 1, .logarithmic = true}).find("ratios") != std::string::npos);
    CHECK(with({.name = "a", .low = std::numeric_limits<double>::quiet_NaN()}) != "");
    std::vector<parameter> const fine{{.name = "deviation", .low = 0.5, .high = 8, .start = 1}};
    CHECK(message_of(fit({}, known, observed)) != "");
    CHECK(message_of(fit(fine, known, {})) != "");
    CHECK(message_of(fit(fine, known, std::vector<predict::observed_answers>{{.yes = 3, .asked = 2}})) != "");
    auto const lazy = [](std::span<double const>) { return std::vector<double>{0.5}; };
    CHECK(message_of(fit(fine, lazy, observed)).find("1 questions of 11") != std::string::npos);
}

TEST_CASE("fit: a model that answers with no number is held to know nothing") {
    auto const observed = observe(exactly(2), {}, 100);
    std::vector<parameter> const looked_for{{.name = "deviation", .low = 0.5, .high = 8, .start = 1}};
    auto const broken = [](std::span<double const> v) {
        std::vector<double> shares = exactly(v[0]);
        if (v[0] > 4) {
            shares[0] = std::numeric_limits<double>::quiet_NaN();
        }
        return shares;
    };
    auto const f = fit(looked_for, broken, observed);
    REQUIRE(f.has_value());
    CHECK(f->values[0] == doctest::Approx(2).epsilon(0.05));
}

} // namespace hpcsched::predict_fit
