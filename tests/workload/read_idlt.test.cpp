// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/workload/read_idlt.hpp>

#include <doctest/doctest.h>

#include "cells.hpp"
#include "reading.hpp"
#include <death.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

using namespace hpcsched;
using namespace hpcsched::workload;
using namespace std::chrono_literals;
using namespace std::string_literals;
using test::cell;
using test::text_file;

namespace {

constexpr std::string_view header = "job_id,num_gpu,submit_time,iterations,model_name,duration,interval\n";

std::string const mend = "; mend this row, or skip bad rows";
std::string const cut_off = "; the file ends inside this row: if it was cut off, get it again; else mend the row, or "
                            "skip bad rows";

notebook_trace read(std::string_view text) {
    return idlt_reader{text_file(text)}.read().value();
}

idlt_options skipping() {
    idlt_options options;
    options.rows.on_bad_row = bad_rows::skip;
    return options;
}

} // namespace

TEST_CASE("idlt: a row begins a session where it lies before the end of the row above") {
    notebook_trace const trace = read(std::string{header} + "0,1,40,0,resnet50,2,0\n" // alone: the next goes back
                                                            "1,1,10,0,resnet152,3,0\n"
                                                            "2,4,13,0,vgg11,7,0\n"   // touches: the same session
                                                            "3,8,100,0,vgg11,8,0\n"  // later: the same session
                                                            "4,1,107,0,vgg11,1,0\n"  // overlaps: another
                                                            "5,1,200,0,vgg11,1,0\n"  // later: that one
                                                            "6,1,10,0,vgg11,1,0\n"); // goes back: another
    CHECK(trace.cells == std::vector<notebook_cell>{cell(10, 0, 3), cell(10, 1, 1), cell(13, 0, 7, 4), cell(40, 2, 2),
                                                    cell(100, 0, 8, 8), cell(107, 3, 1), cell(200, 3, 1)});
    CHECK(trace.sessions == std::vector<notebook_session>{{time_point{10min}, time_point{108min}, 8, 3},
                                                          {time_point{10min}, time_point{11min}, 1, 1},
                                                          {time_point{40min}, time_point{42min}, 1, 1},
                                                          {time_point{107min}, time_point{201min}, 1, 2}});
}

TEST_CASE("idlt: minutes may have fractions, columns any order, and others stand among them") {
    notebook_trace const trace = read("duration,model_name,\"num_gpu\",submit_time\n0.05,\"vgg,11\",2,1.5\n"
                                      "1e1,x,1,0.000000001\r\n");
    REQUIRE(trace.cells.size() == 2);
    CHECK(trace.cells[0] == notebook_cell{time_point{60ns}, {0}, 10min, 1});
    CHECK(trace.cells[1] == notebook_cell{time_point{90s}, {1}, 3s, 2});
    CHECK(read(header) == notebook_trace{});
}

TEST_CASE("idlt: a duration of 0 becomes half of the trace's resolution, or what is asked for") {
    std::string const text = std::string{header} + "0,1,5,0,x,0,0\n1,1,5,0,x,0,0\n";
    notebook_trace const trace = read(text);
    REQUIRE(trace.cells.size() == 2);
    CHECK(trace.cells[0].run == 30s);
    CHECK(trace.sessions.size() == 2); // two at once are not of one session
    idlt_options options;
    options.zero_duration_as = 1s;
    CHECK(idlt_reader{text_file(text), options}.read().value().cells[0].run == 1s);
}

TEST_CASE("idlt: a row that needs no device is left out and counted") {
    std::string const text = std::string{header} + "0,1,5,0,x,1,0\n1,0,2,0,x,9,0\n2,1,7,0,x,1,0\n";
    idlt_reader reader{text_file(text)};
    notebook_trace const trace = reader.read().value();
    CHECK(trace.cells == std::vector<notebook_cell>{cell(5, 0, 1), cell(7, 0, 1)});
    CHECK(reader.counts() == read_counts{2, 0, 1, 0, ""});
}

TEST_CASE("idlt: bad rows that are skipped are counted, and sessions follow from the rest") {
    std::string const text =
        std::string{header} + "0,1,5,0,x,1,0\n1,1,x,0,x,1,0\n2,1,7,0,x\n3,1,8,0,x,1,0\n4,1,3,0,x,-1,0\n5,1,9,0,x,2,0\n";
    idlt_reader reader{text_file(text), skipping()};
    notebook_trace const trace = reader.read().value();
    CHECK(trace.cells == std::vector<notebook_cell>{cell(5, 0, 1), cell(8, 0, 1), cell(9, 0, 2)});
    CHECK(reader.counts() ==
          read_counts{3, 3, 0, 0, "trace.csv:3:5: submit_time is 'x', not a number; mend this row, or skip bad rows"});
}

TEST_CASE("idlt: the trace does not depend on how its bytes come in") {
    std::string text{header};
    for (int i = 0; i < 400; ++i) {
        text +=
            std::to_string(i) + ",4," + std::to_string(i * 37 % 400) + ",0,vgg11," + std::to_string(1 + i % 5) + ",0\n";
    }
    notebook_trace const trace = read(text);
    CHECK(trace.cells.size() == 400);
    CHECK(idlt_reader<test::trickle>{{test::trickle{text}, "trace.csv"}}.read().value() == trace);
}

