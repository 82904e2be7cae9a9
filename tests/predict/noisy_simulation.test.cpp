// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/predict/noisy_simulation.hpp>

#include <boost/random/uniform_int_distribution.hpp>
#include <doctest/doctest.h>

#include "walk.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::predict {
namespace {

using namespace test;

/// Calls in a drawn order, by drawn workers: what threads could do at their worst.
struct shuffled {
    std::size_t workers = 3;
    random_stream bits{1, "shuffled"};

    [[nodiscard]] std::size_t worker_count() const noexcept { return workers; }
    template <class Function>
    void for_each(std::size_t count, Function const& f) {
        std::vector<std::size_t> order(count);
        std::iota(order.begin(), order.end(), std::size_t{0});
        for (std::size_t n = count; n > 1; --n) {
            std::swap(order[n - 1], order[below(n)]);
        }
        for (std::size_t const index : order) {
            f(index, below(workers));
        }
    }
    std::size_t below(std::size_t count) {
        return boost::random::uniform_int_distribution<std::size_t>{0, count - 1}(bits);
    }
};
static_assert(executor<shuffled>);

double const deviation = std::sqrt(1 + 10 * 0.25); // of where the walk ends, around 10

} // namespace

TEST_CASE("noisy simulation: the probability of a yes is the one that is known") {
    for (double const point : {8.0, 10.0, 13.0}) {
        CAPTURE(point);
        noisy_simulation s{walk{}, jitter{}, ends_beyond{point}};
        auto const p = s.ask({}, 1, {.half_width = 0.03, .error = 0.01});
        REQUIRE(p.has_value());
        CHECK(p->answer.within.contains(normal_above(point, 10, deviation)));
        CHECK(p->precise_enough);
        CHECK(p->answer.yes + p->answer.no == p->worlds);
        CHECK(p->steps == 10 * p->worlds);
    }
}

TEST_CASE("noisy simulation: a number has its mean and its spread") {
    noisy_simulation s{walk{}, jitter{}, where_it_ends{}};
    auto const p = s.ask({.x = 5}, 1, {.half_width = 0.1, .error = 0.01});
    REQUIRE(p.has_value());
    CHECK(p->answer.within.contains(15));
    CHECK(p->answer.standard_deviation == doctest::Approx(deviation).epsilon(0.1));
    CHECK(p->answer.sorted.size() == p->worlds);
}

TEST_CASE("noisy simulation: without noise one world says it all") {
    noisy_simulation s{walk{}, no_noise{}, where_it_ends{}};
    auto const p = s.ask({}, 1);
    REQUIRE(p.has_value());
    CHECK(p->answer.mean == 10);
    CHECK(p->answer.standard_deviation == 0);
    CHECK(p->worlds == precision{}.worlds_min);
    CHECK(p->precise_enough);
}

TEST_CASE("noisy simulation: the answer is the same in any order, by any number of workers, and asked again") {
    noisy_simulation s{walk{}, jitter{}, where_it_ends{}};
    precision const how{.half_width = 0.2};
    auto const one = s.ask({}, 1, how);
    auto const again = s.ask({}, 1, how);
    REQUIRE(one.has_value());
    CHECK(again->answer.sorted == one->answer.sorted);
    CHECK(again->answer.mean == one->answer.mean);
    for (std::size_t const workers : {1U, 2U, 7U}) {
        shuffled on{.workers = workers};
        auto const p = s.ask({}, 1, how, on);
        REQUIRE(p.has_value());
        CHECK(p->worlds == one->worlds);
        CHECK(p->answer.mean == one->answer.mean); // to the bit
        CHECK(p->answer.sorted == one->answer.sorted);
    }
    CHECK(s.ask({}, 2, how)->answer.mean != one->answer.mean);
}

TEST_CASE("noisy simulation: sampling stops when the interval is narrow, and not before the least that is asked for") {
    noisy_simulation s{walk{}, jitter{}, ends_beyond{10}};
    auto const rough = s.ask({}, 1, {.half_width = 0.2});
    auto const fine = s.ask({}, 1, {.half_width = 0.05});
    CHECK(rough->worlds < fine->worlds);
    CHECK(rough->answer.within.half_width() <= 0.2);
    CHECK(fine->answer.within.half_width() <= 0.05);
    CHECK(s.ask({}, 1, {.half_width = 1, .worlds_min = 77})->worlds == 77);
    CHECK(s.ask({}, 1, precision::exactly(123))->worlds == 123);
}

