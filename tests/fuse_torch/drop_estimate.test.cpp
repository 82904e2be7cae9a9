// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/fuse/draws.hpp>
#include <hpcsched/fuse_torch/drop_estimate.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace hpcsched::fuse_torch::test {
namespace {

/// Scores of two classes, the given one of each sample the higher.
tensor choosing(std::vector<std::int64_t> const& classes) {
    std::vector<float> scores;
    for (std::int64_t const c : classes) {
        scores.push_back(c == 0 ? 1.0F : 0.0F);
        scores.push_back(c == 1 ? 1.0F : 0.0F);
    }
    return tensor::of({static_cast<std::int64_t>(classes.size()), 2}, std::span<float const>{scores});
}

tensor labels(std::vector<std::int64_t> const& values) {
    return tensor::of({static_cast<std::int64_t>(values.size())}, std::span<std::int64_t const>{values});
}

drop_estimate one(std::vector<std::int64_t> const& fused, std::vector<std::int64_t> const& teacher,
                  std::vector<std::int64_t> const& truth, metric by = metric::accuracy) {
    return estimate_drops({choosing(fused)}, {choosing(teacher)}, {{by, labels(truth)}}).value().front();
}

} // namespace

TEST_CASE("drop_estimate: of ten samples one more is wrong, by hand") {
    std::vector<std::int64_t> const truth{0, 1, 0, 1, 0, 1, 0, 1, 0, 1};
    std::vector<std::int64_t> fused = truth;
    fused[3] = 0;
    auto const d = one(fused, truth, truth);
    CHECK(d.teacher == doctest::Approx(1));
    CHECK(d.drop == doctest::Approx(0.1));
    // The variance of the mean of one 1 and nine 0, and one sample in ten that was not seen yet.
    CHECK(d.standard_error == doctest::Approx(std::sqrt(0.09 / 10 + 0.01)));
    CHECK(d.upper_bound(0.5) == d.drop);
    CHECK(d.upper_bound(0.9) == doctest::Approx(0.1 + 1.2815516 * d.standard_error));
    CHECK(d.half_width_95() == doctest::Approx(1.959964 * d.standard_error));
    // What is lost on one sample and won on another is no drop, and is less certain than no difference at all.
    std::vector<std::int64_t> teacher = truth;
    teacher[5] = 0;
    auto const even = one(fused, teacher, truth);
    CHECK(even.drop == doctest::Approx(0));
    CHECK(even.standard_error > one(truth, truth, truth).standard_error);
    CHECK(one(truth, truth, truth).standard_error == doctest::Approx(0.1));
    CHECK(estimate_drops({choosing({0, 1})}, {choosing({0, 1})}, {{metric::accuracy, labels({0})}}).has_error());
}

TEST_CASE("drop_estimate: the true drop lies below the bound as often as is said") {
    fuse::draws d{5, "drop_estimate"};
    int below = 0;
    constexpr int repeats = 400;
    constexpr double lost = 0.03; // of the samples; on as many again both are wrong
    for (int r = 0; r < repeats; ++r) {
        std::vector<std::int64_t> truth;
        std::vector<std::int64_t> teacher;
        std::vector<std::int64_t> fused;
        for (int i = 0; i < 300; ++i) {
            double const lot = d.fraction();
            truth.push_back(static_cast<std::int64_t>(d.index(2)));
            teacher.push_back(lot < lost ? 1 - truth.back() : truth.back());
            fused.push_back(lot < 2 * lost ? 1 - truth.back() : truth.back());
        }
        below += one(fused, teacher, truth).upper_bound(0.9) >= lost ? 1 : 0;
    }
    CHECK(below > repeats * 86 / 100);
    CHECK(below < repeats * 96 / 100);
}

TEST_CASE("drop_estimate: the error of a correlation is near that of drawing the samples again") {
    fuse::draws d{6, "drop_estimate"};
    double sum = 0;
    double squares = 0;
    double told = 0;
    constexpr int repeats = 200;
    for (int r = 0; r < repeats; ++r) {
        std::vector<std::int64_t> truth;
        std::vector<std::int64_t> teacher;
        std::vector<std::int64_t> fused;
        for (int i = 0; i < 400; ++i) {
            truth.push_back(static_cast<std::int64_t>(d.index(2)));
            teacher.push_back(d.fraction() < 0.05 ? 1 - truth.back() : truth.back());
            fused.push_back(d.fraction() < 0.1 ? 1 - truth.back() : truth.back());
        }
        auto const e = one(fused, teacher, truth, metric::matthews);
        sum += e.drop;
        squares += e.drop * e.drop;
        told += e.standard_error;
    }
    double const mean = sum / repeats;
    double const deviation = std::sqrt(squares / repeats - mean * mean);
    CHECK(mean == doctest::Approx(0.1).epsilon(0.1));
    CHECK(told / repeats == doctest::Approx(deviation).epsilon(0.15));
}

} // namespace hpcsched::fuse_torch::test
