# SPDX-License-Identifier: Apache-2.0
# For scripts that plant bugs in copies of the headers, one at a time, and want a program built on them to break. They
# are called with -DROOT=<source tree> -DCOPY=<folder to use> [-DCXX=g++] [-DONLY=<regex>].
get_filename_component(ROOT "${ROOT}" ABSOLUTE)
if(NOT CXX)
  set(CXX g++)
endif()
if(NOT DEFINED ONLY)
  set(ONLY ".")
endif()

set(planted 0)
set(missed "")

# build_planted(<what> <file below include/hpcsched> <text that is there once> <text in its place>
#   <source> <flags>...): ${COPY}/runner, built on headers with that bug
function(build_planted what file from to source)
  file(REMOVE_RECURSE ${COPY})
  file(MAKE_DIRECTORY ${COPY})
  file(COPY ${ROOT}/include DESTINATION ${COPY})
  set(path ${COPY}/include/hpcsched/${file})
  file(READ ${path} text)
  string(FIND "${text}" "${from}" first)
  string(FIND "${text}" "${from}" last REVERSE)
  if(first EQUAL -1 OR NOT first EQUAL last)
    message(FATAL_ERROR "\"${what}\" cannot be planted: in ${file} this does not stand exactly once:\n${from}")
  endif()
  string(REPLACE "${from}" "${to}" text "${text}")
  file(WRITE ${path} "${text}")
  execute_process(COMMAND ${CXX} -std=c++20 ${ARGN} -w -I${COPY}/include ${ROOT}/${source} -o ${COPY}/runner
    RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "\"${what}\" does not compile:\n${output}")
  endif()
endfunction()

# judge_planted(<what> <whether it was found> <how>): counts it for the caller's caller, and says so
macro(judge_planted what was_found how)
  if(${was_found})
    message("found      ${what}\n           ${how}")
  else()
    message("NOT FOUND  ${what}\n           ${how}")
    set(missed "${missed}\n  ${what}" PARENT_SCOPE)
  endif()
  math(EXPR planted "${planted} + 1")
  set(planted ${planted} PARENT_SCOPE)
endmacro()

# Ends the script: badly where one was missed.
function(end_planting)
  if(missed)
    message(FATAL_ERROR "of ${planted} planted bugs these were not found:${missed}")
  endif()
  message("${planted} planted bugs, each found")
endfunction()
