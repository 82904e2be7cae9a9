# SPDX-License-Identifier: Apache-2.0
# What the project's own sources, tests, examples and benchmarks are built with. Never exported.

add_library(hpcsched_dev_flags INTERFACE)
target_compile_options(hpcsched_dev_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -ffp-contract=off
  # GCC 12 warns at every short literal that is assigned to a std::string (its bug 105651).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
target_compile_definitions(hpcsched_dev_flags INTERFACE
  $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS HPCSCHED_SLOW_ASSERTIONS>)

if(PROJECT_IS_TOP_LEVEL)
  find_program(HPCSCHED_CCACHE ccache)
  mark_as_advanced(HPCSCHED_CCACHE)
  if(HPCSCHED_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${HPCSCHED_CCACHE})
  endif()
endif()
