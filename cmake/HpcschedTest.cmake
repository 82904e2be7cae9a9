# SPDX-License-Identifier: Apache-2.0
include(doctest)

# One test program per component, linking only that component: hpcsched_test(<component> <source>... [ALONE]
# [LABELS <label>] [LINK <target>...]). ALONE: no other test runs meanwhile. Each TEST_CASE is a test of CTest,
# `<component>.<name of the case>`; one that prints "skipped: <reason>" (tests/skip.hpp) is counted as skipped.
#
# Tests are built with -O1: half of the build is theirs and little of the running time, and -O3 takes a third longer.
function(hpcsched_test component)
  cmake_parse_arguments(PARSE_ARGV 1 arg "ALONE" "LABELS" "LINK")
  set(target test_${component})
  add_executable(${target} ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(${target} PRIVATE hpcsched_test_main ${arg_LINK} hpcsched_dev_flags)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
  if(TARGET hpcsched::${component})
    target_link_libraries(${target} PRIVATE hpcsched::${component})
  endif()
  if(NOT arg_LABELS)
    set(arg_LABELS unit)
  endif()
  doctest_discover_tests(${target} TEST_PREFIX "${component}."
    PROPERTIES LABELS "${arg_LABELS}" RUN_SERIAL ${arg_ALONE} SKIP_REGULAR_EXPRESSION "skipped: ")
  set_property(GLOBAL APPEND PROPERTY HPCSCHED_TEST_PROGRAMS ${component})
endfunction()

# hpcsched_compile_fail(<component> <file> <expected>): a test, compile_fail.<component>.<stem of the file>, that the
# file does not compile and that the compiler says why. <expected> is the name of the concept, or of the fragment of
# one, that is not satisfied, or else a regular expression for another diagnostic. It must not occur in the name of the
# file, which the build tool echoes.
function(hpcsched_compile_fail component file expected)
  cmake_path(GET file STEM name)
  set(target compile_fail_${component}_${name})
  add_library(${target} OBJECT EXCLUDE_FROM_ALL ${file})
  target_link_libraries(${target} PRIVATE hpcsched::${component} hpcsched_dev_flags)
  if(expected MATCHES "^[a-z_0-9]+$")
    # g++: required for the satisfaction of 'name<...>'; clang++: because '...' does not satisfy 'name'
    set(expected "(satisfaction of|does not satisfy) [^a-z]+${expected}[^a-z_0-9]")
  endif()
  set(test compile_fail.${component}.${name})
  add_test(NAME ${test} COMMAND ${CMAKE_COMMAND} --build ${CMAKE_BINARY_DIR} --target ${target})
  set_tests_properties(${test} PROPERTIES
    PASS_REGULAR_EXPRESSION "${expected}" RESOURCE_LOCK build_tree LABELS compile_fail)
endfunction()
