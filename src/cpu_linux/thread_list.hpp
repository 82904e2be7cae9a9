// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_LINUX_THREAD_LIST_HPP
#define HPCSCHED_CPU_LINUX_THREAD_LIST_HPP

#include <hpcsched/cpu_linux/process.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>

// The threads of a process, without memory from the heap: the watchdog, a child that was forked and not executed, may
// use nothing else.
namespace hpcsched::cpu_linux::detail {

/// "/proc/<process>/task" and the like.
class proc_path {
  public:
    proc_path(process_id process, char const* entry) noexcept {
        std::memcpy(text_.data(), "/proc/", 6);
        char* const end = std::to_chars(text_.data() + 6, text_.data() + 20, process).ptr;
        *end = '/';
        std::strncpy(end + 1, entry, static_cast<std::size_t>(text_.data() + text_.size() - end - 2));
    }
    [[nodiscard]] char const* c_str() const noexcept { return text_.data(); }

  private:
    std::array<char, 48> text_{};
};

/// How many threads a process has; 0: it is gone.
/// \source proc(5): the folder `task` has one link for each, and two of its own
[[nodiscard]] inline std::uint64_t thread_count(process_id process) noexcept {
    struct stat found{};
    return stat(proc_path{process, "task"}.c_str(), &found) == 0 && found.st_nlink > 2 ? found.st_nlink - 2 : 0;
}

/// Calls `visit(thread)` for every thread of a process.
template <class Visit>
void for_each_thread(process_id process, Visit&& visit) noexcept {
    struct entry { // what getdents64(2) writes
        std::uint64_t inode;
        std::int64_t offset;
        std::uint16_t length;
        std::uint8_t type;
        char name[1];
    };
    int const folder = open(proc_path{process, "task"}.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        return;
    }
    alignas(entry) std::array<char, 4096> block{};
    for (long size = 0; (size = syscall(SYS_getdents64, folder, block.data(), block.size())) > 0;) {
        for (long at = 0; at < size;) {
            auto const* const each = reinterpret_cast<entry const*>(block.data() + at);
            process_id thread = 0;
            std::from_chars(each->name, each->name + std::strlen(each->name), thread);
            if (thread > 0) { // "." and ".." are no numbers
                visit(thread);
            }
            at += each->length;
        }
    }
    close(folder);
}

} // namespace hpcsched::cpu_linux::detail

#endif
