// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>
#include <doctest/doctest.h>

#include "program.hpp"

#include <string>
#include <vector>

namespace hpcsched::test {

namespace json = boost::json;

TEST_CASE("predict cluster: forecasts of a generated trace give a table, JSON and a page, the same again") {
    program hpcsched;
    std::vector<std::string> const words{"predict", "cluster",  "--sessions", "40",    "--length", "4d",     "--every",
                                         "1h",      "--worlds", "20",         "--out", "f.json",   "--page", "f.html"};
    finished_program const ended = hpcsched.hpcsched(words);
    CHECK(ended.status == 0);
    for (char const* const name : {"waits: ", "comes: ", "ends: ", "all_busy: "}) {
        CHECK(ended.out.find(name) != std::string::npos);
    }
    json::value const document = json::parse(read_text(hpcsched / "f.json"));
    CHECK(document.at("comes").at("bins").as_array().size() == 10);
    CHECK(document.at("comes").at("forecasts").to_number<double>() > 500);
    CHECK(document.at("comes").at("calibration_error").to_number<double>() < 0.05);
    CHECK(read_text(hpcsched / "f.html").find("<circle") != std::string::npos);
    CHECK(hpcsched.hpcsched(words).out == ended.out);
}

TEST_CASE("predict cluster: what is wrong is said in one line, with what to do") {
    program hpcsched;
    auto const said = [&](std::vector<std::string> more, int status) {
        std::vector<std::string> words{"predict", "cluster"};
        words.insert(words.end(), more.begin(), more.end());
        finished_program const ended = hpcsched.hpcsched(words);
        CHECK(ended.status == status);
        return ended.err;
    };
    CHECK(said({"--policy", "batch"}, 2).find("notebookos and predictive") != std::string::npos);
    CHECK(said({"--horizon", "0s"}, 2).find("above 0") != std::string::npos);
    CHECK(said({"--worlds", "0"}, 2).find("--worlds") != std::string::npos);
    CHECK(said({"missing.csv"}, 3).find("missing.csv") != std::string::npos);
}

} // namespace hpcsched::test
