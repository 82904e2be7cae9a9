// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/notebook_results_io.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace hpcsched::experiment {
namespace {

std::vector<notebook_result> two_results() {
    notebook_result r;
    r.policy = "reservation";
    r.workload = "a \"trace\", <b>bold</b>.csv";
    r.seed = 3;
    r.provisioned = 1000;
    r.all.count = 7;
    r.all.at_once = 1;
    r.all.delay = {0.1, 0.1, 0.1, 0.2, 0.3};
    r.delay_curve = {{0.1, 0.9}, {0.3, 1}};
    r.completion_curve = {{60, 0.5}, {120, 1}};
    r.samples = {{.at = time_point{}, .hosts = 2, .leased = 9, .demand = 24, .running_cells = 3, .waiting_cells = 1},
                 {.at = time_point{std::chrono::hours{1}}, .hosts = 3}};
    notebook_result other = r;
    other.policy = "predictive";
    other.provisioned = 400.5;
    other.all.at_once = 0.975;
    return {r, other};
}

TEST_CASE("notebook table: one line per result, and what each saved against reservation") {
    std::string const table = notebook_table(two_results());
    CHECK(std::count(table.begin(), table.end(), '\n') == 3);
    CHECK(table.find("predictive") != std::string::npos);
    CHECK(table.find("  600  ") != std::string::npos); // 599.5 saved
    CHECK(table.find("97.5 %") != std::string::npos);
    auto const alone = two_results();
    CHECK(notebook_table(std::span{alone}.subspan(1)).find("  -  ") != std::string::npos);
}

TEST_CASE("notebook results: the JSON holds every figure, curve and sample") {
    auto const document =
        boost::json::parse(notebook_results_json({.program = "hpcsched", .span_hours = 17.5}, two_results()));
    auto const& o = document.as_object();
    CHECK(o.at("schema") == "hpcsched.notebook_results");
    CHECK(o.at("version") == 1);
    CHECK(o.at("span_hours") == 17.5);
    auto const& own = o.at("results").as_array().at(1).as_object();
    CHECK(own.at("policy") == "predictive");
    CHECK(own.at("device_hours_provisioned") == 400.5);
    CHECK(own.at("at_once") == 0.975);
    CHECK(own.at("delay_p99") == 0.2);
    CHECK(own.contains("brief_delay_p99"));
    CHECK(own.contains("long_completion_p50"));
    CHECK(own.at("samples").as_array().at(0).as_object().at("leased") == 9);
    CHECK(own.at("delay_curve").as_array().size() == 2);
}

TEST_CASE("notebook results: the CSV has a header and as many fields in each row") {
    std::string const csv = notebook_results_csv(two_results());
    auto const header = csv.substr(0, csv.find('\r'));
    CHECK(header.starts_with("policy,workload,seed,devices_per_host"));
    CHECK(csv.find("\"a \"\"trace\"\", <b>bold</b>.csv\",3,8,1000,") != std::string::npos);
    // The name of the trace has one comma in its quotes.
    auto const fields = std::count(header.begin(), header.end(), ',');
    CHECK(std::count(csv.begin(), csv.end(), ',') == 3 * fields + 2);
}

TEST_CASE(
    "notebook report: one page with tables and pictures, which takes nothing from the network and no one's markup") {
    std::string const page = notebook_report(
        {.program = "hpcsched", .command = "hpcsched notebook simulate '<x>'", .span_hours = 1}, two_results());
    CHECK(page.starts_with("<!doctype html>"));
    CHECK(page.find("<b>bold") == std::string::npos);
    CHECK(page.find("&lt;b&gt;bold") != std::string::npos);
    CHECK(page.find("default-src 'none'") != std::string::npos);
    CHECK(page.find("<script") == std::string::npos);
    CHECK(page.find("http-equiv") != std::string::npos);
    std::size_t pictures = 0;
    for (std::size_t at = page.find("<svg"); at != std::string::npos; at = page.find("<svg", at + 1)) {
        ++pictures;
    }
    CHECK(pictures == 4);
    CHECK(page.find("predictive provisions 40.05 % of what reservation does and serves 97.5 %") != std::string::npos);
    CHECK(notebook_report({}, {}).find("</html>") != std::string::npos); // of nothing, too
}

} // namespace
} // namespace hpcsched::experiment
