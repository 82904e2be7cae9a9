# SPDX-License-Identifier: Apache-2.0
# Turns files into C++: each becomes a function that returns its bytes.
#
#   hpcsched_embed(<output.cpp>
#     HEADER <header that declares the functions and the type `asset`>
#     NAMESPACE <namespace>
#     ASSETS <function>=<file>[,<file>...] ...)     # several files are joined in order
#
# The same file is the script that does it at build time, so that an edited page is embedded again.
cmake_minimum_required(VERSION 3.25)

function(hpcsched_embed output)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "HEADER;NAMESPACE" "ASSETS")
  set(files)
  foreach(asset IN LISTS arg_ASSETS)
    string(REGEX REPLACE "^[^=]+=" "" list "${asset}")
    string(REPLACE "," ";" list "${list}")
    list(APPEND files ${list})
  endforeach()
  string(REPLACE ";" "|" assets "${arg_ASSETS}")
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DHPCSCHED_EMBED_OUTPUT=${output} -DHPCSCHED_EMBED_HEADER=${arg_HEADER}
      -DHPCSCHED_EMBED_NAMESPACE=${arg_NAMESPACE} "-DHPCSCHED_EMBED_ASSETS=${assets}"
      -P ${CMAKE_CURRENT_FUNCTION_LIST_FILE}
    DEPENDS ${files} ${CMAKE_CURRENT_FUNCTION_LIST_FILE}
    COMMENT "Embedding ${arg_ASSETS}"
    VERBATIM)
endfunction()

if(NOT DEFINED HPCSCHED_EMBED_OUTPUT)
  return()
endif()

set(piece_size 30000) # hexadecimal digits: half as many bytes, well below what compilers must accept
set(code "// Made by HpcschedEmbed.cmake.\n#include \"${HPCSCHED_EMBED_HEADER}\"\n\n")
string(APPEND code "namespace ${HPCSCHED_EMBED_NAMESPACE} {\n")
string(REPLACE "|" ";" assets "${HPCSCHED_EMBED_ASSETS}")
foreach(asset IN LISTS assets)
  string(REGEX MATCH "^([^=]+)=(.*)$" matched "${asset}")
  set(name ${CMAKE_MATCH_1})
  string(REPLACE "," ";" files "${CMAKE_MATCH_2}")
  set(bytes "")
  foreach(file IN LISTS files)
    file(READ ${file} more HEX)
    string(APPEND bytes "${more}")
  endforeach()
  string(LENGTH "${bytes}" length)
  string(APPEND code "\nasset ${name}() noexcept {\n    static constexpr std::string_view pieces[] = {\n")
  set(at 0)
  while(at LESS length)
    string(SUBSTRING "${bytes}" ${at} ${piece_size} piece)
    string(LENGTH "${piece}" digits)
    math(EXPR size "${digits} / 2")
    string(REGEX REPLACE "(..)" "\\\\x\\1" piece "${piece}")
    string(APPEND code "        {\"${piece}\", ${size}},\n") # with its size: a byte may be 0
    math(EXPR at "${at} + ${piece_size}")
  endwhile()
  string(APPEND code "    };\n    return pieces;\n}\n")
endforeach()
string(APPEND code "\n} // namespace ${HPCSCHED_EMBED_NAMESPACE}\n")
file(WRITE ${HPCSCHED_EMBED_OUTPUT} "${code}")
