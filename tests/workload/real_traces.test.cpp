// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/testing/conformance/cell_source.hpp>
#include <hpcsched/workload/notebook_statistics.hpp>
#include <hpcsched/workload/notebook_window.hpp>
#include <hpcsched/workload/read_azure2019.hpp>
#include <hpcsched/workload/read_azure2021.hpp>
#include <hpcsched/workload/read_csv.hpp>
#include <hpcsched/workload/read_idlt.hpp>
#include <hpcsched/workload/read_notebook_csv.hpp>
#include <hpcsched/workload/write_csv.hpp>
#include <hpcsched/workload/write_notebook_csv.hpp>

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

// notebook.md 3.2, where it takes percentiles as this library does; the others are beside what it says.
TEST_CASE("real traces: a month of notebooks has the sessions and the statistics that are published of it") {
    auto const text = real_text("idlt_june.csv");
    if (!text) {
        HPCSCHED_SKIP(no_data);
    }
    idlt_reader reader{text_file(*text)};
    notebook_trace const trace = reader.read().value();
    CHECK(reader.counts() == read_counts{30'909, 0, 0, 0, ""});
    CHECK(testing::check_cell_source([&] { return in_memory_cells{trace.cells}; }) == std::vector<std::string>{});
    notebook_statistics const s = measure_notebooks(trace);
    CHECK(s.session_count == 339);
    CHECK(s.cell_count == 30'909);
    CHECK(s.span() == 43'189min);
    CHECK(s.run ==
          notebook_percentiles<duration>{30'909, 1min, 3min, 3min, 5min, 11min, 32min, 95min, 1'021min, 26'458min});
    CHECK(s.interarrival.count == 30'909 - 339);
    CHECK(s.interarrival.min == 4min);
    CHECK(s.interarrival.p25 == 7min);
    CHECK(s.interarrival.p50 == 11min);
    CHECK(s.interarrival.p75 == 23min);
    CHECK(s.interarrival.p90 == 98min);
    CHECK(s.interarrival.p95 == 550min); // 551 between the ranks
    CHECK(s.gap.min == 1min);
    CHECK(s.gap.p50 == 3min);
    CHECK(s.gap.p75 == 7min);
    CHECK(s.gap.p90 == 35min);
    CHECK(s.cells_per_session.p50 == 17);
    CHECK(s.cells_per_session.p75 == 77);
    CHECK(s.cells_per_session.p90 == 209); // 207 between the ranks
    CHECK(s.cells_per_session.max == 2'693);
    REQUIRE(s.gpu_counts.size() == 3);
    CHECK(s.gpu_counts[0].cell_count == 15'214);
    CHECK(s.gpu_counts[1].cell_count == 6'192);
    CHECK(s.gpu_counts[2].cell_count == 9'503);
    CHECK(s.active == gpu_time{559'807'800, 0});
    CHECK(s.active.hours() == doctest::Approx(155'502).epsilon(1e-5));
    CHECK(s.reserved.hours() == doctest::Approx(622'995).epsilon(1e-5));
    CHECK(s.busy.count == 301);
    CHECK(s.busy.p10 == doctest::Approx(0.004).epsilon(0.13)); // three digits after the point
    CHECK(s.busy.p25 == doctest::Approx(0.022).epsilon(0.02));
    CHECK(s.busy.p50 == doctest::Approx(0.164).epsilon(0.003));
    CHECK(s.busy.p75 == doctest::Approx(0.453).epsilon(0.001));
    CHECK(s.peak_gpus == 372);
    CHECK(s.mean_gpus() == doctest::Approx(216).epsilon(0.001));
    CHECK(s.short_cell_share() == doctest::Approx(0.81).epsilon(0.005));
    CHECK(s.short_active_share() == doctest::Approx(0.061).epsilon(0.01));
}

TEST_CASE("real traces: the busiest 17.5 hours of a month of notebooks are where they are published to be") {
    auto const text = real_text("idlt_june.csv");
    if (!text) {
        HPCSCHED_SKIP(no_data);
    }
    notebook_trace const trace = idlt_reader{text_file(*text)}.read().value();
    duration const length = 1'050min;
    time_point const start = busiest_window(trace, length, 1h);
    CHECK(start == time_point{33'720min});
    notebook_trace const part = cut(trace, start, length);
    CHECK(part.cells.size() == 1'325);
    CHECK(part.cells.front().submit >= time_point{});
    CHECK(part.cells.back().submit < time_point{length});
    time_point const anywhere = busiest_window(trace, length);
    CHECK(anywhere == time_point{33'696min});
    CHECK(cut(trace, anywhere, length).cells.size() == 1'332);
}

TEST_CASE("real traces: a month of notebooks comes back from hpcsched's own CSV as it was") {
    auto const text = real_text("idlt_june.csv");
    if (!text) {
        HPCSCHED_SKIP(no_data);
    }
    notebook_trace const trace = idlt_reader{text_file(*text)}.read().value();
    std::string csv;
    CHECK(write_notebook_csv(trace, text_sink{csv}).value() == 30'909);
    notebook_csv_reader reader{text_file(csv)};
    bool const same = collect_cells(reader).value() == trace;
    CHECK(same);
}
