// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_LINUX_PROCESS_STAT_HPP
#define HPCSCHED_CPU_LINUX_PROCESS_STAT_HPP

#include <hpcsched/cpu_linux/process.hpp>

#include "thread_list.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

// What /proc/<process>/stat says, without memory from the heap.
namespace hpcsched::cpu_linux::detail {

struct process_stat {
    char state = 'X';          ///< R running or runnable, S and D asleep, Z and X gone, ..
    std::uint64_t started = 0; ///< in clock ticks since boot
    int last_cpu = -1;         ///< on which it runs or ran; -1: the line does not say
};

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
    constexpr int state_field = 3, start_field = 22, cpu_field = 39;
    if (!skip_fields(rest, start_field - state_field)) {
        return std::nullopt;
    }
    auto const parsed = std::from_chars(rest.data(), rest.data() + rest.size(), found.started);
    if (parsed.ec != std::errc{}) {
        return std::nullopt;
    }
    if (skip_fields(rest, cpu_field - start_field)) {
        std::from_chars(rest.data(), rest.data() + rest.size(), found.last_cpu);
    }
    return found;
}

/// The first 1,024 characters of /proc/<process>/<entry>.
class proc_line {
  public:
    proc_line(process_id process, char const* entry) noexcept {
        int const file = open(proc_path{process, entry}.c_str(), O_RDONLY | O_CLOEXEC);
        if (file >= 0) {
            auto const size = read(file, text_.data(), text_.size());
            size_ = size > 0 ? static_cast<std::size_t>(size) : 0;
            close(file);
        }
    }
    [[nodiscard]] std::string_view get() const noexcept { return {text_.data(), size_}; }

  private:
    std::array<char, 1024> text_{};
    std::size_t size_ = 0;
};

/// Nothing: the process is gone.
[[nodiscard]] inline std::optional<process_stat> read_process_stat(process_id process) noexcept {
    return parse_process_stat(proc_line{process, "stat"}.get());
}

/// The kernel's count of the on-CPU time of a thread, ns, as of its last tick or switch; 0: it is gone.
[[nodiscard]] inline std::uint64_t read_on_cpu_time(process_id thread) noexcept {
    proc_line const line{thread, "schedstat"};
    std::uint64_t time = 0;
    std::from_chars(line.get().data(), line.get().data() + line.get().size(), time);
    return time;
}

/// When a process started; 0: it is gone.
[[nodiscard]] inline std::uint64_t started_at(process_id process) noexcept {
    auto const stat = read_process_stat(process);
    return stat ? stat->started : 0;
}

} // namespace hpcsched::cpu_linux::detail

#endif
