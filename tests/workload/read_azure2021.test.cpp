// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/testing/conformance/invocation_source.hpp>
#include <hpcsched/workload/read_azure2021.hpp>

#include <doctest/doctest.h>

#include "reading.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

using namespace hpcsched;
using namespace hpcsched::workload;
using namespace std::chrono_literals;
using test::read_all;
using test::text_file;

namespace {

constexpr std::string_view header = "app,func,end_timestamp,duration\n";

azure2021_options skipping() {
    azure2021_options options;
    options.rows.on_bad_row = bad_rows::skip;
    return options;
}

} // namespace

static_assert(invocation_source<azure2021_reader<text_source>>);

TEST_CASE("azure2021: an invocation arrives at its end less its duration, and they come in that order") {
    std::string const text = std::string{header} + "a,f,10.0,1.0\n"    // arrives at 9
                                                   "a,g,10.5,10.25\n"  // at 0.25
                                                   "b,f,11.0,2.0\n"    // at 9, after the first row
                                                   "a,f,12.0,0.001\n"; // at 11.999
    function_names names;
    test::read_result const read = read_all(azure2021_reader{text_file(text), names});
    REQUIRE(read.failure.empty());
    REQUIRE(read.invocations.size() == 4);
    CHECK(read.invocations[0].arrival == time_point{250ms});
    CHECK(read.invocations[0].service == 10'250ms);
    CHECK(read.invocations[1].arrival == time_point{9s});
    CHECK(read.invocations[1].service == 1s);
    CHECK(read.invocations[2].arrival == time_point{9s});
    CHECK(read.invocations[2].service == 2s);
    CHECK(read.invocations[3].arrival == time_point{11'999ms});
    // "f" of "a" and "f" of "b" are two functions; ids go by arrival, not by row.
    REQUIRE(names.size() == 3);
    CHECK(names.name(function_id{0}) == "a/g");
    CHECK(names.name(function_id{1}) == "a/f");
    CHECK(names.name(function_id{2}) == "b/f");
    CHECK(read.invocations[0].memory_mb == 0);
    CHECK(read.invocations[0].blocking.empty());
}

TEST_CASE("azure2021: times are exact to the nanosecond") {
    std::string const text = std::string{header} + "a,f,57.15786004066467,57.154\n"
                                                   "a,f,1209600.123456789,0.000000001\n";
    function_names names;
    auto const read = read_all(azure2021_reader{text_file(text), names});
    REQUIRE(read.invocations.size() == 2);
    CHECK(read.invocations[0].arrival.time_since_epoch() == duration{3'860'041}); // 57.157860041 - 57.154
    CHECK(read.invocations[1].arrival.time_since_epoch() == duration{1'209'600'123'456'788});
    CHECK(read.invocations[1].service == 1ns);
}

TEST_CASE("azure2021: a duration of 0, as the trace has it, becomes half of its resolution, or what is asked for") {
    std::string const text = std::string{header} + "a,f,240.01628494262695,0.0\n";
    function_names names;
    CHECK(read_all(azure2021_reader{text_file(text), names}).invocations.at(0).service == 500us);
    azure2021_options options;
    options.zero_duration_as = 1ms;
    auto const read = read_all(azure2021_reader{text_file(text), names, options});
    CHECK(read.invocations.at(0).service == 1ms);
    CHECK(read.invocations.at(0).arrival.time_since_epoch() == duration{240'016'284'943});
}

TEST_CASE("azure2021: counting from the first arrival, that one is 0 and an early start no fault") {
    std::string const text = std::string{header} + "a,f,5,7\na,f,9,1\n";
    function_names names;
    azure2021_options options;
    options.from_first_arrival = true;
    auto const read = read_all(azure2021_reader{text_file(text), names, options});
    REQUIRE(read.invocations.size() == 2);
    CHECK(read.invocations[0].arrival == time_point{});
    CHECK(read.invocations[1].arrival == time_point{10s});
    CHECK(read_all(azure2021_reader{text_file(header), names, options}).invocations.empty());
}

TEST_CASE("azure2021: bad rows that are skipped are counted, and the rest is read") {
    std::string const text = std::string{header} + "a,f,1,0.5\n"
                                                   "a,f,x,0.5\n"
                                                   "a,f,2\n"
                                                   "a,f,3,0.5\r\n"
                                                   ",f,3,0.5\n";
    function_names names;
    azure2021_reader reader{text_file(text), names, skipping()};
    auto const read = read_all(reader);
    CHECK(read.failure.empty());
    CHECK(read.invocations.size() == 2);
    CHECK(
        reader.counts() ==
        read_counts{2, 3, 0, 0, "trace.csv:3:5: end_timestamp is 'x', not a number; mend this row, or skip bad rows"});
}

TEST_CASE("azure2021: an error comes once, and then the stream stays ended") {
    std::string const text = std::string{header} + "a,f,1,0.5\na,f,x,0.5\n";
    function_names names;
    azure2021_reader reader{text_file(text), names};
    invocation i;
    CHECK_FALSE(reader.next(i).has_value());
    CHECK(reader.next(i).value() == false);
    CHECK(reader.next(i).value() == false);
}

TEST_CASE("azure2021: columns may be quoted, in another order, and have others among them") {
    std::string const text = "index,duration,app,func,end_timestamp\n"
                             "0,1.0,\"a\",\"f,1\",5\n"
                             "1,1.0,a,\"f,1\",7\n";
    function_names names;
    auto const read = read_all(azure2021_reader{text_file(text), names});
    REQUIRE(read.failure.empty());
    REQUIRE(read.invocations.size() == 2);
    CHECK(names.size() == 1);
    CHECK(names.name(function_id{0}) == "a/f,1");
}

TEST_CASE("azure2021: agrees with sorting by hand, over several sorted runs") {
    random_stream draws{1, "azure2021"};
    struct row {
        std::uint64_t start_ms, length_ms, function, index;
    };
    std::vector<row> rows;
    std::string text{header};
    for (std::uint64_t i = 0; i < 150'000; ++i) {
        row const r{i / 2 + draws() % 500, 1 + draws() % 999, draws() % 37, i};
        std::uint64_t const end = r.start_ms + r.length_ms;
        std::string fraction = std::to_string(1000 + end % 1000);
        std::string length = std::to_string(1000 + r.length_ms);
        text += "app,f" + std::to_string(r.function) + ',' + std::to_string(end / 1000) + '.' + fraction.substr(1) +
                ",0." + length.substr(1) + '\n';
        rows.push_back(r);
    }
    std::sort(rows.begin(), rows.end(), [](row const& a, row const& b) {
        return a.start_ms != b.start_ms ? a.start_ms < b.start_ms : a.index < b.index;
    });
    function_names names;
    auto const read = read_all(azure2021_reader{text_file(text), names});
    REQUIRE(read.failure.empty());
    REQUIRE(read.invocations.size() == rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        REQUIRE(read.invocations[i].arrival == time_point{std::chrono::milliseconds{rows[i].start_ms}});
        REQUIRE(read.invocations[i].service == std::chrono::milliseconds{rows[i].length_ms});
        REQUIRE(names.name(read.invocations[i].function) == "app/f" + std::to_string(rows[i].function));
    }
}

TEST_CASE("azure2021: is a conforming source") {
    std::string text{header};
    for (int i = 0; i < 500; ++i) {
        text += "a,f" + std::to_string(i * 7 % 31) + ',' + std::to_string(100 + i * 37 % 400) + ".5,0." +
                std::to_string(i % 10) + '\n';
    }
    function_names first;
    function_names second;
    int made = 0;
    auto const faults = testing::check_invocation_source(
        [&] { return azure2021_reader{text_file(text), made++ == 0 ? first : second}; });
    CHECK(faults == std::vector<std::string>{});
    CHECK(first == second);
}
