// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/predict/precision.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <string>

namespace hpcsched::predict {

TEST_CASE("precision: what is out of range is named") {
    CHECK(validate({}).has_value());
    CHECK(validate(precision::exactly(7)).has_value());
    auto const message = [](precision const& p) {
        auto const checked = validate(p);
        return checked.has_error() ? checked.error().message : std::string{};
    };
    CHECK(message({.error = 0}).find("error") != std::string::npos);
    CHECK(message({.error = 1}).find("error") != std::string::npos);
    CHECK(message({.half_width = -1}).find("half_width") != std::string::npos);
    CHECK(message({.half_width = std::numeric_limits<double>::quiet_NaN()}).find("half_width") != std::string::npos);
    CHECK(message({.against = std::numeric_limits<double>::infinity()}).find("against") != std::string::npos);
    CHECK(message({.worlds_min = 0}).find("worlds_min") != std::string::npos);
    CHECK(message({.worlds_min = 9, .worlds_max = 8}).find("worlds_max") != std::string::npos);
    CHECK(message({.steps_max = 0}).find("steps_max") != std::string::npos);
}

TEST_CASE("precision: enough is narrow, or on one side of what it is held against") {
    CHECK(narrow_enough({.half_width = 0.1}, {0.4, 0.6}, 0.5));
    CHECK_FALSE(narrow_enough({.half_width = 0.09}, {0.4, 0.6}, 0.5));
    CHECK(narrow_enough({.half_width = 0.01, .against = 0.7}, {0.4, 0.6}, 0.5));
    CHECK_FALSE(narrow_enough({.half_width = 0.01, .against = 0.6}, {0.4, 0.6}, 0.5));
    CHECK(narrow_enough({.half_width = 0, .relative_half_width = 0.5}, {1, 3}, -2));
}

} // namespace hpcsched::predict
