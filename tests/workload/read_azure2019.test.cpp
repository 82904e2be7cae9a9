// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/testing/conformance/invocation_source.hpp>
#include <hpcsched/workload/read_azure2019.hpp>

#include <doctest/doctest.h>

#include "reading.hpp"

#include <chrono>
#include <map>
#include <string>
#include <vector>

using namespace hpcsched;
using namespace hpcsched::workload;
using namespace std::chrono_literals;
using test::read_all;
using test::text_file;

namespace {

std::string const durations_header =
    "HashOwner,HashApp,HashFunction,Average,Count,Minimum,Maximum,percentile_Average_0,"
    "percentile_Average_1,percentile_Average_25,percentile_Average_50,"
    "percentile_Average_75,percentile_Average_99,percentile_Average_100\n";

/// Owner "o" and application "a" have f (constant 100 ms), g (10 to 70 ms) and h (whose Minimum is missing).
std::string const durations = durations_header + "o,a,f,100.0,5.0,100.0,100.0,100,100,100,100,100,100,100\n"
                                                 "o,a,g,40.0,5.0,10.0,70.0,10,20,30,40,50,60,70\n"
                                                 "o,a,h,40.0,5.0,0.0,70.0,0,20,30,40,50,60,70\n";

std::string const invocations = "HashOwner,HashApp,HashFunction,Trigger,1,2,3\n"
                                "o,a,f,http,2,0,1\n"
                                "o,a,g,timer,0,1000,0\n"
                                "o,a,h,timer,5,5,5\n"
                                "o,b,f,timer,5,5,5\n";

std::string const memory = "HashOwner,HashApp,SampleCount,AverageAllocatedMb,AverageAllocatedMb_pct1\n"
                           "o,a,19342.0,120.5,100.0\n";

azure2019_files<text_source> files_of(std::string_view invocations_text, std::string_view durations_text) {
    return {text_file(invocations_text, "invocations.csv"), text_file(durations_text, "durations.csv"), std::nullopt};
}

azure2019_files<text_source> files_of(std::string_view invocations_text, std::string_view durations_text,
                                      std::string_view memory_text) {
    return {text_file(invocations_text, "invocations.csv"), text_file(durations_text, "durations.csv"),
            text_file(memory_text, "memory.csv")};
}

random_stream draws() {
    return {1, "azure2019"};
}

using reader = azure2019_reader<text_source>;

} // namespace

static_assert(invocation_source<reader>);

