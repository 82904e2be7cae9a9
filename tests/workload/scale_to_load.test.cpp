// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/testing/conformance/invocation_source.hpp>
#include <hpcsched/workload/generator.hpp>
#include <hpcsched/workload/in_memory.hpp>
#include <hpcsched/workload/scale_to_load.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hpcsched::workload {

using namespace std::chrono_literals;

namespace {

std::vector<invocation> recorded() {
    generator g = make_generator({.from = preset::bursty_cv2_33, .count = 3000, .io_share = 0.5}).value();
    std::vector<invocation> all;
    for (invocation i; g.next(i).value();) {
        i.arrival += 1h; // a window out of a longer trace
        all.push_back(i);
    }
    return all;
}

} // namespace

TEST_CASE("scale_to_load: a trace comes out with the load that is asked for") {
    std::vector<invocation> const trace = recorded();
    in_memory first_pass{trace};
    offered_work const work = measure_work(first_pass).value();
    for (double const load : {0.1, 0.5, 0.8, 1.0, 1.2, 3.0}) {
        for (std::uint32_t const cpus : {1U, 12U, 24U}) {
            CAPTURE(load);
            CAPTURE(cpus);
            time_scale const scale = scale_to_load(work, cpus, load).value();
            rescaled second_pass{in_memory{trace}, scale};
            offered_work const scaled = measure_work(second_pass).value();
            CHECK(scaled.first == time_point{});
            CHECK(scaled.count == work.count);
            CHECK(scaled.service == work.service);
            CHECK(scaled.load(cpus).value() == doctest::Approx(load).epsilon(1e-9));
        }
    }
}

TEST_CASE("scale_to_load: every inter-arrival time is multiplied by one factor, and nothing else changes") {
    std::vector<invocation> const trace = recorded();
    in_memory first_pass{trace};
    time_scale const scale = scale_to_load(measure_work(first_pass).value(), 12, 0.8).value();
    double const factor = static_cast<double>(scale.to.count()) / static_cast<double>(scale.from.count());
    rescaled scaled{in_memory{trace}, scale};
    invocation i;
    for (std::size_t k = 0; scaled.next(i).value(); ++k) {
        double const exact = static_cast<double>((trace[k].arrival - trace[0].arrival).count()) * factor;
        REQUIRE(std::abs(static_cast<double>(i.arrival.time_since_epoch().count()) - exact) < 1.5);
        i.arrival = trace[k].arrival;
        REQUIRE(i == trace[k]);
    }
    CHECK(testing::check_invocation_source([&] { return rescaled{in_memory{trace}, scale}; }).empty());
}

TEST_CASE("scale_to_load: times are rounded down, from the origin, without error that adds up") {
    time_scale const third{time_point{10ns}, 3ns, 1ns};
    CHECK(third(time_point{10ns}) == time_point{0ns});
    CHECK(third(time_point{12ns}) == time_point{0ns});
    CHECK(third(time_point{13ns}) == time_point{1ns});
    CHECK(third(time_point{10ns + 3'000'000'001ns}) == time_point{1s});
    // The product needs more than 64 bits.
    time_scale const stretch{time_point{}, 1'000'000'007ns, 3'000'000'021ns};
    CHECK(stretch(time_point{3'000'000'000s}) == time_point{9'000'000'000s});
}

TEST_CASE("scale_to_load: a target or a workload that cannot be scaled is an error with the fix") {
    offered_work const work{10, 8s, time_point{}, time_point{10s}};
    CHECK(scale_to_load(work, 4, 80).error().message ==
          "load 80 is not above 0 and at most 10; it is a fraction, 0.8 means 80 %");
    CHECK(scale_to_load(work, 4, std::nan("")).has_error());
    CHECK(scale_to_load(work, 0, 0.8).error().message ==
          "cpu count 0 is not between 1 and 1048576; give the cpu count that the load is for");
    CHECK(scale_to_load({7, 8s, time_point{1s}, time_point{1s}}, 4, 0.8).error().message ==
          "the workload has 7 invocations at one instant, and no inter-arrival time to scale; give it arrivals of "
          "another kind");
    CHECK(scale_to_load(work, 1, 1e-12).error().message.find("years, more than 50; raise the load") !=
          std::string::npos);
    CHECK(mean_interarrival_for_load({}, 4, 0.8).error().message == "the workload has no invocations");
    CHECK(mean_interarrival_for_load(work, 4, 0.8).value() == doctest::Approx(0.25e9));
}

TEST_CASE("scale_to_load: an error of the source passes through") {
    struct failing {
        result<bool> next(invocation&) { return error{"line 3: not a number"}; }
    };
    rescaled scaled{failing{}, time_scale{}};
    invocation i;
    CHECK(scaled.next(i).error().message == "line 3: not a number");
}

} // namespace hpcsched::workload
