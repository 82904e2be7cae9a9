// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu_linux/backend.hpp>
#include <hpcsched/cpu_linux/kernel_facts.hpp>

#include "bpf_watch.hpp"
#include "cgroup.hpp"
#include "memory_monitor.hpp"
#include "overflow_timer.hpp"
#include "small_file.hpp"
#include <sched.h>
#include <signal.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>

namespace hpcsched::cpu_linux {

namespace {

using detail::read_small_file;

/// A child that does nothing, to try things on.
class guinea_pig {
  public:
    guinea_pig() : process_{fork()} {
        if (process_ == 0) {
            for (;;) {
                pause();
            }
        }
    }
    guinea_pig(guinea_pig const&) = delete;
    guinea_pig& operator=(guinea_pig const&) = delete;
    ~guinea_pig() {
        if (process_ > 0) {
            kill(process_, SIGKILL);
            while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
            }
        }
    }

    [[nodiscard]] process_id get() const noexcept { return process_; }

  private:
    pid_t process_;
};

ability works_if(bool works, std::string why_not) {
    return {works, works ? std::string{} : std::move(why_not)};
}

/// Whether the process may have what is wanted; it is given the default back.
outcome try_out(process_id process, scheduling const& wanted) noexcept {
    outcome const came = set_scheduling(process, wanted);
    (void)set_scheduling(process, scheduling{});
    return came;
}

ability try_real_time(process_id process, kernel_facts const& facts) {
    if (try_out(process, {.policy = cpu::sched_policy::fifo, .rt_priority = 1}) == outcome::done) {
        return {.works = true};
    }
    std::string const budget = facts.cgroup_path + "/cpu.rt_runtime_us";
    if (facts.cgroup == cgroup_version::v1 && read_small_file(budget).starts_with('0')) {
        return {.why_not = "this control group has no real-time budget: echo 950000 > " + budget};
    }
    return {.why_not = "SCHED_FIFO is refused: run as root, or with CAP_SYS_NICE"};
}

ability try_slice(process_id process) {
    constexpr duration wanted = std::chrono::milliseconds{20};
    (void)set_scheduling(process, {.slice = wanted});
    bool const is_kept = slice_in_force(process) == wanted; // before 6.12 the kernel takes it and forgets it
    (void)set_scheduling(process, scheduling{});
    return works_if(is_kept, "the kernel has no slices of a task's own: Linux 6.12 or later is needed");
}

ability look_for_autogroup(kernel_facts const& facts) {
    bool const enabled = read_small_file("/proc/sys/kernel/sched_autogroup_enabled").starts_with('1');
    bool const in_root = facts.cgroup_path.empty() || facts.cgroup_path == detail::cpu_controller().folder;
    return works_if(!enabled || !in_root,
                    "autogroup: nice has no effect between sessions: sysctl kernel.sched_autogroup_enabled=0, or put "
                    "the processes into a control group");
}

ability look_for_sched_ext(ability const& bpf) {
    if (!std::filesystem::exists("/sys/kernel/sched_ext")) {
        return {.why_not = "this kernel is built without CONFIG_SCHED_CLASS_EXT (Linux 6.12 and later can have it)"};
    }
    if (!read_small_file("/sys/kernel/sched_ext/state").starts_with("disabled")) {
        std::string name = read_small_file("/sys/kernel/sched_ext/root/ops");
        name.erase(std::min(name.find('\n'), name.size()));
        return {.why_not = "another scheduler is in that place: end \"" + name + "\" first"};
    }
    return bpf;
}

duration tick_period() {
    timespec resolution{}; // of the clock that moves on with the tick
    clock_getres(CLOCK_MONOTONIC_COARSE, &resolution);
    return std::chrono::seconds{resolution.tv_sec} + duration{resolution.tv_nsec};
}

std::uint32_t usable_cpus() {
    cpu_set_t set;
    CPU_ZERO(&set);
    return sched_getaffinity(0, sizeof set, &set) == 0 ? static_cast<std::uint32_t>(CPU_COUNT(&set)) : 1;
}

template <class Backend>
backend_row row_of(kernel_facts const& facts, std::string lacks) {
    auto const usable = Backend::check(facts);
    return {std::string{Backend::name}, usable.has_value(),
            usable.has_value() ? std::move(lacks) : usable.error().message};
}

} // namespace

