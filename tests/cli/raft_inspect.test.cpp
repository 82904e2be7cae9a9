// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft_log/journal.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include "program.hpp"

#include <fstream>
#include <string>

namespace hpcsched::test {

namespace {

/// A log of one group with two entries, in a folder "log" of the program's.
void make_log(program const& p) {
    auto journal = raft_log::journal::open({.directory = p / "log",
                                            .cluster_id = 9,
                                            .node = raft::node_id{2},
                                            .segment_bytes = 65536,
                                            .flush = raft_log::flush_mode::inline_});
    REQUIRE(journal.has_value());
    raft::node_id const ids[] = {raft::node_id{1}, raft::node_id{2}};
    auto log = journal->open_group(raft::group_id{4}, raft::membership{ids});
    REQUIRE(log.has_value());
    std::byte const payload[5] = {};
    raft::entry const entries[] = {{1, 3, raft::entry_kind::no_op, {}}, {2, 3, raft::entry_kind::command, payload}};
    raft::log_write w{.number = 1, .state = {3, raft::node_id{2}}, .commit = 1, .first_index = 1};
    w.entries = {entries, {}};
    REQUIRE(log->write(w).has_value());
    REQUIRE(journal->flush().has_value());
}

} // namespace

TEST_CASE("raft inspect: prints files, groups and entries, and says that all is right") {
    program hpcsched;
    make_log(hpcsched);
    finished_program const ended = hpcsched.hpcsched({"raft", "inspect", "log", "--entries", "--verify"});
    CHECK(ended.status == 0);
    CHECK(ended.err == "");
    CHECK(ended.out == "cluster 9, node 2, format 1\n"
                       "00000001.log: 4 records in 2 writes, 5120 of 65536 bytes\n"
                       "group 4: term 3, vote 2, commit 1, entries 1 to 2, snapshot none, members 1, 2\n"
                       "group 4 entry 1: term 3, no-op, 0 bytes, 00000001.log offset 4232\n"
                       "group 4 entry 2: term 3, command, 5 bytes, 00000001.log offset 4272\n"
                       "every checksum is right\n");
}

TEST_CASE("raft inspect: prints the same as JSON") {
    program hpcsched;
    make_log(hpcsched);
    finished_program const ended = hpcsched.hpcsched({"raft", "inspect", "log", "--entries", "--json", "-g", "4"});
    CHECK(ended.status == 0);
    auto const document = boost::json::parse(ended.out).as_object();
    CHECK(document.at("cluster").as_int64() == 9);
    CHECK(document.at("groups").as_array().size() == 1);
    CHECK(document.at("groups").at(0).at("last_index").as_int64() == 2);
    CHECK(document.at("entries").as_array().size() == 2);
    CHECK(document.at("entries").at(1).at("bytes").as_int64() == 5);
    CHECK(document.at("segments").at(0).at("file").as_string() == "00000001.log");
}

TEST_CASE("raft inspect: names the file and the offset of damage, and what is wrong with a command line") {
    program hpcsched;
    make_log(hpcsched);
    finished_program const other = hpcsched.hpcsched({"raft", "inspect", "log", "--group", "5"});
    CHECK(other.status == 1);
    CHECK(other.err == "hpcsched raft inspect: there is no group 5 in this log\n");
    CHECK(hpcsched.hpcsched({"raft", "inspect"}).err ==
          "hpcsched raft inspect: DIR is missing (see hpcsched raft inspect --help)\n");
    CHECK(hpcsched.hpcsched({"raft", "inspect", "log", "-g", "x"}).status == 2);
    CHECK(hpcsched.hpcsched({"raft", "inspect", "none"}).err ==
          "hpcsched raft inspect: cannot open 'none': No such file or directory\n");
    std::fstream file{hpcsched / "log/00000001.log", std::ios::in | std::ios::out | std::ios::binary};
    file.seekg(4100);
    int const before = file.get();
    file.seekp(4100);
    file.put(static_cast<char>(before ^ 1)); // another byte, whatever it was: part of it differs from log to log
    file.close();
    finished_program const damaged = hpcsched.hpcsched({"raft", "inspect", "log"});
    CHECK(damaged.status == 1);
    CHECK(damaged.out == "");
    CHECK(damaged.err.starts_with("hpcsched raft inspect: log/00000001.log: offset 4096: a batch is damaged"));
}

} // namespace hpcsched::test
