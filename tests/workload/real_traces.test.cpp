// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/workload/read_azure2019.hpp>
#include <hpcsched/workload/read_azure2021.hpp>
#include <hpcsched/workload/read_csv.hpp>
#include <hpcsched/workload/write_csv.hpp>

#include <doctest/doctest.h>

#include "reading.hpp"
#include <skip.hpp>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <vector>

using namespace hpcsched;
using namespace hpcsched::workload;
using namespace std::chrono_literals;
using test::read_all;
using test::text_file;

namespace {

/// The text of a real trace; nothing where HPCSCHED_DATA names no folder with it.
std::optional<std::string> real_text(std::string const& file) {
    auto const path = test::shared_data(file);
    if (!path) {
        return std::nullopt;
    }
    std::ifstream stream{*path, std::ios::binary};
    return stream ? std::optional{std::string{std::istreambuf_iterator<char>{stream}, {}}} : std::nullopt;
}

constexpr char const* no_data = "HPCSCHED_DATA names no folder with the real traces";

} // namespace

TEST_CASE("real traces: 199 invocations of Azure 2021, which the file has not in order of arrival") {
    auto const text = real_text("azure2021_200.csv");
    if (!text) {
        HPCSCHED_SKIP(no_data);
    }
    function_names names;
    azure2021_reader reader{text_file(*text), names};
    auto const read = read_all(reader);
    REQUIRE(read.failure.empty());
    CHECK(read.invocations.size() == 199);
    CHECK(reader.counts() == read_counts{199, 0, 0, 0, ""});
    CHECK(names.size() == 31);
    CHECK(std::is_sorted(read.invocations.begin(), read.invocations.end(),
                         [](invocation const& a, invocation const& b) { return a.arrival < b.arrival; }));
    // The first row of the file: 0.07949090003967285 s - 0.078 s.
    CHECK(read.invocations.front().arrival.time_since_epoch() == duration{1'490'900});
    CHECK(read.invocations.front().service == 78ms);
    CHECK(names.name(function_id{0}) == "7b2c43a2bc30f6bb438074df88b603d2cb982d3e7961de05270735055950a568/"
                                        "e3cdb48830f66eb8689cc0223514569a69812b77e6611e3d59814fac0747bd2f");
    // Eight durations are 0.0 there.
    CHECK(std::count_if(read.invocations.begin(), read.invocations.end(),
                        [](invocation const& i) { return i.service == 500us; }) == 8);
}

TEST_CASE("real traces: three functions of Azure 2019, a day of theirs") {
    auto const invocations = real_text("azure2019/invocations.csv");
    auto const durations = real_text("azure2019/durations.csv");
    auto const memory = real_text("azure2019/memory.csv");
    if (!invocations || !durations || !memory) {
        HPCSCHED_SKIP(no_data);
    }
    for (spread const how : {spread::even, spread::uniform}) {
        azure2019_options options;
        options.within_minute = how;
        function_names names;
        azure2019_reader<text_source> reader{{text_file(*invocations), text_file(*durations), text_file(*memory)},
                                             names,
                                             random_stream{1, "azure2019"},
                                             options};
        auto const read = read_all(reader);
        REQUIRE(read.failure.empty());
        CHECK(read.invocations.size() == 4'525); // the sum of all counts in the file
        CHECK(reader.counts() == read_counts{12, 0, 0, 0, ""});
        std::map<std::string, std::uint32_t> memory_of;
        for (invocation const& i : read.invocations) {
            CHECK(i.service >= 99ms);
            CHECK(i.service <= 501ms);
            memory_of[std::string{names.name(i.function)}.substr(0, 4)] = i.memory_mb;
        }
        CHECK(memory_of ==
              std::map<std::string, std::uint32_t>{{"01d1", 112}, {"0728", 170}, {"c455", 120}, {"d702", 176}});
    }
}

TEST_CASE("real traces: come back from hpcsched's own CSV as they were") {
    auto const text = real_text("azure2021_200.csv");
    if (!text) {
        HPCSCHED_SKIP(no_data);
    }
    function_names names;
    auto const read = read_all(azure2021_reader{text_file(*text), names});
    function_names names_of_writer;
    azure2021_reader again{text_file(*text), names_of_writer};
    std::string csv;
    REQUIRE(write_csv(again, names_of_writer, text_sink{csv}).has_value());
    function_names names_of_reader;
    auto const back = read_all(csv_reader{text_file(csv), names_of_reader});
    bool const same = back.invocations == read.invocations && names_of_reader == names;
    CHECK(same);
}
