// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft_log/inspect.hpp>
#include <hpcsched/raft_log/journal.hpp>

#include <doctest/doctest.h>

#include "journals.hpp"

#include <fstream>
#include <string>
#include <vector>

namespace hpcsched::raft_log {

using namespace test;

TEST_CASE("inspect: tells what a closed journal holds, and where") {
    memory_folder folder;
    journal_config const config{.directory = folder.path(),
                                .cluster_id = 77,
                                .node = raft::node_id{3},
                                .segment_bytes = std::size_t{64} << 10U,
                                .flush = flush_mode::inline_};
    {
        auto owner = must(journal::open(config));
        auto one = must(owner.open_group(raft::group_id{1}, three_founders()));
        auto two = must(owner.open_group(raft::group_id{2}, three_founders()));
        writer w{one};
        REQUIRE(w.put("first", 3).has_value());
        w.commit = 3;
        REQUIRE(w.put("second", 1, 2).has_value());
        writer other{two};
        REQUIRE(other.put("else").has_value());
        REQUIRE(owner.flush().has_value());
        REQUIRE(one.save_snapshot({2, 1, three_founders(), 2}, bytes_of("ab"), 2).has_value());
    }
    std::vector<std::string> seen;
    inspect_options options{.verify_snapshots = true, .only = raft::group_id{1}};
    options.on_entry = [&](entry_facts const& e) {
        seen.push_back(std::to_string(e.entry.index) + "@" + std::to_string(e.entry.term) + " " + e.file);
        CHECK(e.group == raft::group_id{1});
        CHECK(e.offset > 4096);
    };
    auto const facts = must(inspect(folder.path(), options));
    CHECK(facts.cluster_id == 77);
    CHECK(facts.node == raft::node_id{3});
    REQUIRE(facts.segments.size() == 1);
    CHECK(facts.segments[0].name == "00000001.log");
    CHECK(facts.segments[0].bytes == 65536);
    CHECK(facts.segments[0].batches == 2);
    CHECK(facts.segments[0].records == 10); // two founders, three states, five entries
    REQUIRE(facts.groups.size() == 2);
    group_facts const& g = facts.groups[0];
    CHECK(g.state == raft::hard_state{2, raft::node_id{1}});
    CHECK(g.commit == 3);
    CHECK(g.first_index == 2);
    CHECK(g.last_index == 4);
    CHECK(g.snapshot_index == 2);
    CHECK(g.snapshot_bytes == 2);
    CHECK(g.members == three_founders());
    CHECK(seen == std::vector<std::string>{"2@1 00000001.log", "3@1 00000001.log", "4@2 00000001.log"});
}

TEST_CASE("inspect: names damage, and a place that holds no log") {
    memory_folder folder;
    CHECK(message_of(inspect(folder.path())) ==
          "'" + folder.path().string() + "' holds no log: name the directory of a node");
    CHECK(message_of(inspect(folder.path() / "none")).starts_with("cannot open '"));
    {
        auto owner = must(journal::open({.directory = folder.path(), .flush = flush_mode::inline_}));
        auto log = must(owner.open_group(raft::group_id{1}, three_founders()));
        writer w{log};
        REQUIRE(w.put("first").has_value());
    }
    std::fstream file{folder.path() / "00000001.log", std::ios::in | std::ios::out | std::ios::binary};
    file.seekp(4096 + 100);
    file.put('!');
    file.close();
    std::string const message = message_of(inspect(folder.path()));
    CHECK(message.find("00000001.log: offset 4096: a batch is damaged, and the log goes on at offset 4608") !=
          std::string::npos);
}

} // namespace hpcsched::raft_log
