// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/notebook_trace_file.hpp>

#include <doctest/doctest.h>

#include "temporary_folder.hpp"

#include <chrono>
#include <fstream>
#include <string>

namespace hpcsched::experiment {
namespace {

TEST_CASE("notebook trace file: both schemas are told by their first line, anything else is refused with what to do") {
    test::temporary_folder const folder;
    auto const write = [&](char const* name, std::string const& text) {
        std::ofstream{folder / name} << text;
        return folder / name;
    };
    auto const adobe = read_notebook_trace(write("a.csv", "job_id,num_gpu,submit_time,iterations,model_name,duration,"
                                                          "interval\n0,4,10,0,vgg,3,0\n"));
    REQUIRE(adobe.has_value());
    CHECK(adobe->cells.size() == 1);
    CHECK(adobe->cells[0].run == std::chrono::minutes{3});
    auto const own = read_notebook_trace(write("b.csv", "submit_s,session,gpus,run_s\n1.5,0,2,60\n"));
    REQUIRE(own.has_value());
    CHECK(own->cells[0].submit == time_point{std::chrono::milliseconds{1500}});
    auto const other = read_notebook_trace(write("c.csv", "arrival_ns,function\n1,2\n"));
    REQUIRE(other.has_error());
    CHECK(other.error().message.find("c.csv:1:1: not a trace of notebooks") != std::string::npos);
    CHECK(read_notebook_trace(folder / "absent.csv").has_error());
    auto const bad = read_notebook_trace(write("d.csv", "submit_s,session,gpus,run_s\n1.5,0,many,60\n"));
    REQUIRE(bad.has_error());
    workload::read_counts counts;
    CHECK(read_notebook_trace(folder / "d.csv", {.on_bad_row = workload::bad_rows::skip}, &counts).has_value());
    CHECK(counts.skipped_count == 1);
}

} // namespace
} // namespace hpcsched::experiment
