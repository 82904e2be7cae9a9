// SPDX-License-Identifier: Apache-2.0
#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include "free_ports.hpp"
#include "program.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::test {

TEST_CASE("raft: torture runs seeds, finds nothing, and says what happened in them") {
    program hpcsched;
    finished_program const ended = hpcsched.hpcsched({"raft", "torture", "--seeds", "40", "--quiet"});
    CHECK(ended.status == 0);
    CHECK(ended.err == "");
    CHECK(ended.out.find("40 seeds from 1: ") == 0);
    CHECK(ended.out.find("\n0 violations\n") != std::string::npos);
}

TEST_CASE("raft: torture prints the same as JSON, and the same for the same seeds") {
    program hpcsched;
    auto const run = [&] {
        return hpcsched.hpcsched({"raft", "torture", "--seeds", "20", "--from", "100", "--json", "-q"});
    };
    finished_program const first = run();
    CHECK(first.status == 0);
    auto const document = boost::json::parse(first.out).as_object();
    CHECK(document.at("first_seed").as_int64() == 100);
    CHECK(document.at("seeds").as_int64() == 20);
    CHECK(document.at("events").as_int64() > 10'000);
    CHECK(document.at("failures").as_array().empty());
    CHECK(run().out == first.out);
}

#if HPCSCHED_HAS_RAFT_ASIO

namespace {

std::string three_on_free_ports() {
    std::string list;
    for (std::uint16_t const port : free_ports(3)) {
        char const id = static_cast<char>('1' + std::ranges::count(list, '='));
        list += (list.empty() ? "" : ",") + std::string{id} + "=127.0.0.1:" + std::to_string(port);
    }
    return list;
}

/// Three nodes, each in a folder of its own.
struct three_nodes {
    three_nodes() {
        for (std::size_t i = 0; i < 3; ++i) {
            start(i);
        }
    }
    void start(std::size_t i) {
        nodes.at(i).start(program::hpcsched_words({"raft", "serve", "--id", std::to_string(i + 1), "--nodes", list,
                                                   "--election-timeout", "150ms", "--quiet"}));
    }
    finished_program stop(std::size_t i) {
        nodes.at(i).send(SIGTERM);
        return nodes.at(i).wait();
    }
    ~three_nodes() {
        for (program const& p : nodes) {
            p.send(SIGKILL);
        }
    }

    std::string list = three_on_free_ports();
    std::array<program, 3> nodes;
};

} // namespace

TEST_CASE("raft: three nodes keep what was put, also when one is stopped and comes back") {
    three_nodes all;
    program user;
    auto const kv = [&](std::vector<std::string> words) {
        words.insert(words.begin(), {"raft", "kv", "--nodes", all.list});
        return user.hpcsched(std::move(words));
    };
    finished_program const put = kv({"put", "colour", "green"});
    CHECK(put.err == "");
    CHECK(put.status == 0);
    CHECK(kv({"get", "colour"}).out == "green\n");
    CHECK(kv({"swap", "colour", "red", "blue"}).err == "it holds 'green'\n");
    CHECK(kv({"swap", "colour", "green", "blue"}).status == 0);
    CHECK(kv({"add", "n", "-5"}).out == "-5\n");
    CHECK(kv({"get", "nothing"}).status == 1);

    finished_program const stopped = all.stop(0);
    CHECK(stopped.status == 0);
    CHECK(stopped.out.find("node 1 of cluster 1 listens on port ") == 0);
    CHECK(kv({"get", "colour"}).out == "blue\n");
    CHECK(kv({"remove", "colour"}).status == 0);
    all.start(0);
    CHECK(kv({"get", "colour"}).err == "there is no such key\n");
    CHECK(kv({"members"}).out == "node 1  votes\nnode 2  votes\nnode 3  votes\n");
    CHECK(kv({"status"}).out.find("node 3 (127.0.0.1:") != std::string::npos);
}

TEST_CASE("raft: a node whose folder is another cluster's says so, and ends") {
    program node;
    auto const words = [](std::string const& cluster) {
        return std::vector<std::string>{"raft", "serve", "--id", "1", "--nodes", "1=127.0.0.1:0", "--cluster", cluster};
    };
    node.start(program::hpcsched_words(words("1")));
    while (!std::filesystem::exists(node / "hpcsched-raft-1/00000001.log")) {
        wait_for_the_program(5);
    }
    node.send(SIGTERM);
    CHECK(node.wait().status == 0);
    finished_program const other = node.hpcsched(words("2"));
    CHECK(other.status == 1);
    CHECK(other.err.find("cluster") != std::string::npos);
}

TEST_CASE("raft: the benchmark measures a cluster of three processes, as a table and as JSON") {
    program hpcsched;
    auto const run = [&](std::vector<std::string> more) {
        more.insert(more.begin(), {"raft", "bench", "--time", "100ms", "--clients", "4", "--quiet"});
        return hpcsched.hpcsched(std::move(more));
    };
    finished_program const table = run({});
    CHECK(table.err == "");
    CHECK(table.status == 0);
    CHECK(table.out.find("clients  commits/s   p50 us") == 0);
    CHECK(table.out.find("Beside it, the first answer of two processes that only answer: p50 ") != std::string::npos);
    finished_program const json = run({"--json", "--remote"});
    CHECK(json.status == 0);
    auto const document = boost::json::parse(json.out).as_object();
    auto const& rows = document.at("loads").as_array();
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].as_object().at("commits_per_second").as_double() > 0);
    for (char const* const how : {"sleeping", "looking"}) {
        CHECK(document.at("bare_exchange").as_object().at(how).as_object().at("p50_us").as_double() > 0);
    }
}

TEST_CASE("raft: the leader is killed under load, and nothing is lost or done twice") {
    program hpcsched;
    finished_program const ended = hpcsched.hpcsched({"raft", "bench", "--failover", "2", "--json", "--quiet"});
    CHECK(ended.err == "");
    REQUIRE(ended.status == 0);
    auto const document = boost::json::parse(ended.out).as_object();
    CHECK(document.at("kills").to_number<int>() == 2);
    CHECK(document.at("acknowledged").to_number<int>() > 1000);
    CHECK(document.at("lost").to_number<int>() == 0);
    CHECK(document.at("done_twice").to_number<int>() == 0);
}

#endif

} // namespace hpcsched::test
