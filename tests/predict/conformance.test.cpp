// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/testing/conformance/prediction.hpp>

#include <doctest/doctest.h>

#include "walk.hpp"

#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace hpcsched::predict {
namespace {

using namespace test;

std::array<walk::state, 2> const states{walk::state{}, walk::state{.x = 3, .steps = 4}};

struct forgetful : walk { // takes up a used run where it ended
    static void begin(run& r, state const& s) noexcept {
        double const before = r.x;
        walk::begin(r, s);
        r.x += before * 1e-9;
    }
};
struct loud : jitter { // makes a noise though every source is silent
    void disturb(walk::run& r, noise_streams<2>& d) const {
        jitter::disturb(r, d);
        r.x += 1e-9;
    }
    [[nodiscard]] loud scaled(std::size_t source, double factor) const noexcept {
        return {jitter::scaled(source, factor)};
    }
};
struct fickle { // settled at one step, and not at the next
    [[nodiscard]] static bool outcome(walk::run const&) noexcept { return true; }
    [[nodiscard]] static bool settled(walk::run const& r) noexcept { return r.taken == 2; }
};
struct changes_its_mind {
    [[nodiscard]] static bool outcome(walk::run const& r) noexcept { return r.taken % 2 == 0; }
    [[nodiscard]] static bool settled(walk::run const& r) noexcept { return r.taken >= 2; }
};

struct leaves_one_out : in_order {
    template <class Function>
    static void for_each(std::size_t count, Function const& f) {
        in_order::for_each(count == 0 ? 0 : count - 1, f);
    }
};
struct one_worker_too_many : in_order {
    template <class Function>
    static void for_each(std::size_t count, Function const& f) {
        in_order::for_each(count, [&](std::size_t index, std::size_t) { f(index, index % 2); });
    }
};

std::string first_of(std::vector<std::string> const& findings) {
    return findings.empty() ? "" : findings.front();
}

} // namespace

TEST_CASE("prediction conformance: the walk keeps the rules") {
    CHECK(first_of(testing::check_prediction(walk{}, jitter{}, ends_beyond{}, states, look)) == "");
    CHECK(first_of(testing::check_prediction(walk{}, jitter{}, passes{}, states, look)) == "");
    CHECK(first_of(testing::check_prediction(walk{}, no_noise{}, time_of_passing{}, states, look)) == "");
    CHECK(first_of(testing::check_prediction(walk{.edge = 8}, jitter{}, where_it_ends{}, states, look)) == "");
}

TEST_CASE("prediction conformance: each broken rule is found") {
    CHECK(first_of(testing::check_prediction(forgetful{}, jitter{}, passes{}, states, look)).find("used before") !=
          std::string::npos);
    CHECK(first_of(testing::check_prediction(walk{}, loud{}, passes{}, states, look)).find("silent") !=
          std::string::npos);
    CHECK(first_of(testing::check_prediction(walk{}, jitter{}, fickle{}, states, look)).find("unsettled") !=
          std::string::npos);
    CHECK(first_of(testing::check_prediction(walk{}, jitter{}, changes_its_mind{}, states, look)).find("outcome") !=
          std::string::npos);
}

TEST_CASE("executor conformance: in order keeps the rules, and broken ones are found") {
    in_order fine;
    CHECK(first_of(testing::check_executor(fine)) == "");
    leaves_one_out lazy;
    CHECK(first_of(testing::check_executor(lazy)).find("0 times") != std::string::npos);
    one_worker_too_many crowded;
    CHECK(first_of(testing::check_executor(crowded)).find("worker") != std::string::npos);
}

} // namespace hpcsched::predict