kernel_facts probe_kernel() {
    kernel_facts facts;
    utsname name{};
    uname(&name);
    facts.release = name.release;
    facts.cpu_count = usable_cpus();
    facts.tick = tick_period();
    facts.cgroup = detail::cpu_controller().version;
    facts.cgroup_path = detail::group_folder(getpid());
    guinea_pig const child;
    facts.real_time = try_real_time(child.get(), facts);
    facts.raise_nice = works_if(try_out(child.get(), {.nice = -1}) == outcome::done,
                                "nice below 0 is refused: run as root, or with CAP_SYS_NICE");
    facts.custom_slice = try_slice(child.get());
    facts.fair_across_sessions = look_for_autogroup(facts);
    auto const watch = detail::bpf_watch::load(false);
    facts.bpf_sensor = works_if(watch.has_value(), watch.has_value() ? "" : watch.error().message);
    facts.cpu_clock_overflow = works_if(
        detail::overflow_timer{child.get(), std::chrono::seconds{1}}.is_open(),
        "perf_event_open is refused: run as root, or with CAP_PERFMON, or sysctl kernel.perf_event_paranoid=2");
    facts.sched_ext = look_for_sched_ext(facts.bpf_sensor);
    facts.real_time_unhindered = detail::look_for_memory_monitor();
    return facts;
}

ability probe_real_time_below(std::string const& cgroup) {
    std::string const parent = detail::cpu_controller().folder + (cgroup == "/" ? "" : cgroup);
    std::string const folder = parent + "/hpcsched-probe-" + std::to_string(getpid());
    std::error_code failed;
    if (detail::cpu_controller().version == cgroup_version::none ||
        !std::filesystem::create_directory(folder, failed)) {
        guinea_pig const child;
        return try_real_time(child.get(), {});
    }
    outcome came = outcome::not_possible;
    {
        guinea_pig const child;
        std::ofstream{folder + "/cgroup.procs"} << child.get() << std::flush;
        came = try_out(child.get(), {.policy = cpu::sched_policy::fifo, .rt_priority = 1});
    }
    std::filesystem::remove(folder, failed);
    return works_if(came == outcome::done, "SCHED_FIFO is refused in control groups below " + cgroup +
                                               (detail::cpu_controller().version == cgroup_version::v1
                                                    ? ", for a new one has no real-time budget (cpu.rt_runtime_us)"
                                                    : ""));
}

std::vector<backend_row> backend_table(kernel_facts const& facts) {
    return {row_of<realtime_bands>(facts, "without ranks"), row_of<sched_ext>(facts, "behind all that is not steered"),
            row_of<nice_and_slice>(facts, facts.raise_nice.works ? "without real time and ranks"
                                                                 : "tasks can only be put back, and only once"),
            row_of<cgroup_weights>(facts, "for processes that have a control group each")};
}

std::string to_text(kernel_facts const& facts) {
    std::ostringstream out;
    auto const row = [&](std::string const& what, ability const& a) {
        out << "  " << std::left << std::setw(20) << what << (a.works ? "yes" : "no   " + a.why_not) << '\n';
    };
    out << "Linux " << facts.release << ", " << facts.cpu_count << " CPUs, tick " << to_milliseconds(facts.tick)
        << " ms, CPU control groups: "
        << (facts.cgroup == cgroup_version::none ? "none"
            : facts.cgroup == cgroup_version::v1 ? "version 1"
                                                 : "version 2")
        << "\n\nWhat works here\n";
    row("real time", facts.real_time);
    row("nice below 0", facts.raise_nice);
    row("slices", facts.custom_slice);
    row("nice by process", facts.fair_across_sessions);
    row("BPF sensor", facts.bpf_sensor);
    row("perf CPU clock", facts.cpu_clock_overflow);
    row("sched_ext", facts.sched_ext);
    row("no lock held long", facts.real_time_unhindered);
    out << "\nBackends, the best first\n";
    for (backend_row const& each : backend_table(facts)) {
        out << "  " << std::left << std::setw(20) << each.name << (each.works ? "yes  " : "no   ") << each.remark
            << '\n';
    }
    return out.str();
}

} // namespace hpcsched::cpu_linux
