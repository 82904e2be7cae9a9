// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/workload/generator_config.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

namespace hpcsched::workload {

using namespace std::chrono_literals;

namespace {

struct rejection {
    std::function<void(generator_config&)> change;
    std::string message;
};

} // namespace

TEST_CASE("generator_config: every preset is valid as it stands") {
    for (preset_info const& info : presets) {
        CAPTURE(info.name);
        CHECK(validate({.from = info.value}).has_value());
    }
}

TEST_CASE("generator_config: what is out of place is named together with what would be in place") {
    std::vector<rejection> const rejections{
        {[](auto& c) { c.count = 0; }, "nothing ends the workload: give a count of invocations or a length of time"},
        {[](auto& c) { c.length = -1ns; }, "length -1e-09 s is not between 0 (no limit) and 50 years"},
        {[](auto& c) { c.length = unlimited; }, "length 9.22337e+09 s is not between 0 (no limit) and 50 years"},
        {[](auto& c) { c.load = 80; }, "load 80 is not above 0 and at most 10; it is a fraction, 0.8 means 80 %"},
        {[](auto& c) { c.load = 0; }, "load 0 is not above 0 and at most 10; it is a fraction, 0.8 means 80 %"},
        {[](auto& c) { c.load = std::nan(""); },
         "load nan is not above 0 and at most 10; it is a fraction, 0.8 means 80 %"},
        {[](auto& c) { c.cpu_count = 2'000'000; }, "cpu count 2000000 is above 1048576"},
        {[](auto& c) {
             c.from = preset::azure2019;
             c.load = 0.8;
         },
         "preset azure2019 has no machine of its own: give the cpu count that the load is for"},
        {[](auto& c) { c.arrivals = arrival_kind::recorded; },
         "preset sfs-test1 is generated, it has no recorded arrivals; name another kind, or read a trace"},
        {[](auto& c) { c.cv = 2; },
         "cv is for bursty arrivals, these are exponential; choose arrivals bursty, or leave cv out"},
        {[](auto& c) {
             c.from = preset::azure2019;
             c.cv = 2;
         },
         "cv is for bursty arrivals, these are one process per function; choose arrivals bursty, or leave cv out"},
        {[](auto& c) {
             c.arrivals = arrival_kind::bursty;
             c.cv = -0.5;
         },
         "cv -0.5 is not 0 and not between 0.01 and 100; 0.2 is smooth, 1 a Poisson process, 2.33 bursty"},
        {[](auto& c) { c.burst_length = 50; }, "burst length is for bursty arrivals with a cv above 1, these are "
                                               "exponential; choose arrivals bursty and a cv "
                                               "such as 2.33, or leave burst length out"},
        {[](auto& c) {
             c.from = preset::bursty_cv2_33;
             c.cv = 0.2;
             c.burst_length = 50;
         },
         "burst length is for bursty arrivals with a cv above 1, these are bursty; choose arrivals bursty and a cv "
         "such as 2.33, or leave burst length out"},
        {[](auto& c) {
             c.from = preset::bursty_cv2_33;
             c.burst_length = 0.5;
         },
         "burst length 0.5 is not between 1 and 1e+06; 1 draws each inter-arrival time anew, 50 is as in SFS's trace"},
        {[](auto& c) { c.drift = function_drift{0.8, 250}; },
         "drift of correlation 0.8 over 250 invocations: the first must be between 0 and 0.5, the second between 1 and "
         "1e+06; SFS's trace has 0.035 over 250"},
        {[](auto& c) { c.drift = function_drift{0.1, std::nan("")}; },
         "drift of correlation 0.1 over nan invocations: the first must be between 0 and 0.5, the second between 1 and "
         "1e+06; SFS's trace has 0.035 over 250"},
        {[](auto& c) {
             c.from = preset::azure2019;
             c.drift = sfs_test1_drift;
         },
         "drift is for functions that share one arrival process, those of azure2019 have one each; name an arrival "
         "kind, or leave drift out"},
        {[](auto& c) { c.variation = 25; }, "variation 25 is not between 0 and 0.99; 0.25 means 25 % either way"},
        {[](auto& c) { c.function_count = 50; },
         "function count 50 does not suit preset sfs-test1, which has 14 functions; leave it out for 14"},
        {[](auto& c) {
             c.from = preset::alps_huawei;
             c.function_count = 3;
         },
         "function count 3 does not suit preset alps-huawei, which has 4 to 1000000 functions; leave it out for 50"},
        {[](auto& c) { c.io_share = 75; }, "io share 75 is not between 0 and 1; 0.75 means 75 %"},
        {[](auto& c) { c.io_share = std::nan(""); }, "io share nan is not between 0 and 1; 0.75 means 75 %"},
        {[](auto& c) { c.io_min = 0ns; },
         "io takes from 0 ms to 100 ms; the first must be above 0, the second not below it and at most an hour"},
        {[](auto& c) { c.io_max = 1ms; },
         "io takes from 10 ms to 1 ms; the first must be above 0, the second not below it and at most an hour"},
    };
    for (rejection const& r : rejections) {
        generator_config config;
        r.change(config);
        auto const valid = validate(config);
        REQUIRE(valid.has_error());
        CHECK(valid.error().message == r.message);
    }
}

TEST_CASE("generator_config: the edges of every range are inside") {
    CHECK(validate({.count = 0, .length = 1ns}).has_value());
    CHECK(validate({.load = generator_limits::max_load, .cpu_count = generator_limits::max_cpu_count}).has_value());
    CHECK(validate({.arrivals = arrival_kind::bursty, .cv = 0.0}).has_value());
    CHECK(validate({.from = preset::azure2019, .arrivals = arrival_kind::bursty, .cv = 2.33}).has_value());
    CHECK(validate({.from = preset::bursty_cv2_33, .cv = 4.0}).has_value());
    CHECK(validate({.from = preset::bursty_cv2_33, .burst_length = 1.0}).has_value());
    CHECK(validate({.drift = function_drift{0.5, 1}}).has_value());
    CHECK(validate({.from = preset::azure2019, .arrivals = arrival_kind::even, .drift = sfs_test1_drift}).has_value());
    CHECK(validate({.variation = 0.0, .io_share = 1.0, .io_min = 5ms, .io_max = 5ms}).has_value());
    CHECK(validate({.from = preset::alps_azure_paper, .function_count = 4}).has_value());
    CHECK(validate({.from = preset::azure2019, .load = 0.8, .cpu_count = 16}).has_value());
}

} // namespace hpcsched::workload
