// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_LINUX_PROCESS_STAT_HPP
#define HPCSCHED_CPU_LINUX_PROCESS_STAT_HPP

#include <hpcsched/cpu_linux/process.hpp>

#include "file_descriptor.hpp"
#include "thread_list.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

// What /proc/<process>/stat says, without memory from the heap.
namespace hpcsched::cpu_linux::detail {

struct process_stat {
    char state = 'X';        ///< R running or runnable, S and D asleep, Z and X gone, ..
    bool is_exiting = false; ///< its first thread has begun to exit
    std::uint64_t threads = 0;
    std::uint64_t started = 0; ///< in clock ticks since boot
    int last_cpu = -1;         ///< on which it runs or ran; -1: the line does not say
    int exit_code = 0;         ///< not 0: all its threads are to end, by this signal or with this status
};

[[nodiscard]] inline bool is_dead(process_stat const& stat) noexcept {
    return stat.state == 'Z' || stat.state == 'X' || stat.state == 'x';
}

/// Drops so many fields, and the blank behind each.
/// \return whether there were so many
[[nodiscard]] inline bool skip_fields(std::string_view& rest, int count) noexcept {
    for (; count > 0; --count) {
        auto const blank = rest.find(' ');
        if (blank == std::string_view::npos) {
            return false;
        }
        rest.remove_prefix(blank + 1);
    }
    return true;
}

/// Takes apart the one line of that file. The name in it, in parentheses, may hold anything, parentheses included.
[[nodiscard]] inline std::optional<process_stat> parse_process_stat(std::string_view line) noexcept {
    auto const name_end = line.rfind(')');
    if (name_end == std::string_view::npos || line.size() < name_end + 3) {
        return std::nullopt;
    }
    std::string_view rest = line.substr(name_end + 2);
    process_stat found{.state = rest.front()};
    auto const read_field = [&rest](int skipped, auto& value) {
        return skip_fields(rest, skipped) &&
               std::from_chars(rest.data(), rest.data() + rest.size(), value).ec == std::errc{};
    };
    constexpr int state_field = 3, flags_field = 9, threads_field = 20, start_field = 22, cpu_field = 39,
                  exit_code_field = 52;
    constexpr std::uint64_t exiting = 4; // PF_EXITING of include/linux/sched.h
    std::uint64_t flags = 0;
    if (!read_field(flags_field - state_field, flags) || !read_field(threads_field - flags_field, found.threads) ||
        !read_field(start_field - threads_field, found.started)) {
        return std::nullopt;
    }
    found.is_exiting = (flags & exiting) != 0;
    (void)(read_field(cpu_field - start_field, found.last_cpu) &&
           read_field(exit_code_field - cpu_field, found.exit_code));
    return found;
}

/// A file of /proc/<process>, of which the first 4,096 characters count.
class proc_file {
  public:
    proc_file(process_id process, char const* entry) noexcept
        : file_{open(proc_path{process, entry}.c_str(), O_RDONLY | O_CLOEXEC)} {}

    /// What it says now, valid until it is asked again; empty: the process is gone.
    [[nodiscard]] std::string_view get() noexcept {
        auto const size = file_.is_open() ? pread(file_.get(), text_.data(), text_.size(), 0) : 0;
        return {text_.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
    }

  private:
    file_descriptor file_;
    std::array<char, 4096> text_;
};

/// Nothing: the process is gone.
[[nodiscard]] inline std::optional<process_stat> read_process_stat(process_id process) noexcept {
    return parse_process_stat(proc_file{process, "stat"}.get());
}

/// The kernel's count of the on-CPU time of a thread, ns, as of its last tick or switch; 0: it is gone.
[[nodiscard]] inline std::uint64_t read_on_cpu_time(process_id thread) noexcept {
    proc_file line{thread, "schedstat"};
    std::string_view const text = line.get();
    std::uint64_t time = 0;
    std::from_chars(text.data(), text.data() + text.size(), time);
    return time;
}

/// Whether a process has been told to end at once, by a signal or by itself, and at least one of its threads has not
/// yet. A thread that was told by SIGKILL and has begun to end has no signal pending any more, but may need a CPU to go
/// on; that all are to end then stands in the process's exit code, of a status other than 0 (Linux 5.17 and later).
[[nodiscard]] inline bool is_being_killed(process_id process) noexcept {
    constexpr std::uint64_t kill_bit = std::uint64_t{1} << 8U; // of SIGKILL, which nobody can block
    auto const stat = read_process_stat(process);
    bool found = stat && stat->exit_code != 0;
    for_each_thread(process, [&found](process_id thread) {
        constexpr std::string_view pending = "\nSigPnd:\t";
        proc_file file{thread, "status"};
        std::string_view const text = file.get();
        auto const at = text.find(pending);
        if (at != std::string_view::npos) {
            std::uint64_t signals = 0;
            std::from_chars(text.data() + at + pending.size(), text.data() + text.size(), signals, 16);
            found = found || (signals & kill_bit) != 0;
        }
    });
    return found;
}

} // namespace hpcsched::cpu_linux::detail

#endif
