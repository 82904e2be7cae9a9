// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "scripted_group.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace hpcsched::raft {
namespace {

std::filesystem::path const folder{HPCSCHED_RAFT_GOLDEN};

std::string read_whole(std::filesystem::path const& path) {
    std::ifstream in{path, std::ios::binary};
    REQUIRE_MESSAGE(in.good(), path.string() << " cannot be read");
    return {std::istreambuf_iterator<char>{in}, {}};
}

// A script with what its commands give in place of what stands below them.
std::string with_output(std::string const& script) {
    test::scripted_group group;
    std::istringstream in{script};
    std::string out;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("  ")) {
            continue;
        }
        out += line + "\n";
        if (line.starts_with("> ")) {
            INFO(line);
            out += group.carry_out(line.substr(2));
        }
    }
    return out;
}

void check_script(std::string const& name) {
    std::filesystem::path const path = folder / (name + ".txt");
    std::string const expected = read_whole(path);
    std::string const actual = with_output(expected);
    if (std::getenv("HPCSCHED_GOLDEN_REWRITE") != nullptr) {
        std::ofstream{path, std::ios::binary} << actual;
        return;
    }
    std::istringstream want{expected};
    std::istringstream got{actual};
    std::string want_line;
    std::string got_line;
    for (int at = 1; std::getline(want, want_line); ++at) {
        bool const there = static_cast<bool>(std::getline(got, got_line));
        REQUIRE_MESSAGE(there, path.string() << ":" << at << ": nothing comes where this is expected: " << want_line);
        REQUIRE_MESSAGE(got_line == want_line, path.string() << ":" << at);
    }
    REQUIRE_MESSAGE(!std::getline(got, got_line), path.string() << ": more comes than is expected: " << got_line);
}

} // namespace

TEST_CASE("golden: a majority elects a leader, and a split vote elects none") {
    check_script("election");
}
TEST_CASE("golden: a candidate whose log is behind gets no vote") {
    check_script("election_restriction");
}
TEST_CASE("golden: a pre-vote raises no term and deposes nobody") {
    check_script("pre_vote");
}
TEST_CASE("golden: a pre-vote is refused to a log that is behind") {
    check_script("pre_vote_behind");
}
TEST_CASE("golden: a leader without a majority steps down") {
    check_script("check_quorum");
}
TEST_CASE("golden: who hears of a leader deposes nobody") {
    check_script("leader_stickiness");
}
TEST_CASE("golden: the highest priority stands first") {
    check_script("priorities");
}
TEST_CASE("golden: leadership is transferred to who has everything") {
    check_script("transfer");
}
TEST_CASE("golden: a transfer is given up after an election timeout") {
    check_script("transfer_given_up");
}
TEST_CASE("golden: a majority commits, the rest follows") {
    check_script("replication");
}
TEST_CASE("golden: a minority commits nothing") {
    check_script("no_majority");
}
TEST_CASE("golden: the logs of figure 7 become the leader's") {
    check_script("figure_7");
}
TEST_CASE("golden: the entry of figure 8 is not committed by counting") {
    check_script("figure_8");
}
TEST_CASE("golden: entries that nobody else has give way") {
    check_script("conflict");
}
TEST_CASE("golden: entries in flight are bounded by number") {
    check_script("inflight_entries");
}
TEST_CASE("golden: entries in flight are bounded in bytes") {
    check_script("inflight_bytes");
}
TEST_CASE("golden: entries of one flush travel together") {
    check_script("batching");
}
TEST_CASE("golden: entries do not wait for acknowledgements") {
    check_script("pipelining");
}
TEST_CASE("golden: a follower of unknown log is probed once per heartbeat") {
    check_script("probing");
}
TEST_CASE("golden: nothing is vouched for before it is written") {
    check_script("asynchronous_writes");
}
TEST_CASE("golden: what a crash takes was not vouched for") {
    check_script("asynchronous_writes_crash");
}
TEST_CASE("golden: a late write vouches for nothing that was replaced") {
    check_script("late_write");
}
TEST_CASE("golden: a full queue of writes lets proposals wait") {
    check_script("full_write_queue");
}
TEST_CASE("golden: a learner follows and does not count") {
    check_script("learners");
}
TEST_CASE("golden: one vote moves in a single step") {
    check_script("single_step");
}
TEST_CASE("golden: a joint configuration needs both majorities and is left") {
    check_script("joint_consensus");
}
TEST_CASE("golden: an election in a joint configuration needs both majorities") {
    check_script("joint_election");
}
TEST_CASE("golden: a leader that is removed leads until that is committed") {
    check_script("leader_removed");
}
TEST_CASE("golden: a configuration that was not committed is taken back") {
    check_script("membership_taken_back");
}
TEST_CASE("golden: a read waits for a round of heartbeats") {
    check_script("read_quorum");
}
TEST_CASE("golden: a new leader commits before it answers a read") {
    check_script("read_new_leader");
}
TEST_CASE("golden: a lease answers at once, ends in time, and is respected after restarts") {
    check_script("read_lease");
}
TEST_CASE("golden: followers and learners read too") {
    check_script("read_follower");
}
TEST_CASE("golden: a snapshot travels in chunks") {
    check_script("snapshot_chunks");
}
TEST_CASE("golden: a snapshot that is cut off goes on where it stopped") {
    check_script("snapshot_resumed");
}
TEST_CASE("golden: a newer snapshot is begun anew") {
    check_script("snapshot_superseded");
}
TEST_CASE("golden: a command that is sent again is carried out once") {
    check_script("sessions");
}
TEST_CASE("golden: a witness votes, stores no commands and never leads") {
    check_script("witness");
}
TEST_CASE("golden: a witness is sent only what its leader cannot lose") {
    check_script("witness_leader_crash");
}
TEST_CASE("golden: proposals beyond the quota are refused") {
    check_script("quota");
}
TEST_CASE("golden: an idle group rests and wakes") {
    check_script("quiescence");
}
TEST_CASE("golden: old entries come from the storage") {
    check_script("fetched_entries");
}
TEST_CASE("golden: a command is forwarded to the leader") {
    check_script("forwarded");
}
TEST_CASE("golden: a leader that starts again follows") {
    check_script("leader_restart");
}
TEST_CASE("golden: a follower that starts again checks its log first") {
    check_script("follower_restart");
}
TEST_CASE("golden: messages that come twice change nothing") {
    check_script("duplicates");
}

TEST_CASE("golden: every script of the folder is checked") {
    std::string const source = read_whole(folder.parent_path() / "golden.test.cpp");
    for (auto const& file : std::filesystem::directory_iterator{folder}) {
        std::string const name = file.path().stem().string();
        CHECK_MESSAGE((name == "README" || source.find("check_script(\"" + name + "\")") != std::string::npos), name);
    }
}

} // namespace hpcsched::raft
