// SPDX-License-Identifier: Apache-2.0
#include "memory_monitor.hpp"

#include <doctest/doctest.h>

#include <sched.h>
#include <temporary_folder.hpp>

#include <filesystem>
#include <fstream>
#include <string>

namespace {

using namespace hpcsched;
using cpu_linux::ability;

/// A /proc with one process, of that name, parent and scheduling policy.
ability look_at(std::string const& name, int parent, int policy) {
    test::temporary_folder const proc;
    std::filesystem::create_directory(proc / "53");
    std::ofstream{proc / "53/stat"} << "53 (" << name << ") S " << parent
                                    << " 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0 18446744073709551615 "
                                    << "0 0 0 0 0 0 0 2147483647 0 1 0 0 17 0 0 " << policy
                                    << " 0 0 0 0 0 0 0 0 0 0 0\n";
    std::filesystem::create_directory(proc / "self");
    return cpu_linux::detail::look_for_memory_monitor(proc.path());
}

TEST_CASE("memory monitor: a thread of DAMON that is no real-time one is named, with what lifts it") {
    ability const found = look_at("kdamond.0", 2, SCHED_OTHER);
    CHECK_FALSE(found.works);
    CHECK(found.why_not.ends_with("for i in 53; do chrt --fifo -p 98 $i; done"));
}

TEST_CASE("memory monitor: once lifted it is in nobody's way") {
    CHECK(look_at("kdamond.0", 2, SCHED_FIFO).works);
    CHECK(look_at("kdamond.0", 2, SCHED_RR).works);
}

TEST_CASE("memory monitor: other threads of the kernel, and processes of that name, are none") {
    CHECK(look_at("kswapd0", 2, SCHED_OTHER).works);
    CHECK(look_at("kdamond.0", 1, SCHED_OTHER).works);
}

TEST_CASE("memory monitor: where /proc cannot be read there is none") {
    CHECK(cpu_linux::detail::look_for_memory_monitor("/nowhere").works);
}

} // namespace
