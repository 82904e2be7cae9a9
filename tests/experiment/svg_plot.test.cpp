// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/svg_plot.hpp>

#include <boost/property_tree/ptree.hpp>
#include <boost/property_tree/xml_parser.hpp>
#include <doctest/doctest.h>

#include "synthetic_cells.hpp"

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

namespace hpcsched::experiment {
namespace {

using boost::property_tree::ptree;

/// Fails unless the picture is well-formed XML with one svg element.
ptree parse(std::string const& svg) {
    std::istringstream in{svg};
    ptree tree;
    REQUIRE_NOTHROW(boost::property_tree::read_xml(in, tree));
    REQUIRE(tree.count("svg") == 1);
    return tree.get_child("svg");
}

/// The coordinates of the n-th polyline.
std::vector<double> polyline(ptree const& svg, std::size_t n) {
    std::vector<double> numbers;
    for (auto const& [name, child] : svg) {
        if (name == "polyline" && n-- == 0) {
            std::string text = child.get<std::string>("<xmlattr>.points");
            std::replace(text.begin(), text.end(), ',', ' ');
            std::istringstream in{text};
            for (double number = 0; in >> number;) {
                numbers.push_back(number);
            }
        }
    }
    return numbers;
}

} // namespace

TEST_CASE("svg: a curve per policy, inside the picture, never falling") {
    auto const cells = test::make_cells({.seeds = {1, 2}});
    ptree const svg = parse(turnaround_cdf_svg(cells, {}).value());
    CHECK(svg.count("polyline") == 5);
    for (std::size_t i = 0; i < 5; ++i) {
        std::vector<double> const points = polyline(svg, i);
        REQUIRE(points.size() > 40);
        for (std::size_t k = 0; k < points.size(); k += 2) {
            CHECK(points[k] >= 66);
            CHECK(points[k] <= 760 - 172);
            if (k > 0) {
                CHECK(points[k] >= points[k - 2]);
                CHECK(points[k + 1] <= points[k - 1]); // y grows downwards
            }
        }
        CHECK(points.back() == doctest::Approx(58)); // share 1 at the upper edge
    }
    CHECK(svg.get<std::string>("title").find("serpt had the lowest mean turnaround") != std::string::npos);
}

TEST_CASE("svg: equal factors of time are equal distances") {
    cell_result cell;
    cell.key = {.policy = "a", .workload = "w", .load = 1, .arrival_cv = 0, .cpu_count = 1, .seed = 1};
    cell.turnaround_cdf = {{0.1, 0.2}, {1, 0.6}, {10, 1}};
    ptree const svg = parse(turnaround_cdf_svg({&cell, 1}, {}).value());
    std::vector<double> const points = polyline(svg, 0);
    // Two corners per value: the share stays until there, and jumps. Shares grow upwards, from 366 pixels for none to
    // 58 for all.
    REQUIRE(points.size() == 12);
    for (std::size_t const corner : {0U, 1U}) {
        CHECK(points[2 * corner] == doctest::Approx(66));
        CHECK(points[4 + 2 * corner] == doctest::Approx((66 + 760 - 172) / 2.0));
        CHECK(points[8 + 2 * corner] == doctest::Approx(760 - 172));
    }
    CHECK(points[1] == doctest::Approx(366));
    for (std::size_t const flat : {3U, 5U}) {
        CHECK(points[flat] == doctest::Approx(366 - 0.2 * 308).epsilon(0.001));
        CHECK(points[flat + 4] == doctest::Approx(366 - 0.6 * 308).epsilon(0.001));
    }
    CHECK(points[11] == doctest::Approx(58));
}

TEST_CASE("svg: mean versus load has a marker and a whisker per load") {
    auto const cells = test::make_cells({.policies = {"eevdf", "srpt"}, .loads = {0.5, 0.8, 1.0}, .seeds = {1, 2}});
    ptree const svg = parse(mean_versus_load_svg(cells, {}).value());
    CHECK(svg.count("polyline") == 2);
    CHECK(polyline(svg, 0).size() == 6);
    // eevdf has circles: three at the loads, one in the legend.
    CHECK(svg.count("circle") == 4);
}

TEST_CASE("svg: the scenario asked for is drawn") {
    auto const cells = test::make_cells({.workloads = {"one", "two"}, .loads = {0.5, 0.8}, .arrival_cvs = {0.2, 1}});
    std::string const svg =
        turnaround_cdf_svg(cells, {.workload = "two", .arrival_cv = 0.2, .load = 0.5, .policies = {"sfs"}}).value();
    CHECK(svg.find("two · load 0.5 · arrival CV 0.2 · 12 CPUs · 1 seed") != std::string::npos);
    CHECK(parse(svg).count("polyline") == 1);
}

TEST_CASE("svg: names are escaped, invalid characters replaced, long ones cut") {
    auto const names = test::hostile_names();
    auto const cells = test::make_cells({.policies = names, .workloads = {names[3]}, .loads = {0.5, 0.8}});
    for (std::string const& svg :
         {turnaround_cdf_svg(cells, {}).value(), mean_versus_load_svg(cells, {.title = names[0]}).value()}) {
        parse(svg);
        CHECK(svg.find("<img") == std::string::npos);
        CHECK(svg.find("<script") == std::string::npos);
        CHECK(svg.find("http://www.w3.org/2000/svg") == svg.rfind("http"));
    }
}

TEST_CASE("svg: a single task, equal values and values of zero can be drawn") {
    cell_result cell;
    cell.key = {.policy = "a", .workload = "w", .load = 0, .arrival_cv = 0, .cpu_count = 1, .seed = 1};
    cell.turnaround.mean = 1;
    SUBCASE("no curve at all") {}
    SUBCASE("one point") {
        cell.turnaround_cdf = {{1, 1}};
    }
    SUBCASE("zero") {
        cell.turnaround_cdf = {{0, 1}};
    }
    for (auto const& svg : {turnaround_cdf_svg({&cell, 1}, {}), mean_versus_load_svg({&cell, 1}, {})}) {
        REQUIRE(svg.has_value());
        parse(*svg);
        CHECK(svg->find("nan") == std::string::npos);
        CHECK(svg->find("inf") == std::string::npos);
    }
}

TEST_CASE("svg: what cannot be drawn is an error") {
    auto const cells = test::make_cells({});
    CHECK(turnaround_cdf_svg(cells, {.workload = "other"}).error().message ==
          "no finished cell matches what the picture should show");
    CHECK(mean_versus_load_svg({}, {}).has_error());
    CHECK(turnaround_cdf_svg(cells, {.width = 20, .height = 10}).error().message ==
          "a picture of 20.0 × 10.0 pixels: give 320 to 10000 by 200 to 10000");
}

} // namespace hpcsched::experiment
