// SPDX-License-Identifier: Apache-2.0

// The live page in headless Chromium, served by a real host.
#include <doctest/doctest.h>

#include "page/browser.hpp"
#include "running_host.hpp"
#include "skip.hpp"
#include "temporary_folder.hpp"

#include <string>

namespace {

using namespace hpcsched;
using namespace hpcsched::test;

visit look_at(running_host const& host, std::string const& browser) {
    temporary_folder const folder;
    return open_address(browser, folder, "http://127.0.0.1:" + std::to_string(host.port()) + "/", {"--dump-dom"});
}

bool shows(visit const& seen, std::string const& what) {
    return seen.document.find(what) != std::string::npos;
}

} // namespace

TEST_CASE("live page: a browser shows functions, percentiles and who runs where, and nothing fails in it") {
    auto const browser = find_chromium();
    if (!browser) {
        HPCSCHED_SKIP("no Chromium (apt-get install chromium)");
    }
    running_host const host{{worker_that("echo")}};
    for (int i = 0; i < 3; ++i) {
        CHECK(host.invoke("f", "1").body == "1");
    }
    std::string const process = std::to_string(host.figures().at("workers").at(0).at("process").to_number<int>());
    visit const seen = look_at(host, *browser);
    CHECK(seen.status == 0);
    INFO(seen.log);
    CHECK(console_lines(seen).empty());
    CHECK(shows(seen, "scheduled by the kernel alone"));
    CHECK(shows(seen, "<tr><td>f</td><td>0</td><td>0 / 10</td><td>3</td><td>0</td><td>0</td><td>0</td><td>1</td>"));
    CHECK(shows(seen, "<tr><td>f</td><td>" + process + "</td><td>idle</td>"));
    CHECK(shows(seen, "<form id=\"login\" hidden=\"\">"));
}

TEST_CASE("live page: where a token is asked for, the page asks for it") {
    auto const browser = find_chromium();
    if (!browser) {
        HPCSCHED_SKIP("no Chromium (apt-get install chromium)");
    }
    faas_host::server_config config;
    config.token = "secret";
    running_host const host{{worker_that("echo")}, config};
    visit const seen = look_at(host, *browser);
    CHECK(seen.status == 0);
    CHECK(shows(seen, "This host asks for a token."));
    CHECK(shows(seen, "<form id=\"login\">"));
    CHECK_FALSE(shows(seen, "<td>f</td>"));
}
