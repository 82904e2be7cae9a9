// SPDX-License-Identifier: Apache-2.0
#include "process_stat.hpp"

#include <doctest/doctest.h>

#include "child.hpp"
#include <unistd.h>

#include <string>

namespace {

using namespace hpcsched::cpu_linux::detail;

std::string line_of(std::string const& name) {
    return "4711 (" + name + ") S 1 4711 4711 0 -1 4194560 1 0 0 0 3 4 0 0 20 0 1 0 987654 8192 200 1844\n";
}

TEST_CASE("process stat: the state and the start are read, whatever the name of the program") {
    for (std::string const name : {"sleep", "a b", ") R 1 2 3", "((", "))", "x) Z (y", ""}) {
        auto const found = parse_process_stat(line_of(name));
        REQUIRE(found.has_value());
        CHECK(found->state == 'S');
        CHECK(found->threads == 1);
        CHECK(found->started == 987654);
    }
}

TEST_CASE("process stat: a line that ends early is none") {
    std::string const whole = line_of("sleep");
    std::size_t const enough = whole.find(" 987654") + 2; // the first digit of the start
    for (std::size_t size = 0; size < enough; ++size) {
        CHECK_FALSE(parse_process_stat(whole.substr(0, size)).has_value());
    }
}

TEST_CASE("process stat: the exit code says when all threads of a process are to end") {
    std::string line = line_of("sleep");
    line.pop_back();
    for (int field = 26; field < 52; ++field) {
        line += field == 39 ? " 1" : " 0";
    }
    CHECK(parse_process_stat(line + " 9\n")->exit_code == 9);
    CHECK(parse_process_stat(line + " 9\n")->last_cpu == 1);
    CHECK(parse_process_stat(line + " 0\n")->exit_code == 0);
    CHECK(read_process_stat(getpid())->exit_code == 0);

    hpcsched::test::child const dead{[] { _exit(7); }}; // nobody has waited for it
    CHECK(hpcsched::test::eventually([&] { return read_process_stat(dead.get())->exit_code == 7 << 8; }));
}

TEST_CASE("process stat: a flag says who has begun to exit") {
    std::string line = line_of("sleep");
    CHECK_FALSE(parse_process_stat(line)->is_exiting);
    std::string const flags = "4194560"; // 0x400100
    line.replace(line.find(flags), flags.size(), "4194564");
    CHECK(parse_process_stat(line)->is_exiting);
}

TEST_CASE("process stat: this process runs, and one that cannot be has no start") {
    CHECK(read_process_stat(getpid())->state == 'R');
    CHECK(hpcsched::cpu_linux::key_of(getpid()).started > 0);
    CHECK(hpcsched::cpu_linux::key_of(0x7fff'ffff).started == 0);
    CHECK(read_on_cpu_time(getpid()) > 0);
    CHECK(thread_count(getpid()) == 1);
}

} // namespace
