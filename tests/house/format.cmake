# SPDX-License-Identifier: Apache-2.0
# Fails if clang-format 19 would change a source.
#
#   cmake -DROOT=<source tree> -DCLANG_FORMAT=<program> -P format.cmake
cmake_minimum_required(VERSION 3.25)
get_filename_component(ROOT "${ROOT}" ABSOLUTE)

if(NOT CLANG_FORMAT)
  message("skipped: clang-format-19 is not installed (Debian package clang-format-19)")
  return()
endif()
set(sources "")
foreach(folder IN ITEMS include src tests examples bench)
  file(GLOB_RECURSE found ${ROOT}/${folder}/*.hpp ${ROOT}/${folder}/*.cpp)
  list(APPEND sources ${found})
endforeach()
list(LENGTH sources count)
if(count EQUAL 0)
  message(FATAL_ERROR "no sources below ${ROOT}: is ROOT the source tree?")
endif()
execute_process(COMMAND ${CLANG_FORMAT} --dry-run --Werror --style=file:${ROOT}/.clang-format ${sources}
  RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "run clang-format-19 -i on the files above")
endif()
message(STATUS "${count} sources are formatted")
