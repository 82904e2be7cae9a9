// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_CLI_PROGRAM_HPP
#define HPCSCHED_TESTS_CLI_PROGRAM_HPP

#include "temporary_folder.hpp"
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::test {

/// Gives a real program that runs beside the test some real time. Only for what no simulated clock can do: to interrupt
/// it in the middle, a test looks again and again whether it has got that far.
inline void wait_for_the_program(int milliseconds) {
    (void)::poll(nullptr, 0, milliseconds);
}

/// What a program left behind.
struct finished_program {
    int status = -1;   ///< exit status; 128 + signal where a signal ended it
    std::string out{}; ///< standard output
    std::string err{}; ///< standard error
};

/// A program that runs in a folder of its own, which is gone with the object.
class program {
  public:
    /// \param words  the program and its arguments; a program without a '/' is looked for in PATH
    void start(std::vector<std::string> words) {
        std::vector<char*> arguments;
        for (std::string& word : words) {
            arguments.push_back(word.data());
        }
        arguments.push_back(nullptr);
        process_ = ::fork();
        if (process_ == 0) {
            redirect(STDIN_FILENO, "/dev/null", O_RDONLY);
            redirect(STDOUT_FILENO, folder_ / ".out", O_WRONLY | O_CREAT | O_TRUNC);
            redirect(STDERR_FILENO, folder_ / ".err", O_WRONLY | O_CREAT | O_TRUNC);
            if (::chdir(folder_.path().c_str()) != 0) {
                ::_exit(126);
            }
            ::execvp(arguments.front(), arguments.data());
            ::_exit(127);
        }
    }

    void send(int signal) const { ::kill(process_, signal); }

    [[nodiscard]] pid_t process() const noexcept { return process_; }

    [[nodiscard]] finished_program wait() {
        int status = 0;
        ::waitpid(process_, &status, 0);
        return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_text(folder_ / ".out"),
                read_text(folder_ / ".err")};
    }

    finished_program run(std::vector<std::string> words) {
        start(std::move(words));
        return wait();
    }

    /// Runs hpcsched.
    finished_program hpcsched(std::vector<std::string> arguments) { return run(hpcsched_words(std::move(arguments))); }

    [[nodiscard]] static std::vector<std::string> hpcsched_words(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), HPCSCHED_PROGRAM);
        return arguments;
    }

    /// The path of a file in the folder.
    [[nodiscard]] std::string operator/(std::string const& name) const { return folder_ / name; }

  private:
    static void redirect(int stream, std::string const& path, int flags) {
        int const file = ::open(path.c_str(), flags, 0600);
        ::dup2(file, stream);
        ::close(file);
    }

    temporary_folder folder_;
    pid_t process_ = -1;
};

} // namespace hpcsched::test

#endif
