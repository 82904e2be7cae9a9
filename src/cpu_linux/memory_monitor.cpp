// SPDX-License-Identifier: Apache-2.0
#include "memory_monitor.hpp"

#include "process_stat.hpp"
#include "small_file.hpp"
#include <sched.h>

#include <charconv>
#include <string>
#include <string_view>
#include <system_error>

namespace hpcsched::cpu_linux::detail {

namespace {

/// Whether the line of /proc/PID/stat is that of one of DAMON's threads, and no real-time one.
bool is_normal_monitor(std::string_view line) {
    auto const name_end = line.rfind(')');
    auto const name = line.find("(kdamond");
    if (name == std::string_view::npos || name_end == std::string_view::npos || line.size() < name_end + 3) {
        return false;
    }
    constexpr int state_field = 3, parent_field = 4, policy_field = 41;
    constexpr int kernel_threads_parent = 2; // kthreadd; a process of somebody's may have any name
    std::string_view rest = line.substr(name_end + 2);
    int parent = 0, policy = -1;
    auto const read_field = [&rest](int skipped, int& value) {
        return skip_fields(rest, skipped) &&
               std::from_chars(rest.data(), rest.data() + rest.size(), value).ec == std::errc{};
    };
    return read_field(parent_field - state_field, parent) && parent == kernel_threads_parent &&
           read_field(policy_field - parent_field, policy) && policy != SCHED_FIFO && policy != SCHED_RR;
}

} // namespace

ability look_for_memory_monitor(std::filesystem::path const& proc) {
    std::string found;
    std::error_code ignored;
    for (auto const& entry : std::filesystem::directory_iterator{proc, ignored}) {
        std::string const process = entry.path().filename().string();
        bool const is_process = process.find_first_not_of("0123456789") == std::string::npos;
        if (is_process && is_normal_monitor(read_small_file((entry.path() / "stat").string()))) {
            found += (found.empty() ? "" : " ") + process;
        }
    }
    if (found.empty()) {
        return {.works = true};
    }
    return {.why_not = "the kernel's memory monitor (DAMON) may hold locks that real-time tasks wait for, up to a "
                       "second: for i in " +
                       found + "; do chrt --fifo -p 98 $i; done"};
}

} // namespace hpcsched::cpu_linux::detail
