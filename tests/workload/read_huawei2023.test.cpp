// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/testing/conformance/invocation_source.hpp>
#include <hpcsched/workload/read_huawei2023.hpp>

#include <doctest/doctest.h>

#include "reading.hpp"

#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

using namespace hpcsched;
using namespace hpcsched::workload;
using namespace std::chrono_literals;
using test::read_all;
using test::text_file;

namespace {

using reader = huawei2023_reader<text_source>;

huawei2023_files<text_source> files_of(std::string_view requests) {
    return {text_file(requests, "requests.csv"), std::nullopt};
}

huawei2023_files<text_source> files_of(std::string_view requests, std::string_view delays) {
    return {text_file(requests, "requests.csv"), text_file(delays, "function_delay.csv")};
}

random_stream draws() {
    return {1, "huawei2023"};
}

huawei2023_options with_service(duration service) {
    huawei2023_options options;
    options.service_if_unknown = service;
    return options;
}

std::string const requests = "day,time,0,1,7\n"
                             "3,259200,2.0,NaN,1\n"
                             "3,259260,,3,0.0\n"
                             "3,259320,1,1,1\n";

std::string const delays = "day,time,0,7,1\n"
                           "3,259200,10.5,20,\n"
                           "3,259260,,NaN,30\n"
                           "3,259320,5,0,5\n";

/// How many invocations each function has in each minute.
std::map<std::pair<std::int64_t, std::string>, int> count_by_minute(std::vector<invocation> const& invocations,
                                                                    function_names const& names) {
    std::map<std::pair<std::int64_t, std::string>, int> counts;
    for (invocation const& i : invocations) {
        auto const minute = std::chrono::floor<std::chrono::minutes>(i.arrival.time_since_epoch());
        ++counts[{minute.count(), std::string{names.name(i.function)}}];
    }
    return counts;
}

} // namespace

static_assert(invocation_source<reader>);

