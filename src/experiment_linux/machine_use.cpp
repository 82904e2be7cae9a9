// SPDX-License-Identifier: Apache-2.0
#include "machine_use.hpp"

#include <hpcsched/cpu_linux/kernel_facts.hpp>

#include <signal.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <system_error>

namespace hpcsched::experiment_linux::detail {

duration busy_time(std::string_view proc_stat, std::uint32_t cpu_count) {
    // "cpu0 user nice system idle iowait irq softirq steal guest guest_nice"; guests are in user already
    auto const ticks_per_second = sysconf(_SC_CLK_TCK);
    std::int64_t busy = 0;
    std::istringstream lines{std::string{proc_stat}};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream fields{line};
        std::string name;
        std::array<std::int64_t, 8> ticks{};
        fields >> name;
        if (!name.starts_with("cpu") || name == "cpu" || std::stoul(name.substr(3)) >= cpu_count) {
            continue;
        }
        for (std::int64_t& each : ticks) {
            fields >> each;
        }
        busy += ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + ticks[7];
    }
    return duration{busy * (1'000'000'000 / ticks_per_second)};
}

duration busy_time_now(std::uint32_t cpu_count) {
    std::ifstream file{"/proc/stat"};
    return busy_time(std::string{std::istreambuf_iterator<char>{file}, {}}, cpu_count);
}

duration cpu_time_of(rusage const& used) {
    return std::chrono::seconds{used.ru_utime.tv_sec + used.ru_stime.tv_sec} +
           std::chrono::microseconds{used.ru_utime.tv_usec + used.ru_stime.tv_usec};
}

namespace {

/// Gives a group of version 1 as much real time as there is. What a removed group had, as that of the run before, the
/// kernel counts for some 30 ms more (Linux 6.18), and until who was killed in it has been waited for.
bool give_real_time(std::string const& folder) {
    constexpr int most_tries = 600; // 3 s: an init that waits for orphans now and then
    std::int64_t budget_above = 0;
    std::ifstream{folder + "/../cpu.rt_runtime_us"} >> budget_above;
    if (budget_above == 0) {
        return false;
    }
    for (int tries = 0; tries < most_tries; ++tries) {
        std::ofstream budget{folder + "/cpu.rt_runtime_us"};
        if (budget << 950'000 << std::flush) {
            return true;
        }
        usleep(5'000);
    }
    return false;
}

} // namespace

own_group::own_group() {
    cpu_linux::kernel_facts const facts = cpu_linux::probe_kernel();
    if (facts.cgroup_path.empty()) {
        return;
    }
    std::string const folder = facts.cgroup_path + "/hpcsched-run-" + std::to_string(getpid());
    std::error_code failed;
    if (!std::filesystem::create_directory(folder, failed)) {
        return;
    }
    folder_ = folder;
    bool const is_v1 = facts.cgroup == cpu_linux::cgroup_version::v1;
    std::uint32_t const weight = (is_v1 ? 1'024 : 100) * facts.cpu_count;
    std::ofstream{folder + (is_v1 ? "/cpu.shares" : "/cpu.weight")} << weight << std::flush;
    if (is_v1 && !give_real_time(folder)) { // without it nobody in the group may be real-time
        std::filesystem::remove(folder, failed);
        folder_.clear();
    }
}

own_group::~own_group() {
    if (folder_.empty()) {
        return;
    }
    std::error_code ignored;
    for (int tries = 0; tries < 100 && !std::filesystem::remove(folder_, ignored); ++tries) {
        std::ifstream left{folder_ + "/cgroup.procs"}; // what the commands left behind
        for (pid_t process = 0; left >> process;) {
            kill(process, SIGKILL);
        }
        usleep(5'000);
    }
}

} // namespace hpcsched::experiment_linux::detail
