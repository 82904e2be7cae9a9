# SPDX-License-Identifier: Apache-2.0
# A checker that finds no planted bug is no checker: plants bugs in copies of the headers, one at a time, and wants the
# simulated groups to break within 2,000 seeds, each by itself. One that is rarer names how many it is given.
#
#   cmake -DROOT=<source tree> -DCOPY=<folder to use> [-DCXX=g++] [-DONLY=<regex>] -P mutants.cmake
#
# Prints of each bug the seed that found it and how. Fails where one is not found, or where the tree has changed so
# that it can no longer be planted.
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/../plant.cmake)

# plant(<what> <file below include/hpcsched> <text that is there once> <text in its place> [<seeds>])
function(plant what file from to)
  if(NOT what MATCHES "${ONLY}")
    return()
  endif()
  set(seeds 2000)
  if(ARGC GREATER 4)
    set(seeds ${ARGV4})
  endif()
  build_planted("${what}" ${file} "${from}" "${to}" tests/raft_sim/mutant_runner.cpp -O2)
  execute_process(COMMAND ${COPY}/runner ${seeds} TIMEOUT 300
    RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE complaint)
  string(REGEX MATCH "seed [^\n]*\n?$" last_line "${output}")
  string(STRIP "${last_line} ${complaint}" how)
  set(found ON)
  if(status EQUAL 0)
    set(found OFF)
  endif()
  judge_planted("${what}" ${found} "${how}")
endfunction()

# Not here, since chance alone seldom finds them: an entry of an old term that is committed by counting (figure 8 of
# the Raft paper), replaced entries that count as durable, a membership that outlives its entry. Tests of their own in
# tests/raft/replica.test.cpp do.
set(elections raft/detail/replica_elections.hpp)
set(replication raft/detail/replica_replication.hpp)
set(services raft/detail/replica_services.hpp)

plant("a vote is not made durable" ${replication} "w.state = hard_;" "w.state = {hard_.term, no_node};")
plant("a term is not made durable" ${replication} "w.state = hard_;" "w.state = {0, hard_.voted_for};")
plant("a conflict is ignored" ${replication} "window_.at(e.index).term == e.term" "true")
plant("a log that is behind gets a vote" ${elections} "m.last_index >= window_.last_index()"
  "true")
plant("a second vote is given in a term" ${elections}
  "bool const free = hard_.voted_for == no_node && leader_ == no_node;"
  "bool const free = true;")
plant("an entry is vouched for before it is durable" ${replication} "std::min(verified_, durable_)" "verified_")
plant("a leader counts its own entries before they are durable" ${replication}
  "peers_[self_].match = durable_;" "peers_[self_].match = window_.last_index();")
plant("half is a majority" raft/membership.hpp "coming_agree > coming / 2" "coming_agree >= (coming + 1) / 2")
plant("half of an even group commits" raft/membership.hpp "values[count / 2]" "values[(count - 1) / 2]")
plant("a joint membership asks the new one alone" raft/membership.hpp
  "joint() ? std::min(coming, majority_value(reached, &member::voted)) : coming" "coming")
plant("a read is not confirmed" ${services}
  "if (holds_lease(now)) {\n            out" "if (true) {\n            out")
plant("a new leader reads before it has committed" ${services}
  "reads_.empty() || !own_term_committed()" "reads_.empty()")
plant("a lease outlives a transfer" ${services} "transfer_sent_ || quiet_" "quiet_")
plant("a lease lasts too long" ${services}
  "config_.election_timeout - config_.lease_margin" "config_.election_timeout * 4")
plant("who hears of a leader votes for others" ${elections} "!request->transfer && hears_a_leader(now)" "false")
plant("a follower takes its whole log for the new leader's" ${elections} "verified_ = commit_;"
  "verified_ = window_.last_index();")
plant("entries are taken over where the logs do not agree" ${replication}
  "window_.term_at(agreed) != m.previous_term" "agreed > window_.last_index()")
plant("a snapshot loses the membership" ${services} "adopt(members, index, now);\n    owes" "owes" 10000)
plant("a command is carried out twice" raft/sessions.hpp "key.sequence > s.sequence" "key.sequence >= s.sequence")
plant("a snapshot leaves out the sessions" raft/sessions.hpp "put_word(out, clients_.size());"
  "put_word(out, 0); if (out.empty())")
plant("a witness may lead" ${elections} "(own->votes || own->voted) && !own->witness" "(own->votes || own->voted)")

end_planting()
