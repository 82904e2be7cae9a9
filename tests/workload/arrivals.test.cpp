// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/testing/archetypes/interarrival_distribution.hpp>
#include <hpcsched/testing/conformance/interarrival_distribution.hpp>
#include <hpcsched/workload/arrivals.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

namespace hpcsched::workload {
namespace {

struct returns_float {
    float operator()(random_stream&);
};
struct takes_no_bits {
    double operator()();
};
struct cannot_move {
    cannot_move(cannot_move&&) = delete;
    double operator()(random_stream&);
};

static_assert(!interarrival_distribution<returns_float>);
static_assert(!interarrival_distribution<takes_no_bits>);
static_assert(!interarrival_distribution<cannot_move>);

struct moments {
    double mean = 0;
    double cv = 0;
};

template <class Draw>
moments moments_of(Draw draw, std::size_t count) {
    random_stream bits{11, "moments"};
    double sum = 0;
    double squares = 0;
    for (std::size_t i = 0; i < count; ++i) {
        double const value = draw(bits);
        sum += value;
        squares += value * value;
    }
    auto const n = static_cast<double>(count);
    double const mean = sum / n;
    return {mean, std::sqrt(std::max(squares / n - mean * mean, 0.0)) / mean};
}

} // namespace

TEST_CASE("arrivals: every distribution keeps the rules of its concept") {
    using testing::check_interarrival_distribution;
    CHECK(check_interarrival_distribution([] { return exponential_interarrivals{}; }).empty());
    CHECK(check_interarrival_distribution([] { return uniform_interarrivals{}; }).empty());
    CHECK(check_interarrival_distribution([] { return even_interarrivals{}; }).empty());
    CHECK(check_interarrival_distribution([] { return poisson25_interarrivals{}; }).empty());
    for (double const cv : {0.0, 0.01, 0.2, 0.577, 0.999, 1.0, 1.001, 2.33, 10.0}) {
        CAPTURE(cv);
        CHECK(check_interarrival_distribution([cv] { return bursty_interarrivals{cv}; }).empty());
    }
}

TEST_CASE("arrivals: the conformance suite finds what breaks a rule") {
    using testing::check_interarrival_distribution;
    auto const twice = [](random_stream& bits) { return 2 * exponential_interarrivals{}(bits); };
    auto const negative = [](random_stream& bits) { return uniform_interarrivals{}(bits)-0.1; };
    double shared = 0;
    auto const with_state = [&shared](random_stream&) { return shared += 1e-9; };
    CHECK(check_interarrival_distribution([&] { return twice; }).at(0).find("is 2.0") != std::string::npos);
    CHECK(check_interarrival_distribution([&] { return negative; }).at(0).find("finite") != std::string::npos);
    CHECK(check_interarrival_distribution([&] { return with_state; }).at(0).find("equal bits") != std::string::npos);
}

TEST_CASE("arrivals: each distribution has the coefficient of variation that it states") {
    CHECK(moments_of(exponential_interarrivals{}, 400'000).cv == doctest::Approx(1).epsilon(0.01));
    CHECK(moments_of(uniform_interarrivals{}, 400'000).cv == doctest::Approx(1 / std::sqrt(3.0)).epsilon(0.01));
    CHECK(moments_of(even_interarrivals{}, 1000).cv == 0);
    CHECK(moments_of(poisson25_interarrivals{}, 400'000).cv == doctest::Approx(0.2).epsilon(0.01));
    for (double const cv : {0.05, 0.2, 0.577, 1.0, 1.5, 2.33, 4.0}) {
        CAPTURE(cv);
        CHECK(moments_of(bursty_interarrivals{cv}, 1'000'000).cv == doctest::Approx(cv).epsilon(0.02));
    }
    CHECK(moments_of(bursty_interarrivals{0}, 1000).cv == 0);
}

// faas.md 10.5: p = (1 + sqrt((cv^2 - 1) / (cv^2 + 1))) / 2, rates 2p/m and 2(1 - p)/m.
TEST_CASE("arrivals: above 1 the distribution is the hyper-exponential of balanced means") {
    double const cv = 2.33;
    double const p = (1 + std::sqrt((cv * cv - 1) / (cv * cv + 1))) / 2;
    random_stream bits{5, "cdf"};
    bursty_interarrivals const draw{cv};
    std::vector<double> values(200'000);
    std::generate(values.begin(), values.end(), [&] { return draw(bits); });
    for (double const x : {0.1, 0.5, 1.0, 3.0, 10.0}) {
        CAPTURE(x);
        double const expected = 1 - p * std::exp(-2 * p * x) - (1 - p) * std::exp(-2 * (1 - p) * x);
        auto const upto = std::count_if(values.begin(), values.end(), [x](double v) { return v <= x; });
        CHECK(static_cast<double>(upto) / static_cast<double>(values.size()) ==
              doctest::Approx(expected).epsilon(0.005));
    }
}

TEST_CASE("arrivals: at a coefficient of variation of 1 the bursty process is a Poisson process") {
    random_stream one{3, "same"};
    random_stream other{3, "same"};
    bursty_interarrivals const bursty{1};
    exponential_interarrivals exponential;
    for (int i = 0; i < 100; ++i) {
        CHECK(bursty(one) == exponential(other));
    }
}

TEST_CASE("arrivals: bursts that last leave each inter-arrival time its distribution") {
    CHECK(testing::check_interarrival_distribution([] { return clustered_interarrivals{2.33, 1}; }).empty());
    moments const clustered = moments_of(clustered_interarrivals{2.33, 20}, 4'000'000);
    CHECK(clustered.mean == doctest::Approx(1).epsilon(0.02));
    CHECK(clustered.cv == doctest::Approx(2.33).epsilon(0.03));
}

// Correlation at lag k: rho * (1 - 1 / burst_length)^k, where rho is the part of the variance that lies between the
// phases, 0.407 at a coefficient of variation of 2.33.
TEST_CASE("arrivals: neighbours in a burst are alike, and the less so the further apart they are") {
    random_stream bits{6, "lags"};
    clustered_interarrivals draw{2.33, 20};
    std::vector<double> values(2'000'000);
    std::generate(values.begin(), values.end(), [&] { return draw(bits) - 1; });
    for (std::size_t const lag : {1U, 10U, 40U}) {
        CAPTURE(lag);
        double products = 0;
        for (std::size_t i = 0; i + lag < values.size(); ++i) {
            products += values[i] * values[i + lag];
        }
        double const correlation = products / static_cast<double>(values.size() - lag) / (2.33 * 2.33);
        CHECK(std::abs(correlation - 0.407 * std::pow(0.95, static_cast<double>(lag))) < 0.02);
    }
}

TEST_CASE("arrivals: the residual gap has the mean of a long running process, (1 + cv^2) / 2") {
    for (double const cv : {0.0, 0.2, 0.577, 1.0, 2.33, 4.0}) {
        CAPTURE(cv);
        bursty_interarrivals const draw{cv};
        auto const residual = [&draw](random_stream& bits) { return draw.residual(bits); };
        CHECK(moments_of(residual, 1'000'000).mean == doctest::Approx((1 + cv * cv) / 2).epsilon(0.02));
    }
}

TEST_CASE("arrivals: a coefficient of variation is 0 or within its limits") {
    CHECK(bursty_interarrivals::accepts(0));
    CHECK(bursty_interarrivals::accepts(0.01));
    CHECK(bursty_interarrivals::accepts(100));
    for (double const cv : {-1.0, 0.009, 100.1, std::nan(""), HUGE_VAL}) {
        CAPTURE(cv);
        CHECK_FALSE(bursty_interarrivals::accepts(cv));
    }
    CHECK(bursty_interarrivals{2.33}.cv() == 2.33);
}

// faas.md 4.5, item 5: "literally Poisson(25) variates (mean 25, std 5, CV 0.2, no autocorrelation)".
TEST_CASE("arrivals: the Poisson(25) quirk gives whole variates without autocorrelation") {
    random_stream bits{9, "quirk"};
    poisson25_interarrivals draw;
    double previous = 0;
    double products = 0;
    constexpr int count = 100'000;
    for (int i = 0; i < count; ++i) {
        double const variate = draw(bits) * 25;
        CHECK(std::abs(variate - std::round(variate)) < 1e-9);
        products += (variate - 25) * previous;
        previous = variate - 25;
    }
    CHECK(std::abs(products / count / 25) < 0.02); // correlation: the variance is 25
}

} // namespace hpcsched::workload
