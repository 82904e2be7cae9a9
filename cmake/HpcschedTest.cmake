# SPDX-License-Identifier: Apache-2.0
include(doctest)

# One test program per component, linking only that component: hpcsched_test(<component> <source>... [LABELS <label>]
# [LINK <target>...]). Each TEST_CASE is a test of CTest, `<component>.<name of the case>`; one that prints
# "skipped: <reason>" (tests/skip.hpp) is counted as skipped.
function(hpcsched_test component)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "LABELS" "LINK")
  set(target test_${component})
  add_executable(${target} ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(${target} PRIVATE hpcsched_test_main ${arg_LINK} hpcsched_dev_flags)
  if(TARGET hpcsched::${component})
    target_link_libraries(${target} PRIVATE hpcsched::${component})
  endif()
  if(NOT arg_LABELS)
    set(arg_LABELS unit)
  endif()
  doctest_discover_tests(${target} TEST_PREFIX "${component}."
    PROPERTIES LABELS "${arg_LABELS}" SKIP_REGULAR_EXPRESSION "skipped: ")
  set_property(GLOBAL APPEND PROPERTY HPCSCHED_TEST_PROGRAMS ${component})
endfunction()
