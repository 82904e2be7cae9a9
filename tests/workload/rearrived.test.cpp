// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/testing/conformance/invocation_source.hpp>
#include <hpcsched/workload/generator.hpp>
#include <hpcsched/workload/in_memory.hpp>
#include <hpcsched/workload/rearrived.hpp>
#include <hpcsched/workload/scale_to_load.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <vector>

namespace hpcsched::workload {

using namespace std::chrono_literals;

namespace {

std::vector<invocation> recorded(arrival_kind kind) {
    generator g = make_generator({.count = 5000, .load = 0.8, .arrivals = kind, .io_share = 0.5}).value();
    std::vector<invocation> all;
    for (invocation i; g.next(i).value();) {
        all.push_back(i);
    }
    return all;
}

} // namespace

TEST_CASE("rearrived: a trace with arrivals of another kind is the generator with that kind") {
    std::vector<invocation> const even = recorded(arrival_kind::even);
    double const mean = make_generator({.load = 0.8}).value().mean_interarrival();
    rearrived source{in_memory{even}, arrival_process{arrival_kind::exponential}, mean, 1};
    std::vector<invocation> all;
    for (invocation i; source.next(i).value();) {
        all.push_back(i);
    }
    CHECK(all == recorded(arrival_kind::exponential));
}

TEST_CASE("rearrived: new arrivals bring the load that is asked for") {
    std::vector<invocation> const trace = recorded(arrival_kind::exponential);
    in_memory first_pass{trace};
    double const mean = mean_interarrival_for_load(measure_work(first_pass).value(), 12, 1.1).value();
    rearrived even{in_memory{trace}, even_interarrivals{}, mean, 1};
    CHECK(measure_work(even).value().load(12).value() == doctest::Approx(1.1).epsilon(0.001));
    CHECK(testing::check_invocation_source([&] {
              return rearrived{in_memory{trace}, bursty_interarrivals{2.33}, mean, 7};
          }).empty());
}

TEST_CASE("rearrived: errors end the stream") {
    struct failing {
        result<bool> next(invocation&) { return error{"line 3: not a number"}; }
    };
    rearrived broken{failing{}, even_interarrivals{}, 1.0, 1};
    invocation i;
    CHECK(broken.next(i).error().message == "line 3: not a number");
    CHECK(broken.next(i).value() == false);

    std::vector<invocation> const two(2, invocation{.service = 1ns});
    rearrived too_late{in_memory{two}, even_interarrivals{}, 6e18, 1};
    CHECK(too_late.next(i).value());
    CHECK(too_late.next(i).error().message.find("292 years") != std::string::npos);
    CHECK(too_late.next(i).value() == false);
}

} // namespace hpcsched::workload
