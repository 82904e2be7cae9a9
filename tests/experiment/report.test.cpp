// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/report.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <doctest/doctest.h>

#include "synthetic_cells.hpp"
#include "temporary_folder.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

namespace hpcsched::experiment {
namespace {

namespace json = boost::json;

std::string page_of(std::vector<cell_result> const& cells, report_options const& options = {}) {
    std::ostringstream out;
    REQUIRE(write_report(out, cells, options).has_value());
    return out.str();
}

std::string between(std::string const& text, std::string const& begin, std::string const& end) {
    std::size_t const from = text.find(begin);
    REQUIRE(from != std::string::npos);
    std::size_t const to = text.find(end, from + begin.size());
    REQUIRE(to != std::string::npos);
    return text.substr(from + begin.size(), to - from - begin.size());
}

/// The data that the page's scripts read.
json::object data_of(std::string const& page) {
    return json::parse(between(page, "<script type=\"application/json\" id=\"data\">", "</script>")).as_object();
}

json::object const& scenario_of(json::object const& data, std::size_t index) {
    return data.at("scenarios").as_array().at(index).as_object();
}

/// The outcome of a policy by name.
json::object const& outcome_of(json::object const& data, std::string const& policy, std::size_t scenario = 0) {
    for (json::value const& outcome : scenario_of(data, scenario).at("outcomes").as_array()) {
        auto const index = outcome.at("policy").to_number<std::size_t>();
        if (data.at("policies").as_array().at(index).at("name").as_string() == policy) {
            return outcome.as_object();
        }
    }
    FAIL("no outcome of " << policy);
    std::abort();
}

double number(json::value const& from) {
    return from.to_number<double>();
}

/// A cell with nothing but a key and a mean turnaround.
cell_result plain_cell(std::string const& policy, double mean, std::uint64_t seed = 1, double load = 0.8) {
    cell_result cell;
    cell.key = {.policy = policy, .workload = "w", .load = load, .arrival_cv = 0, .cpu_count = 2, .seed = seed};
    cell.task_count = 1;
    cell.turnaround.mean = mean;
    return cell;
}

std::string verdict_of(std::vector<cell_result> const& cells) {
    return std::string{data_of(page_of(cells)).at("verdict").as_string()};
}

} // namespace

TEST_CASE("report: one file that asks nothing of the network") {
    std::string const page = page_of(test::make_cells({.loads = {0.5, 0.8}, .seeds = {1, 2}}));
    CHECK(page.starts_with("<!doctype html>\n"));
    for (std::string const remote : {"src=\"", "href=\"http", "src='", "url(", "@import", "<link", "<iframe"}) {
        CAPTURE(remote);
        CHECK(page.find(remote) == std::string::npos);
    }
    CHECK(page.find("default-src 'none'") != std::string::npos);
    CHECK(page.find("Chart.js v") != std::string::npos);
    CHECK(page.find("{{") == page.find("{{", page.find("<script>"))); // no placeholder is left in the markup
}

TEST_CASE("report: the numbers of one cell are the cell's") {
    auto const cells = test::make_cells({.policies = {"eevdf"}});
    cell_result const& cell = cells.front();
    json::object const data = data_of(page_of(cells));
    json::object const& outcome = outcome_of(data, "eevdf");
    auto const close = [](json::value const& shown, double value) {
        return number(shown) == doctest::Approx(value).epsilon(1e-4);
    };
    json::array const& turnaround = outcome.at("turnaround").at("mean").as_array();
    REQUIRE(turnaround.size() == 9);
    CHECK(close(turnaround[0], cell.turnaround.mean));
    CHECK(close(turnaround[1], cell.turnaround.p50));
    CHECK(close(turnaround[5], cell.turnaround.p99));
    CHECK(close(turnaround[7], cell.turnaround.p9999));
    CHECK(close(turnaround[8], cell.turnaround.max));
    CHECK(outcome.at("turnaround").at("half").is_null());
    CHECK(close(outcome.at("slowdown").at("mean").at(2), cell.slowdown.p75));
    CHECK(close(outcome.at("rte").at("mean").at(1), cell.rte.p50));
    CHECK(close(outcome.at("queueing").at("mean").at(6), cell.queueing_delay.p999));
    json::object const& figures = outcome.at("figures").as_object();
    CHECK(close(figures.at("switches_p75").at(0), cell.context_switches_p75));
    CHECK(close(figures.at("billed_ratio").at(0), cell.billed_cost / cell.billed_cost_ideal));
    CHECK(figures.at("switches_p75").at(1).is_null());
    REQUIRE(outcome.at("groups").as_array().size() == cell.groups.size());
    CHECK(close(outcome.at("groups").at(1).at("slowdown").at("mean").at(0), cell.groups[1].slowdown.mean));
    CHECK(outcome.at("groups").at(3).at("to").is_null());
    CHECK(outcome.at("tasks").to_number<std::uint64_t>() == cell.task_count);
}

TEST_CASE("report: seeds become a mean with the interval of Student's t") {
    // 1, 2, 3, 4: mean 2.5, standard error 0.6455, t(0.975, 3) = 3.1824.
    json::object const data =
        data_of(page_of({plain_cell("a", 1, 1), plain_cell("a", 2, 2), plain_cell("a", 3, 3), plain_cell("a", 4, 4)}));
    json::object const& turnaround = outcome_of(data, "a").at("turnaround").as_object();
    CHECK(number(turnaround.at("mean").at(0)) == doctest::Approx(2.5));
    CHECK(number(turnaround.at("half").at(0)) == doctest::Approx(2.0543).epsilon(1e-4));
    CHECK(outcome_of(data, "a").at("seeds").as_array().size() == 4);
}

TEST_CASE("report: what two policies owe to the seed cancels in their ratio") {
    // Every seed is exactly twice the oracle's, though the seeds differ by far: the interval has no width.
    json::object const data = data_of(page_of(
        {plain_cell("serpt", 2, 1), plain_cell("serpt", 20, 2), plain_cell("srpt", 1, 1), plain_cell("srpt", 10, 2)}));
    json::value const& versus = outcome_of(data, "serpt").at("figures").at("versus_oracle");
    CHECK(number(versus.at(0)) == doctest::Approx(2));
    CHECK(number(versus.at(1)) == doctest::Approx(0));
    CHECK(outcome_of(data, "serpt").at("figures").at("versus_baseline").at(0).is_null());
}

TEST_CASE("report: a multiple of the oracle is the quotient of the means that are shown") {
    // Means 3 and 2; residuals 2 - 1.5 * 1 = 0.5 and 4 - 1.5 * 3 = -0.5, over 2; t(0.975, 1) = 12.706.
    json::object const data = data_of(page_of(
        {plain_cell("serpt", 2, 1), plain_cell("serpt", 4, 2), plain_cell("srpt", 1, 1), plain_cell("srpt", 3, 2)}));
    json::value const& versus = outcome_of(data, "serpt").at("figures").at("versus_oracle");
    CHECK(number(versus.at(0)) == doctest::Approx(1.5));
    CHECK(number(versus.at(1)) == doctest::Approx(12.706 * 0.25).epsilon(1e-4));
}

TEST_CASE("report: of cells with equal keys the last counts, and the order of the others does not") {
    std::vector<cell_result> cells = test::make_cells({.loads = {0.5, 0.8}, .seeds = {1, 2}});
    std::string const page = page_of(cells);
    std::reverse(cells.begin(), cells.end());
    CHECK(page_of(cells) == page);
    cell_result stale = cells.front();
    stale.turnaround.mean = 12345;
    cells.insert(cells.begin(), stale);
    CHECK(page_of(cells) == page);
}

TEST_CASE("report: the verdict names the winner and how far the marks are") {
    SUBCASE("one policy") {
        CHECK(verdict_of({plain_cell("sfs", 0.25)}) == "sfs had a mean turnaround of 250 ms.");
    }
    SUBCASE("oracle and baseline") {
        CHECK(verdict_of({plain_cell("sfs", 1.5), plain_cell("serpt", 1.1), plain_cell("srpt", 1),
                          plain_cell("eevdf", 2.2)}) ==
              "serpt had the lowest mean turnaround, 1.10 s: 1.10 × the oracle’s (srpt) and 50 % below eevdf’s.");
    }
    SUBCASE("the baseline itself wins") {
        CHECK(verdict_of({plain_cell("sfs", 1.5), plain_cell("eevdf", 1.2), plain_cell("srpt", 1)}) ==
              "eevdf had the lowest mean turnaround, 1.20 s: 1.20 × the oracle’s (srpt).");
    }
    SUBCASE("idealised policies are no winners") {
        CHECK(verdict_of({plain_cell("ps", 0.1), plain_cell("sfs", 2), plain_cell("alps", 3)}) ==
              "sfs had the lowest mean turnaround, 2.00 s.");
    }
    SUBCASE("unless nobody else ran") {
        CHECK(verdict_of({plain_cell("ps", 0.1), plain_cell("fcfs", 2)}) ==
              "ps had the lowest mean turnaround, 100 ms.");
    }
    SUBCASE("seeds that do not tell two apart") {
        CHECK(verdict_of({plain_cell("a", 1.0, 1), plain_cell("a", 2.0, 2), plain_cell("b", 1.2, 1),
                          plain_cell("b", 1.9, 2)}) ==
              "a had the lowest mean turnaround, 1.50 s; the seeds do not tell it apart from b.");
    }
    SUBCASE("several scenarios") {
        CHECK(verdict_of({plain_cell("a", 1, 1, 0.5), plain_cell("b", 2, 1, 0.5), plain_cell("srpt", 1, 1, 0.5),
                          plain_cell("a", 4, 1, 0.9), plain_cell("b", 3, 1, 0.9), plain_cell("srpt", 1, 1, 0.9),
                          plain_cell("a", 4, 1, 1.0), plain_cell("b", 5, 1, 1.0), plain_cell("srpt", 1, 1, 1.0)}) ==
              "a had the lowest mean turnaround in 2 of 3 scenarios, on geometric average 2.52 × the oracle’s (srpt).");
    }
    SUBCASE("several scenarios, some of them close") {
        CHECK(verdict_of({plain_cell("a", 1, 1, 0.5), plain_cell("b", 2, 1, 0.5), plain_cell("a", 2, 2, 0.5),
                          plain_cell("b", 1.9, 2, 0.5), plain_cell("a", 4, 1, 0.9), plain_cell("b", 5, 1, 0.9)}) ==
              "a had the lowest mean turnaround in both scenarios (in 1 of them the seeds do not tell it "
              "apart from the next).");
    }
    SUBCASE("several scenarios, all of them close") {
        CHECK(verdict_of({plain_cell("a", 1, 1, 0.5), plain_cell("b", 2, 1, 0.5), plain_cell("a", 2, 2, 0.5),
                          plain_cell("b", 1.9, 2, 0.5), plain_cell("a", 1, 1, 0.9), plain_cell("b", 2, 1, 0.9),
                          plain_cell("a", 2, 2, 0.9), plain_cell("b", 1.9, 2, 0.9)}) ==
              "a had the lowest mean turnaround in both scenarios (though in none do the seeds tell it apart from the "
              "next).");
    }
    SUBCASE("nothing to compare") {
        CHECK(verdict_of({plain_cell("a", 1, 1, 0.5), plain_cell("a", 2, 1, 0.9)}) ==
              "2 scenarios, none of them run with two policies to compare.");
    }
}

TEST_CASE("report: hostile names stay text") {
    auto const names = test::hostile_names();
    report_options options;
    options.title = names[0];
    options.command = names[1];
    options.footnote = names[2];
    options.policies = {{names[0], names[1]}};
    std::string const page =
        page_of(test::make_cells({.policies = names, .workloads = names, .task_count = 50}), options);
    CHECK(page.find("<script>document") == std::string::npos);
    CHECK(page.find("<img") == std::string::npos);
    CHECK(page.find('\0') == std::string::npos);
    json::object const data = data_of(page); // the data ends where it should, and is valid JSON
    CHECK(data.at("title").as_string() == names[0]);
    CHECK(data.at("policies").as_array().size() == names.size());
    std::vector<std::string> shown;
    for (json::value const& policy : data.at("policies").as_array()) {
        shown.emplace_back(policy.at("name").as_string());
    }
    CHECK(std::count(shown.begin(), shown.end(), names[2]) == 1);
    CHECK(std::any_of(shown.begin(), shown.end(), [](std::string const& name) {
        return name.find("\xEF\xBF\xBD\xEF\xBF\xBD( not UTF-8") != std::string::npos;
    }));
}

TEST_CASE("report: what is not UTF-8 is replaced byte by byte") {
    // The Unicode Standard 15.0, table 3-7: overlong, lone continuation, surrogate, beyond U+10FFFF, cut off.
    report_options options;
    options.title = "\xC0\xAF|\x80|\xED\xA0\x80|\xF4\x90\x80\x80|\xE2\x82|\xF0\x9F\x90\x99\xE2\x82\xAC\xC3\xA4";
    std::string const bad = "\xEF\xBF\xBD";
    std::string const expected = bad + bad + '|' + bad + '|' + bad + bad + bad + '|' + bad + bad + bad + bad + '|' +
                                 bad + bad + "|\xF0\x9F\x90\x99\xE2\x82\xAC\xC3\xA4";
    std::string const page = page_of({plain_cell("a", 1)}, options);
    CHECK(between(page, "<h1>", "</h1>") == expected);
    CHECK(data_of(page).at("title").as_string() == expected);
}

TEST_CASE("report: placeholders in texts are not filled") {
    report_options options;
    options.title = "{{data}}";
    std::string const page = page_of({plain_cell("a", 1)}, options);
    CHECK(between(page, "<h1>", "</h1>") == "{{data}}");
}

TEST_CASE("report: what is not finite is null, in the data as in the page") {
    cell_result cell = plain_cell("a", std::numeric_limits<double>::quiet_NaN());
    cell.slowdown.max = std::numeric_limits<double>::infinity();
    cell.turnaround_cdf = {{std::numeric_limits<double>::infinity(), 1}, {2, 0.5}, {1, 0.25}};
    json::object const data = data_of(page_of({cell}));
    json::object const& outcome = outcome_of(data, "a");
    CHECK(outcome.at("turnaround").at("mean").at(0).is_null());
    CHECK(outcome.at("slowdown").at("mean").at(8).is_null());
    CHECK(outcome.at("turnaround_cdf").at("value") == json::array{1, 2});
    CHECK(data.at("verdict").as_string() == "No task finished in this scenario.");
}

TEST_CASE("report: curves keep their ends, ascend, and stay within their budget") {
    auto const cells = test::make_cells({.seeds = {1, 2, 3}});
    report_options options;
    SUBCASE("plenty of room") {}
    SUBCASE("hardly any room") {
        options.curve_points_max = 1;
    }
    json::object const data = data_of(page_of(cells, options));
    for (json::value const& outcome : scenario_of(data, 0).at("outcomes").as_array()) {
        json::array const& value = outcome.at("turnaround_cdf").at("value").as_array();
        json::array const& ppm = outcome.at("turnaround_cdf").at("ppm").as_array();
        REQUIRE(value.size() == ppm.size());
        CHECK(value.size() <= (options.curve_points_max == 1 ? 24 : 200));
        CHECK(value.size() >= 20);
        CHECK(ppm.back() == 1'000'000);
        for (std::size_t i = 1; i < value.size(); ++i) {
            CHECK(number(value[i]) >= number(value[i - 1]));
            CHECK(number(ppm[i]) >= number(ppm[i - 1]));
        }
        json::array const& at = outcome.at("delay").at("at").as_array();
        CHECK(at.size() <= (options.curve_points_max == 1 ? 24 : 200));
        CHECK(std::is_sorted(at.begin(), at.end(),
                             [](json::value const& a, json::value const& b) { return number(a) < number(b); }));
    }
}

TEST_CASE("report: a merged curve is the mean of the seeds' shares") {
    cell_result first = plain_cell("a", 1, 1);
    cell_result second = plain_cell("a", 1, 2);
    first.turnaround_cdf = {{1, 0.5}, {2, 1}};
    second.turnaround_cdf = {{2, 0.25}, {4, 1}};
    json::object const data = data_of(page_of({first, second}));
    json::object const& cdf = outcome_of(data, "a").at("turnaround_cdf").as_object();
    CHECK(cdf.at("value") == json::array{1, 2, 4});
    CHECK(cdf.at("ppm") == json::array{250'000, 625'000, 1'000'000});
}

TEST_CASE("report: between its points a seed's curve stays at the lower share") {
    cell_result first = plain_cell("a", 1, 1);
    cell_result second = plain_cell("a", 1, 2);
    first.turnaround_cdf = {{1, 0.5}, {3, 1}}; // no task of it took 2 s
    second.turnaround_cdf = {{2, 0.25}, {4, 1}};
    json::object const data = data_of(page_of({first, second}));
    json::object const& cdf = outcome_of(data, "a").at("turnaround_cdf").as_object();
    CHECK(cdf.at("value") == json::array{1, 2, 3, 4});
    CHECK(cdf.at("ppm") == json::array{250'000, 375'000, 625'000, 1'000'000});
}

TEST_CASE("report: delays of several seeds are weighted by arrivals") {
    cell_result first = plain_cell("a", 1, 1);
    cell_result second = plain_cell("a", 1, 2);
    first.delay_over_time = {{0, 1, 5, 30}, {1, 0, 0, 0}, {2, 4, 4, 1}};
    second.delay_over_time = {{0, 3, 3, 10}, {2, 8, 9, 3}}; // intervals twice as long
    json::object const data = data_of(page_of({first, second}));
    json::object const& delay = outcome_of(data, "a").at("delay").as_object();
    CHECK(delay.at("at") == json::array{0, 2});
    CHECK(delay.at("mean") == json::array{1.5, 7});
    CHECK(delay.at("max") == json::array{5, 9});
}

TEST_CASE("report: no two policies look alike") {
    std::vector<cell_result> cells;
    for (std::string const family : {"serpt", "sfs", "alps", "eevdf", "cfs", "srpt", "fcfs", "zeta", "eta", "iota"}) {
        for (std::string const variant : {"", "-repo", "-nice", "-x"}) {
            cells.push_back(plain_cell(family + variant, 1));
        }
    }
    json::object const data = data_of(page_of(cells));
    std::vector<std::string> looks;
    for (json::value const& policy : data.at("policies").as_array()) {
        looks.push_back(json::serialize(policy.at("light")) + json::serialize(policy.at("dash")));
        if (policy.at("idealised").as_bool()) {
            CHECK(!policy.at("dash").as_array().empty());
        }
    }
    std::sort(looks.begin(), looks.end());
    CHECK(std::adjacent_find(looks.begin(), looks.end()) == looks.end());
}

TEST_CASE("report: without scripts there are two pictures and the means") {
    std::string const page = page_of(test::make_cells({.loads = {0.5, 0.8}}));
    std::string const plain = between(page, "<noscript>", "</noscript>");
    CHECK(plain.find("<svg") != plain.rfind("<svg"));
    CHECK(plain.find("<table>") != std::string::npos);
    CHECK(plain.find("load 0.5") != std::string::npos);
}

TEST_CASE("report: two thousand cells make a page of a sane size") {
    std::string const page = page_of(test::make_cells({.policies = {"serpt", "sfs", "alps", "eevdf", "srpt"},
                                                       .workloads = {"a", "b", "c", "d"},
                                                       .loads = {0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4},
                                                       .arrival_cvs = {0.2, 1, 2, 3, 5},
                                                       .cpu_counts = {4, 12},
                                                       .task_count = 100}));
    CHECK(page.size() < 12'000'000);
    CHECK(data_of(page).at("scenarios").as_array().size() == 400);
}

TEST_CASE("report: no cells are an error, and so is a place that cannot be written") {
    std::ostringstream out;
    CHECK(write_report(out, {}, {}).error().message == "no finished cells: there is nothing to report");
    std::vector<cell_result> const cells{plain_cell("a", 1)};
    out.setstate(std::ios::badbit);
    CHECK(write_report(out, cells).has_error());
    test::temporary_folder const folder;
    std::string const nowhere = folder / "missing/report.html";
    auto const failed = write_report(std::filesystem::path{nowhere}, cells);
    REQUIRE(failed.has_error());
    CHECK(failed.error().message == "cannot write " + nowhere + ": No such file or directory");
}

TEST_CASE("report: a file appears whole, and replaces what was there") {
    test::temporary_folder const folder;
    std::string const path = folder / "report.html";
    test::write_text(path, "old");
    std::vector<cell_result> const cells{plain_cell("a", 1)};
    CHECK(write_report(std::filesystem::path{path}, {}).has_error());
    CHECK(test::read_text(path) == "old");
    REQUIRE(write_report(std::filesystem::path{path}, cells).has_value());
    CHECK(test::read_text(path) == page_of(cells));
    CHECK(std::distance(std::filesystem::directory_iterator{folder.path()}, {}) == 1);
}

} // namespace hpcsched::experiment
