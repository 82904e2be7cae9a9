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

// What a process uses for it, user and system: the least of ten, for a virtual CPU can become slower by far for a
// moment, and within a step the burner cannot see it.
duration least_use(experiment_linux::detail::burner work, workload::invocation const& what, duration good_enough) {
    duration least = unlimited;
    for (int attempt = 0; attempt < 10 && least >= good_enough; ++attempt) {
        pid_t const process = fork();
        if (process == 0) {
            work.run(what);
            _exit(0);
        }
        rusage used{};
        REQUIRE(wait4(process, nullptr, 0, &used) == process);
        duration const cpu = std::chrono::seconds{used.ru_utime.tv_sec + used.ru_stime.tv_sec} +
                             std::chrono::microseconds{used.ru_utime.tv_usec + used.ru_stime.tv_usec};
        CHECK(cpu >= what.service);
        CHECK(used.ru_nvcsw >= static_cast<long>(what.blocking.size())); // it slept
        least = std::min(least, cpu);
    }
    return least;
}

TEST_CASE("burner: a fresh process uses the CPU for its service time, and sleeps in between") {
    if (HPCSCHED_IS_SANITIZED != 0) {
        HPCSCHED_SKIP("a sanitizer makes a process use more CPU time than it is told to");
    }
    workload::invocation const what{.service = 40ms, .blocking = {{.after_cpu = 10ms, .length = 30ms}}};
    CHECK(least_use(experiment_linux::detail::burner::calibrated(), what, 44ms) < 44ms);
}

TEST_CASE("burner: a processor that is a quarter as fast as it was when it was measured makes no difference") {
    if (HPCSCHED_IS_SANITIZED != 0) {
        HPCSCHED_SKIP("a sanitizer makes a process use more CPU time than it is told to");
    }
    double const speed = experiment_linux::detail::burner::calibrated().turns_per_nanosecond();
    CHECK(least_use(experiment_linux::detail::burner{4 * speed}, {.service = 40ms}, 44ms) < 44ms);
}

} // namespace
