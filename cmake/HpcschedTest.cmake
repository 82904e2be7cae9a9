# SPDX-License-Identifier: Apache-2.0
include(doctest)

# One test program per component, linking only that component (and testing): hpcsched_test(<component> <source>...)
function(hpcsched_test component)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LABELS;LINK")
  set(target test_${component})
  add_executable(${target} ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(${target} PRIVATE hpcsched_test_main hpcsched::${component} ${arg_LINK} hpcsched_dev_flags)
  if(NOT arg_LABELS)
    set(arg_LABELS unit)
  endif()
  doctest_discover_tests(${target} TEST_PREFIX "${component}." PROPERTIES LABELS "${arg_LABELS}")
endfunction()
