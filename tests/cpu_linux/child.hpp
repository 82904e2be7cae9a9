// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_CPU_LINUX_CHILD_HPP
#define HPCSCHED_TESTS_CPU_LINUX_CHILD_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu_linux/process.hpp>

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <concepts>
#include <ctime>
#include <optional>
#include <utility>

namespace hpcsched::test {

/// Uses the CPU until the calling process has had so much of it.
inline void burn(duration cpu_time) {
    timespec used{};
    do {
        for (int spin = 0; spin < 20'000; ++spin) {
            asm volatile("" ::: "memory"); // an empty loop would be left out
        }
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    } while (std::chrono::seconds{used.tv_sec} + duration{used.tv_nsec} < cpu_time);
}

/// A promise from one process to another, by a pipe.
class signpost {
  public:
    signpost() { (void)!pipe(ends_); }
    signpost(signpost const&) = delete;
    signpost& operator=(signpost const&) = delete;
    ~signpost() {
        close(ends_[0]);
        close(ends_[1]);
    }
    void raise(int value = 1) { (void)!write(ends_[1], &value, sizeof value); }
    [[nodiscard]] int await() {
        int value = 0;
        (void)!read(ends_[0], &value, sizeof value);
        return value;
    }

  private:
    int ends_[2]{};
};

/// A process that does what it is told in a function of its own, under the kernel's default scheduling whatever that of
/// the tests is; killed and waited for at the end.
class child {
  public:
    template <std::invocable Life>
    explicit child(Life const& life) : process_{fork()} {
        if (process_ == 0) {
            (void)cpu_linux::set_scheduling(getpid(), cpu_linux::scheduling{});
            ready_.raise();
            life();
            _exit(0);
        }
        (void)ready_.await();
    }
    child(child const&) = delete;
    child& operator=(child const&) = delete;
    ~child() {
        kill();
        wait();
    }

    [[nodiscard]] cpu_linux::process_id get() const { return process_; }
    void kill() {
        if (process_ > 0) {
            ::kill(process_, SIGKILL);
        }
    }
    void wait() {
        if (pid_t const process = std::exchange(process_, 0); process > 0) {
            while (waitpid(process, nullptr, 0) < 0 && errno == EINTR) {
            }
        }
    }

  private:
    signpost ready_;
    pid_t process_;
};

/// Ends when it is killed.
inline void idle_for_ever() {
    for (;;) {
        pause();
    }
}
inline void burn_for_ever() {
    burn(unlimited);
}

/// Stands aside, using no CPU, until `done()`; false: that has not come in a minute.
template <class Done>
[[nodiscard]] bool eventually(Done&& done) {
    for (time_point const from = cpu_linux::now(); !done();) {
        if (cpu_linux::now() - from > std::chrono::minutes{1}) {
            return false;
        }
        (void)poll(nullptr, 0, 1);
    }
    return true;
}

/// The same until `process` has used so much CPU time from now on.
[[nodiscard]] inline bool has_run_for(cpu_linux::process_id process, duration cpu_time) {
    duration const until = cpu_linux::cpu_time_of(process) + cpu_time;
    return eventually([&] { return cpu_linux::cpu_time_of(process) >= until; });
}

/// Whether this machine lets us give a process real-time priority.
inline bool real_time_is_allowed() {
    child const subject{&idle_for_ever};
    return cpu_linux::set_scheduling(subject.get(), {.policy = cpu::sched_policy::fifo, .rt_priority = 1}) ==
           cpu_linux::outcome::done;
}

inline constexpr char const* no_real_time = "real-time priorities are not allowed here (run as root)";

} // namespace hpcsched::test

#endif
