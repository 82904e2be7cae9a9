// SPDX-License-Identifier: Apache-2.0
#include "small_file.hpp"

#include <doctest/doctest.h>

namespace {

using hpcsched::cpu_linux::detail::read_small_file;

TEST_CASE("small file: one that cannot be opened or read is empty") {
    CHECK(read_small_file("/proc/self/comm") == "test_cpu_linux\n");
    CHECK(read_small_file("/proc/self/maps").size() > 4096);
    CHECK(read_small_file("/proc/no such thing").empty());
    CHECK(read_small_file("/proc").empty());
    CHECK(read_small_file("/proc/self/mem").empty()); // opens, and cannot be read, as the files of a process that died
}

} // namespace
