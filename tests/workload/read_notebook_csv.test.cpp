// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/testing/conformance/cell_source.hpp>
#include <hpcsched/workload/read_notebook_csv.hpp>

#include <doctest/doctest.h>

#include "cells.hpp"
#include "reading.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

using namespace hpcsched;
using namespace hpcsched::workload;
using namespace std::chrono_literals;
using namespace std::string_literals;
using test::cell;
using test::read_cells;
using test::text_file;

namespace {

using reader = notebook_csv_reader<text_source>;

/// The example of notebook_csv_format.hpp.
constexpr std::string_view example = "# hpcsched notebooks 1\n"
                                     "submit_s,session,gpus,run_s\n"
                                     "0.000000000,0,1,180.000000000\n"
                                     "420.500000000,1,8,26.000000001\n"
                                     "600.000000000,0,4,61260.000000000\n";

std::string const head = "submit_s,session,gpus,run_s\n";
std::string const mend = "; mend this row, or skip bad rows";
std::string const cut_off = "; the file ends inside this row: if it was cut off, get it again; else mend the row, or "
                            "skip bad rows";

} // namespace

static_assert(cell_source<reader>);

TEST_CASE("notebook csv: everything that a cell has") {
    reader r{text_file(example)};
    auto const read = read_cells(r);
    REQUIRE(read.failure.empty());
    CHECK(read.cells == std::vector<notebook_cell>{{time_point{}, {0}, 3min, 1},
                                                   {time_point{420'500ms}, {1}, 26s + 1ns, 8},
                                                   {time_point{10min}, {0}, 1'021min, 4}});
    CHECK(r.counts() == read_counts{3, 0, 0, 0, ""});
}

TEST_CASE("notebook csv: the version line and further comments may be there or not, columns in any order") {
    for (std::string const text : {
             "submit_s,session,gpus,run_s\n60,0,2,180\n",
             "# hpcsched notebooks 1\n# by hand\nsubmit_s,session,gpus,run_s\n# a comment\n60.0,0,2,1.8e2\n# the end",
             "\xef\xbb\xbf# hpcsched notebooks 1\r\nsubmit_s,session,gpus,run_s\r\n60,4294967295,2,180\r\n",
             "run_s,user,gpus,\"session\",submit_s\n180,\"a, b\",2,9,60.0000000004\n",
         }) {
        CAPTURE(text);
        auto const read = read_cells(reader{text_file(text)});
        CHECK(read.failure.empty());
        CHECK(read.cells == std::vector<notebook_cell>{cell(1, 0, 3, 2)});
    }
    CHECK(read_cells(reader{text_file(head)}).cells.empty());
}

TEST_CASE("notebook csv: sessions are numbered anew in order of first appearance") {
    auto const read = read_cells(reader{text_file(head + "60,9,1,60\n60,3,1,60\n120,9,1,60\n180,0,1,60\n")});
    CHECK(read.cells == std::vector<notebook_cell>{cell(1, 0, 1), cell(1, 1, 1), cell(2, 0, 1), cell(3, 2, 1)});
}

TEST_CASE("notebook csv: collect_cells makes a trace of the file, sessions and all") {
    reader r{text_file(example)};
    notebook_trace const trace = collect_cells(r).value();
    CHECK(trace.sessions == std::vector<notebook_session>{{time_point{}, time_point{1'031min}, 4, 2},
                                                          {time_point{420'500ms}, time_point{446'500ms + 1ns}, 8, 1}});
    std::string const text = head + "60,0,1,0\n";
    reader broken{text_file(text)};
    CHECK(collect_cells(broken).error().message == "trace.csv:2:8: run_s is '0', and a cell takes some time" + mend);
}

TEST_CASE("notebook csv: is a conforming source of cells") {
    CHECK(testing::check_cell_source([] { return reader{text_file(example)}; }) == std::vector<std::string>{});
    std::string const broken = std::string{example} + "x,0,1,1\n700,0,1,1\n";
    CHECK(testing::check_cell_source([&] { return reader{text_file(broken)}; }) == std::vector<std::string>{});
}

TEST_CASE("notebook csv: bad rows that are skipped are counted, and leave no trace in the sessions") {
    notebook_csv_options options;
    options.rows.on_bad_row = bad_rows::skip;
    std::string const text = head + "60,5,1,60\n"
                                    "90,5,1,60\n"   // overlaps
                                    "70,6,0,60\n"   // no devices
                                    "50,6,1,60\n"   // goes back
                                    "120,5,1,60\n"  // follows the first row, not the second
                                    "130,7,1,60\n"; // the second session
    reader r{text_file(text), options};
    auto const read = read_cells(r);
    CHECK(read.failure.empty());
    CHECK(read.cells == std::vector<notebook_cell>{cell(1, 0, 1), cell(2, 0, 1), {time_point{130s}, {1}, 1min, 1}});
    CHECK(r.counts() == read_counts{3, 3, 0, 0,
                                    "trace.csv:3:1: submit_s is '90', and session '5' has a cell above that ends "
                                    "later; the cells of a session run one after another: mend this row, or skip bad "
                                    "rows"});
}

TEST_CASE("notebook csv: bad files get their messages") {
    std::string const expected =
        "a notebook file of hpcsched begins with a header that names submit_s,session,gpus,run_s";
    std::string const nothing = "a notebook file begins with a header that names submit_s,session,gpus,run_s";
    struct bad_file {
        std::string text;
        std::string message;
    };
    for (auto const& [text, message] : {
             bad_file{"", "trace.csv:1:1: the file is empty; " + nothing},
             bad_file{"# hpcsched notebooks 1\n", "trace.csv:1:1: the file has comments only; " + nothing},
             bad_file{"# hpcsched notebooks 2\n" + head,
                      "trace.csv:1:22: the file has version '2' of the format; this hpcsched reads version 1; read it "
                      "with the one that wrote it"},
             bad_file{"arrival_ns,function,service_ns\n",
                      "trace.csv:1:1: no column 'submit_s' in the header 'arrival_ns,function,service_ns'; " +
                          expected},
             bad_file{"submit_s,session,gpus\n",
                      "trace.csv:1:1: no column 'run_s' in the header 'submit_s,session,gpus'; " + expected},
             bad_file{"submit_s,session,gpus,gpus,run_s\n",
                      "trace.csv:1:23: the column 'gpus' stands twice in the header; " + expected},
             bad_file{head + "-1,0,1,1\n", "trace.csv:2:1: submit_s is '-1', below zero" + mend},
             bad_file{head + "1,-2,1,1\n", "trace.csv:2:3: session is '-2', below zero" + mend},
             bad_file{head + "1,0,-1,1\n", "trace.csv:2:5: gpus is '-1', below zero" + mend},
             bad_file{head + "1,0,1,-1\n", "trace.csv:2:7: run_s is '-1', below zero" + mend},
             bad_file{head + ",0,1,1\n", "trace.csv:2:1: submit_s is missing" + mend},
             bad_file{head + "1,,1,1\n", "trace.csv:2:3: session is missing" + mend},
             bad_file{head + "1,0,,1\n", "trace.csv:2:5: gpus is missing" + mend},
             bad_file{head + "1,0,1,\n", "trace.csv:2:7: run_s is missing" + mend},
             bad_file{head + "1s,0,1,1\n", "trace.csv:2:1: submit_s is '1s', not a number" + mend},
             bad_file{head + "1,a,1,1\n", "trace.csv:2:3: session is 'a', not a whole number" + mend},
             bad_file{head + "1,0,0.5,1\n", "trace.csv:2:5: gpus is '0.5', not a whole number" + mend},
             bad_file{head + "1,0,1,long\n", "trace.csv:2:7: run_s is 'long', not a number" + mend},
             bad_file{head + "2305843010,0,1,1\n", "trace.csv:2:1: submit_s is '2305843010', too large" + mend},
             bad_file{head + "1,4294967296,1,1\n", "trace.csv:2:3: session is '4294967296', too large" + mend},
             bad_file{head + "1,0,1048577,1\n", "trace.csv:2:5: gpus is '1048577', too large" + mend},
             bad_file{head + "1,0,1,inf\n", "trace.csv:2:7: run_s is 'inf', too large" + mend},
             bad_file{head + "1,0,0,1\n", "trace.csv:2:5: gpus is 0, and a cell needs at least one device" + mend},
             bad_file{head + "1,0,1,0.0000000001\n",
                      "trace.csv:2:7: run_s is '0.0000000001', and a cell takes some time" + mend},
             bad_file{head + "2,0,1,1\n1,1,1,1\n",
                      "trace.csv:3:1: submit_s is '1', before the row above; sort the rows by submit_s, or skip bad "
                      "rows"},
             bad_file{head + "2,8,1,1\n2.5,8,1,1\n",
                      "trace.csv:3:1: submit_s is '2.5', and session '8' has a cell above that ends later; the cells "
                      "of a session run one after another: mend this row, or skip bad rows"},
             bad_file{head + "1,0,1\n", "trace.csv:2:6: 3 columns where the header has 4" + mend},
             bad_file{head + "1,0,1,1,1\n", "trace.csv:2:1: 5 columns where the header has 4" + mend},
             bad_file{head + "1,0,1,1\n2,0,", "trace.csv:3:5: 3 columns where the header has 4" + cut_off},
             bad_file{head + "1,0,1,\0001\n"s,
                      "trace.csv:2:7: a NUL byte: this is not plain text; get the file again, or convert it to UTF-8 "
                      "text"},
             bad_file{head + "\x1b[2J,0,1,1\n", "trace.csv:2:1: submit_s is '\\x1b[2J', not a number" + mend},
         }) {
        CAPTURE(text);
        CHECK(read_cells(reader{text_file(text)}).failure == message);
        CHECK(read_cells(notebook_csv_reader<test::trickle>{{test::trickle{text}, "trace.csv"}}).failure == message);
    }
}
