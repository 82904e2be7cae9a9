// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>
#include <doctest/doctest.h>

#include "experiment/json_schema.hpp"
#include "experiment/trace_event_format.hpp"
#include "program.hpp"
#include "skip.hpp"
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace hpcsched::test {

namespace {

namespace json = boost::json;

json::value json_in(std::string const& path) {
    return json::parse(read_text(path));
}

/// The cells of a results.json without what differs from run to run.
std::string comparable(json::value document) {
    for (json::value& cell : document.at("cells").as_array()) {
        cell.as_object().erase("run_seconds");
    }
    return json::serialize(document);
}

std::size_t line_count(std::string const& text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

json_schema results_schema() {
    return json_schema{json_in(HPCSCHED_SOURCE_DIR "/src/experiment/results.schema.json")};
}

} // namespace

TEST_CASE("simulate: alone, it compares five policies on the SFS mix at two loads and says where the files are") {
    program hpcsched;
    finished_program const ended = hpcsched.hpcsched({"simulate"});
    CHECK(ended.status == 0);
    CHECK(ended.out.find("sfs-table1, 12 cores, load 0.8: 10,000 invocations\n") != std::string::npos);
    CHECK(ended.out.find("sfs-table1, 12 cores, load 1: 10,000 invocations\n") != std::string::npos);
    for (std::string const policy : {"eevdf", "sfs", "alps", "serpt", "srpt*"}) {
        CHECK(ended.out.find("\n  " + policy + " ") != std::string::npos);
    }
    CHECK(ended.out.ends_with("In hpcsched-results: report.html, results.csv, results.json\n"));
    CHECK(read_text(hpcsched / "hpcsched-results/report.html").starts_with("<!doctype html>"));
    CHECK(line_count(read_text(hpcsched / "hpcsched-results/results.csv")) == 11);
    CHECK(line_count(read_text(hpcsched / "hpcsched-results/cells.jsonl")) == 10);
    CHECK(results_schema().check(json_in(hpcsched / "hpcsched-results/results.json")) == "");
}

TEST_CASE("simulate: --json prints the document, alone, as the schema says") {
    program hpcsched;
    finished_program const ended = hpcsched.hpcsched({"simulate", "-n", "500", "-p", "ps,sfs", "--json"});
    CHECK(ended.status == 0);
    CHECK(ended.err == "");
    CHECK(ended.out == read_text(hpcsched / "hpcsched-results/results.json"));
    json::value const document = json::parse(ended.out);
    CHECK(results_schema().check(document) == "");
    CHECK(document.at("cells").as_array().size() == 4);
    CHECK(document.at("cells_planned") == 4);
}

TEST_CASE("simulate: --quiet prints nothing") {
    program hpcsched;
    finished_program const ended = hpcsched.hpcsched({"simulate", "-n", "200", "-p", "fcfs", "-q"});
    CHECK(ended.status == 0);
    CHECK(ended.out == "");
    CHECK(ended.err == "");
}

TEST_CASE("simulate: the same seeds give the same results on one thread and on five, hash for hash") {
    program hpcsched;
    std::vector<std::string> const common{"simulate", "-n", "2000", "--seeds", "2", "-p", "eevdf,sfs,alps,serpt,hybrid",
                                          "-q"};
    auto one = common, five = common;
    one.insert(one.end(), {"-j", "1", "-o", "one"});
    five.insert(five.end(), {"-j", "5", "-o", "five"});
    REQUIRE(hpcsched.hpcsched(one).status == 0);
    REQUIRE(hpcsched.hpcsched(five).status == 0);
    CHECK(comparable(json_in(hpcsched / "one/results.json")) == comparable(json_in(hpcsched / "five/results.json")));
}

TEST_CASE("simulate: finished cells are not run again, those of other parameters are, and --force runs all") {
    program hpcsched;
    std::vector<std::string> const small{"simulate", "-n", "300", "-p", "eevdf,sfs", "-l", "0.5"};
    CHECK(hpcsched.hpcsched(small).err == "");
    std::string const first = read_text(hpcsched / "hpcsched-results/results.json");
    finished_program const again = hpcsched.hpcsched(small);
    CHECK(again.err == "hpcsched simulate: 2 of 2 cells were finished before (--force runs them again)\n");
    CHECK(read_text(hpcsched / "hpcsched-results/results.json") == first); // even run_seconds
    auto more = small;
    more[4] = "eevdf,sfs,srpt";
    CHECK(hpcsched.hpcsched(more).err ==
          "hpcsched simulate: 2 of 3 cells were finished before (--force runs them again)\n");
    auto other = small;
    other.insert(other.end(), {"--context-switch", "1us"});
    CHECK(hpcsched.hpcsched(other).err == "");
    auto forced = small;
    forced.emplace_back("--force");
    CHECK(hpcsched.hpcsched(forced).err == "");
    CHECK(line_count(read_text(hpcsched / "hpcsched-results/cells.jsonl")) == 7);
}

TEST_CASE("simulate: interrupted, it keeps what is finished, exits with 130, and goes on when asked again") {
    program hpcsched, unhurt;
    std::vector<std::string> const grid{"simulate", "-n", "40000", "--seeds", "3", "-j", "1", "-o", "out", "-q"};
    std::vector<std::string> first = grid;
    first.pop_back(); // not quiet
    hpcsched.start(program::hpcsched_words(first));
    struct stat journal{};
    for (int i = 0;
         i < 60'000 && (::stat((hpcsched / "out/cells.jsonl").c_str(), &journal) != 0 || journal.st_size == 0); ++i) {
        wait_for_the_program(1);
    }
    hpcsched.send(SIGINT);
    finished_program const cut = hpcsched.wait();
    CHECK(cut.status == 130);
    std::size_t const kept = line_count(read_text(hpcsched / "out/cells.jsonl"));
    CHECK(kept >= 1);
    CHECK(kept < 30);
    CHECK(cut.err.ends_with("hpcsched simulate: interrupted: " + std::to_string(kept) +
                            " of 30 cells are kept in out; the same command goes on\n"));
    CHECK(json_in(hpcsched / "out/results.json").at("cells").as_array().size() == kept);
    CHECK(json_in(hpcsched / "out/results.json").at("cells_planned") == 30);
    CHECK(hpcsched.hpcsched(grid).status == 0);
    CHECK(line_count(read_text(hpcsched / "out/cells.jsonl")) == 30);
    REQUIRE(unhurt.hpcsched(grid).status == 0);
    CHECK(comparable(json_in(hpcsched / "out/results.json")) == comparable(json_in(unhurt / "out/results.json")));
}

TEST_CASE("simulate: killed in mid-line, the journal is good for all but that line") {
    program hpcsched;
    std::vector<std::string> const small{"simulate", "-n", "300", "-p", "eevdf,sfs,ps", "-l", "0.5", "-q"};
    REQUIRE(hpcsched.hpcsched(small).status == 0);
    std::string const before = comparable(json_in(hpcsched / "hpcsched-results/results.json"));
    std::string const text = read_text(hpcsched / "hpcsched-results/cells.jsonl");
    write_text(hpcsched / "hpcsched-results/cells.jsonl", text.substr(0, text.size() - 100));
    auto loud = small;
    loud.pop_back();
    CHECK(hpcsched.hpcsched(loud).err ==
          "hpcsched simulate: 2 of 3 cells were finished before (--force runs them again)\n");
    CHECK(comparable(json_in(hpcsched / "hpcsched-results/results.json")) == before);
}

TEST_CASE("simulate: a folder in use by another run is left alone") {
    program hpcsched;
    hpcsched.start(program::hpcsched_words({"simulate", "-n", "2M", "-p", "eevdf", "-l", "0.5", "-q"}));
    struct stat journal{};
    for (int i = 0; i < 60'000 && ::stat((hpcsched / "hpcsched-results/cells.jsonl").c_str(), &journal) != 0; ++i) {
        wait_for_the_program(1);
    }
    wait_for_the_program(50); // from the file to its lock
    program second;
    finished_program const refused = second.hpcsched({"simulate", "-n", "10", "-o", hpcsched / "hpcsched-results"});
    hpcsched.send(SIGTERM);
    CHECK(hpcsched.wait().status == 130);
    CHECK(refused.status == 1);
    CHECK(refused.err == "hpcsched simulate: another process is writing to '" +
                             (hpcsched / "hpcsched-results/cells.jsonl") +
                             "': wait until it has ended, or give another output folder\n");
}

TEST_CASE("simulate: several workloads, CPU counts and arrival CVs make a grid") {
    program hpcsched;
    REQUIRE(hpcsched
                .hpcsched({"simulate", "sfs-table1", "alps-huawei", "-n", "200", "-p", "fcfs", "-c", "4,8", "--cv",
                           "own,2", "-l", "0.5,recorded", "-q"})
                .status == 0);
    json::value const document = json_in(hpcsched / "hpcsched-results/results.json");
    CHECK(document.at("cells").as_array().size() == 16);
}

TEST_CASE("simulate: 'list' lists the policies as the command policies does, and 'all' runs them all") {
    program hpcsched;
    finished_program const listed = hpcsched.hpcsched({"simulate", "--policies", "list"});
    CHECK(listed.status == 0);
    CHECK(listed.out == hpcsched.hpcsched({"policies"}).out);
    CHECK(listed.out.find("serpt ") != std::string::npos);
    finished_program const all = hpcsched.hpcsched({"simulate", "-p", "all", "-n", "200", "-l", "0.5"});
    CHECK(all.status == 0);
    CHECK(line_count(read_text(hpcsched / "hpcsched-results/results.csv")) == line_count(listed.out) + 1);
}

TEST_CASE(
    "simulate: the Perfetto trace is of the first cell, with the functions' names, whether it was finished or not") {
    program hpcsched;
    std::vector<std::string> const small{"simulate", "-n",  "200", "-p",         "sfs,fcfs",
                                         "-l",       "0.5", "-q",  "--perfetto", "trace.json"};
    REQUIRE(hpcsched.hpcsched(small).status == 0);
    std::string const trace = read_text(hpcsched / "trace.json");
    json::value const document = json::parse(trace);
    CHECK(document.at("traceEvents").as_array().size() > 400);
    CHECK(trace_event_judge::faults_in(document).empty());
    CHECK(trace.find("sfs on sfs-table1") != std::string::npos);
    CHECK(trace.find("fib-30") != std::string::npos);
    REQUIRE(hpcsched.hpcsched(small).status == 0);
    CHECK(read_text(hpcsched / "trace.json") == trace);
}

TEST_CASE("simulate: a trace whose rows are malformed is refused with its place, or read without them") {
    program hpcsched;
    REQUIRE(hpcsched.hpcsched({"workload", "generate", "sfs-table1", "-n", "100", "-o", "good.csv"}).status == 0);
    write_text(hpcsched / "bad.csv", read_text(hpcsched / "good.csv") + "oops\n");
    finished_program const refused = hpcsched.hpcsched({"simulate", "bad.csv", "-p", "fcfs"});
    CHECK(refused.status == 3);
    CHECK(refused.err.starts_with("hpcsched simulate: bad.csv:103:5: "));
    CHECK(line_count(refused.err) == 1);
    finished_program const skipped = hpcsched.hpcsched({"simulate", "bad.csv", "-p", "fcfs", "--skip-malformed", "-q"});
    CHECK(skipped.status == 0);
    CHECK(skipped.err.starts_with(
        "hpcsched simulate: bad.csv: 1 malformed row was left out; the first: bad.csv:103:5: "));
    CHECK(json_in(hpcsched / "hpcsched-results/results.json").at("cells").as_array()[0].at("task_count") == 100);
}

TEST_CASE("simulate: results call a trace by its file name, unless two are called so") {
    program hpcsched;
    std::filesystem::create_directory(hpcsched / "a");
    std::filesystem::create_directory(hpcsched / "b");
    for (std::string const file : {"a/t.csv", "b/t.csv", "a/sfs-trace"}) {
        REQUIRE(hpcsched.hpcsched({"workload", "generate", "sfs-table1", "-n", "50", "-o", file}).status == 0);
    }
    auto const names_of = [&hpcsched](std::vector<std::string> traces) {
        traces.insert(traces.begin(), "simulate");
        traces.insert(traces.end(), {"-p", "fcfs", "-l", "0.5", "-q"});
        REQUIRE(hpcsched.hpcsched(traces).status == 0);
        std::vector<std::string> names;
        json::value const document = json_in(hpcsched / "hpcsched-results/results.json");
        for (json::value const& cell : document.at("cells").as_array()) {
            names.emplace_back(cell.at("key").at("workload").as_string());
        }
        return names;
    };
    CHECK(names_of({"./a/t.csv"}) == std::vector<std::string>{"t.csv"});
    CHECK(names_of({"a/t.csv", "b/t.csv"}) == std::vector<std::string>{"a/t.csv", "b/t.csv"});
    CHECK(names_of({"a/sfs-trace"}) == std::vector<std::string>{"a/sfs-trace"}); // not the preset
}

TEST_CASE("simulate: a preset and the trace generated from it come to the same schedule") {
    program hpcsched;
    REQUIRE(
        hpcsched
            .hpcsched({"workload", "generate", "sfs-test1", "-n", "2000", "-l", "0.8", "-c", "12", "-o", "t.csv.gz"})
            .status == 0);
    REQUIRE(hpcsched.hpcsched({"simulate", "t.csv.gz", "-p", "serpt", "-l", "recorded", "-q", "-o", "trace"}).status ==
            0);
    REQUIRE(hpcsched.hpcsched({"simulate", "sfs-test1", "-n", "2000", "-p", "serpt", "-l", "0.8", "-q", "-o", "preset"})
                .status == 0);
    auto const turnaround = [&](std::string const& folder) {
        return json_in(hpcsched / (folder + "/results.json")).at("cells").as_array()[0].at("turnaround");
    };
    // The trace begins at its first arrival, so ticks fall elsewhere: nearly, not exactly.
    double const from_trace = turnaround("trace").at("mean").to_number<double>();
    CHECK(from_trace == doctest::Approx(turnaround("preset").at("mean").to_number<double>()).epsilon(0.02));
}

TEST_CASE("simulate: the real trace of Azure 2021 runs, and its figures stay") {
    auto const trace = shared_data("azure2021_200.csv");
    if (!trace) {
        HPCSCHED_SKIP("HPCSCHED_DATA does not name the folder of the real traces");
    }
    program hpcsched;
    finished_program const ended = hpcsched.hpcsched({"simulate", *trace, "--json", "--quiet"});
    CHECK(ended.err == "");
    REQUIRE(ended.status == 0);
    json::value const document = json::parse(ended.out);
    CHECK(results_schema().check(document) == "");
    REQUIRE(document.at("cells").as_array().size() == 10);
    for (json::value const& cell : document.at("cells").as_array()) {
        CHECK(cell.at("task_count") == 199);
        CHECK(cell.at("offered_load").to_number<double>() ==
              doctest::Approx(cell.at("key").at("load").to_number<double>()).epsilon(1e-6));
    }
}

TEST_CASE("simulate: the real trace of Azure 2019, a folder of three tables, runs") {
    auto const trace = shared_data("azure2019");
    if (!trace) {
        HPCSCHED_SKIP("HPCSCHED_DATA does not name the folder of the real traces");
    }
    program hpcsched;
    finished_program const ended =
        hpcsched.hpcsched({"simulate", *trace, "-p", "eevdf,serpt", "-l", "0.8", "--seeds", "2", "-q"});
    CHECK(ended.status == 0);
    CHECK(json_in(hpcsched / "hpcsched-results/results.json").at("cells").as_array().size() == 4);
}

} // namespace hpcsched::test
