// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>
#include <doctest/doctest.h>

#include "program.hpp"

#include <string>
#include <vector>

namespace hpcsched::test {

namespace {

struct bad_file {
    std::string text;
    std::string message; ///< behind "hpcsched simulate: grid.toml:"
};

boost::json::value results_of(program const& p, std::string const& folder) {
    return boost::json::parse(read_text(p / (folder + "/results.json")));
}

} // namespace

TEST_CASE("config file: every mistake is told with its line and column, and how to mend it") {
    std::vector<bad_file> const table{
        {"loads = [0.8\npolicies = 1", "2:1: not TOML: Error while parsing array: expected comma or closing ']', saw "
                                       "'p'"},
        {"polices = [\"sfs\"]", "1:1: unknown key 'polices': did you mean 'policies'?"},
        {"seed = 1\n\nload = 0.8", "3:1: unknown key 'load': did you mean 'loads'?"},
        {"[machines]\ntick = \"4ms\"", "1:2: unknown table 'machines': did you mean 'machine'?"},
        {"[machine]\nswitch = \"4ms\"\n", "2:1: unknown key 'machine.switch': did you mean 'machine.tick'?"},
        {"policies = [\"sfs\", \"\"]", "1:12: policies: a name in the list is empty: take out the comma too many"},
        {"policies = []", "1:12: policies is an empty list"},
        {"count = [1, 2]", "1:9: count takes one value, not a list"},
        {"count = 0", "1:9: count: '0' is out of range: give 1 to 1000000000"},
        {"count = true", "1:9: count: 'true' is not a whole number: give 1 to 1000000000"},
        {"loads = [0.8, \"full\"]",
         "1:9: loads: 'full' is not a load: give a fraction such as 0.8, a percentage such as 80%, or 'recorded' for "
         "arrivals as they are"},
        {"seed = 2024-01-01", "1:8: seed is neither text, number, boolean nor an array of them"},
        {"[machine]\ncontext_switch = 3500",
         "2:18: machine.context_switch: '3500' has no unit: write 3500ns, us, ms, s, min, h or d"},
        {"force = \"perhaps\"", "1:9: force: 'perhaps' is neither on nor off: give one of them"},
        {"seed = 1\nseed = 2", "2:8: not TOML: Error while parsing key-value pair: cannot redefine existing integer "
                               "'seed'"},
    };
    for (bad_file const& bad : table) {
        program hpcsched;
        write_text(hpcsched / "grid.toml", bad.text);
        finished_program const ended = hpcsched.hpcsched({"simulate", "--config", "grid.toml"});
        CAPTURE(bad.text);
        CHECK(ended.err == "hpcsched simulate: grid.toml:" + bad.message + "\n");
        CHECK(ended.status == 2);
    }
}

TEST_CASE("config file: it sets what options set, and options override it") {
    program hpcsched;
    write_text(hpcsched / "grid.toml", "workloads = [\"alps-huawei\"]\n"
                                       "policies = [\"fcfs\", \"srpt\"]\n"
                                       "loads = [0.7, \"90%\"]\n"
                                       "cores = 8\n"
                                       "seeds = [4, 9]\n"
                                       "count = 200\n"
                                       "quiet = true\n"
                                       "out = \"from-file\"\n"
                                       "[machine]\n"
                                       "context_switch = \"5us\"\n"
                                       "idle_stealing = false\n");
    REQUIRE(hpcsched.hpcsched({"simulate", "--config", "grid.toml"}).status == 0);
    auto const from_file = results_of(hpcsched, "from-file");
    CHECK(from_file.at("cells").as_array().size() == 8);
    auto const& key = from_file.at("cells").as_array().back().at("key");
    CHECK(key.at("workload") == "alps-huawei");
    CHECK(key.at("policy") == "srpt");
    CHECK(key.at("load").to_number<double>() == 0.9);
    CHECK(key.at("cpu_count") == 8);
    CHECK(key.at("seed") == 9);
    CHECK(from_file.at("machine").at("context_switch_cost").to_number<double>() == 5e-6);
    CHECK(from_file.at("machine").at("idle_stealing") == false);

    finished_program const both = hpcsched.hpcsched({"simulate", "--config", "grid.toml", "--loads", "0.5", "--seeds",
                                                     "1", "-c", "2", "--out", "from-both", "--context-switch", "1us"});
    CHECK(both.status == 0);
    CHECK(both.out.empty());
    auto const from_both = results_of(hpcsched, "from-both");
    CHECK(from_both.at("cells").as_array().size() == 2);
    CHECK(from_both.at("cells").as_array()[0].at("key").at("load").to_number<double>() == 0.5);
    CHECK(from_both.at("cells").as_array()[0].at("key").at("seed") == 1);
    CHECK(from_both.at("machine").at("context_switch_cost").to_number<double>() == 1e-6);
}

TEST_CASE("config file: its drift and bursts are those of the options, and make another workload") {
    program hpcsched;
    write_text(hpcsched / "grid.toml",
               "workloads = \"sfs-test1\"\npolicies = \"fcfs\"\nloads = 0.8\ncount = 2000\n"
               "cv = 2.33\nburst_length = 50\ndrift = 0.035\ndrift_length = 100\nquiet = true\n");
    auto const hash_of = [&hpcsched](std::string const& folder, std::vector<std::string> words) {
        words.insert(words.begin(), "simulate");
        words.insert(words.end(), {"--out", folder});
        finished_program const ended = hpcsched.hpcsched(words);
        CHECK(ended.err == "");
        REQUIRE(ended.status == 0);
        return results_of(hpcsched, folder).at("cells").as_array()[0].at("trace_hash");
    };
    std::vector<std::string> plain{"sfs-test1", "-p", "fcfs", "-l", "0.8", "-n", "2000", "-q", "--cv", "2.33"};
    auto options = plain;
    options.insert(options.end(), {"--burst-length", "50", "--drift", "0.035", "--drift-length", "100"});
    auto const from_file = hash_of("from-file", {"--config", "grid.toml"});
    CHECK(from_file == hash_of("from-options", options));
    CHECK(from_file != hash_of("plain", plain));
}

TEST_CASE("config file: the example runs") {
    program hpcsched;
    finished_program const ended =
        hpcsched.hpcsched({"simulate", "--config", std::string{HPCSCHED_SOURCE_DIR} + "/examples/grid.toml", "--count",
                           "300", "--out", "out", "--quiet"});
    CHECK(ended.err == "");
    CHECK(ended.status == 0);
}

} // namespace hpcsched::test
