# SPDX-License-Identifier: Apache-2.0
# Every public header is part of its component, and every umbrella header includes all of its component.
#
#   cmake -DROOT=<source tree> [-DWRITE=ON] -P headers.cmake
#
# WRITE=ON writes the umbrella headers anew instead of complaining. Left out of them: detail/, and *_io.hpp, which
# bring a stream library that a host may not want.
cmake_minimum_required(VERSION 3.25)
get_filename_component(ROOT "${ROOT}" ABSOLUTE)

set(findings "")
file(GLOB folders LIST_DIRECTORIES ON RELATIVE ${ROOT}/include/hpcsched ${ROOT}/include/hpcsched/*)
list(FILTER folders EXCLUDE REGEX "\\.hpp$")
foreach(component IN LISTS folders)
  file(GLOB_RECURSE headers RELATIVE ${ROOT}/include/hpcsched ${ROOT}/include/hpcsched/${component}/*.hpp)
  list(SORT headers)
  set(listing "")
  if(EXISTS ${ROOT}/src/${component}/CMakeLists.txt)
    file(READ ${ROOT}/src/${component}/CMakeLists.txt listing)
  endif()
  string(TOUPPER HPCSCHED_${component}_HPP guard)
  set(umbrella "// SPDX-License-Identifier: Apache-2.0\n#ifndef ${guard}\n#define ${guard}\n\n")
  string(APPEND umbrella "/// \\file\n/// All of hpcsched::${component}; "
    "a program that is built often includes what it uses instead.\n\n")
  foreach(header IN LISTS headers)
    string(REPLACE "." "\\." pattern ${header})
    if(NOT listing MATCHES "[ \n]${pattern}[ )\n]")
      list(APPEND findings "src/${component}/CMakeLists.txt: does not list ${header}, so it is not installed")
    endif()
    if(NOT header MATCHES "/detail/|_io\\.hpp$")
      string(APPEND umbrella "#include <hpcsched/${header}>\n")
    endif()
  endforeach()
  string(APPEND umbrella "\n#endif\n")
  set(path ${ROOT}/include/hpcsched/${component}.hpp)
  set(found "")
  if(EXISTS ${path})
    file(READ ${path} found)
  endif()
  if(NOT found STREQUAL umbrella)
    if(WRITE)
      file(WRITE ${path} "${umbrella}")
    else()
      list(APPEND findings "include/hpcsched/${component}.hpp: is not the list of ${component}/. To write it anew: \
cmake -DROOT=. -DWRITE=ON -P tests/house/headers.cmake")
    endif()
  endif()
endforeach()

if(findings)
  list(JOIN findings "\n" text)
  message("${text}")
  message(FATAL_ERROR "a header is left out")
endif()
message(STATUS "every header is listed, every umbrella is whole")
