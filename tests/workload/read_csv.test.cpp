// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/testing/conformance/invocation_source.hpp>
#include <hpcsched/workload/read_csv.hpp>

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

using reader = csv_reader<text_source>;

/// The example of csv_format.hpp.
constexpr std::string_view example = "# hpcsched workload 1\n"
                                     "arrival_ns,function,service_ns,memory_mb,blocking\n"
                                     "0,fib-27,60000000,128,\n"
                                     "1250000,\"thumbnail, large\",42000000,512,0:30000000;1000000:2500\n";

} // namespace

static_assert(invocation_source<reader>);

TEST_CASE("csv: everything that an invocation has") {
    function_names names;
    reader r{text_file(example), names};
    auto const read = read_all(r);
    REQUIRE(read.failure.empty());
    REQUIRE(read.invocations.size() == 2);
    invocation expected{time_point{}, function_id{0}, 60ms, 128, {}};
    CHECK(read.invocations[0] == expected);
    expected = {time_point{1'250us}, function_id{1}, 42ms, 512, {{0ms, 30ms}, {1ms, 2'500ns}}};
    CHECK(read.invocations[1] == expected);
    CHECK(names.name(function_id{1}) == "thumbnail, large");
    CHECK(r.counts() == read_counts{2, 0, 0, 0, ""});
}

TEST_CASE("csv: the version line and further comments may be there or not, so may memory and blocking") {
    for (std::string const text : {
             "arrival_ns,function,service_ns\n7,f,9\n",
             "# hpcsched workload 1\n# made by hand\narrival_ns,function,service_ns\n# a comment\n7,f,9\n# the end",
             "\xef\xbb\xbf# hpcsched workload 1\r\narrival_ns,function,service_ns\r\n7,f,9\r\n",
             "service_ns,extra,function,arrival_ns\n9,x,f,7\n",
             "arrival_ns,function,service_ns,memory_mb,blocking\n7,f,9,,\n",
         }) {
        function_names names;
        auto const read = read_all(reader{text_file(text), names});
        CAPTURE(text);
        REQUIRE(read.failure.empty());
        REQUIRE(read.invocations.size() == 1);
        CHECK(read.invocations[0] == invocation{time_point{7ns}, function_id{0}, 9ns, 0, {}});
    }
}

TEST_CASE("csv: the largest numbers are taken, one more is too large") {
    std::string const header = "arrival_ns,function,service_ns,memory_mb\n";
    function_names names;
    auto const read =
        read_all(reader{text_file(header + "9223372036854775807,f,9223372036854775807,4294967295\n"), names});
    REQUIRE(read.invocations.size() == 1);
    CHECK(read.invocations[0].arrival == never);
    CHECK(read.invocations[0].memory_mb == 4'294'967'295);
    CHECK(read_all(reader{text_file(header + "9223372036854775808,f,1,1\n"), names}).failure ==
          "trace.csv:2:1: arrival_ns is '9223372036854775808', too large; mend this row, or skip bad rows");
    CHECK(read_all(reader{text_file(header + "0,f,1,4294967296\n"), names}).failure ==
          "trace.csv:2:7: memory_mb is '4294967296', too large; mend this row, or skip bad rows");
}

TEST_CASE("csv: another version is refused") {
    function_names names;
    CHECK(read_all(reader{text_file("# hpcsched workload 2\narrival_ns,function,service_ns\n"), names}).failure ==
          "trace.csv:1:21: the file has version '2' of the format; this hpcsched reads version 1; read it with the one "
          "that wrote it");
}

TEST_CASE("csv: a row that is skipped leaves the names as they were") {
    csv_options options;
    options.rows.on_bad_row = bad_rows::skip;
    function_names names;
    reader r{text_file("arrival_ns,function,service_ns,memory_mb,blocking\n"
                       "5,a,1,,\n"
                       "6,b,1,,x\n"
                       "4,c,1,,\n"
                       "6,d,1,,1:1\n"),
             names, options};
    auto const read = read_all(r);
    REQUIRE(read.invocations.size() == 2);
    CHECK(names.size() == 2);
    CHECK(names.name(read.invocations[1].function) == "d");
    CHECK(r.counts().skipped_count == 2);
}

TEST_CASE("csv: is a conforming source") {
    function_names first;
    function_names second;
    int made = 0;
    auto const faults =
        testing::check_invocation_source([&] { return reader{text_file(example), made++ == 0 ? first : second}; });
    CHECK(faults == std::vector<std::string>{});
}

// Found by the fuzz target: with the whole row in the buffer the message was another one.
TEST_CASE("csv: a file of one row that is too long is empty, whether the bytes come at once or one by one") {
    csv_options options;
    options.rows = {bad_rows::skip, 8};
    std::string const text = "123456789\n";
    std::string const message = "trace.csv:1:1: the file is empty; a workload file begins with a header that names "
                                "arrival_ns,function,service_ns";
    function_names names;
    CHECK(read_all(reader{text_file(text), names, options}).failure == message);
    CHECK(read_all(csv_reader<test::trickle>{{test::trickle{text}, "trace.csv"}, names, options}).failure == message);
}