TEST_CASE("azure2019: the three files are joined on the hashes, and what has no partner is counted") {
    function_names names;
    reader r{files_of(invocations, durations, memory), names, draws()};
    auto const read = read_all(r);
    REQUIRE(read.failure.empty());
    CHECK(read.invocations.size() == 1'003);
    CHECK(names.size() == 2);
    CHECK(names.find("o/a/f") == function_id{0});
    CHECK(names.find("o/a/g") == function_id{1});
    // Taken: two rows each of durations and invocations, one of memory. Filtered: h of durations. Unmatched: h, b.
    CHECK(r.counts() == read_counts{5, 0, 1, 2, ""});
}

TEST_CASE("azure2019: arrivals lie in their minute, in order, and minutes follow each other") {
    function_names names;
    for (spread const how : {spread::even, spread::uniform}) {
        azure2019_options options;
        options.within_minute = how;
        options.start = time_point{24h};
        auto const read = read_all(reader{files_of(invocations, durations), names, draws(), options});
        std::map<std::int64_t, int> per_minute;
        time_point previous{24h};
        for (invocation const& i : read.invocations) {
            CHECK(i.arrival >= previous);
            previous = i.arrival;
            ++per_minute[std::chrono::floor<std::chrono::minutes>(i.arrival.time_since_epoch() - 24h).count()];
        }
        CHECK(per_minute == std::map<std::int64_t, int>{{0, 2}, {1, 1'000}, {2, 1}});
    }
}

TEST_CASE("azure2019: service times are drawn from the percentiles, linear between them, or are the average") {
    function_names names;
    auto const drawn = read_all(reader{files_of(invocations, durations), names, draws()});
    double sum = 0;
    int below_20 = 0;
    int below_40 = 0;
    int above_60 = 0;
    for (invocation const& i : drawn.invocations) {
        if (names.name(i.function) == "o/a/f") {
            CHECK(i.service == 100ms);
            continue;
        }
        CHECK(i.service >= 10ms);
        CHECK(i.service <= 70ms);
        sum += to_milliseconds(i.service);
        below_20 += i.service < 20ms ? 1 : 0;
        below_40 += i.service < 40ms ? 1 : 0;
        above_60 += i.service > 60ms ? 1 : 0;
    }
    // Of 1,000 draws 1 % lie below percentile 1 and above 99, half below the median; three standard deviations.
    CHECK(below_20 <= 20);
    CHECK(above_60 <= 20);
    CHECK(below_40 == doctest::Approx(500).epsilon(0.1));
    CHECK(sum / 1'000 == doctest::Approx(40).epsilon(0.05));

    azure2019_options options;
    options.service = azure2019_service::average;
    for (invocation const& i :
         read_all(reader{files_of(invocations, durations), names, draws(), options}).invocations) {
        CHECK(i.service == (names.name(i.function) == "o/a/f" ? 100ms : 40ms));
    }
}

TEST_CASE("duration_percentiles: the quantile is linear between the published percentiles") {
    duration_percentiles const p{40ms, {10ms, 20ms, 30ms, 40ms, 50ms, 60ms, 70ms}};
    CHECK(p.quantile(0.0) == 10ms);
    CHECK(p.quantile(0.01) == 20ms);
    CHECK(p.quantile(0.13) == 25ms);
    CHECK(p.quantile(0.25) == 30ms);
    CHECK(p.quantile(0.5) == 40ms);
    CHECK(p.quantile(0.625) == 45ms);
    CHECK(p.quantile(0.995) == 65ms);
    CHECK(p.quantile(1.0) == 70ms);
}

TEST_CASE("azure2019: memory is the application's average, by application or by function as the file has it") {
    function_names names;
    for (invocation const& i : read_all(reader{files_of(invocations, durations, memory), names, draws()}).invocations) {
        CHECK(i.memory_mb == 121); // 120.5, rounded to nearest
    }
    std::string const by_function = "HashOwner,HashApp,HashFunction,SampleCount,AverageAllocatedMb\n"
                                    "o,a,f,1.0,64.0\n"
                                    "o,a,f,1.0,65.0\n";
    function_names fewer;
    reader r{files_of(invocations, durations, by_function), fewer, draws()};
    for (invocation const& i : read_all(r).invocations) {
        CHECK(i.memory_mb == 64);
    }
    CHECK(fewer.size() == 1); // g has no row there
    CHECK(r.counts().filtered_count == 2);
    CHECK(r.counts().unmatched_count == 3);
    auto const without = read_all(reader{files_of(invocations, durations), names, draws()});
    CHECK(without.invocations.at(0).memory_mb == 0);
}

TEST_CASE("azure2019: of two rows of durations for a function the first stands, two rows of invocations add up") {
    std::string const twice = durations + "o,a,f,900.0,5.0,900.0,900.0,900,900,900,900,900,900,900\n";
    std::string const rows = "HashOwner,HashApp,HashFunction,Trigger,1\no,a,f,http,2\no,a,f,queue,3\n";
    function_names names;
    reader r{files_of(rows, twice), names, draws()};
    auto const read = read_all(r);
    REQUIRE(read.invocations.size() == 5);
    CHECK(read.invocations[0].service == 100ms);
    CHECK(r.counts().filtered_count == 2);
}

TEST_CASE("azure2019: a percentile of 0 becomes half a millisecond, or what is asked for") {
    std::string const zero = durations_header + "o,a,f,0.4,5.0,0.2,1.0,0,0,0,0,0,0,0\n";
    std::string const rows = "HashOwner,HashApp,HashFunction,Trigger,1\no,a,f,http,2\n";
    function_names names;
    CHECK(read_all(reader{files_of(rows, zero), names, draws()}).invocations.at(0).service == 500us);
    azure2019_options options;
    options.zero_duration_as = 7us;
    CHECK(read_all(reader{files_of(rows, zero), names, draws(), options}).invocations.at(0).service == 7us);
}

TEST_CASE("azure2019: a count may be written with a fraction of 0, and minutes may begin later than 1") {
    std::string const rows = "HashOwner,HashApp,HashFunction,Trigger,61,62\no,a,f,http,2.0,0\n";
    function_names names;
    auto const read = read_all(reader{files_of(rows, durations), names, draws()});
    REQUIRE(read.invocations.size() == 2);
    CHECK(read.invocations[1].arrival < time_point{60s});
}

TEST_CASE("azure2019: an error in any of the files ends the stream, once") {
    struct faulty {
        std::string invocations, durations, memory, message;
    };
    std::vector<faulty> const cases{
        {invocations + "o,a,f,http,1,-2,3\n", durations, memory,
         "invocations.csv:6:14: the count of minute 2 is '-2', below zero; mend this row, or skip bad rows"},
        {invocations, durations + "o,a,k,x\n", memory,
         "durations.csv:5:8: 4 columns where the header has 14; mend this row, or skip bad rows"},
        {invocations, durations, memory + "o,z,1,lots,1\n",
         "memory.csv:3:7: AverageAllocatedMb is 'lots', not a number of MiB; mend this row, or skip bad rows"},
    };
    for (faulty const& c : cases) {
        function_names names;
        reader r{files_of(c.invocations, c.durations, c.memory), names, draws()};
        CHECK(read_all(r).failure == c.message);
        invocation i;
        CHECK(r.next(i).value() == false);
        azure2019_options options;
        options.rows.on_bad_row = bad_rows::skip;
        reader lenient{files_of(c.invocations, c.durations, c.memory), names, draws(), options};
        CHECK(read_all(lenient).invocations.size() == 1'003);
        CHECK(lenient.counts().skipped_count == 1);
        CHECK(lenient.counts().first_skipped == c.message);
    }
}

TEST_CASE("azure2019: the same draws give the same workload, others another, for every spread") {
    for (spread const how : {spread::even, spread::uniform, spread::poisson}) {
        azure2019_options options;
        options.within_minute = how;
        function_names first;
        function_names second;
        int made = 0;
        auto const faults = testing::check_invocation_source([&] {
            return reader{files_of(invocations, durations, memory), made++ == 0 ? first : second, draws(), options};
        });
        CHECK(faults == std::vector<std::string>{});
        auto const one = read_all(reader{files_of(invocations, durations), first, draws(), options});
        auto const other = read_all(reader{files_of(invocations, durations), first, {2, "azure2019"}, options});
        bool const same = one.invocations == other.invocations;
        CHECK_FALSE(same);
    }
}