TEST_CASE("huawei2023: requests arrive in their interval, counted from the first row") {
    function_names names;
    reader r{files_of(requests), names, draws(), with_service(50ms)};
    auto const read = read_all(r);
    REQUIRE(read.failure.empty());
    CHECK(count_by_minute(read.invocations, names) ==
          std::map<std::pair<std::int64_t, std::string>, int>{
              {{0, "0"}, 2}, {{0, "7"}, 1}, {{1, "1"}, 3}, {{2, "0"}, 1}, {{2, "1"}, 1}, {{2, "7"}, 1}});
    for (invocation const& i : read.invocations) {
        CHECK(i.service == 50ms);
    }
    CHECK(r.origin() == duration{259'200s});
    CHECK(r.counts() == read_counts{3, 0, 0, 0, ""});
}

TEST_CASE("huawei2023: the service time is the function's delay in the interval, or the last one that is known") {
    function_names names;
    reader r{files_of(requests, delays), names, draws()};
    auto const read = read_all(r);
    REQUIRE(read.failure.empty());
    std::map<std::pair<std::int64_t, std::string>, duration> services;
    for (invocation const& i : read.invocations) {
        auto const minute = std::chrono::floor<std::chrono::minutes>(i.arrival.time_since_epoch());
        services[{minute.count(), std::string{names.name(i.function)}}] = i.service;
    }
    CHECK(r.delay_unit() == time_unit::milliseconds);
    bool const as_expected = services == std::map<std::pair<std::int64_t, std::string>, duration>{
                                             {{0, "0"}, 10'500us}, {{0, "7"}, 20ms}, {{1, "1"}, 30ms},
                                             {{2, "0"}, 5ms},      {{2, "1"}, 5ms},  {{2, "7"}, 20ms}};
    CHECK(as_expected);
    CHECK(r.counts().taken_count == 6);
}

TEST_CASE("huawei2023: requests of which no delay is known are filtered, unless a service time is given for them") {
    std::string const late = "day,time,0,7,1\n0,259260,10.5,20,30\n";
    function_names names;
    reader strict{files_of(requests, late), names, draws()};
    CHECK(read_all(strict).invocations.size() == 6);
    CHECK(strict.counts().filtered_count == 2); // functions 0 and 7 in the first minute
    reader filled{files_of(requests, late), names, draws(), with_service(1ms)};
    CHECK(read_all(filled).invocations.size() == 9);
    CHECK(filled.counts().filtered_count == 0);
}

TEST_CASE("huawei2023: delays of rows that the requests lack are known afterwards, functions without delay are not") {
    std::string const sparse = "day,time,0,1\n0,0,1,0\n0,180,1,1\n";
    std::string const dense = "day,time,0,9\n0,0,10,1\n0,60,20,1\n0,120,,1\n0,180,,1\n";
    function_names names;
    huawei2023_options options = with_service(3ms);
    options.delay_unit = time_unit::milliseconds;
    auto const read = read_all(reader{files_of(sparse, dense), names, draws(), options});
    REQUIRE(read.invocations.size() == 3);
    CHECK(read.invocations[0].service == 10ms);
    for (invocation const& i : std::vector{read.invocations[1], read.invocations[2]}) {
        CHECK(i.service == (names.name(i.function) == "0" ? 20ms : 3ms));
    }
}

TEST_CASE("huawei2023: the interval is a second or a minute by the distance of the first rows, or as given") {
    std::string const by_second = "day,time,0\n0,100,1\n0,101,1\n0,107,1\n";
    function_names names;
    auto const read = read_all(reader{files_of(by_second), names, draws(), with_service(1ms)});
    REQUIRE(read.invocations.size() == 3);
    CHECK(read.invocations[0].arrival < time_point{1s});
    CHECK(read.invocations[1].arrival >= time_point{1s});
    CHECK(read.invocations[1].arrival < time_point{2s});
    CHECK(read.invocations[2].arrival >= time_point{7s});
    CHECK(read.invocations[2].arrival < time_point{8s});

    huawei2023_options options = with_service(1ms);
    options.interval = 1s;
    CHECK(read_all(reader{files_of("day,time,0\n0,5,3\n"), names, draws(), options}).invocations.size() == 3);
}

TEST_CASE("huawei2023: a row that begins within the interval of the one before is a bad row") {
    std::string const crossing = "day,time,0\n0,0,1\n0,60,1\n0,90,7\n0,120,1\n";
    function_names names;
    CHECK(read_all(reader{files_of(crossing), names, draws(), with_service(1ms)}).failure ==
          "requests.csv:4:1: the row begins before the interval of the row before it has ended; mend this row, or "
          "skip bad rows");
    huawei2023_options options = with_service(1ms);
    options.rows.on_bad_row = bad_rows::skip;
    reader r{files_of(crossing), names, draws(), options};
    CHECK(read_all(r).invocations.size() == 3);
    CHECK(r.counts().skipped_count == 1);
    CHECK(r.counts().taken_count == 3);
}

TEST_CASE("huawei2023: the origin of the first day goes on to the second") {
    function_names names;
    huawei2023_options options = with_service(1ms);
    options.origin = 259'200s;
    auto const read = read_all(reader{files_of("day,time,0\n4,345600,1\n4,345660,1\n"), names, draws(), options});
    REQUIRE(read.invocations.size() == 2);
    CHECK(read.invocations[0].arrival >= time_point{24h});
    CHECK(read.invocations[0].arrival < time_point{24h + 60s});
    options.origin = 345'601s;
    CHECK(read_all(reader{files_of("day,time,0\n4,345600,1\n4,345660,1\n"), names, draws(), options}).failure ==
          "requests.csv:2:1: the first row lies before the origin; give the days in order of time");
}

TEST_CASE("infer_time_unit: by magnitude") {
    CHECK(infer_time_unit(0.0153) == time_unit::seconds);
    CHECK(infer_time_unit(0.999) == time_unit::seconds);
    CHECK(infer_time_unit(15.3) == time_unit::milliseconds);
    CHECK(infer_time_unit(15'300) == time_unit::microseconds);
    CHECK(infer_time_unit(15'300'000) == time_unit::nanoseconds);
}

TEST_CASE("huawei2023: every unit of the delays is told, from the first row that has a value") {
    struct unit_case {
        std::string value;
        time_unit unit;
    };
    std::vector<unit_case> const cases{{"0.025", time_unit::seconds},
                                       {"25.0", time_unit::milliseconds},
                                       {"25000", time_unit::microseconds},
                                       {"25000000.0", time_unit::nanoseconds}};
    std::string const twice = "day,time,0,1,2\n0,0,0,0,0\n0,60,1,1,1\n";
    for (unit_case const& c : cases) {
        // One value off by much does not matter: the median decides.
        std::string const table = "day,time,0,1,2\n0,0,,NaN,0\n0,60," + c.value + "," + c.value + ",0\n";
        function_names names;
        reader r{files_of(twice, table), names, draws()};
        auto const read = read_all(r);
        CHECK(static_cast<int>(r.delay_unit()) == static_cast<int>(c.unit));
        REQUIRE(read.invocations.size() == 2);
        CHECK(read.invocations[0].service == 25ms);
    }
    huawei2023_options options;
    options.delay_unit = time_unit::microseconds;
    function_names names;
    auto const given = read_all(reader{files_of(twice, "day,time,0\n0,60,25.0\n"), names, draws(), options});
    REQUIRE(given.invocations.size() == 1);
    CHECK(given.invocations[0].service == 25us);
}

TEST_CASE("huawei2023: a bad row of delays is skipped whole") {
    std::string const table = "day,time,0,1\n0,259200,10,20\n0,259260,77,x\n0,259320,30,40\n";
    function_names names;
    huawei2023_options options;
    options.rows.on_bad_row = bad_rows::skip;
    std::string const rows = "day,time,0,1\n0,259200,1,1\n0,259260,1,1\n";
    reader r{files_of(rows, table), names, draws(), options};
    for (invocation const& i : read_all(r).invocations) {
        CHECK(i.service == (names.name(i.function) == "0" ? 10ms : 20ms));
    }
    CHECK(r.counts().first_skipped ==
          "function_delay.csv:3:13: the delay of function '1' is 'x', not a number; mend this row, or skip bad rows");
}

TEST_CASE("huawei2023: requests without service times are refused with what to give") {
    function_names names;
    reader r{files_of(requests), names, draws()};
    CHECK(read_all(r).failure == "requests.csv: this table tells how often functions are invoked, not how long they "
                                 "take; give its function_delay table too, or one service time for all");
    CHECK(read_all(reader{files_of("day,time,0\n0,0,1\n"), names, draws(), with_service(1ms)}).failure ==
          "requests.csv:2:1: one row does not tell how long an interval is; give the interval, 1 s or 60 s");
}

TEST_CASE("huawei2023: is a conforming source, with every spread") {
    for (spread const how : {spread::even, spread::uniform, spread::poisson}) {
        huawei2023_options options;
        options.within_interval = how;
        function_names first;
        function_names second;
        int made = 0;
        auto const faults = testing::check_invocation_source(
            [&] { return reader{files_of(requests, delays), made++ == 0 ? first : second, draws(), options}; });
        CHECK(faults == std::vector<std::string>{});
    }
}
