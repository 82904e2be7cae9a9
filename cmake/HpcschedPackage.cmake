# SPDX-License-Identifier: Apache-2.0
# find_package(hpcsched COMPONENTS cpu cpu_sim)
include(CMakePackageConfigHelpers)

get_property(hpcsched_components GLOBAL PROPERTY HPCSCHED_COMPONENTS)
configure_package_config_file(
  ${CMAKE_CURRENT_LIST_DIR}/hpcsched-config.cmake.in ${PROJECT_BINARY_DIR}/hpcsched-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/hpcsched)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/hpcsched-config-version.cmake
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES ${PROJECT_BINARY_DIR}/hpcsched-config.cmake ${PROJECT_BINARY_DIR}/hpcsched-config-version.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/hpcsched)
