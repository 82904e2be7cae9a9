// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_GPU_CUDA_HELD_MEMORY_HPP
#define HPCSCHED_TESTS_GPU_CUDA_HELD_MEMORY_HPP

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <string>

extern char** environ;

namespace hpcsched::test {

/// A holder (holder.cpp) as a process of its own; it ends with this object.
class held_memory {
  public:
    held_memory(char const* program, int ordinal, std::uint64_t bytes) {
        int to[2] = {-1, -1};
        int from[2] = {-1, -1};
        if (pipe(to) != 0 || pipe(from) != 0) {
            return;
        }
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, to[0], 0);
        posix_spawn_file_actions_adddup2(&actions, from[1], 1);
        posix_spawn_file_actions_addclose(&actions, to[1]);
        posix_spawn_file_actions_addclose(&actions, from[0]);
        std::string name = program;
        std::string which = std::to_string(ordinal);
        std::string size = std::to_string(bytes);
        char* arguments[] = {name.data(), which.data(), size.data(), nullptr};
        if (posix_spawn(&pid_, program, &actions, nullptr, arguments, environ) != 0) {
            pid_ = 0;
        }
        posix_spawn_file_actions_destroy(&actions);
        close(to[0]);
        close(from[1]);
        to_ = to[1];
        from_ = fdopen(from[0], "r");
    }
    held_memory(held_memory const&) = delete;
    held_memory& operator=(held_memory const&) = delete;
    ~held_memory() {
        if (pid_ != 0) {
            kill(pid_, SIGKILL);
            waitpid(pid_, nullptr, 0);
        }
        if (to_ >= 0) {
            close(to_);
        }
        if (from_ != nullptr) {
            std::fclose(from_);
        }
    }

    [[nodiscard]] int pid() const noexcept { return pid_; }
    /// The next line that it says, without its end; empty: it has ended.
    std::string says() {
        char line[256] = {};
        if (from_ == nullptr || std::fgets(line, sizeof line, from_) == nullptr) {
            return {};
        }
        std::string text = line;
        while (!text.empty() && text.back() == '\n') {
            text.pop_back();
        }
        return text;
    }
    /// Lets it look at its memory: "whole", "changed", or what kept it from that.
    std::string look() { return write(to_, "\n", 1) == 1 ? says() : std::string{"it is gone"}; }

  private:
    pid_t pid_ = 0;
    int to_ = -1;
    std::FILE* from_ = nullptr;
};

} // namespace hpcsched::test

#endif
