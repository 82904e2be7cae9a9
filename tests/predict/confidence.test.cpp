// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/predict/confidence.hpp>

#include <boost/random/exponential_distribution.hpp>
#include <boost/random/uniform_01.hpp>
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>

namespace hpcsched::predict {

TEST_CASE("confidence: nothing seen, nothing known") {
    CHECK(probability_sequence{}.within(0.05) == interval{0, 1});
    CHECK(mean_sequence{}.within(0.05) == interval{});
}

TEST_CASE("confidence: after one and two yes the interval is what the mixture says by hand") {
    // Of one yes the mixture's likelihood is 1/2, of two 1/3: p is out where 1/2 > 20 p, or 1/3 > 20 p p.
    probability_sequence s;
    s.add(true);
    CHECK(s.within(0.05).low == doctest::Approx(0.5 / 20));
    CHECK(s.within(0.05).high == 1);
    s.add(true);
    CHECK(s.within(0.05).low == doctest::Approx(std::sqrt(1.0 / 60)));
}

TEST_CASE("confidence: yes and no are mirror images") {
    probability_sequence yes;
    probability_sequence no;
    for (int n = 0; n < 40; ++n) {
        yes.add(n % 3 == 0);
        no.add(n % 3 != 0);
    }
    CHECK(yes.within(0.01).low == doctest::Approx(1 - no.within(0.01).high));
    CHECK(yes.within(0.01).high == doctest::Approx(1 - no.within(0.01).low));
    CHECK(yes.within(0.01).half_width() > yes.within(0.1).half_width());
}

/// How many of `runs` intervals fail to contain `p` after any of `count` observations, and how many usual ones do.
struct misses {
    int watched = 0;
    int usual = 0;
};
misses watch(double p, int runs, int count, double error) {
    misses seen;
    for (int run = 0; run < runs; ++run) {
        light_stream bits{7, static_cast<std::uint64_t>(run)};
        probability_sequence s;
        bool missed = false;
        bool usual_missed = false;
        for (int n = 1; n <= count; ++n) {
            s.add(boost::random::uniform_01<double>{}(bits) < p);
            if (n >= 10 && n % 5 == 0) {
                missed = missed || !s.within(error).contains(p);
                double const share = static_cast<double>(s.yes()) / n;
                double const z = 1.96;
                usual_missed =
                    usual_missed || std::abs(share - p) > z * std::sqrt(std::max(share * (1 - share), 1e-9) / n);
            }
        }
        seen.watched += missed ? 1 : 0;
        seen.usual += usual_missed ? 1 : 0;
    }
    return seen;
}

TEST_CASE("confidence: an interval that is watched all the time holds its error, where a usual one does not") {
    for (double const p : {0.02, 0.3, 0.5, 0.9}) {
        CAPTURE(p);
        misses const seen = watch(p, 400, 500, 0.05);
        CHECK(seen.watched <= 20 + 13); // 5 % of 400, and three deviations of that
        CHECK(seen.usual > 60);
    }
}

TEST_CASE("confidence: the mean of skewed numbers stays within its interval, watched from the 32nd on") {
    int missed = 0;
    for (std::uint64_t run = 0; run < 400; ++run) {
        light_stream bits{11, run};
        mean_sequence s;
        bool out = false;
        for (int n = 1; n <= 600; ++n) {
            s.add(boost::random::exponential_distribution<double>{0.5}(bits));
            out = out || (n >= 32 && !s.within(0.05).contains(2));
        }
        missed += out ? 1 : 0;
    }
    CHECK(missed <= 20 + 13);
    CHECK(missed >= 1); // one that never missed would be far too wide
}

TEST_CASE("confidence: mean and deviation are those of the numbers") {
    mean_sequence s;
    for (double const x : {1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16}) {
        s.add(x);
    }
    CHECK(s.mean() == doctest::Approx(1e9 + 10));
    CHECK(s.standard_deviation() == doctest::Approx(std::sqrt(30.0)));
    double const before = s.within(0.05).half_width();
    for (int n = 0; n < 1000; ++n) {
        s.add(1e9 + (n % 2 == 0 ? 4 : 16));
    }
    CHECK(s.within(0.05).half_width() < before / 10);
}

} // namespace hpcsched::predict
