// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/workload/read_notebook_csv.hpp>
#include <hpcsched/workload/write_notebook_csv.hpp>

#include <doctest/doctest.h>

#include "cells.hpp"
#include "reading.hpp"

#include <chrono>
#include <string>
#include <vector>

using namespace hpcsched;
using namespace hpcsched::workload;
using namespace std::chrono_literals;
using test::cell;
using test::text_file;

namespace {

std::string written(notebook_trace const& trace) {
    std::string text;
    auto const count = write_notebook_csv(trace, text_sink{text});
    REQUIRE(count.has_value());
    CHECK(*count == trace.cells.size());
    return text;
}

} // namespace

TEST_CASE("write_notebook_csv: writes the example of the format, to the letter") {
    notebook_trace const trace = make_notebook_trace({{time_point{}, {0}, 3min, 1},
                                                      {time_point{420'500ms}, {1}, 26s + 1ns, 8},
                                                      {time_point{10min}, {0}, 1'021min, 4}});
    CHECK(written(trace) == "# hpcsched notebooks 1\n"
                            "submit_s,session,gpus,run_s\n"
                            "0.000000000,0,1,180.000000000\n"
                            "420.500000000,1,8,26.000000001\n"
                            "600.000000000,0,4,61260.000000000\n");
    CHECK(written({}) == "# hpcsched notebooks 1\nsubmit_s,session,gpus,run_s\n");
}

TEST_CASE("write_notebook_csv: what it writes comes back exactly, large numbers and sessions included") {
    random_stream draws{1, "write_notebook_csv"};
    for (int round = 0; round < 30; ++round) {
        std::vector<notebook_cell> cells;
        for (std::uint32_t session = 0; session < 40; ++session) {
            time_point at{duration{static_cast<std::int64_t>(draws() >> (6 + draws() % 50))}};
            for (std::uint64_t left = draws() % 9; left > 0; --left) {
                duration const run{static_cast<std::int64_t>((draws() >> (6 + draws() % 50)) | 1U)};
                if (at.time_since_epoch() > duration{trace_time_max}) {
                    break;
                }
                cells.push_back({at, {session}, run, 1U + static_cast<std::uint32_t>(draws() >> (44 + draws() % 20))});
                at += run + duration{static_cast<std::int64_t>(draws() >> (6 + draws() % 50))};
            }
        }
        notebook_trace const trace = make_notebook_trace(std::move(cells));
        std::string const text = written(trace);
        notebook_csv_reader reader{text_file(text)};
        auto const back = collect_cells(reader);
        REQUIRE(back.has_value());
        REQUIRE(*back == trace);
        REQUIRE(written(*back) == text);
    }
}

TEST_CASE("write_notebook_csv: what the format does not hold is an error") {
    std::string text;
    notebook_trace const late = make_notebook_trace({{time_point{duration{trace_time_max}}, {0}, 1s, 1}});
    CHECK(write_notebook_csv(late, text_sink{text}).has_value());
    notebook_trace const later = make_notebook_trace({{time_point{duration{trace_time_max + 1}}, {0}, 1s, 1}});
    CHECK(write_notebook_csv(later, text_sink{text}).error().message ==
          "a cell that is submitted at 2305843009213693952 ns and runs for 1000000000 ns: a notebook file has times of "
          "up to 73 years; cut the trace, or its runs, shorter");
    notebook_trace const wide = make_notebook_trace({cell(0, 0, 1, (1U << 20U) + 1)});
    CHECK(write_notebook_csv(wide, text_sink{text}).error().message ==
          "a cell that needs 1048577 devices: a notebook file has at most 1048576; divide it into several");
}

TEST_CASE("write_notebook_csv: a sink that fails ends the writing with its error, and so does a source") {
    struct full_sink {
        std::size_t room;
        result<void> write(std::span<char const> bytes) {
            if (bytes.size() > room) {
                return error{"the disk is full; make room"};
            }
            room -= bytes.size();
            return {};
        }
    };
    std::vector<notebook_cell> cells;
    for (int i = 0; i < 20'000; ++i) {
        cells.push_back(cell(i, 0, 1));
    }
    notebook_trace const trace = make_notebook_trace(std::move(cells));
    for (std::size_t const room : {std::size_t{0}, std::size_t{100'000}, std::size_t{500'000}}) {
        auto const count = write_notebook_csv(trace, full_sink{room});
        REQUIRE_FALSE(count.has_value());
        CHECK(count.error().message == "the disk is full; make room");
    }
    notebook_csv_reader broken{text_file("nonsense")};
    std::string text;
    auto const count = write_notebook_csv(broken, text_sink{text});
    REQUIRE_FALSE(count.has_value());
    CHECK(count.error().message.starts_with("trace.csv:1:1: no column 'submit_s'"));
}
