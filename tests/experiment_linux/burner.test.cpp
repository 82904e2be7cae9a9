// SPDX-License-Identifier: Apache-2.0
#include "burner.hpp"

#include <doctest/doctest.h>

#include <skip.hpp>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

namespace {

using namespace hpcsched;
using namespace std::chrono_literals;

TEST_CASE("burner: a fresh process uses the CPU for its service time, and sleeps in between") {
    if (HPCSCHED_IS_SANITIZED != 0) {
        HPCSCHED_SKIP("a sanitizer makes a process use more CPU time than it is told to");
    }
    auto const work = experiment_linux::detail::burner::calibrated();
    workload::invocation const what{.service = 40ms, .blocking = {{.after_cpu = 10ms, .length = 30ms}}};
    // A virtual CPU can become slower by far for a moment: one of three must be right.
    duration least = unlimited;
    for (int attempt = 0; attempt < 3 && least >= 44ms; ++attempt) {
        pid_t const process = fork();
        if (process == 0) {
            work.run(what);
            _exit(0);
        }
        rusage used{};
        REQUIRE(wait4(process, nullptr, 0, &used) == process);
        duration const cpu = std::chrono::seconds{used.ru_utime.tv_sec + used.ru_stime.tv_sec} +
                             std::chrono::microseconds{used.ru_utime.tv_usec + used.ru_stime.tv_usec};
        CHECK(cpu >= 40ms);
        CHECK(used.ru_nvcsw >= 1); // it slept
        least = std::min(least, cpu);
    }
    CHECK(least < 44ms);
}

} // namespace
