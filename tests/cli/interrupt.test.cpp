// SPDX-License-Identifier: Apache-2.0
#include "interrupt.hpp"

#include <doctest/doctest.h>

#include "failure.hpp"
#include "program.hpp"
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>

namespace hpcsched::cli {
namespace {

/// A child that takes interrupts, has had SIGINT as often as given, and stops if it was told of them.
pid_t interrupted_child(int times) {
    pid_t const child = ::fork();
    if (child == 0) {
        std::atomic<bool> const& interrupted = catch_interrupts();
        for (int i = 0; i < times; ++i) {
            ::raise(SIGINT);
        }
        if (interrupted) {
            ::raise(SIGSTOP);
        }
        ::pause(); // a signal ends it here
        ::_exit(0);
    }
    return child;
}

} // namespace

TEST_CASE("interrupt: a signal that is sent twice at once, as timeout does, is one, and a later one ends the program") {
    for (int const times : {1, 2, 3}) {
        CAPTURE(times);
        pid_t const child = interrupted_child(times);
        int status = 0;
        REQUIRE(::waitpid(child, &status, WUNTRACED) == child);
        REQUIRE(WIFSTOPPED(status));
        test::wait_for_the_program(600);
        ::kill(child, SIGCONT);
        ::kill(child, SIGTERM);
        REQUIRE(::waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status));
        CHECK(WEXITSTATUS(status) == static_cast<int>(exit_code::interrupted));
    }
}

} // namespace hpcsched::cli
