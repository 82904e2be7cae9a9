// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/cpu/weights.hpp>

#include <boost/random/uniform_int_distribution.hpp>
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>

namespace hpcsched::cpu {

using namespace std::chrono_literals;

TEST_CASE("weights: nice 0 weighs 1024, nice -20 and 19 are the ends of the table") {
    CHECK(weight_of_nice(0) == 1024);
    CHECK(weight_of_nice(-20) == 88761);
    CHECK(weight_of_nice(19) == 15);
}

TEST_CASE("weights: one step of nice is worth a factor of about 1.25") {
    for (int nice = nice_min; nice < nice_max; ++nice) {
        double const ratio = static_cast<double>(weight_of_nice(nice)) / static_cast<double>(weight_of_nice(nice + 1));
        CAPTURE(nice);
        CHECK(ratio > 1.25 * 0.92);
        CHECK(ratio < 1.25 * 1.08);
    }
    CHECK(std::pow(88761.0 / 15.0, 1.0 / 39.0) == doctest::Approx(1.25).epsilon(0.002));
}

TEST_CASE("weights: the times of the fair classes stretch with the logarithm of the CPUs, up to 8 of them") {
    CHECK(cpu_count_factor(1) == 1);
    CHECK(cpu_count_factor(2) == 2);
    CHECK(cpu_count_factor(3) == 2);
    CHECK(cpu_count_factor(4) == 3);
    CHECK(cpu_count_factor(7) == 3);
    CHECK(cpu_count_factor(8) == 4);
    CHECK(cpu_count_factor(1024) == 4);
}

TEST_CASE("weights: a task of nice 0 ages as fast as the clock, a heavier one slower, a lighter one faster") {
    CHECK(virtual_time(1ms, weight_of_nice(0)) == 1'000'000);
    CHECK(virtual_time(1ms, weight_of_nice(-20)) == 11'537); // 10^6 x 1024 / 88761 = 11536.6
    CHECK(virtual_time(1ms, weight_of_nice(19)) == 68'266'667);
    CHECK(real_time(1'000'000, weight_of_nice(0)) == 1ms);
}

TEST_CASE("weights: rounding up makes every run count") {
    CHECK(virtual_time(1ns, weight_of_nice(-20)) == 1);
    CHECK(real_time(1, weight_of_nice(19)) == 1ns);
    CHECK(virtual_time(0ns, weight_of_nice(5)) == 0);
}

TEST_CASE("weights: running for the real time of an age reaches it, and one nanosecond less does not pass it") {
    random_stream random{1, "weights"};
    boost::random::uniform_int_distribution<std::int64_t> ages{1, 100'000'000'000};
    boost::random::uniform_int_distribution<int> nices{nice_min, nice_max};
    for (int i = 0; i < 10'000; ++i) {
        std::int64_t const age = ages(random);
        std::int64_t const weight = weight_of_nice(nices(random));
        CAPTURE(age);
        CAPTURE(weight);
        duration const run = real_time(age, weight);
        REQUIRE(virtual_time(run, weight) >= age);
        REQUIRE(virtual_time(run - 1ns, weight) <= age);
    }
}

TEST_CASE("weights: products beyond 64 bits are exact") {
    constexpr std::int64_t big = std::int64_t{1} << 60;
    CHECK(detail::multiply_divide_up(big, 1024, 2048) == big / 2);
    CHECK(detail::multiply_divide_up(big + 1, 1024, 2048) == big / 2 + 1);
    CHECK(detail::multiply_divide(-big, 1024, 2048) == -big / 2);
    CHECK(virtual_time(duration{big}, weight_of_nice(-20)) == 13'300'792'247'917'569);
}

} // namespace hpcsched::cpu
