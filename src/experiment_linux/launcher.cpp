// SPDX-License-Identifier: Apache-2.0
#include "launcher.hpp"

#include <hpcsched/cpu_linux/urgent_thread.hpp>

#include "burner.hpp"
#include "command_process.hpp"
#include "machine_use.hpp"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <map>
#include <vector>

namespace hpcsched::experiment_linux::detail {

namespace {

void wait_until(time_point at) noexcept {
    auto const since = at.time_since_epoch();
    auto const seconds = std::chrono::floor<std::chrono::seconds>(since);
    timespec const deadline{.tv_sec = seconds.count(), .tv_nsec = (since - seconds).count()};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, nullptr) == EINTR) {
    }
}

/// The life of the launcher's process.
class launcher_life {
  public:
    launcher_life(int notes, std::span<workload::invocation const> invocations, std::span<std::string const> commands,
                  burner const& work)
        : notes_{notes}, invocations_{invocations}, commands_{commands}, work_{work} {}

    [[noreturn]] void run(time_point start) {
        for (std::uint64_t row = 0; row < invocations_.size(); ++row) {
            wait_until(start + invocations_[row].arrival.time_since_epoch());
            begin(row);
            while (collect(WNOHANG)) {
            }
        }
        while (collect(0)) {
        }
        _exit(0);
    }

  private:
    void begin(std::uint64_t row) {
        pid_t const process = fork();
        if (process == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            become(invocations_[row]);
        }
        if (process > 0) {
            rows_.emplace(process, row);
            tell({launch_note::kind::began, process, row, cpu_linux::now()});
        }
    }

    [[noreturn]] void become(workload::invocation const& what) const {
        std::uint32_t const function = what.function.value;
        if (function < commands_.size() && !commands_[function].empty()) {
            detail::become(commands_[function], complaints::dropped);
        }
        work_.run(what);
        _exit(0);
    }

    /// Takes in the end of one process. \return whether there was one
    bool collect(int options) {
        rusage used{};
        int status = 0;
        pid_t const process = wait4(-1, &status, options, &used);
        auto const known = rows_.find(process);
        if (process <= 0 || known == rows_.end()) {
            return process > 0;
        }
        tell({launch_note::kind::ended, process, known->second, cpu_linux::now(), cpu_time_of(used).count(), status});
        rows_.erase(known);
        return true;
    }

    void tell(launch_note const& note) const noexcept { (void)!write(notes_, &note, sizeof note); }

    int notes_;
    std::span<workload::invocation const> invocations_;
    std::span<std::string const> commands_;
    burner const& work_;
    std::map<pid_t, std::uint64_t> rows_;
};

} // namespace

duration start_up_cost() {
    duration most{};
    for (int i = 0; i < 9; ++i) {
        pid_t const process = fork();
        if (process == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            _exit(0);
        }
        rusage used{};
        while (process > 0 && wait4(process, nullptr, 0, &used) < 0 && errno == EINTR) {
        }
        most = std::max(most, cpu_time_of(used));
    }
    return most;
}

result<launcher> launcher::start(std::span<workload::invocation const> invocations, time_point start,
                                 config const& config) {
    int ends[2]{};
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return error{std::string{"cannot start processes: no pipe: "} + std::strerror(errno)};
    }
    burner const work = burner::calibrated();
    pid_t const process = fork();
    if (process < 0) {
        int const why = errno;
        close(ends[0]);
        close(ends[1]);
        return error{std::string{"cannot start processes: "} + std::strerror(why)};
    }
    if (process == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, "hpcsched-launch");
        signal(SIGINT, SIG_IGN); // Ctrl-C is the parent's to act on
        close(ends[0]);
        if (!config.group_folder.empty()) {
            std::ofstream{config.group_folder + "/cgroup.procs"} << getpid() << std::flush;
        }
        cpu::cpu_mask const cpus = cpu::cpu_mask::range(cpu_id{0}, config.cpu_count);
        (void)cpu_linux::set_affinity(getpid(), cpus);
        cpu_linux::urgent_thread const urgency{97};
        launcher_life{ends[1], invocations, config.commands, work}.run(start);
    }
    close(ends[1]);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return launcher{process, ends[0]};
}

launcher::~launcher() {
    if (process_ > 0) {
        kill(process_, SIGKILL); // its processes die with it
        while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
    if (notes_ >= 0) {
        close(notes_);
    }
}

std::optional<launch_note> launcher::next(bool& ended) noexcept {
    launch_note note;
    ssize_t const size = read(notes_, &note, sizeof note); // shorter than PIPE_BUF: whole or not at all
    ended = size == 0;
    return size == sizeof note ? std::optional{note} : std::nullopt;
}

} // namespace hpcsched::experiment_linux::detail
