// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/fuse_torch/fusion_data.hpp>
#include <hpcsched/fuse_torch/metric.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace hpcsched::fuse_torch::test {
namespace {

tensor reals(std::vector<std::int64_t> const& extents, std::vector<float> const& values) {
    return tensor::of(extents, std::span<float const>{values});
}
tensor integers(std::vector<std::int64_t> const& extents, std::vector<std::int64_t> const& values) {
    return tensor::of(extents, std::span<std::int64_t const>{values});
}

} // namespace

TEST_CASE("metric: metrics give what is computed by hand") {
    auto const three = reals({4, 3}, {1, 2, 0, 5, 1, 1, 0, 0, 3, 2, 9, 1}); // classes 1 0 2 1
    CHECK(score(metric::accuracy, three, integers({4}, {1, 0, 2, 0})).value() == 0.75);
    CHECK(score(metric::agreement, three, reals({4, 3}, {0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0})).value() == 0.75);
    auto const two = reals({4, 2}, {0, 1, 0, 1, 1, 0, 1, 0}); // classes 1 1 0 0
    CHECK(score(metric::matthews, two, integers({4}, {1, 1, 0, 0})).value() == 1);
    CHECK(score(metric::matthews, two, integers({4}, {0, 0, 1, 1})).value() == -1);
    CHECK(score(metric::matthews, two, integers({4}, {1, 0, 1, 0})).value() == 0);
    // By falling score: right, wrong, right, wrong: (1 + 2/3) / 2.
    auto const one = reals({4, 1}, {0.9F, 0.8F, 0.7F, 0.1F});
    CHECK(score(metric::micro_precision, one, integers({4, 1}, {1, 0, 1, 0})).value() == doctest::Approx(5.0 / 6));
    // Class 0: 1. Class 1: the right one is second: 1/2.
    auto const both = reals({2, 2}, {1, 1, 0, 0});
    CHECK(score(metric::macro_precision, both, integers({2, 2}, {1, 0, 0, 1})).value() == doctest::Approx(0.75));
    CHECK(score(metric::accuracy, reals({1, 2}, {NAN, NAN}), integers({1}, {0})).value() == 0);
    CHECK(score(metric::agreement, reals({1, 2}, {NAN, NAN}), reals({1, 2}, {NAN, NAN})).value() == 0);
}

TEST_CASE("metric: labels that do not fit are refused, and data is cut into parts that share nothing") {
    auto const three = reals({2, 3}, {1, 2, 0, 5, 1, 1});
    CHECK(score(metric::accuracy, three, integers({1}, {1})).has_error());
    CHECK(score(metric::accuracy, three, integers({2}, {1, 3})).error().message == "label 3 is none of 0 to 2");
    CHECK(score(metric::micro_precision, three, integers({2}, {1, 1})).has_error());
    std::vector<float> numbers(40);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        numbers[i] = static_cast<float>(i);
    }
    auto const inputs = reals({40, 1}, numbers);
    auto const data = fusion_data::split(inputs, {}, 2, 5).value();
    CHECK(data.training.rows() == 24);
    CHECK(data.validation.rows() == 6);
    std::vector<float> all = data.training.reals();
    for (tensor const& part : {data.validation, data.confirmation, data.test}) {
        auto const more = part.reals();
        all.insert(all.end(), more.begin(), more.end());
    }
    std::sort(all.begin(), all.end());
    CHECK(all == numbers);
    CHECK(fusion_data::split({}, {}, 2, 5).error().message.find("no inputs") != std::string::npos);
    CHECK(fusion_data::split(inputs.slice(0, 3), {}, 2, 5).has_error());
    CHECK(fusion_data::split(reals({1, 1}, {NAN}), {}, 1, 5).error().message.find("NaN") != std::string::npos);
    auto const few = integers({3}, {1, 2, 3});
    CHECK(fusion_data::split(inputs, {{metric::accuracy, few}}, 1, 5).error().message ==
          "network 1: 3 labels for 40 inputs");
}

} // namespace hpcsched::fuse_torch::test
