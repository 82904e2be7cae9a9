// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/workload/presets.hpp>

#include <boost/json.hpp>
#include <doctest/doctest.h>

#include "program.hpp"
#include "skip.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace hpcsched::test {

namespace json = boost::json;

TEST_CASE("workload: without a name, describe lists the presets") {
    program hpcsched;
    finished_program const ended = hpcsched.hpcsched({"workload", "describe"});
    CHECK(ended.status == 0);
    CHECK(std::count(ended.out.begin(), ended.out.end(), '\n') == 10);
    CHECK(ended.out.starts_with("sfs-table1 "));
}

TEST_CASE("workload: describe tells a preset's figures in text and in JSON") {
    program hpcsched;
    finished_program const text =
        hpcsched.hpcsched({"workload", "describe", "sfs-table1", "-l", "80%", "-c", "12", "-n", "20k"});
    CHECK(text.status == 0);
    CHECK(text.out.starts_with("sfs-table1 (preset)\n  invocations     20000 of 14 functions\n"));
    CHECK(text.out.find("on 12 CPUs") != std::string::npos);
    finished_program const described =
        hpcsched.hpcsched({"workload", "describe", "sfs-table1", "-l", "80%", "-c", "12", "-n", "20k", "--json"});
    json::value const document = json::parse(described.out);
    CHECK(document.at("invocations") == 20'000);
    CHECK(document.at("functions") == 14);
    CHECK(document.at("offered_load").to_number<double>() == doctest::Approx(0.8).epsilon(0.05));
    CHECK(document.at("service").at("p50").to_number<double>() == doctest::Approx(0.09).epsilon(0.01));
    CHECK(document.at("top_functions").as_array().size() == 10);
}

TEST_CASE("workload: the presets are calibrated within one per cent of probability, faas.md 9.1 number 7") {
    program hpcsched;
    finished_program const ended = hpcsched.hpcsched({"workload", "describe", "--calibrate", "--json"});
    CHECK(ended.status == 0);
    json::value const reports = json::parse(ended.out);
    for (json::value const& report : reports.as_array()) {
        CAPTURE(json::serialize(report.at("preset")));
        CHECK(report.at("holds") == true);
        // More where the functions drift: their shares are then as certain as those of 100,000 independent draws.
        CHECK(report.at("draws").to_number<std::int64_t>() >= 100'000);
        for (json::value const& row : report.at("rows").as_array()) {
            if (row.at("unit") == "probability" && row.at("binding") == true) {
                CHECK(row.at("generated").to_number<double>() ==
                      doctest::Approx(row.at("published").to_number<double>()).epsilon(0.01));
            }
        }
    }
    finished_program const text = hpcsched.hpcsched({"workload", "describe", "alps-huawei", "--calibrate"});
    CHECK(text.out.find("published   generated") != std::string::npos);
}

TEST_CASE("workload: what generate writes, describe and convert read, compressed or not") {
    program hpcsched;
    finished_program const written =
        hpcsched.hpcsched({"workload", "generate", "alps-huawei", "-n", "5000", "-s", "9", "-o", "w.csv.gz"});
    CHECK(written.status == 0);
    CHECK(written.out == "");
    CHECK(written.err == "hpcsched workload generate: 5000 invocations in w.csv.gz\n");
    finished_program const plain = hpcsched.hpcsched({"workload", "generate", "alps-huawei", "-n", "5000", "-s", "9"});
    finished_program const converted = hpcsched.hpcsched({"workload", "convert", "w.csv.gz"});
    CHECK(converted.out == plain.out);
    finished_program const head = hpcsched.hpcsched({"workload", "convert", "w.csv.gz", "--limit", "10"});
    CHECK(plain.out.starts_with(head.out));
    CHECK(std::count(head.out.begin(), head.out.end(), '\n') == 12);
    std::string const of_file = hpcsched.hpcsched({"workload", "describe", "w.csv.gz"}).out;
    CHECK(of_file.starts_with("w.csv.gz (csv)\n  invocations     5000 of "));
}

TEST_CASE("workload: standard input is a trace too") {
    program hpcsched;
    finished_program const ended = hpcsched.run(
        {"bash", "-c",
         HPCSCHED_PROGRAM " workload generate sfs-test1 -n 50 | " HPCSCHED_PROGRAM " workload describe - --json"});
    CHECK(ended.status == 0);
    CHECK(json::parse(ended.out).at("invocations") == 50);
}

TEST_CASE("workload: drift and bursts make one preset of another") {
    program hpcsched;
    auto const generated = [&hpcsched](std::vector<std::string> const& options) {
        std::vector<std::string> words{"workload", "generate", "-n", "3000", "-s", "5"};
        words.insert(words.end(), options.begin(), options.end());
        return hpcsched.hpcsched(words).out;
    };
    std::string const plain = generated({"sfs-test1"});
    CHECK(generated({"sfs-trace", "--drift", "0"}) == plain);
    CHECK(generated({"sfs-test1", "--drift", "0.035"}) == generated({"sfs-trace"}));
    CHECK(generated({"sfs-test1", "--drift", "0.035", "--drift-length", "100"}) ==
          generated({"sfs-trace", "--drift-length", "100"}));
    CHECK(generated({"sfs-trace", "--drift-length", "100"}) != generated({"sfs-trace"}));
    CHECK(generated({"sfs-test1", "--drift", "0.035", "--cv", "2.33", "--burst-length", "50"}) ==
          generated({"sfs-trace-bursty"}));
    CHECK(generated({"sfs-trace-bursty", "--burst-length", "1", "--drift", "0"}) == generated({"bursty-cv2.33"}));
}

TEST_CASE("workload: generate ends at a length of time, and takes arrivals of another kind") {
    program hpcsched;
    finished_program const ended = hpcsched.hpcsched({"workload", "generate", "sfs-test1", "--length", "10s", "--load",
                                                      "0.5", "--cores", "12", "--arrivals", "even", "-o", "w.csv"});
    CHECK(ended.status == 0);
    json::value const described =
        json::parse(hpcsched.hpcsched({"workload", "describe", "w.csv", "--json", "-c", "12"}).out);
    CHECK(described.at("span").to_number<double>() == doctest::Approx(10).epsilon(0.05));
    CHECK(described.at("interarrival_cv").to_number<double>() < 1e-6);
    CHECK(described.at("offered_load").to_number<double>() == doctest::Approx(0.5).epsilon(0.15));
    json::value const on_6 = json::parse(hpcsched.hpcsched({"workload", "describe", "w.csv", "--json", "-c", "6"}).out);
    CHECK(on_6.at("offered_load").to_number<double>() ==
          doctest::Approx(2 * described.at("offered_load").to_number<double>()));
}

TEST_CASE("workload: a trace that breaks off leaves no half-written file") {
    program hpcsched;
    REQUIRE(hpcsched.hpcsched({"workload", "generate", "sfs-test1", "-n", "100", "-o", "w.csv"}).status == 0);
    write_text(hpcsched / "bad.csv", read_text(hpcsched / "w.csv") + "1,f,oops,0,\n");
    finished_program const ended = hpcsched.hpcsched({"workload", "convert", "bad.csv", "-o", "out.csv"});
    CHECK(ended.status == 3);
    CHECK(ended.err.starts_with("hpcsched workload convert: bad.csv:103:"));
    CHECK(!std::filesystem::exists(hpcsched / "out.csv"));
    finished_program const skipped =
        hpcsched.hpcsched({"workload", "convert", "bad.csv", "-o", "out.csv", "--skip-malformed"});
    CHECK(skipped.status == 0);
    CHECK(skipped.err.starts_with("hpcsched workload convert: bad.csv: 1 malformed row was left out; the first: "));
    CHECK(read_text(hpcsched / "out.csv") == read_text(hpcsched / "w.csv"));
}

TEST_CASE("workload: the real trace of Azure 2021 converts, and is the same workload afterwards") {
    auto const trace = shared_data("azure2021_200.csv");
    if (!trace) {
        HPCSCHED_SKIP("HPCSCHED_DATA does not name the folder of the real traces");
    }
    program hpcsched;
    REQUIRE(hpcsched.hpcsched({"workload", "convert", *trace, "-o", "own.csv"}).status == 0);
    json::value before = json::parse(hpcsched.hpcsched({"workload", "describe", *trace, "--json"}).out);
    json::value after = json::parse(hpcsched.hpcsched({"workload", "describe", "own.csv", "--json"}).out);
    for (json::value* const described : {&before, &after}) {
        described->as_object().erase("name");
        described->as_object().erase("format");
    }
    CHECK(before == after);
    CHECK(before.at("invocations") == 199);
}

} // namespace hpcsched::test
