# SPDX-License-Identifier: Apache-2.0
# A checker that finds no planted bug is no checker: plants bugs in copies of the headers, one at a time, and wants the
# explorer to find each by itself in its quick explorations.
#
#   cmake -DROOT=<source tree> -DCOPY=<folder to use> [-DCXX=g++] [-DONLY=<regex>] -P explorer_mutants.cmake
#
# Prints of each bug which exploration found it, what was broken, and with -DWAY=ON the shortest way there. Fails where
# one is not found, or where the tree has changed so that it can no longer be planted.
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/../plant.cmake)

# plant(<what> <file below include/hpcsched/raft> <text that is there once> <text in its place>)
function(plant what file from to)
  if(NOT what MATCHES "${ONLY}")
    return()
  endif()
  build_planted("${what}" raft/${file} "${from}" "${to}" tests/raft/explorer_runner.cpp -O1)
  execute_process(COMMAND ${COPY}/runner quick TIMEOUT 300
    RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE complaint)
  set(found OFF)
  set(how "${status} ${complaint}")
  if(status EQUAL 1)
    set(found ON)
    string(REGEX REPLACE "^.*\n([^\n]*, [0-9]* transitions[^\n]*\n)" "\\1" how "\n${output}")
    string(REGEX MATCH "found by.*" how "found by ${how}")
    if(NOT WAY)
      string(REGEX REPLACE "\n  .*" "" how "${how}")
    endif()
    string(STRIP "${how}" how)
  endif()
  judge_planted("${what}" ${found} "${how}")
endfunction()

# Not here: a membership that outlives its entry does no harm among three servers (a test of its own in
# tests/raft/replica.test.cpp shows it), and a heartbeat's commit index that is not held against what was compared is
# never above it, as leaders send none that is.
set(elections detail/replica_elections.hpp)
set(replication detail/replica_replication.hpp)

plant("a vote is not made durable" ${replication} "w.state = hard_;" "w.state = {hard_.term, no_node};")
plant("a term is not made durable" ${replication} "w.state = hard_;" "w.state = {0, hard_.voted_for};")
plant("a second vote is given in a term" ${elections}
  "bool const free = hard_.voted_for == no_node && leader_ == no_node;"
  "bool const free = true;")
plant("a log that is behind gets a vote" ${elections} "m.last_index >= window_.last_index()"
  "true")
plant("an old last term gets a vote" ${elections} "m.last_term > window_.last_term() ||" "true ||")
plant("a vote is told before it is durable" ${replication}
  "voted_now_ != no_node && durable_write_ >= vote_write_" "voted_now_ != no_node")
plant("an entry of an earlier term is committed by counting" ${replication}
  "window_.term_at(agreed) == hard_.term" "true")
plant("a conflict is ignored" ${replication} "window_.at(e.index).term == e.term" "true")
plant("entries are taken over where the logs do not agree" ${replication}
  "window_.term_at(agreed) != m.previous_term" "agreed > window_.last_index()")
plant("an entry is vouched for before it is durable" ${replication} "std::min(verified_, durable_)" "verified_")
plant("a leader counts its own entries before they are durable" ${replication}
  "peers_[self_].match = durable_;" "peers_[self_].match = window_.last_index();")
plant("what replaces durable entries counts as durable" ${replication}
  "durable_ = std::min(durable_, from - 1);" "")
plant("a late write vouches for what has replaced its entries" ${replication}
  "w.last_index = std::min(w.last_index, from - 1);" "")
plant("a follower takes its whole log for the new leader's" ${elections} "verified_ = commit_;"
  "verified_ = window_.last_index();")
plant("one vote is a majority" membership.hpp "coming_agree > coming / 2" "coming_agree >= coming / 2")
plant("half is a majority" membership.hpp "coming_agree > coming / 2" "coming_agree >= (coming + 1) / 2")
plant("half of an even group commits" membership.hpp "values[count / 2]" "values[(count - 1) / 2]")

end_planting()
