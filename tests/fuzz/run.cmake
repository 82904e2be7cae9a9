# SPDX-License-Identifier: Apache-2.0
# Runs a fuzz target from its seeds; what it adds to them goes to a folder that is made anew, so that a run repeats.
#   cmake -DPROGRAM=<target> -DCORPUS=<folder> -DRUNS=<count> -P run.cmake
cmake_minimum_required(VERSION 3.25)
set(found ${PROGRAM}.found)
file(REMOVE_RECURSE ${found})
file(MAKE_DIRECTORY ${found})
execute_process(
  COMMAND ${PROGRAM} -runs=${RUNS} -seed=1 -max_len=2048 -timeout=20 -rss_limit_mb=2048 -verbosity=0
    -artifact_prefix=${PROGRAM}. -print_final_stats=1 ${found} ${CORPUS}
  RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "found an input that breaks a rule: see ${PROGRAM}.crash-* (or .timeout-*, .oom-*)")
endif()
