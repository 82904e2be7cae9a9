// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu_linux/process.hpp>
#include <hpcsched/cpu_linux/urgent_thread.hpp>

#include "ext_class.hpp"
#include "process_stat.hpp"
#include "thread_list.hpp"
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <string>

namespace hpcsched::cpu_linux {

namespace {

/// What sched_setattr(2) takes; glibc 2.36 does not declare it, and the kernel's header does not go with glibc's.
struct sched_attr {
    std::uint32_t size = sizeof(sched_attr);
    std::uint32_t policy = SCHED_OTHER;
    std::uint64_t flags = 0;
    std::int32_t nice = 0;
    std::uint32_t priority = 0;
    std::uint64_t runtime = 0; ///< of a normal task: its slice, ns
    std::uint64_t deadline = 0;
    std::uint64_t period = 0;
};
constexpr std::uint64_t reset_on_fork = 1; // SCHED_FLAG_RESET_ON_FORK

duration to_duration(timespec const& t) noexcept {
    return std::chrono::seconds{t.tv_sec} + duration{t.tv_nsec};
}

outcome outcome_of(int error_number) noexcept {
    switch (error_number) {
    case 0:
        return outcome::done;
    case ESRCH:
        return outcome::gone;
    case EPERM:
    case EACCES:
        return outcome::not_allowed;
    default:
        return outcome::not_possible;
    }
}

sched_attr to_kernel(scheduling const& wanted) noexcept {
    sched_attr attr{};
    if (wanted.policy == cpu::sched_policy::normal) {
        attr.nice = wanted.nice;
        attr.runtime = static_cast<std::uint64_t>(wanted.slice.count());
    } else {
        attr.policy = wanted.policy == cpu::sched_policy::fifo ? SCHED_FIFO : SCHED_RR;
        attr.priority = static_cast<std::uint32_t>(wanted.rt_priority);
    }
    if (wanted.policy != cpu::sched_policy::normal || wanted.nice < 0) {
        attr.flags = reset_on_fork;
    }
    return attr;
}

outcome set_one(process_id thread, sched_attr attr) noexcept {
    return outcome_of(syscall(SYS_sched_setattr, thread, &attr, 0) == 0 ? 0 : errno);
}

/// Calls `one(thread)` for every thread of a process and says what came of it: done if one of them was done.
template <class One>
outcome for_all_threads(steered_process const& process, One&& one) noexcept {
    outcome const first = one(process.id);
    if (first == outcome::not_allowed || first == outcome::not_possible || process.has_one_thread ||
        detail::thread_count(process.id) < 2) {
        return first;
    }
    bool any = first == outcome::done;
    detail::for_each_thread(process.id, [&](process_id thread) { any = one(thread) == outcome::done || any; });
    return any ? outcome::done : first;
}

} // namespace

process_key key_of(process_id process) noexcept {
    auto const stat = detail::read_process_stat(process);
    return {process, stat ? stat->started : 0};
}

bool is_exiting(process_id process) noexcept {
    auto const stat = detail::read_process_stat(process);
    return stat && stat->is_exiting && stat->threads <= 1;
}

process_id own_process() noexcept {
    return getpid();
}

time_point now() noexcept {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return time_point{to_duration(t)};
}

outcome set_scheduling(steered_process const& process, scheduling const& wanted) noexcept {
    sched_attr const attr = to_kernel(wanted);
    return for_all_threads(process, [&](process_id thread) { return set_one(thread, attr); });
}

outcome detail::set_ext_class(process_id process, int nice, duration slice) noexcept {
    constexpr std::uint32_t sched_ext = 7; // SCHED_EXT of Linux 6.12, which glibc 2.36 does not name
    sched_attr const attr{.policy = sched_ext, .nice = nice, .runtime = static_cast<std::uint64_t>(slice.count())};
    return for_all_threads(process, [&](process_id thread) { return set_one(thread, attr); });
}

result<scheduling> get_scheduling(process_id process) {
    sched_attr attr{};
    if (syscall(SYS_sched_getattr, process, &attr, sizeof attr, 0) != 0) {
        return error{"process " + std::to_string(process) + ": " + std::strerror(errno)};
    }
    scheduling found;
    found.policy = attr.policy == SCHED_FIFO ? cpu::sched_policy::fifo
                   : attr.policy == SCHED_RR ? cpu::sched_policy::rr
                                             : cpu::sched_policy::normal;
    found.rt_priority = static_cast<int>(attr.priority);
    found.nice = attr.nice;
    return found;
}

duration slice_in_force(process_id process) noexcept {
    sched_attr attr{};
    bool const is_fair = syscall(SYS_sched_getattr, process, &attr, sizeof attr, 0) == 0 && attr.policy == SCHED_OTHER;
    return duration{is_fair ? static_cast<std::int64_t>(attr.runtime) : 0};
}

outcome set_affinity(process_id process, cpu::cpu_mask const& cpus) noexcept {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (std::uint32_t i = 0; i < cpu::cpu_mask::cpu_count_max; ++i) {
        if (cpus.contains(cpu_id{i})) {
            CPU_SET(i, &set);
        }
    }
    return for_all_threads(process, [&](process_id thread) {
        return outcome_of(sched_setaffinity(thread, sizeof set, &set) == 0 ? 0 : errno);
    });
}

result<cpu::cpu_mask> get_affinity(process_id process) {
    cpu_set_t set;
    if (sched_getaffinity(process, sizeof set, &set) != 0) {
        return error{"process " + std::to_string(process) + ": " + std::strerror(errno)};
    }
    cpu::cpu_mask found;
    for (std::uint32_t i = 0; i < cpu::cpu_mask::cpu_count_max; ++i) {
        if (CPU_ISSET(i, &set)) {
            found.add(cpu_id{i});
        }
    }
    return found;
}

duration cpu_time_of(process_id process) noexcept {
    clockid_t clock{};
    timespec t{};
    if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &t) != 0) {
        return unlimited;
    }
    return to_duration(t);
}

urgent_thread::urgent_thread(int rt_priority) noexcept {
    auto const self = static_cast<process_id>(syscall(SYS_gettid));
    auto const before = get_scheduling(self);
    scheduling const urgent{.policy = cpu::sched_policy::fifo, .rt_priority = rt_priority};
    if (before.has_value() && set_one(self, to_kernel(urgent)) == outcome::done) {
        thread_ = self;
        before_ = *before;
    }
}

urgent_thread::~urgent_thread() {
    if (thread_ != 0) {
        (void)set_one(thread_, to_kernel(before_));
    }
}

} // namespace hpcsched::cpu_linux
