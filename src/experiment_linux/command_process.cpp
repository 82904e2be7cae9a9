// SPDX-License-Identifier: Apache-2.0
#include "command_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wordexp.h>

namespace hpcsched::experiment_linux::detail {

void become(std::string const& command, complaints on_standard_error) noexcept {
    signal(SIGINT, SIG_DFL); // an ignored signal would stay ignored
    int const nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nowhere < 0) {
        _exit(126);
    }
    dup2(nowhere, STDIN_FILENO);
    dup2(nowhere, STDOUT_FILENO);
    if (on_standard_error == complaints::dropped) {
        dup2(nowhere, STDERR_FILENO);
    }
    wordexp_t words{};
    if (wordexp(command.c_str(), &words, WRDE_NOCMD) == 0 && words.we_wordc > 0) {
        execvp(words.we_wordv[0], words.we_wordv);
    }
    _exit(127); // what a shell says where there is no such program
}

result<void> check_command(std::string const& command) {
    wordexp_t words{};
    int const failed = wordexp(command.c_str(), &words, WRDE_NOCMD);
    bool const is_empty = failed == 0 && words.we_wordc == 0;
    if (failed == 0) {
        wordfree(&words);
    }
    if (is_empty) {
        return error{"it is empty"};
    }
    if (failed == WRDE_SYNTAX) {
        return error{"a quotation in it does not end"};
    }
    if (failed != 0) {
        return error{"only a shell knows what that means: write sh -c '...', and know that what the shell starts is "
                     "not steered"};
    }
    return {};
}

std::string failure_of(int wait_status) {
    if (WIFSIGNALED(wait_status)) {
        return std::string{"killed by SIG"} + sigabbrev_np(WTERMSIG(wait_status));
    }
    int const exit_status = WEXITSTATUS(wait_status);
    if (exit_status == 127) {
        return "exit status 127: there is no such program";
    }
    return exit_status == 0 ? std::string{} : "exit status " + std::to_string(exit_status);
}

} // namespace hpcsched::experiment_linux::detail
