// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/cpu/alps_linear_regression.hpp>
#include <hpcsched/cpu/alps_random_forest.hpp>
#include <hpcsched/cpu/alps_trainers.hpp>

#include <boost/random/uniform_int_distribution.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hpcsched::cpu {

using namespace std::chrono_literals;

namespace {

using lengths = std::vector<duration>;

template <class Trainer>
double train_ms(Trainer trainer, lengths const& of) {
    return trainer.train(of) * 1e-6;
}

random_forest_trainer forest(std::uint64_t seed, random_forest_config const& config = {}) {
    return random_forest_trainer{random_stream{seed, "forest"}, config};
}

lengths drawn_lengths(std::uint64_t seed, std::size_t count) {
    random_stream draws{seed, "lengths"};
    boost::random::uniform_int_distribution<std::int64_t> length{1, 1'000'000'000};
    lengths all;
    for (std::size_t i = 0; i < count; ++i) {
        all.emplace_back(length(draws));
    }
    return all;
}

struct returns_duration {
    duration train(std::span<duration const>) noexcept { return {}; }
};
static_assert(!slice_trainer<returns_duration>);
struct may_throw {
    double train(std::span<duration const>) { return 0; }
};
static_assert(!slice_trainer<may_throw>);

} // namespace

// ALPS, ATC'24: the four learning methods, on the runs [8, 12] of the worked example.
TEST_CASE("alps trainers: the mean of 8 and 12 is 10") {
    CHECK(train_ms(mean_trainer{}, {8ms, 12ms}) == 10);
}

TEST_CASE("alps trainers: the line through 8 and 12 is at 16 next") {
    CHECK(train_ms(linear_regression_trainer{}, {8ms, 12ms}) == doctest::Approx(16));
}

TEST_CASE("alps trainers: EWMA of 8 and 12 with alpha 0.2, bias-corrected, is 10.22") {
    CHECK(train_ms(ewma_trainer{}, {8ms, 12ms}) == doctest::Approx(92.0 / 9));
    CHECK(train_ms(ewma_trainer{.alpha = 1}, {8ms, 12ms}) == 12);
}

TEST_CASE("alps trainers: one length is its own forecast") {
    CHECK(train_ms(mean_trainer{}, {7ms}) == 7);
    CHECK(train_ms(ewma_trainer{}, {7ms}) == 7);
    CHECK(train_ms(linear_regression_trainer{}, {7ms}) == 7);
    CHECK(train_ms(forest(1), {7ms}) == 7);
}

TEST_CASE("linear regression: gives what the normal equations give") {
    for (std::size_t n = 2; n < 200; n += 7) {
        lengths const all = drawn_lengths(n, n);
        double sx = 0;
        double sy = 0;
        double sxx = 0;
        double sxy = 0;
        for (std::size_t i = 0; i < n; ++i) {
            auto const x = static_cast<double>(i + 1);
            double const y = static_cast<double>(all[i].count());
            sx += x;
            sy += y;
            sxx += x * x;
            sxy += x * y;
        }
        auto const m = static_cast<double>(n);
        double const slope = (m * sxy - sx * sy) / (m * sxx - sx * sx);
        double const next = (sy - slope * sx) / m + slope * (m + 1);
        CHECK(linear_regression_trainer{}.train(all) == doctest::Approx(next).epsilon(1e-9));
    }
}

TEST_CASE("linear regression: an object used again for fewer lengths forgets the others") {
    linear_regression_trainer trainer;
    CHECK(trainer.train(drawn_lengths(1, 100)) > 0);
    CHECK(trainer.train(lengths{8ms, 12ms}) * 1e-6 == doctest::Approx(16));
    CHECK(trainer.train(lengths{12ms, 4ms}) * 1e-6 == doctest::Approx(-4)); // a falling line goes below 0
}

TEST_CASE("random forest: the same stream gives the same trees, another stream others") {
    lengths const all = drawn_lengths(5, 50);
    CHECK(forest(42).train(all) == forest(42).train(all));
    CHECK(forest(42).train(all) != forest(43).train(all));
    auto trainer = forest(42);
    CHECK(trainer.train(all) != trainer.train(all)); // draws on
}

TEST_CASE("random forest: forecasts stay within the lengths, equal lengths are their own forecast") {
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        lengths const all = drawn_lengths(seed, 1 + seed);
        double const forecast = forest(seed).train(all);
        CHECK(forecast >= static_cast<double>(std::ranges::min(all).count()));
        CHECK(forecast <= static_cast<double>(std::ranges::max(all).count()));
    }
    CHECK(train_ms(forest(1), lengths(30, 8ms)) == doctest::Approx(8));
}

TEST_CASE("random forest: a fully grown tree ends in its last draw") {
    // With leaves of one draw and no equal neighbours, the rightmost leaf of a tree is the last length it drew, so
    // the forest is close to the last lengths: here it is told from the average of the last three by the weights
    // 1 - 1/e, 1/e (1 - 1/e), .. that the draws give them.
    lengths rising;
    for (int i = 1; i <= 100; ++i) {
        rising.emplace_back(std::chrono::milliseconds{i * i});
    }
    double const forecast = train_ms(forest(7, {.tree_count = 2000}), rising);
    double expected = 0;
    for (int i = 0; i < 30; ++i) {
        expected += std::exp(-i) * (1 - std::exp(-1)) * (100.0 - i) * (100.0 - i);
    }
    CHECK(forecast == doctest::Approx(expected).epsilon(0.002));
}

TEST_CASE("random forest: a stump splits where the two sides differ most") {
    lengths step(60, 2ms);
    std::fill(step.begin() + 20, step.end(), 30ms);
    CHECK(train_ms(forest(3, {.depth_max = 1}), step) == doctest::Approx(30));
    // A second, smaller step stays on the right side, whose mean is (30 x 30 + 10 x 34) / 40 = 31.
    lengths two_steps = step;
    std::fill(two_steps.begin() + 50, two_steps.end(), 34ms);
    CHECK(train_ms(forest(3, {.tree_count = 400, .depth_max = 1}), two_steps) == doctest::Approx(31).epsilon(0.01));
    CHECK(train_ms(forest(3, {.tree_count = 400, .depth_max = 2}), two_steps) == doctest::Approx(34));
    CHECK(train_ms(forest(3, {.tree_count = 400, .depth_max = 0}), step) ==
          doctest::Approx((20 * 2 + 40 * 30) / 60.0).epsilon(0.02));
}

TEST_CASE("random forest: leaves have at least the draws they are asked to") {
    lengths step(40, 2ms);
    step.back() = 1000ms; // alone, it cannot be a leaf of ten draws
    double const forecast = train_ms(forest(3, {.tree_count = 200, .leaf_min = 10}), step);
    CHECK(forecast < 200);
    CHECK(forecast > 20);
}

TEST_CASE("random forest: a geometric series does not take it quadratic time") {
    lengths falling;
    for (int i = 0; i < 3000; ++i) {
        falling.emplace_back(static_cast<std::int64_t>(1e18 * std::pow(0.99, i)) + 1);
    }
    CHECK(forest(1).train(falling) > 0); // 10 trees x 64 levels x 3000, not 10 x 3000 x 3000 / 2
}

} // namespace hpcsched::cpu
