// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/workload/describe.hpp>
#include <hpcsched/workload/generator.hpp>
#include <hpcsched/workload/in_memory.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace hpcsched::workload {

using namespace std::chrono_literals;

TEST_CASE("describe: a small workload comes out in every figure") {
    std::vector<invocation> const all{
        {.arrival = time_point{1s}, .function = {0}, .service = 10ms, .memory_mb = 128},
        {.arrival = time_point{2s}, .function = {1}, .service = 50ms, .blocking = {{0ns, 5ms}, {1ms, 7ms}}},
        {.arrival = time_point{2s}, .function = {1}, .service = 250ms, .memory_mb = 512},
        {.arrival = time_point{5s}, .function = {2}, .service = 690ms, .memory_mb = 128}};
    in_memory source{all};
    workload_summary const s = describe(source, 2).value();
    CHECK(s.work == offered_work{4, 1s, time_point{1s}, time_point{5s}});
    CHECK(s.work.load(2).value() == doctest::Approx(0.125));
    CHECK(s.function_count == 3);
    CHECK(s.service_min == 10ms);
    CHECK(s.service_max == 690ms);
    CHECK(s.service_mean_ns == doctest::Approx(250e6));
    CHECK(to_milliseconds(s.service_percentiles[0]) == doctest::Approx(50).epsilon(1.0 / 512));
    CHECK(s.interarrival_mean_ns == doctest::Approx(4e9 / 3));
    // Gaps 1, 0, 3 s: variance (1 + 0 + 9) / 3 - (4/3)^2 = 14/9.
    CHECK(s.interarrival_cv == doctest::Approx(std::sqrt(14.0 / 9) / (4.0 / 3)));
    CHECK(s.simultaneous_count == 1);
    CHECK(s.groups[0] == group_summary{1, 10ms});
    CHECK(s.groups[1] == group_summary{1, 50ms});
    CHECK(s.groups[2] == group_summary{1, 250ms});
    CHECK(s.groups[3] == group_summary{1, 690ms});
    CHECK(s.share(s.groups[3].count) == 0.25);
    CHECK(s.blocking_count == 1);
    CHECK(s.blocking == 12ms);
    CHECK(s.memory_count == 3);
    CHECK(s.memory_min_mb == 128);
    CHECK(s.memory_max_mb == 512);
    CHECK(s.memory_mean_mb == doctest::Approx(256));
    CHECK(s.top == std::vector<function_summary>{{function_id{1}, 2, 300ms}, {function_id{0}, 1, 10ms}});
}

TEST_CASE("describe: nothing and one invocation are described too") {
    in_memory nothing{{}};
    CHECK(describe(nothing).value() == workload_summary{});
    std::vector<invocation> const one{{.arrival = time_point{3s}, .service = 2ms}};
    in_memory source{one};
    workload_summary const s = describe(source).value();
    CHECK(s.work.count == 1);
    CHECK(s.service_percentiles.back() == 2ms);
    CHECK(s.interarrival_mean_ns == 0);
    CHECK(s.interarrival_cv == 0);
    CHECK(s.top.size() == 1);
}

TEST_CASE("describe: a generated workload agrees with a count by hand") {
    generator g = make_generator({.from = preset::alps_azure_shipped, .count = 20'000, .io_share = 0.4}).value();
    std::vector<invocation> all;
    for (invocation i; g.next(i).value();) {
        all.push_back(i);
    }
    in_memory source{all};
    workload_summary const s = describe(source, 1000).value();

    std::vector<duration> services;
    std::map<function_id, function_summary> functions;
    for (invocation const& i : all) {
        services.push_back(i.service);
        function_summary& f = functions[i.function];
        f.function = i.function;
        ++f.count;
        f.service += i.service;
    }
    std::sort(services.begin(), services.end());
    for (std::size_t p = 0; p < described_percentiles.size(); ++p) {
        auto const exact = percentile(std::span<duration const>{services}, described_percentiles[p]);
        CHECK(to_seconds(s.service_percentiles[p]) == doctest::Approx(to_seconds(exact)).epsilon(1.0 / 512));
    }
    REQUIRE(s.top.size() == functions.size());
    CHECK(s.function_count == functions.size());
    for (std::size_t k = 0; k < s.top.size(); ++k) {
        CHECK(s.top[k] == functions[s.top[k].function]);
        CHECK((k == 0 || s.top[k - 1].count > s.top[k].count ||
               (s.top[k - 1].count == s.top[k].count && s.top[k - 1].function < s.top[k].function)));
    }
    // ALPS, Table 1, as shipped
    CHECK(s.share(s.groups[0].count) == doctest::Approx(0.420).epsilon(0.03));
    CHECK(s.share(s.groups[3].count) == doctest::Approx(0.174).epsilon(0.05));
    CHECK(s.share(s.blocking_count) == doctest::Approx(0.4).epsilon(0.03));
    CHECK(s.interarrival_cv == doctest::Approx(1).epsilon(0.03));
}

TEST_CASE("describe: times that add up to too much, and errors of the source, are errors") {
    std::vector<invocation> const long_services(3, invocation{.service = unlimited / 2});
    in_memory source{long_services};
    CHECK(describe(source).error().message.find("the service times add up") != std::string::npos);
    std::vector<invocation> const long_blocking(3, invocation{.service = 1ns, .blocking = {{0ns, unlimited / 2}}});
    in_memory other{long_blocking};
    CHECK(describe(other).error().message.find("the blocking times add up") != std::string::npos);
    struct failing {
        result<bool> next(invocation&) { return error{"line 3: not a number"}; }
    } broken;
    CHECK(describe(broken).error().message == "line 3: not a number");
}

} // namespace hpcsched::workload
