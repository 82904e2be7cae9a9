# SPDX-License-Identifier: Apache-2.0
# Plants bugs in copies of the headers that foretell a cluster, one at a time, and wants the tests of that header to
# fail, each by itself.
#
#   cmake -DROOT=<source tree> -DCOPY=<folder to use> [-DCXX=g++] [-DONLY=<regex>] -P tests/notebook/mutants.cmake
#
# Takes 20 s for each. Fails where one is not found, or where the tree has changed so that it can no longer be planted.
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/../plant.cmake)

# plant(<what> <file below include/hpcsched/notebook> <text that is there once> <text in its place> <test>)
function(plant what file from to test)
  if(NOT what MATCHES "${ONLY}")
    return()
  endif()
  build_planted("${what}" notebook/${file} "${from}" "${to}" tests/notebook/${test}.test.cpp
    ${ROOT}/tests/main.cpp -I${ROOT}/tests -DHPCSCHED_SLOW_ASSERTIONS=0 -I/usr/include/eigen3)
  execute_process(COMMAND ${COPY}/runner --no-intro TIMEOUT 300 RESULT_VARIABLE status OUTPUT_VARIABLE output
    ERROR_VARIABLE output)
  string(REGEX MATCH "TEST CASE: *([^\n]*)" ignored "${output}")
  set(found ON)
  if(status EQUAL 0)
    set(found OFF)
  endif()
  judge_planted("${what}" ${found} "${CMAKE_MATCH_1}")
endfunction()

set(world cluster_world.hpp)
plant("a cell that ends gives nothing back" ${world} "r.free_[now.host] + now.gpus);" "r.free_[now.host]);"
  cluster_world)
plant("the most that was wanted is not noted" ${world} "r.wanted_peak_ = std::max(r.wanted_peak_, r.wanted_);" ""
  cluster_world)
plant("what a cell wanted is wanted for ever" ${world} "r.wanted_ -= now.gpus;" "" cluster_world)
plant("who came last is served first" ${world} "x != y ? x > y" "x != y ? x < y" cluster_world)
plant("the fullest host is taken for the emptiest" ${world} "fullest_first ? free < other : free > other"
  "fullest_first ? free > other : free < other" cluster_world)
plant("where the last cell ran is of no account" ${world} "r.seen_->previous_first && i == now.previous" "false"
  cluster_world)
plant("how long it has lasted is of no account" ${world} "curve.residual(p.lasted, p.amount / factor)"
  "curve.residual(0, p.amount / factor)" cluster_world)
plant("the eager come later" ${world} "p.amount / factor" "p.amount * factor" cluster_world)
plant("the first cell comes as the later ones do" ${world} "now.had_cell ? s.next_return : s.first_return;"
  "s.next_return;" cluster_world)
plant("a cell of a session that waits is begun twice" ${world} "r.wanted_ += o.phase == session_phase::idle ? 0U"
  "r.wanted_ += true ? 0U" cluster_world)
plant("moments before now count again" ${world} "curve.cumulative(o.lasted + r.now_));" "curve.cumulative(o.lasted));"
  cluster_world)
plant("a watched request of one device is one of three" ${world} "double larger = gpus[0] > free"
  "double larger = gpus[2] > free" cluster_world)
plant("cells that nobody has room for move anyway" ${world} "if (!r.seen_->runs_anywhere) {" "if (false) {"
  cluster_world)

set(noise cluster_noise.hpp)
plant("a shape below one is drawn as one more" ${noise} "return more * std::pow(1 - uniform(bits), 1 / shape);"
  "return more;" cluster_world)
plant("a belief's rate is forgotten" ${noise} "(g.rate * narrower)" "(1.0 * narrower)" cluster_world)
plant("less noise is another mean" ${noise} "(g.rate * narrower)" "(g.rate)" cluster_world)
plant("ends are drawn from returns" ${noise} "decide(r.end_factor(p.session), seen.ends, length, d);"
  "decide(r.end_factor(p.session), seen.returns, length, d);" cluster_world)

set(posteriors session_posteriors.hpp)
plant("an event makes nobody more eager" ${posteriors} "mine.shape += 1;" "" session_posteriors)
plant("time that passed makes nobody less eager" ${posteriors}
  "mine.rate += curve.cumulative(to_seconds(lasted));" "" session_posteriors)
plant("what its own cells needed is of no account" ${posteriors} "weights[size] += count;" "" session_posteriors)
plant("who has been idle for long is as eager as before" ${posteriors}
  "o.returns = eagerness{mine.returns, returns_[o.had_cell ? 1 : 0].curve}.after(o.lasted);" "" session_posteriors)
plant("a cell that has run for long ends as soon as before" ${posteriors}
  "o.ends = eagerness{mine.ends, ends_.curve}.after(o.lasted);" "" session_posteriors)
plant("who closes teaches nothing" ${posteriors}
  "returns_[mine.cells > 0 ? 1 : 0].lost_sight(mine.returns, now - kernel.idle_since);" "" session_posteriors)
plant("first cells and later ones are one" ${posteriors} "returns_[mine.cells > 0 ? 1 : 0].ended(mine.returns, idle);"
  "returns_[1].ended(mine.returns, idle);" session_posteriors)

set(forecaster room_forecaster.hpp)
plant("all futures are looked at at their end" ${forecaster}
  "(static_cast<double>(world) + 0.5) / static_cast<double>(config_.worlds)" "1.0" room_forecaster)
plant("every future is the same" ${forecaster} "config_.seed, worlds_played_++" "config_.seed, worlds_played_"
  room_forecaster)
plant("what is missed most moves" ${forecaster} "if (without < least) {" "if (i == 0 || least < without) {"
  room_forecaster)
plant("what was foretold is good for ever" ${forecaster} "look_again_ = now + config_.renewed;"
  "look_again_ = time_point::max();" room_forecaster)

end_planting()