TEST_CASE("idlt: what the byte source says comes through, and nothing of the trace") {
    std::string const text = std::string{header} + "0,1,5,0,x,1,0\n";
    idlt_reader<test::trickle> reader{{test::trickle{text, 8, "trace.csv: the disk is gone; plug it in"}, "trace.csv"}};
    CHECK(reader.read().error().message == "trace.csv: the disk is gone; plug it in");
    CHECK(reader.counts().taken_count == 1);
}

TEST_CASE("idlt: bad files get their messages") {
    std::string const expected = "an IDLT trace begins with a header that names num_gpu,submit_time,duration";
    std::string const head{header};
    struct bad_file {
        std::string text;
        std::string message;
    };
    for (auto const& [text, message] : {
             bad_file{"", "trace.csv:1:1: the file is empty; " + expected},
             bad_file{"\n\r\n", "trace.csv:1:1: the file is empty; " + expected},
             bad_file{"time,gpus\n1,2\n", "trace.csv:1:1: no column 'num_gpu' in the header 'time,gpus'; " + expected},
             bad_file{"num_gpu,submit_time\n1,2\n",
                      "trace.csv:1:1: no column 'duration' in the header 'num_gpu,submit_time'; " + expected},
             bad_file{"num_gpu,submit_time,duration,num_gpu\n",
                      "trace.csv:1:30: the column 'num_gpu' stands twice in the header; " + expected},
             bad_file{"0,1,40278,0,resnet50,2,0\n",
                      "trace.csv:1:1: no column 'num_gpu' in the header '0,1,40278,0,resnet50,2,0'; " + expected},
             bad_file{head + "0,1,-3,0,x,1,0\n", "trace.csv:2:5: submit_time is '-3', below zero" + mend},
             bad_file{head + "0,-1,3,0,x,1,0\n", "trace.csv:2:3: num_gpu is '-1', below zero" + mend},
             bad_file{head + "0,1,3,0,x,-1,0\n", "trace.csv:2:11: duration is '-1', below zero" + mend},
             bad_file{head + "0,,3,0,x,1,0\n", "trace.csv:2:3: num_gpu is missing" + mend},
             bad_file{head + "0,1,,0,x,1,0\n", "trace.csv:2:5: submit_time is missing" + mend},
             bad_file{head + "0,1,NaN,0,x,1,0\n", "trace.csv:2:5: submit_time is missing" + mend},
             bad_file{head + "0,1,3,0,x,,0\n", "trace.csv:2:11: duration is missing" + mend},
             bad_file{head + "0,one,3,0,x,1,0\n", "trace.csv:2:3: num_gpu is 'one', not a whole number" + mend},
             bad_file{head + "0,1.5,3,0,x,1,0\n", "trace.csv:2:3: num_gpu is '1.5', not a whole number" + mend},
             bad_file{head + "0,1,soon,0,x,1,0\n", "trace.csv:2:5: submit_time is 'soon', not a number" + mend},
             bad_file{head + "0,1,3,0,x,3min,0\n", "trace.csv:2:11: duration is '3min', not a number" + mend},
             bad_file{head + "0,1048577,3,0,x,1,0\n", "trace.csv:2:3: num_gpu is '1048577', too large" + mend},
             bad_file{head + "0,1,38430717,0,x,1,0\n", "trace.csv:2:5: submit_time is '38430717', too large" + mend},
             bad_file{head + "0,1,1e99,0,x,1,0\n", "trace.csv:2:5: submit_time is '1e99', too large" + mend},
             bad_file{head + "0,1,3,0,x,inf,0\n", "trace.csv:2:11: duration is 'inf', too large" + mend},
             bad_file{head + "0,1,3,0,x,1,0\n1,1,4,0,x,1\n", "trace.csv:3:12: 6 columns where the header has 7" + mend},
             bad_file{head + "0,1,3,0,x,1,0,9\n", "trace.csv:2:1: 8 columns where the header has 7" + mend},
             bad_file{head + "0,1,3,0,x,1,0\n1,1,4,0,vg", "trace.csv:3:11: 5 columns where the header has 7" + cut_off},
             bad_file{head + "0,1,3,0,\"x,1,0\n", "trace.csv:2:9: a quote that is not closed" + mend},
             bad_file{head + "0,1,3,0,x\0,1,0\n"s,
                      "trace.csv:2:10: a NUL byte: this is not plain text; get the file again, or convert it to UTF-8 "
                      "text"},
             bad_file{head + "0,1,\x1b[2J,0,x,1,0\n", "trace.csv:2:5: submit_time is '\\x1b[2J', not a number" + mend},
         }) {
        CAPTURE(text);
        CHECK(idlt_reader{text_file(text)}.read().error().message == message);
        CHECK(idlt_reader<test::trickle>{{test::trickle{text}, "trace.csv"}}.read().error().message == message);
    }
}

TEST_CASE("idlt: the longest time and the most devices are taken") {
    notebook_trace const trace = read(std::string{header} + "0,1048576,38430716,0,x,38430716,0\n");
    CHECK(trace.cells.at(0) == notebook_cell{time_point{38'430'716min}, {0}, 38'430'716min, 1U << 20U});
}

TEST_CASE("idlt: a trace is read once") {
    CHECK(test::run_apart([] {
              idlt_reader reader{text_file(header)};
              static_cast<void>(reader.read());
              static_cast<void>(reader.read());
          }).aborted);
}
