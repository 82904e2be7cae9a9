// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/results_io.hpp>

#include <boost/json.hpp>
#include <doctest/doctest.h>

#include "json_schema.hpp"
#include "sample_cell.hpp"
#include "temporary_folder.hpp"

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

namespace hpcsched::experiment {

using test::json_schema;
using test::read_text;
using test::sample_cell;
using test::temporary_folder;

namespace {

json_schema results_schema() {
    return json_schema{boost::json::parse(read_text(HPCSCHED_SOURCE_DIR "/src/experiment/results.schema.json"))};
}

/// Columns of one CSV line without quotes in it.
std::vector<std::string> columns(std::string const& line) {
    std::vector<std::string> all;
    std::istringstream rest{line};
    for (std::string column; std::getline(rest, column, ',');) {
        all.push_back(column);
    }
    return all;
}

} // namespace

TEST_CASE("results_io: a cell that is written and read again is the same, to the last bit") {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        cell_result const cell = sample_cell(seed);
        std::string const text = to_json(cell);
        auto const again = cell_from_json(text);
        REQUIRE(again.has_value());
        REQUIRE(to_json(*again) == text);
        CHECK(again->key == cell.key);
        CHECK(again->turnaround.p9999 == cell.turnaround.p9999);
        CHECK(again->billed_cost == cell.billed_cost);
        CHECK(again->groups.back().service_to == cell.groups.back().service_to);
        CHECK(again->rte_cdf.back().value == cell.rte_cdf.back().value);
        CHECK(again->delay_over_time.front().max_delay == cell.delay_over_time.front().max_delay);
        CHECK(again->trace_hash == cell.trace_hash);
        CHECK(again->agent_events == cell.agent_events);
    }
}

TEST_CASE("results_io: an earlier cell, which does not say what others took, is read as if it was nothing") {
    std::string text = to_json(sample_cell(1));
    auto const at = text.find("\"others_share\"");
    REQUIRE(at != std::string::npos);
    text.erase(at, text.find(',', at) + 1 - at);
    auto const read = cell_from_json(text);
    REQUIRE(read.has_value());
    CHECK(read->others_share == 0);
}

TEST_CASE("results_io: figures are rounded to 12 digits, once") {
    cell_result cell;
    cell.makespan = 0.1234567890123456;
    cell.turnaround.mean = 12345678901234.5;
    cell.key.load = 0.1 + 0.2;
    round_figures(cell);
    CHECK(cell.makespan == 0.123456789012);
    CHECK(cell.turnaround.mean == 12345678901200.0);
    CHECK(cell.key.load == 0.3);
    cell_result again = cell;
    round_figures(again);
    CHECK(again.makespan == cell.makespan);
}

TEST_CASE("results_io: what is not a cell says what is wrong") {
    std::string const whole = to_json(sample_cell(1));
    struct bad {
        std::string text, message;
    };
    auto const without = [&whole](std::string const& name) {
        std::string text = whole;
        auto const at = text.find("\"" + name + "\"");
        text.replace(at + 1, 1, "?");
        return text;
    };
    std::string wrong_type = whole;
    wrong_type.replace(wrong_type.find("\"seed\":") + 7, 1, "\"x\",\"q\":1");
    for (bad const& b : {bad{without("makespan"), "not a cell: field 'makespan' is missing"},
                         bad{without("policy"), "not a cell: field 'policy' is missing"},
                         bad{without("p99.9"), "not a cell: field 'p99.9' is missing"}}) {
        auto const read = cell_from_json(b.text);
        REQUIRE(read.has_error());
        CHECK(read.error().message == b.message);
    }
    CHECK(cell_from_json(wrong_type).has_error());
    CHECK(cell_from_json("").has_error());
    CHECK(cell_from_json("[1, 2]").has_error());
    CHECK(cell_from_json(whole.substr(0, whole.size() / 2)).has_error());
}

TEST_CASE("results_io: the JSON document is what the schema says, and the schema names every field") {
    std::vector<cell_result> const cells{sample_cell(1), sample_cell(2)};
    run_description run{.program = "hpcsched 0", .machine = {}, .cells_planned = 3};
    run.machine.balance_period = unlimited;
    auto const document = boost::json::parse(results_json(run, cells));
    CHECK(results_schema().check(document) == "");
    CHECK(document.at("cells").as_array().size() == 2);
    CHECK(document.at("machine").at("tick").to_number<double>() == 0.004);
    CHECK(document.at("machine").at("context_switch_cost").to_number<double>() == 3.5e-6);
    CHECK(document.at("machine").at("balance_period").is_null());
    auto broken = document;
    broken.at("cells").as_array()[1].as_object()["makespan"] = "long";
    CHECK(results_schema().check(broken) == "$.cells[1].makespan: is not \"number\"");
}

TEST_CASE("results_io: CSV has a name for every column and quotes what needs it") {
    std::vector<cell_result> cells{sample_cell(1), sample_cell(2)};
    cells[1].key.workload = "plain";
    std::istringstream text{results_csv(cells)};
    std::string header, first, again, second;
    std::getline(text, header);
    std::getline(text, first);
    std::getline(text, again); // the first workload has a line end in its name
    std::getline(text, second);
    std::vector<std::string> const names = columns(header);
    std::vector<std::string> const values = columns(second);
    CHECK(first.find("\"a \"\"quoted\"\"") != std::string::npos);
    REQUIRE(names.size() == values.size());
    auto const value_of = [&](char const* name) {
        auto const at = std::find(names.begin(), names.end(), name);
        REQUIRE(at != names.end());
        return values[static_cast<std::size_t>(at - names.begin())];
    };
    CHECK(value_of("policy") == "serpt");
    CHECK(value_of("workload") == "plain");
    CHECK(std::stod(value_of("turnaround_p99.9")) == cells[1].turnaround.p999);
    CHECK(std::stod(value_of("G1_turnaround_mean")) == cells[1].groups[0].turnaround.mean);
    CHECK(value_of("G2_task_count") == "0");
    CHECK(std::stoull(value_of("trace_hash"), nullptr, 16) == cells[1].trace_hash);
}

TEST_CASE("results_io: a file is replaced as a whole, and a place that cannot be written is named") {
    temporary_folder const folder;
    REQUIRE(write_file(folder / "a", "one").has_value());
    REQUIRE(write_file(folder / "a", "two").has_value());
    CHECK(read_text(folder / "a") == "two");
    auto const failed = write_file(folder / "missing/a", "x");
    REQUIRE(failed.has_error());
    CHECK(failed.error().message == "cannot write '" + (folder / "missing/a.tmp") + "': No such file or directory");
}

} // namespace hpcsched::experiment
