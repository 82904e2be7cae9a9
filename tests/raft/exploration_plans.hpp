// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_RAFT_EXPLORATION_PLANS_HPP
#define HPCSCHED_TESTS_RAFT_EXPLORATION_PLANS_HPP

#include "explorer.hpp"

#include <string>
#include <utility>
#include <vector>

namespace hpcsched::raft::test {

/// Explorations that are complete within seconds, by name. What the numbers are is in explorer.test.cpp.
inline std::vector<std::pair<std::string, exploration>> const& quick_plans() {
    static std::vector<std::pair<std::string, exploration>> const plans{
        {"elections", {.timeouts = {1, 1, 0}, .proposals = 0}},
        {"proposal", {.timeouts = {0, 1, 0}, .begins = beginning::elected}},
        {"figure8", {.timeouts = {1, 1, 0}, .proposals = 0, .begins = beginning::figure_8, .append_entries_max = 1}},
        {"crash", {.timeouts = {1, 1, 0}, .proposals = 0, .crashes = 1, .crash_prone = {true, false, false}}},
        {"late_voter",
         {.timeouts = {1, 1, 0},
          .proposals = 0,
          .crashes = 1,
          .crash_prone = {false, false, true},
          .writes_wait = {false, false, true}}},
        {"late_leader", {.timeouts = {0, 1, 0}, .writes_wait = {true, false, false}, .begins = beginning::elected}},
        {"two_writes",
         {.timeouts = {0, 0, 0}, .proposals = 2, .writes_wait = {true, true, false}, .begins = beginning::elected}},
        {"replaced",
         {.timeouts = {0, 0, 0},
          .proposals = 0,
          .crashes = 1,
          .beats = 1,
          .writes_wait = {true, true, true},
          .begins = beginning::figure_8}},
        {"waits_crash",
         {.timeouts = {0, 1, 0},
          .proposals = 0,
          .crashes = 1,
          .writes_wait = {true, true, true},
          .begins = beginning::elected}},
        {"waits_duplicate",
         {.timeouts = {0, 0, 0},
          .crashes = 1,
          .duplicates = 1,
          .writes_wait = {true, true, true},
          .begins = beginning::elected}},
        {"beats", {.timeouts = {0, 1, 0}, .proposals = 0, .beats = 1, .begins = beginning::elected}},
        {"prevote", {.timeouts = {0, 1, 0}, .proposals = 0, .pre_vote = true, .begins = beginning::elected}},
        {"transfer", {.timeouts = {0, 0, 0}, .transfers = 1, .begins = beginning::elected}},
        {"membership", {.timeouts = {0, 1, 0}, .proposals = 0, .changes = 1, .begins = beginning::elected}},
        {"pair", {.timeouts = {1, 1, 0}, .crashes = 1, .crash_prone = {true, false, false}, .begins = beginning::pair}},
        {"joint", {.timeouts = {0, 1, 0}, .proposals = 0, .changes = 1, .joint = true, .begins = beginning::elected}},
    };
    return plans;
}

/// Explorations for minutes and more; tests/raft/explorer_runner.cpp has a bound on their states.
inline std::vector<std::pair<std::string, exploration>> const& large_plans() {
    static std::vector<std::pair<std::string, exploration>> const plans{
        {"large_elections", {.timeouts = {1, 1, 1}, .proposals = 0}},
        {"large_waits_elected",
         {.timeouts = {0, 1, 0}, .writes_wait = {true, true, true}, .begins = beginning::elected}},
        {"large_waits", {.timeouts = {1, 1, 0}, .proposals = 0, .writes_wait = {true, true, true}}},
        {"large_waits_crash", {.timeouts = {1, 1, 0}, .proposals = 0, .crashes = 1, .writes_wait = {true, true, true}}},
        {"large_proposal", {.timeouts = {1, 1, 0}}},
        {"large_figure8",
         {.timeouts = {1, 1, 0},
          .proposals = 0,
          .writes_wait = {true, true, true},
          .begins = beginning::figure_8,
          .append_entries_max = 1}},
        {"large_prevote", {.timeouts = {1, 1, 0}, .proposals = 0, .pre_vote = true}},
        {"large_duplicate", {.timeouts = {0, 0, 0}, .proposals = 2, .duplicates = 1, .begins = beginning::elected}},
        {"large_membership", {.timeouts = {0, 1, 1}, .proposals = 1, .changes = 2, .begins = beginning::elected}},
        {"large_everything",
         {.timeouts = {0, 1, 1},
          .proposals = 2,
          .crashes = 1,
          .duplicates = 1,
          .beats = 1,
          .transfers = 1,
          .writes_wait = {true, true, true},
          .begins = beginning::elected}},
    };
    return plans;
}

} // namespace hpcsched::raft::test

#endif
