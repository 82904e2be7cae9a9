// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_DEATH_HPP
#define HPCSCHED_TESTS_DEATH_HPP

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace hpcsched::test {

/// How a process of its own fared with some code.
struct death {
    bool aborted = false; ///< it died of SIGABRT, as a broken contract does
    std::string said;     ///< what it wrote to standard error
};

/// Runs `code` in a process of its own, so that a test can see a contract being broken.
template <class Code>
death run_apart(Code code) {
    int ends[2] = {-1, -1};
    if (pipe(ends) != 0) {
        return {};
    }
    std::fflush(nullptr);
    pid_t const child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        // doctest turns the signal into a report of its own; the default action is what a user's program sees.
        std::signal(SIGABRT, SIG_DFL);
        code();
        std::fflush(nullptr);
        _exit(0);
    }
    close(ends[1]);
    death seen;
    char chunk[512];
    for (ssize_t got = read(ends[0], chunk, sizeof chunk); got > 0; got = read(ends[0], chunk, sizeof chunk)) {
        seen.said.append(chunk, static_cast<std::size_t>(got));
    }
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    seen.aborted = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
    return seen;
}

} // namespace hpcsched::test

#endif
