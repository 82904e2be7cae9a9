// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/testing/conformance/invocation_source.hpp>
#include <hpcsched/workload/read_sfs.hpp>

#include <doctest/doctest.h>

#include "reading.hpp"

#include <chrono>
#include <string>
#include <vector>

using namespace hpcsched;
using namespace hpcsched::workload;
using namespace std::chrono_literals;
using test::read_all;
using test::text_file;

namespace {

using reader = sfs_reader<text_source>;

constexpr std::string_view rows = "fib1 fib.py 27 5 1\n"
                                  "fib2 fib.py 21 7 2\n"
                                  "fib3 fib.py 27 7 3\n";

} // namespace

static_assert(invocation_source<reader>);

// SFS repository: the reader of the stand-alone trace multiplies by 9, optimal.txt gives 60 ms for fib(27).
TEST_CASE("sfs: start times are multiplied by 9, fib(N) takes what the repository calibrated") {
    function_names names;
    reader r{text_file(rows, "test1"), names};
    auto const read = read_all(r);
    REQUIRE(read.failure.empty());
    REQUIRE(read.invocations.size() == 3);
    CHECK(read.invocations[0].arrival == time_point{45ms});
    CHECK(read.invocations[0].service == 60ms);
    CHECK(read.invocations[1].arrival == time_point{63ms});
    CHECK(read.invocations[1].service == 14ms);
    CHECK(read.invocations[2].arrival == time_point{63ms});
    CHECK(read.invocations[2].function == read.invocations[0].function);
    CHECK(names.size() == 2);
    CHECK(names.name(function_id{0}) == "fib-27");
    CHECK(names.name(function_id{1}) == "fib-21");
    CHECK(r.counts() == read_counts{3, 0, 0, 0, ""});
}

TEST_CASE("sfs: another factor, whole or not") {
    function_names names;
    sfs_options options;
    options.interarrival_factor = {13, 1};
    CHECK(read_all(reader{text_file(rows), names, options}).invocations.at(0).arrival == time_point{65ms});
    options.interarrival_factor = {1, 3};
    CHECK(read_all(reader{text_file(rows), names, options}).invocations.at(0).arrival.time_since_epoch() ==
          duration{1'666'666});
}

TEST_CASE("sfs: a program may have a service time of its own, whatever its argument is") {
    function_names names;
    sfs_options options;
    options.services.jobs = {{"md", 3ms}};
    auto const read = read_all(reader{text_file("x md.py 400 1 1\ny md 400 1 2\nz .py 30 1 3\n"), names, options});
    REQUIRE(read.failure.empty());
    REQUIRE(read.invocations.size() == 3);
    CHECK(read.invocations[0].service == 3ms);
    CHECK(read.invocations[1].function == read.invocations[0].function);
    CHECK(names.name(read.invocations[2].function) == ".py-30");
}

TEST_CASE("sfs: every N of the table, and none beyond") {
    constexpr std::array milliseconds{13, 14, 15, 18, 23, 30, 42, 60, 90, 140, 220, 346, 555, 886, 1425, 2344, 3708};
    std::string text;
    for (int n = 20; n <= 36; ++n) {
        text += "f fib.py " + std::to_string(n) + " 0 1\n";
    }
    function_names names;
    auto const read = read_all(reader{text_file(text), names});
    REQUIRE(read.invocations.size() == milliseconds.size());
    for (std::size_t i = 0; i < milliseconds.size(); ++i) {
        CHECK(read.invocations[i].service == std::chrono::milliseconds{milliseconds[i]});
    }
    for (std::string const n : {"19", "37", "0", "1000000000"}) {
        CHECK(read_all(reader{text_file("f fib.py " + n + " 0 1\n"), names}).failure ==
              "trace.csv:1:3: the service time of 'fib' with argument " + n +
                  " is not known: only fib(20) to fib(36) are calibrated; give this job a service time, mend this row, "
                  "or skip bad rows");
    }
}

TEST_CASE("sfs: a start time too large for the factor is an error, not an overflow") {
    function_names names;
    CHECK(read_all(reader{text_file("f fib.py 20 999999999999 1\n"), names}).failure ==
          "trace.csv:1:13: start_ms is '999999999999', too large; mend this row, or skip bad rows");
}

TEST_CASE("sfs: is a conforming source") {
    std::string text;
    for (int i = 0; i < 500; ++i) {
        text += "fib" + std::to_string(i) + " fib.py " + std::to_string(20 + i * 7 % 17) + ' ' + std::to_string(i * 3) +
                ' ' + std::to_string(i) + "\r\n";
    }
    function_names first;
    function_names second;
    int made = 0;
    auto const faults =
        testing::check_invocation_source([&] { return reader{text_file(text), made++ == 0 ? first : second}; });
    CHECK(faults == std::vector<std::string>{});
}
