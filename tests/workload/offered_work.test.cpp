// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/workload/in_memory.hpp>
#include <hpcsched/workload/offered_work.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace hpcsched::workload {

using namespace std::chrono_literals;

TEST_CASE("offered_work: load is service time over CPUs and span, and blocking is not in it") {
    std::vector<invocation> const all{{.arrival = time_point{2s}, .service = 3s},
                                      {.arrival = time_point{4s}, .service = 1s, .blocking = {{0ns, 100s}}},
                                      {.arrival = time_point{10s}, .service = 4s}};
    in_memory source{all};
    offered_work const work = measure_work(source).value();
    CHECK(work == offered_work{3, 8s, time_point{2s}, time_point{10s}});
    CHECK(work.span() == 8s);
    CHECK(work.load(1).value() == doctest::Approx(1));
    CHECK(work.load(4).value() == doctest::Approx(0.25));
}

TEST_CASE("offered_work: what arrives at one instant has no load") {
    std::vector<invocation> const one{{.arrival = time_point{2s}, .service = 3s}};
    in_memory source{one};
    CHECK_FALSE(measure_work(source).value().load(1).has_value());
    in_memory nothing{{}};
    CHECK(measure_work(nothing).value() == offered_work{});
}

TEST_CASE("offered_work: service times beyond what a duration holds are an error") {
    std::vector<invocation> const all(3, invocation{.service = unlimited / 2});
    in_memory source{all};
    CHECK(measure_work(source).error().message.find("292 years") != std::string::npos);
}

TEST_CASE("offered_work: an error of the source passes through") {
    struct failing {
        result<bool> next(invocation&) { return error{"line 3: not a number"}; }
    } source;
    CHECK(measure_work(source).error().message == "line 3: not a number");
}

} // namespace hpcsched::workload
