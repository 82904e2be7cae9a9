// SPDX-License-Identifier: Apache-2.0
// The page of results as a reader meets it: opened in headless Chromium from a file, used, looked at and measured.
#include <hpcsched/experiment/report.hpp>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>

#include "browser.hpp"
#include "experiment/synthetic_cells.hpp"
#include "skip.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace hpcsched::experiment {
namespace {

namespace json = boost::json;

constexpr char const* no_browser = "no Chromium on this machine: apt-get install chromium";

/// The chart of a section, if it is shown.
json::object const* find_chart(json::array const& charts, std::string_view id) {
    for (json::value const& chart : charts) {
        if (chart.at("id").as_string() == id) {
            return &chart.as_object();
        }
    }
    return nullptr;
}

/// Charts that were in the page but on which next to nothing is drawn.
void check_drawn(json::array const& charts, std::size_t count) {
    CHECK(charts.size() == count);
    for (json::value const& chart : charts) {
        CAPTURE(json::serialize(chart));
        CHECK(chart.at("width").to_number<int>() > 100);
        CHECK(chart.at("height").to_number<int>() > 100);
        CHECK(chart.at("drawn").to_number<int>() > 2000);
        CHECK(chart.at("colours").to_number<int>() > 3); // ground, grid, lines
        CHECK(chart.at("points").to_number<int>() > 0);
        CHECK(chart.at("role").as_string() == "img");
        CHECK(chart.at("label").as_string().size() > 20);
    }
}

/// No error anywhere, nothing asked of the network, nothing of a name came alive.
void check_quiet(json::object const& probe, test::visit const& visit) {
    CHECK(json::serialize(probe.at("troubles")) == "[]");
    CHECK(json::serialize(probe.at("requests")) == "[]");
    CHECK(probe.at("owned").as_string() == "");
    CHECK(probe.at("images").to_number<int>() == 0);
    CHECK(probe.at("scripts").to_number<int>() == 5); // trouble, data, Chart.js, the page's, the probe
    for (std::string const& line : test::console_lines(visit)) {
        FAIL_CHECK(line);
    }
}

/// "1,240" as a number; NaN for a dash.
double parse_number(std::string text) {
    text.erase(std::remove(text.begin(), text.end(), ','), text.end());
    char* end = nullptr;
    double const value = std::strtod(text.c_str(), &end);
    return end == text.c_str() ? std::nan("") : value;
}

/// How many of a unit are one of the base unit (seconds, or nothing).
double per_unit(std::string_view unit) {
    return unit == "ms" ? 1e3 : unit == "µs" ? 1e6 : unit == "ns" ? 1e9 : 1;
}

std::string unspaced(json::value const& from) {
    return std::string{from.as_string()};
}

/// The row of a policy in one of the page's tables.
json::object const& row_of(json::object const& table, std::string_view head) {
    for (json::value const& row : table.at("rows").as_array()) {
        if (row.at("head").as_string() == head) {
            return row.as_object();
        }
    }
    FAIL("no row of " << head);
    std::abort();
}

/// A distribution in a table of the page against the cells it comes from: what a reader reads is what was computed.
void check_distribution(json::object const& table, std::vector<cell_result> const& cells,
                        distribution cell_result::* member) {
    std::map<std::string, std::vector<cell_result const*>> by_policy;
    for (cell_result const& cell : cells) {
        by_policy[cell.key.policy].push_back(&cell);
    }
    json::array const& columns = table.at("columns").as_array();
    for (auto const& [policy, seeds] : by_policy) {
        json::array const& row = row_of(table, policy).at("cells").as_array();
        for (std::size_t i = 0; i < 9; ++i) {
            double sum = 0;
            for (cell_result const* seed : seeds) {
                distribution const& d = seed->*member;
                sum += std::vector<double>{d.mean, d.p50, d.p75, d.p90, d.p95, d.p99, d.p999, d.p9999, d.max}[i];
            }
            double const expected = sum / static_cast<double>(seeds.size());
            // The unit stands over the column or, where its values are far apart, behind each value.
            std::string const text = unspaced(row[i].at("text"));
            std::size_t const space = text.find("\u00a0");
            std::string const unit = space == std::string::npos ? unspaced(columns[i + 1].at("unit"))
                                                                : text.substr(space + std::strlen("\u00a0"));
            double const shown = parse_number(text) / per_unit(unit);
            CAPTURE(policy);
            CAPTURE(i);
            CAPTURE(unit);
            CHECK(shown == doctest::Approx(expected).epsilon(0.0051)); // three significant digits
            CHECK(std::stod(unspaced(row[i].at("value"))) == doctest::Approx(expected).epsilon(1e-4));
        }
    }
}

struct opened {
    test::visit visit;
    json::object probe;
};

/// Writes a report with the probe in it, opens it, and reads what the probe saw.
opened look(std::string const& browser, std::vector<cell_result> const& cells, report_options const& options,
            std::vector<std::string> flags) {
    test::temporary_folder const folder;
    std::ostringstream page;
    REQUIRE(write_report(page, cells, options).has_value());
    std::string const file = folder / "report.html";
    test::write_text(file, test::with_script(page.str(), test::read_text(HPCSCHED_PAGE_PROBE)));
    flags.emplace_back("--dump-dom");
    opened result{.visit = test::open_page(browser, folder, file, flags), .probe = {}};
    REQUIRE(result.visit.status == 0);
    result.probe = test::probe_of(result.visit);
    return result;
}

/// Takes a picture of the page as it is, for people to look at.
void take_picture(std::string const& browser, std::string const& name, std::vector<cell_result> const& cells,
                  std::vector<std::string> flags) {
    test::temporary_folder const folder;
    std::string const file = folder / "report.html";
    REQUIRE(write_report(std::filesystem::path{file}, cells, {.command = "hpcsched simulate --seeds 3"}).has_value());
    std::filesystem::create_directories(HPCSCHED_PAGE_PICTURES);
    std::string const picture = HPCSCHED_PAGE_PICTURES "/" + name;
    std::filesystem::remove(picture);
    flags.push_back((name.ends_with(".pdf") ? "--print-to-pdf=" : "--screenshot=") + picture);
    test::visit const visit = test::open_page(browser, folder, file, flags);
    CHECK(visit.status == 0);
    CHECK(test::console_lines(visit).empty());
    REQUIRE(std::filesystem::exists(picture));
    CHECK(std::filesystem::file_size(picture) > 30'000);
}

std::vector<cell_result> usual_cells() {
    return test::make_cells({.workloads = {"sfs-mix", "azure"}, .loads = {0.5, 0.8, 1.0}, .seeds = {1, 2, 3}});
}

} // namespace

TEST_CASE("page: every chart is drawn, with the colour of every policy, and every number is the one computed") {
    auto const browser = test::find_chromium();
    if (!browser) {
        HPCSCHED_SKIP(no_browser);
    }
    auto const cells = usual_cells();
    opened const page = look(*browser, cells, {.command = "hpcsched simulate"}, {"--window-size=1280,1000"});
    check_quiet(page.probe, page.visit);
    json::object const& opening = page.probe.at("steps").at("opening").as_object();
    json::array const& charts = opening.at("charts").as_array();
    check_drawn(charts, 9);
    for (std::string_view const id : {"chart-turnaround", "chart-load", "chart-slowdown", "chart-groups", "chart-delay",
                                      "chart-rte", "chart-switches", "chart-cost"}) {
        json::object const* const chart = find_chart(charts, id);
        REQUIRE(chart != nullptr);
        for (auto const& [colour, pixels] : chart->at("wanted").as_object()) {
            CAPTURE(id);
            CAPTURE(std::string{colour});
            CHECK(pixels.to_number<int>() > 30);
        }
    }
    CHECK(opening.at("scenario").as_string().starts_with("azure · load 1 · 12\u00a0CPUs · 3\u00a0seeds"));

    std::vector<cell_result> shown;
    std::copy_if(cells.begin(), cells.end(), std::back_inserter(shown),
                 [](cell_result const& c) { return c.key.workload == "azure" && c.key.load == 1.0; });
    json::object const& tables = opening.at("tables").as_object();
    check_distribution(tables.at("turnaround").as_object(), shown, &cell_result::turnaround);
    check_distribution(tables.at("slowdown").as_object(), shown, &cell_result::slowdown);
    check_distribution(tables.at("delay").as_object(), shown, &cell_result::queueing_delay);
    CHECK(tables.at("runs").at("rows").as_array().size() == shown.size());
    CHECK(tables.at("everywhere").at("rows").as_array().size() == 6);
    json::array const& best = row_of(tables.at("turnaround").as_object(), "serpt").at("cells").as_array();
    CHECK(best[0].at("best").as_bool());
    CHECK(best[0].at("small").as_string().starts_with("± "));
    CHECK(!row_of(tables.at("turnaround").as_object(), "srpt").at("cells").at(0).at("best").as_bool());
    CHECK(page.probe.at("verdict").as_string().starts_with("serpt had the lowest mean turnaround in all 6 scenarios"));
}

TEST_CASE("page: it answers to its controls, by mouse and by keyboard") {
    auto const browser = test::find_chromium();
    if (!browser) {
        HPCSCHED_SKIP(no_browser);
    }
    opened const page = look(*browser, usual_cells(), {}, {"--window-size=1280,1000"});
    check_quiet(page.probe, page.visit);
    json::object const& steps = page.probe.at("steps").as_object();
    CHECK(steps.at("tail") == json::array{"chart-turnaround"});
    json::object const& without = steps.at("withoutFirst").as_object();
    CHECK(without.at("rows").as_array().size() == 4);
    CHECK(without.at("changed").as_array().size() == 9);
    CHECK(without.at("address").as_string().ends_with("without=0"));
    CHECK(without.at("wanted").at("#c8420a").to_number<int>() == 0); // serpt's colour is gone
    CHECK(steps.at("withoutAll").as_string() == "No policy is chosen above.");
    CHECK(steps.at("otherLoad").at("scenario").as_string().starts_with("azure · load 0.5"));
    check_drawn(steps.at("otherLoad").at("charts").as_array(), 9);
    CHECK(steps.at("otherFigure").at("label").as_string().starts_with("P99 turnaround versus offered load"));
    CHECK(steps.at("themed").at("theme").as_string() == "dark");
    CHECK(steps.at("themed").at("ground").as_string() == "rgb(14, 17, 22)");
    CHECK(find_chart(steps.at("themed").at("charts").as_array(), "chart-turnaround")
              ->at("wanted")
              .at("#ff7033")
              .to_number<int>() > 30);
    json::object const& tooltip = steps.at("tooltip").as_object();
    CHECK(tooltip.at("visible").as_bool());
    CHECK(tooltip.at("text").as_string().starts_with("Turnaround divided by"));
    CHECK(tooltip.at("described").as_string() == "tip");
    CHECK(tooltip.at("gone").as_bool());
    CHECK(json::serialize(page.probe.at("access")) == "[]");
}

TEST_CASE("page: hostile names are shown as the text they are") {
    auto const browser = test::find_chromium();
    if (!browser) {
        HPCSCHED_SKIP(no_browser);
    }
    auto const names = test::hostile_names();
    report_options options{.title = names[0], .command = names[1], .footnote = names[2]};
    options.policies = {{names[0], names[1]}};
    auto const cells = test::make_cells(
        {.policies = names, .workloads = names, .loads = {0, 0.8}, .seeds = {1, 2}, .task_count = 200});
    opened const page = look(*browser, cells, options, {"--window-size=1280,1000"});
    check_quiet(page.probe, page.visit);
    check_drawn(page.probe.at("steps").at("opening").at("charts").as_array(), 9);
    CHECK(page.probe.at("title").as_string() == names[0]);
    CHECK(page.probe.at("heading").as_string() == names[0]);
    CHECK(page.probe.at("command").as_string() == names[1]);
    std::vector<std::string> chips;
    for (json::value const& chip : page.probe.at("chips").as_array()) {
        chips.push_back(unspaced(chip));
    }
    for (std::size_t const i : {0U, 1U, 2U, 4U, 5U}) { // the other one is not UTF-8
        CHECK(std::count(chips.begin(), chips.end(), names[i]) == 1);
    }
    CHECK(json::serialize(page.probe.at("access")) == "[]");
    CHECK(json::serialize(page.probe.at("narrow").at("out")) == "[]");
}

TEST_CASE("page: nothing sticks out on a phone, in the dark") {
    auto const browser = test::find_chromium();
    if (!browser) {
        HPCSCHED_SKIP(no_browser);
    }
    opened const page =
        look(*browser, usual_cells(), {}, {"--window-size=500,900", "--blink-settings=preferredColorScheme=0"});
    check_quiet(page.probe, page.visit);
    CHECK(json::serialize(page.probe.at("narrow").at("out")) == "[]");
    json::array const& charts = page.probe.at("steps").at("opening").at("charts").as_array();
    check_drawn(charts, 9);
    CHECK(find_chart(charts, "chart-turnaround")->at("wanted").at("#ff7033").to_number<int>() > 30);
}

TEST_CASE("page: distributions are stairs, for tasks take one time or another and none between") {
    auto const browser = test::find_chromium();
    if (!browser) {
        HPCSCHED_SKIP(no_browser);
    }
    auto cells = test::make_cells({.policies = {"eevdf"}});
    cells[0].turnaround_cdf = {{0.1, 0.25}, {1, 0.6}, {10, 1}};
    cells[0].rte_cdf = {{0.2, 0.1}, {0.9, 0.3}, {1, 1}};
    opened const page = look(*browser, cells, {}, {"--window-size=1280,1000"});
    check_quiet(page.probe, page.visit);
    // From nothing at the first value to all at the last; of the tail, the last share goes on to the slowest task.
    for (auto const& [name, flats] : std::map<std::string, int>{{"done", 2}, {"tail", 2}, {"rte", 2}}) {
        json::array const& steps = page.probe.at("steps").at("stairs").at(name).as_array();
        CAPTURE(name);
        REQUIRE(steps.size() == 3);
        int seen = 0;
        for (json::value const& step : steps) {
            CAPTURE(json::serialize(step));
            bool const is_wide = step.at("dx").to_number<double>() > 20;
            bool const is_high = step.at("dy").to_number<double>() > 20;
            CHECK((is_wide || is_high));
            CHECK(step.at("flat").as_bool());
            CHECK(step.at("rise").as_bool());
            CHECK(step.at("straight").as_bool() == !(is_wide && is_high));
            seen += is_wide ? 1 : 0;
        }
        CHECK(seen == flats);
    }
    json::array const& rte =
        row_of(page.probe.at("steps").at("opening").at("tables").at("rte").as_object(), "eevdf").at("cells").as_array();
    CHECK(rte[2].at("text").as_string() == "70.0\u00a0%"); // of the tasks are above 0.95
    CHECK(rte[3].at("text").as_string() == "10.0\u00a0%"); // are at 0.2 or less
}

TEST_CASE("page: one cell is enough, and a cell without any figure does no harm") {
    auto const browser = test::find_chromium();
    if (!browser) {
        HPCSCHED_SKIP(no_browser);
    }
    opened const one = look(*browser, test::make_cells({.policies = {"eevdf"}}), {}, {"--window-size=1280,1000"});
    check_quiet(one.probe, one.visit);
    check_drawn(one.probe.at("steps").at("opening").at("charts").as_array(), 8); // no other load to compare with
    cell_result empty;
    empty.key = {.policy = "p", .workload = "w", .load = 0, .arrival_cv = 0, .cpu_count = 1, .seed = 1};
    opened const nothing = look(*browser, {empty}, {}, {"--window-size=1280,1000"});
    check_quiet(nothing.probe, nothing.visit);
}

TEST_CASE("page: two thousand cells open within seconds") {
    auto const browser = test::find_chromium();
    if (!browser) {
        HPCSCHED_SKIP(no_browser);
    }
    auto const cells = test::make_cells({.policies = {"serpt", "sfs", "alps", "eevdf", "srpt"},
                                         .workloads = {"a", "b", "c", "d"},
                                         .loads = {0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4},
                                         .arrival_cvs = {0.2, 1, 2, 3, 5},
                                         .cpu_counts = {4, 12},
                                         .task_count = 100});
    REQUIRE(cells.size() == 2000);
    opened const page = look(*browser, cells, {}, {"--window-size=1280,1000"});
    check_quiet(page.probe, page.visit);
    check_drawn(page.probe.at("steps").at("opening").at("charts").as_array(), 9);
    CHECK(page.probe.at("steps").at("opening").at("tables").at("everywhere").at("rows").as_array().size() == 400);
}

TEST_CASE("page: with scripts switched off the pictures and the means remain") {
    auto const browser = test::find_chromium();
    if (!browser) {
        HPCSCHED_SKIP(no_browser);
    }
    test::temporary_folder const folder;
    std::string const file = folder / "report.html";
    REQUIRE(write_report(std::filesystem::path{file}, usual_cells()).has_value());
    std::string page = test::read_text(file);
    // What a browser without scripts makes of it: script elements do nothing, noscript elements count.
    for (std::size_t at = 0; (at = page.find("<script", at)) != std::string::npos;) {
        page.erase(at, page.find("</script>", at) + 9 - at);
    }
    page.replace(page.find("<noscript>"), 10, "<div>");
    page.replace(page.find("</noscript>"), 11, "</div>");
    test::write_text(file, test::with_script(page, R"(
        const result = document.createElement("script");
        result.type = "application/json";
        result.id = "probe";
        result.textContent = JSON.stringify({
            pictures: [...document.querySelectorAll("svg.hp-plot")].map((svg) => ({
                lines: svg.querySelectorAll("polyline").length, width: svg.getBoundingClientRect().width,
                colour: getComputedStyle(svg.querySelector("polyline")).stroke })),
            rows: document.querySelectorAll("tbody tr").length,
            controls: document.getElementById("controls").offsetParent !== null,
        });
        document.body.append(result);)"));
    test::visit const visit = test::open_page(*browser, folder, file, {"--window-size=1240,900", "--dump-dom"});
    CHECK(visit.status == 0);
    json::object const probe = test::probe_of(visit);
    REQUIRE(probe.at("pictures").as_array().size() == 2);
    for (json::value const& picture : probe.at("pictures").as_array()) {
        CHECK(picture.at("lines").to_number<int>() >= 5);
        CHECK(picture.at("width").to_number<double>() > 300);
        CHECK(picture.at("colour").as_string().starts_with("rgb("));
    }
    CHECK(probe.at("rows").to_number<int>() == 6);
    CHECK(!probe.at("controls").as_bool());
}

TEST_CASE("page: pictures of it for people to look at") {
    auto const browser = test::find_chromium();
    if (!browser) {
        HPCSCHED_SKIP(no_browser);
    }
    auto const cells = usual_cells();
    take_picture(*browser, "desktop.png", cells, {"--window-size=1280,5200"});
    take_picture(*browser, "dark.png", cells, {"--window-size=1280,5200", "--blink-settings=preferredColorScheme=0"});
    take_picture(*browser, "narrow.png", cells, {"--window-size=500,7000"});
    take_picture(*browser, "paper.pdf", cells, {"--no-pdf-header-footer"});
}

} // namespace hpcsched::experiment
