// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/testing/conformance/invocation_source.hpp>
#include <hpcsched/workload/read_client_trace.hpp>

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

using reader = client_trace_reader<text_source>;

} // namespace

static_assert(invocation_source<reader>);

// ALPS repository, http_client: times are multiplied by 0.21 and cut to whole milliseconds.
TEST_CASE("alps client: inter-arrival times times 0.21, cut to whole milliseconds, add up") {
    constexpr std::string_view rows = "1 9 graphPagerank 20 5010\r\n" // 4.2
                                      "2 100 graphBfs 26 5008\r\n"    // 5.46
                                      "3 28 fib 28 5006\r\n"          // 5.88
                                      "4 8 graphPagerank 9 5010\r\n"  // 1.89
                                      "5 100000 floatOperation 21 5020";
    function_names names;
    reader r{text_file(rows, "exp"), names, client_trace_options::alps_client()};
    auto const read = read_all(r);
    REQUIRE(read.failure.empty());
    REQUIRE(read.invocations.size() == 5);
    CHECK(read.invocations[0].arrival == time_point{4ms});
    CHECK(read.invocations[1].arrival == time_point{9ms});
    CHECK(read.invocations[2].arrival == time_point{14ms});
    CHECK(read.invocations[3].arrival == time_point{15ms});
    CHECK(read.invocations[4].arrival == time_point{19ms});
    CHECK(read.invocations[0].service == 30ms);
    CHECK(read.invocations[2].service == 90ms);
    CHECK(read.invocations[4].service == 100ms);
    // A port is a function, whatever N is.
    CHECK(read.invocations[3].function == read.invocations[0].function);
    CHECK(names.name(function_id{0}) == "graphPagerank:5010");
    CHECK(names.size() == 4);
}

TEST_CASE("alps client: without the cut, times are exact") {
    client_trace_options options = client_trace_options::alps_client();
    options.whole_milliseconds = false;
    function_names names;
    auto const read = read_all(reader{text_file("1 30 fib 20 1\n2 30 fib 26 1\n"), names, options});
    REQUIRE(read.invocations.size() == 2);
    CHECK(read.invocations[0].arrival == time_point{4'200us});
    CHECK(read.invocations[1].arrival == time_point{9'660us});
}

// SFS repository, SFS-port-OpenLambda/http_clent: times as they are, N is the size of all three jobs.
TEST_CASE("sfs openlambda client: times as recorded, all jobs by the table, a function is a job with its argument") {
    constexpr std::string_view rows = "1 27 fib 5 5009\n2 27 st 2 5058\n3 30 mk 0 5053\n4 27 fib 1 5017\n";
    function_names names;
    reader r{text_file(rows, "in"), names, client_trace_options::sfs_openlambda()};
    auto const read = read_all(r);
    REQUIRE(read.failure.empty());
    REQUIRE(read.invocations.size() == 4);
    CHECK(read.invocations[0].arrival == time_point{5ms});
    CHECK(read.invocations[1].arrival == time_point{7ms});
    CHECK(read.invocations[2].arrival == time_point{7ms});
    CHECK(read.invocations[3].arrival == time_point{8ms});
    CHECK(read.invocations[1].service == 60ms);
    CHECK(read.invocations[2].service == 220ms);
    CHECK(read.invocations[3].function == read.invocations[0].function); // another port, the same function
    CHECK(names.size() == 3);
    CHECK(names.name(function_id{1}) == "st-27");
}

TEST_CASE("client traces: times that add up beyond all bounds are an error, not an overflow") {
    std::string text;
    for (int i = 0; i < 3; ++i) {
        text += std::to_string(i) + " 27 fib 1500000000000 5009\n";
    }
    function_names names;
    CHECK(read_all(reader{text_file(text), names, client_trace_options::sfs_openlambda()}).failure ==
          "trace.csv:2:10: iat_ms is '1500000000000', too large; mend this row, or skip bad rows");
}

TEST_CASE("client traces: a row that is skipped leaves the time and the names as they were") {
    client_trace_options options = client_trace_options::sfs_openlambda();
    options.rows.on_bad_row = bad_rows::skip;
    function_names names;
    reader r{text_file("1 27 fib 5 5009\n2 99 st 5 5009\n3 27 fib 5 port\n4 27 fib 5 5009\n"), names, options};
    auto const read = read_all(r);
    REQUIRE(read.invocations.size() == 2);
    CHECK(read.invocations[1].arrival == time_point{10ms});
    CHECK(names.size() == 1);
    CHECK(r.counts().skipped_count == 2);
}

TEST_CASE("client traces: are conforming sources") {
    std::string text;
    for (int i = 0; i < 500; ++i) {
        text += std::to_string(i) + ' ' + std::to_string(20 + i * 7 % 17) + (i % 3 == 0 ? " fib " : " graphMst ") +
                std::to_string(i % 40) + ' ' + std::to_string(5000 + i % 7) + '\n';
    }
    for (auto const& options : {client_trace_options::alps_client(), client_trace_options::sfs_openlambda()}) {
        function_names first;
        function_names second;
        int made = 0;
        auto const faults = testing::check_invocation_source(
            [&] { return reader{text_file(text), made++ == 0 ? first : second, options}; });
        CHECK(faults == std::vector<std::string>{});
    }
}
