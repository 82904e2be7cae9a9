// SPDX-License-Identifier: Apache-2.0
// The page of a notebook cluster's results as a reader meets it, in headless Chromium.
#include <hpcsched/experiment/notebook_policies.hpp>
#include <hpcsched/experiment/notebook_result.hpp>
#include <hpcsched/experiment/notebook_results_io.hpp>
#include <hpcsched/workload/notebook_generator.hpp>

#include <doctest/doctest.h>

#include "browser.hpp"
#include "skip.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace hpcsched::experiment {
namespace {

std::vector<notebook_result> small_run() {
    workload::notebook_generator_config config;
    config.session_count = 30;
    config.length = std::chrono::days{2};
    auto const trace = workload::generate_notebooks(config);
    REQUIRE(trace.has_value());
    std::vector<notebook_result> results;
    for (notebook_policy const& p : shipped_notebook_policies()) {
        results.push_back(summarize_notebooks(p.run(*trace, {}, std::chrono::minutes{10}), 8));
        results.back().policy = p.name;
        results.back().workload = "<script>alert(1)</script>";
    }
    return results;
}

TEST_CASE("notebook page: a browser shows every table and picture, and finds nothing to complain of") {
    auto const browser = test::find_chromium();
    if (!browser) {
        HPCSCHED_SKIP("no Chromium on this machine: apt-get install chromium");
    }
    test::temporary_folder const folder;
    std::string const file = folder / "report.html";
    std::ofstream{file} << notebook_report({.program = "hpcsched", .span_hours = 48}, small_run());
    auto const shown = test::open_page(*browser, folder, file, {"--dump-dom"});
    CHECK(shown.status == 0);
    for (std::string const& line : test::console_lines(shown)) {
        FAIL_CHECK(line);
    }
    auto const count = [&](std::string const& what) {
        std::size_t n = 0;
        for (std::size_t at = shown.document.find(what); at != std::string::npos;
             at = shown.document.find(what, at + 1)) {
            ++n;
        }
        return n;
    };
    CHECK(count("<svg") == 4);
    CHECK(count("<polyline") >= 18); // five policies in each picture, but for those whose delay is all one value
    CHECK(count("<table") == 2);
    CHECK(count("<th scope=\"row\">predictive</th>") == 2);
    CHECK(count("<script") == 0);
}

TEST_CASE("notebook page: a picture of it for people to look at") {
    auto const browser = test::find_chromium();
    if (!browser) {
        HPCSCHED_SKIP("no Chromium on this machine: apt-get install chromium");
    }
    test::temporary_folder const folder;
    std::string const file = folder / "report.html";
    std::ofstream{file} << notebook_report({.program = "hpcsched", .span_hours = 48}, small_run());
    std::filesystem::create_directories(HPCSCHED_PAGE_PICTURES);
    std::string const picture = HPCSCHED_PAGE_PICTURES "/notebooks.png";
    std::filesystem::remove(picture);
    (void)test::open_page(*browser, folder, file, {"--window-size=1280,2300", "--screenshot=" + picture});
    CHECK(std::filesystem::file_size(picture) > 100'000);
}

} // namespace
} // namespace hpcsched::experiment
