// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/notebook/octave_hazard.hpp>
#include <hpcsched/notebook/predictive.hpp>

#include <boost/random/exponential_distribution.hpp>
#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <limits>

namespace hpcsched::notebook {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

} // namespace

TEST_CASE("return hazard: it is the returns over the time that was spent idle, octave by octave") {
    octave_hazard h = return_hazard();
    for (int i = 0; i < 100'000; ++i) {
        h.ended(seconds{10}); // all within the first quarter of a minute, each after 10 s
    }
    CHECK(h.rate(seconds{5}) == doctest::Approx(0.1).epsilon(0.01));
    for (int i = 0; i < 100'000; ++i) {
        h.lost_sight(seconds{15}); // as many stay away for all of it
    }
    CHECK(h.rate(seconds{5}) == doctest::Approx(100'000.0 / 2'500'000).epsilon(0.01));
}

TEST_CASE("return hazard: kernels that are idle still count, and are counted anew each time") {
    octave_hazard h = return_hazard();
    double const before = h.rate(hours{10});
    for (int i = 0; i < 1000; ++i) {
        h.still_lasts(hours{24});
    }
    CHECK(h.rate(hours{10}) < before / 100);
    h.forget_lasting();
    CHECK(h.rate(hours{10}) == before);
}

TEST_CASE("return hazard: before anything was seen, who just finished is likelier to return than who left long ago") {
    octave_hazard const h = return_hazard();
    CHECK(h.rate(minutes{1}) > h.rate(minutes{5}));
    CHECK(h.rate(minutes{5}) > h.rate(minutes{20}));
    CHECK(h.rate(minutes{20}) > h.rate(hours{5}));
    // Half of the published gaps end within 3 minutes: exp(-180 rate) = 1/2.
    CHECK(std::exp(-180 * h.rate(minutes{1})) == doctest::Approx(0.5).epsilon(0.02));
}

TEST_CASE("hazard curve: the integral is the sum of its octaves, and residual undoes it") {
    hazard_curve::by_octave rates{};
    rates[0] = 0.1;   // 0 to 10 s
    rates[1] = 0.02;  // to 20 s
    rates[2] = 0;     // to 40 s: nothing ends then
    rates[3] = 0.005; // to 80 s; later never
    hazard_curve const c{10, rates};
    CHECK(c.rate(9.99) == 0.1);
    CHECK(c.rate(10) == 0.02);
    CHECK(c.cumulative(5) == doctest::Approx(0.5));
    CHECK(c.cumulative(15) == doctest::Approx(1.1));
    CHECK(c.cumulative(30) == doctest::Approx(1.2));
    CHECK(c.cumulative(1e9) == doctest::Approx(1.4));
    for (double const from : {0.0, 3.0, 12.0, 25.0}) {
        for (double const amount : {1e-3, 0.1, 0.15}) {
            double const rest = c.residual(from, amount);
            CHECK(c.cumulative(from + rest) - c.cumulative(from) == doctest::Approx(amount));
        }
    }
    CHECK(c.residual(0, 1.5) == std::numeric_limits<double>::infinity());
    CHECK(c.residual(15, 0.1) == doctest::Approx(5)); // the earliest moment, not the end of the gap
}

TEST_CASE("octave hazard: who is held to be twice as eager counts for twice the time") {
    octave_hazard alike = return_hazard();
    octave_hazard eager = return_hazard();
    for (int n = 0; n < 100'000; ++n) {
        alike.ended(seconds{10});
        eager.ended(seconds{10}, [](double) { return 2.0; });
    }
    CHECK(alike.rate(seconds{5}) / eager.rate(seconds{5}) == doctest::Approx(2).epsilon(0.01));
}

TEST_CASE("octave hazard: finds the rate of what ends at random, from ends and from what lasts still") {
    octave_hazard h{[](duration) noexcept { return 1.0; }, seconds{15}};
    light_stream bits{1, 2};
    for (int n = 0; n < 20'000; ++n) {
        duration const lasts = from_seconds(boost::random::exponential_distribution<double>{0.01}(bits));
        if (lasts > seconds{200}) {
            h.still_lasts(seconds{200}); // not seen to its end
        } else {
            h.ended(lasts);
        }
    }
    for (duration const at : {duration{seconds{5}}, duration{seconds{40}}, duration{seconds{150}}}) {
        CHECK(h.rate(at) == doctest::Approx(0.01).epsilon(0.05));
    }
    CHECK(h.curve().cumulative(100) == doctest::Approx(1).epsilon(0.05));
}

} // namespace hpcsched::notebook
