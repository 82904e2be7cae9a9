# SPDX-License-Identifier: Apache-2.0

# Defines one component: target hpcsched_<name>, alias and export name hpcsched::<name>, an export set of its own.
# Its umbrella header, <name>.hpp, is added to its headers.
#
#   hpcsched_component(<name>
#     DEPENDS <component>...     # other components; they are in the public interface
#     HEADERS <file>...          # below include/hpcsched/
#     [SOURCES <file>...]        # none: header-only
#     [LINK_PUBLIC <target>...] [LINK_PRIVATE <target>...])
function(hpcsched_component name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "DEPENDS;HEADERS;SOURCES;LINK_PUBLIC;LINK_PRIVATE")
  set(target hpcsched_${name})
  if(arg_SOURCES)
    add_library(${target} STATIC ${arg_SOURCES})
    set(scope PUBLIC)
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:hpcsched_dev_flags>)
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  add_library(hpcsched::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  list(PREPEND arg_HEADERS ${name}.hpp)
  list(TRANSFORM arg_HEADERS PREPEND ${PROJECT_SOURCE_DIR}/include/hpcsched/)
  target_sources(${target} ${scope}
    FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/include FILES ${arg_HEADERS})
  target_compile_features(${target} ${scope} cxx_std_20)
  list(TRANSFORM arg_DEPENDS PREPEND hpcsched_)
  target_link_libraries(${target} ${scope} ${arg_DEPENDS} ${arg_LINK_PUBLIC})
  if(arg_LINK_PRIVATE)
    target_link_libraries(${target} PRIVATE ${arg_LINK_PRIVATE})
  endif()
  install(TARGETS ${target} EXPORT hpcsched_${name}_targets FILE_SET HEADERS)
  install(EXPORT hpcsched_${name}_targets NAMESPACE hpcsched::
    FILE hpcsched-${name}-targets.cmake DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/hpcsched)
  set_property(GLOBAL APPEND PROPERTY HPCSCHED_COMPONENTS ${name})
endfunction()
