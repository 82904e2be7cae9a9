// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/testing/conformance/invocation_source.hpp>
#include <hpcsched/workload/read_huawei2025.hpp>

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

using reader = huawei2025_reader<text_source>;

std::string const header =
    "day,time_worker,time_frontend,requestID,clusterName,funcName,podID,userID,totalCost_worker,workerCost,runtimeCost,"
    "totalCost_frontend,frontendCost,busCost,readBodyCost,writeRspCost,cpu_usage,memory_usage,requestBodySize\n";

/// The example of README_data_release_2025.md.
std::string const example = "30,2600186.994,2600186.995,763ff09a,1,296,pool22-300-128-0000618412,224,0.023749,0.000112,"
                            "0.023637,0.026421,0.000364,0.001994,0.000016,6e-06,0.291506,32.308594,1018\n";

std::vector<named_source<text_source>> parts(std::vector<std::string> const& texts) {
    std::vector<named_source<text_source>> files;
    for (std::string const& text : texts) {
        files.push_back(text_file(text, "part" + std::to_string(files.size()) + ".csv"));
    }
    return files;
}

huawei2025_options as_recorded() {
    huawei2025_options options;
    options.from_first_arrival = false;
    return options;
}

/// A row with the named values, the rest as in the example.
std::string row(std::string const& time_worker, std::string const& time_frontend, std::string const& runtime,
                std::string const& total_frontend = "1.0") {
    return "30," + time_worker + ',' + time_frontend + ",id,1,7,pool1-300-128-9,8,0.5,0," + runtime + ',' +
           total_frontend + ",0,0,0,0,0.25,32.5,0\n";
}

} // namespace

static_assert(invocation_source<reader>);

TEST_CASE("huawei2025: the example of the documentation") {
    std::vector<std::string> const text{header + example};
    function_names names;
    reader r{parts(text), names, as_recorded()};
    auto const read = read_all(r);
    REQUIRE(read.failure.empty());
    REQUIRE(read.invocations.size() == 1);
    invocation const& i = read.invocations[0];
    CHECK(i.arrival.time_since_epoch() == duration{2'600'186'968'579'000}); // .995 - .026421
    CHECK(i.service == 23'637us);
    CHECK(i.memory_mb == 32);
    CHECK(i.blocking.empty());
    CHECK(names.name(i.function) == "296---224---pool22-300-128");
    CHECK(r.counts() == read_counts{1, 0, 0, 0, ""});
}

TEST_CASE("huawei2025: by default the first arrival is time 0") {
    std::vector<std::string> const text{header + row("0", "12", "0.5") + row("0", "11.5", "0.25")};
    function_names names;
    auto const read = read_all(reader{parts(text), names});
    REQUIRE(read.invocations.size() == 2);
    CHECK(read.invocations[0].arrival == time_point{});
    CHECK(read.invocations[0].service == 250ms);
    CHECK(read.invocations[1].arrival == time_point{500ms});
}

TEST_CASE("huawei2025: the worker's times stand in where the frontend's are missing") {
    std::vector<std::string> const text{header + row("20", "NaN", "0.1") + row("30", "", "0.1") +
                                        row("40", "41", "0.1", "nan")};
    function_names names;
    auto const read = read_all(reader{parts(text), names, as_recorded()});
    REQUIRE(read.failure.empty());
    REQUIRE(read.invocations.size() == 3);
    CHECK(read.invocations[0].arrival == time_point{19'500ms});
    CHECK(read.invocations[1].arrival == time_point{29'500ms});
    CHECK(read.invocations[2].arrival == time_point{39'500ms});
}

TEST_CASE("huawei2025: by CPU usage, the rest of the time in the runtime blocks at its start") {
    huawei2025_options options = as_recorded();
    options.service = huawei2025_service::cpu;
    std::vector<std::string> const text{header + row("0", "12", "0.5") +
                                        "30,0,13,id,1,7,pool1-300-128-9,8,0.5,0,0.5,1.0,0,0,0,0,1.7,,0\n"
                                        "30,0,14,id,1,7,pool1-300-128-9,8,0.5,0,0.5,1.0,0,0,0,0,0,,0\n"};
    function_names names;
    auto const read = read_all(reader{parts(text), names, options});
    REQUIRE(read.failure.empty());
    REQUIRE(read.invocations.size() == 3);
    CHECK(read.invocations[0].service == 125ms);
    REQUIRE(read.invocations[0].blocking.size() == 1);
    CHECK(read.invocations[0].blocking[0] == blocking_segment{duration::zero(), 375ms});
    CHECK(read.invocations[1].service == 500ms); // more than one CPU counts as one
    CHECK(read.invocations[1].blocking.empty());
    CHECK(read.invocations[1].memory_mb == 0);
    CHECK(read.invocations[2].service == 500ns); // none at all: half of the resolution
    CHECK(read.invocations[2].blocking[0].length == 500ms);
}

TEST_CASE("huawei2025: the parts of a table are sorted together, and share their functions") {
    std::vector<std::string> const texts{header + row("0", "12", "0.1") + row("0", "15", "0.3"),
                                         header + row("0", "11", "0.2") + row("0", "14", "0.4")};
    function_names names;
    reader r{parts(texts), names};
    auto const read = read_all(r);
    REQUIRE(read.invocations.size() == 4);
    CHECK(read.invocations[0].service == 200ms);
    CHECK(read.invocations[1].service == 100ms);
    CHECK(read.invocations[2].service == 400ms);
    CHECK(read.invocations[3].service == 300ms);
    CHECK(names.size() == 1);
    CHECK(r.counts().taken_count == 4);
}

TEST_CASE("huawei2025: an error in a later part ends the stream with its name, once") {
    std::vector<std::string> const texts{header + row("0", "12", "0.1"), header + row("0", "12", "-1")};
    function_names names;
    reader r{parts(texts), names};
    CHECK(read_all(r).failure == "part1.csv:2:40: runtimeCost is '-1', below zero; mend this row, or skip bad rows");
    invocation i;
    CHECK(r.next(i).value() == false);
}

TEST_CASE("huawei2025: is a conforming source, whatever service it is asked for") {
    std::string text = header;
    for (int i = 0; i < 300; ++i) {
        text += row("0", std::to_string(100 + i * 37 % 300) + ".5", "0.0" + std::to_string(i % 7));
    }
    for (huawei2025_service const service : {huawei2025_service::runtime, huawei2025_service::cpu}) {
        huawei2025_options options;
        options.service = service;
        function_names first;
        function_names second;
        int made = 0;
        std::vector<std::string> const texts{text};
        auto const faults = testing::check_invocation_source(
            [&] { return reader{parts(texts), made++ == 0 ? first : second, options}; });
        CHECK(faults == std::vector<std::string>{});
    }
}