TEST_CASE("noisy simulation: a question of more or less than a value ends as soon as that is clear") {
    noisy_simulation s{walk{}, jitter{}, ends_beyond{10}}; // a half
    auto const far = s.ask({}, 1, {.half_width = 0.001, .against = 0.1});
    CHECK(far->precise_enough);
    CHECK(far->worlds < 100);
    CHECK(far->answer.within.low > 0.1);
    auto const close = s.ask({}, 1, {.half_width = 0.001, .against = 0.5, .worlds_max = 500});
    CHECK_FALSE(close->precise_enough);
    CHECK(close->worlds == 500);
}

TEST_CASE("noisy simulation: decisions against a value are wrong no more often than the stated error") {
    double const truth = normal_above(12, 10, deviation);
    noisy_simulation s{walk{}, jitter{}, ends_beyond{12}};
    int wrong = 0;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        auto const p =
            s.ask({}, seed, {.half_width = 0.001, .error = 0.1, .against = truth - 0.03, .worlds_max = 2000});
        wrong += p->precise_enough && p->answer.within.high < truth - 0.03 ? 1 : 0;
    }
    CHECK(wrong <= 20);
}

TEST_CASE("noisy simulation: a settled question ends its run") {
    noisy_simulation s{walk{}, no_noise{}, passes{5}};
    auto const p = s.ask({}, 1, precision::exactly(10));
    CHECK(p->answer.probability == 1);
    CHECK(p->steps == 6 * 10);
}

TEST_CASE("noisy simulation: what never happens has no time, and a probability that is bounded") {
    noisy_simulation s{walk{}, jitter{}, time_of_passing{1e6}};
    auto const p = s.ask({}, 1);
    REQUIRE(p.has_value());
    CHECK_FALSE(p->answer.then);
    CHECK(p->answer.happens.probability == 0);
    CHECK(p->answer.happens.within.low == 0);
    CHECK(p->answer.happens.within.high < 0.11);
    noisy_simulation soon{walk{}, no_noise{}, time_of_passing{5}};
    CHECK(soon.ask({}, 1)->answer.then->mean == from_seconds(6));
}

TEST_CASE("noisy simulation: worlds that diverge widen the interval, and an answer without any is an error") {
    noisy_simulation some{walk{.edge = 12}, jitter{}, ends_beyond{10}};
    auto const p = some.ask({}, 1, precision::exactly(1000));
    REQUIRE(p.has_value());
    CHECK(p->diverged > 50);
    CHECK(p->answer.unknown == p->diverged);
    CHECK(p->answer.within.contains(0.5)); // the truth without the edge
    CHECK(p->answer.probability < 0.48);   // of those that came to an outcome

    noisy_simulation all{walk{.edge = -100}, jitter{}, ends_beyond{10}};
    auto const none = all.ask({}, 1);
    REQUIRE(none.has_error());
    CHECK(none.error().message.find("diverged") != std::string::npos);
}

TEST_CASE("noisy simulation: a run that never ends is cut short, and the answer says so") {
    noisy_simulation s{walk{}, no_noise{}, where_it_ends{}};
    auto const endless = s.ask({.steps = 0}, 1, {.worlds_max = 64, .steps_max = 1000});
    REQUIRE(endless.has_error());
    CHECK(endless.error().message.find("64 were undecided after 1000 steps") != std::string::npos);

    noisy_simulation passing{walk{}, jitter{}, passes{5}}; // settled though it never ends
    CHECK(passing.ask({.steps = 0}, 1, {.steps_max = 1000})->answer.probability == 1);
}

TEST_CASE("noisy simulation: outcomes that are no number count as worlds that diverged") {
    noisy_simulation s{walk{}, no_noise{}, where_it_ends{}};
    auto const p = s.ask({.x = std::numeric_limits<double>::quiet_NaN()}, 1);
    REQUIRE(p.has_error());
    CHECK(p.error().message.find("diverged") != std::string::npos);
}

TEST_CASE("noisy simulation: a precision out of range is an error before any world is played") {
    noisy_simulation s{walk{}, no_noise{}, where_it_ends{}};
    CHECK(s.ask({}, 1, {.error = 2}).has_error());
}

TEST_CASE("noisy simulation: a world played alone is the one that the engine counts") {
    noisy_simulation s{walk{}, jitter{}, where_it_ends{}};
    in_order on;
    auto const all = s.futures({}, s.noise(), 9, 0, 20, 1000, on);
    auto const late = s.futures({}, s.noise(), 9, 15, 5, 1000, on);
    for (std::size_t n = 0; n < 5; ++n) {
        CHECK(late[n].outcome == all[15 + n].outcome);
    }
    walk::state seen{};
    walk::run run = walk::make_run();
    noise_streams<2> streams{9, 15};
    int looks = 0;
    auto const alone =
        play(walk{}, jitter{}, where_it_ends{}, seen, run, streams, 1000, [&](walk::run const&) { ++looks; });
    CHECK(alone.outcome == all[15].outcome);
    CHECK(looks == 11);
}

} // namespace hpcsched::predict
