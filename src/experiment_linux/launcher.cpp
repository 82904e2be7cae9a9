// SPDX-License-Identifier: Apache-2.0
#include "launcher.hpp"

#include <hpcsched/cpu_linux/urgent_thread.hpp>

#include "burner.hpp"
#include "command_process.hpp"
#include "machine_use.hpp"
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
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
#include <new>

namespace hpcsched::experiment_linux::detail {

namespace {

void wait_until(time_point at) noexcept {
    auto const since = at.time_since_epoch();
    auto const seconds = std::chrono::floor<std::chrono::seconds>(since);
    timespec const deadline{.tv_sec = seconds.count(), .tv_nsec = (since - seconds).count()};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, nullptr) == EINTR) {
    }
}

/// How far ahead processes are forked.
constexpr std::uint64_t most_ahead = 64;

/// A semaphore between processes, in memory that they share.
class shared_semaphore {
  public:
    explicit shared_semaphore(unsigned value) noexcept { sem_init(&semaphore_, 1, value); }
    shared_semaphore(shared_semaphore const&) = delete;
    shared_semaphore& operator=(shared_semaphore const&) = delete;

    void post() noexcept { sem_post(&semaphore_); }
    void wait() noexcept {
        while (sem_wait(&semaphore_) != 0 && errno == EINTR) {
        }
    }

  private:
    sem_t semaphore_;
};

/// What the processes of a run share, and after it in memory, an entry for each row. A row has its own semaphore: at
/// one that is used again, who comes later could take what was meant for another.
struct shared_part {
    struct entry {
        shared_semaphore may_go{0};
        pid_t process = 0; ///< 0: fork(2) failed
    };
    shared_semaphore room{most_ahead}; ///< for processes ahead of their time
    shared_semaphore forked{0};        ///< of these, those that are there; in the order of the rows

    [[nodiscard]] entry* entries() noexcept { return reinterpret_cast<entry*>(this + 1); }

    /// \return its pages come from the kernel as they are used; null: there is no memory
    static shared_part* make(std::size_t row_count) noexcept {
        void* const memory = mmap(nullptr, size(row_count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        return memory == MAP_FAILED ? nullptr : new (memory) shared_part;
    }

    static void give_back(shared_part* part, std::size_t row_count) noexcept {
        if (part != nullptr) {
            munmap(part, size(row_count));
        }
    }

    static std::size_t size(std::size_t row_count) noexcept { return sizeof(shared_part) + row_count * sizeof(entry); }
};
static_assert(sizeof(shared_part) % alignof(shared_part::entry) == 0);

/// This process ends with its parent, which may have ended before it could say so.
void end_with(pid_t parent) noexcept {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(1);
    }
}

/// What both of the launcher's processes know.
struct launch_plan {
    int notes;
    std::span<workload::invocation const> invocations;
    std::span<std::string const> commands;
    burner const& work;
    shared_part& shared;

    void tell(launch_note const& note) const noexcept { (void)!write(notes, &note, sizeof note); }
};

/// The life of the process that forks, and waits for what it forked.
class forking_life {
  public:
    explicit forking_life(launch_plan const& plan) : plan_{plan} {}

    [[noreturn]] void run() {
        prctl(PR_SET_NAME, "hpcsched-fork");
        cpu_linux::urgent_thread const urgency{96};
        for (std::uint64_t row = 0; row < plan_.invocations.size(); ++row) {
            plan_.shared.room.wait();
            fork_one(row);
            plan_.shared.forked.post();
            while (collect(WNOHANG)) {
            }
        }
        while (collect(0)) {
        }
        _exit(0);
    }

  private:
    void fork_one(std::uint64_t row) {
        shared_part::entry& entry = *new (plan_.shared.entries() + row) shared_part::entry;
        pid_t const process = fork();
        if (process == 0) {
            end_with(own_);
            entry.may_go.wait();
            become(plan_.invocations[row]);
        }
        if (process > 0) {
            entry.process = process;
            rows_.emplace(process, row);
        } else {
            plan_.tell({.what = launch_note::kind::refused, .row = row, .at = cpu_linux::now(), .status = errno});
        }
    }

    [[noreturn]] void become(workload::invocation const& what) const {
        std::uint32_t const function = what.function.value;
        if (function < plan_.commands.size() && !plan_.commands[function].empty()) {
            detail::become(plan_.commands[function], complaints::dropped);
        }
        plan_.work.run(what);
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
        plan_.tell(
            {launch_note::kind::ended, process, known->second, cpu_linux::now(), cpu_time_of(used).count(), status});
        rows_.erase(known);
        return true;
    }

    launch_plan const& plan_;
    pid_t own_ = getpid();
    std::map<pid_t, std::uint64_t> rows_;
};

/// Lets each process go at its time.
void let_go(launch_plan const& plan, time_point start) noexcept {
    for (std::uint64_t row = 0; row < plan.invocations.size(); ++row) {
        wait_until(start + plan.invocations[row].arrival.time_since_epoch());
        plan.shared.forked.wait();
        shared_part::entry& entry = plan.shared.entries()[row];
        if (pid_t const process = entry.process; process != 0) {
            time_point const at = cpu_linux::now();
            entry.may_go.post(); // first: who watches it from now on finds it awake
            plan.tell({launch_note::kind::began, process, row, at});
        }
        plan.shared.room.post();
    }
}

/// The life of the launcher's own process.
[[noreturn]] void live(launch_plan const& plan, time_point start, launcher::config const& config) {
    prctl(PR_SET_NAME, "hpcsched-launch");
    signal(SIGINT, SIG_IGN); // Ctrl-C is the parent's to act on
    if (!config.group_folder.empty()) {
        std::ofstream{config.group_folder + "/cgroup.procs"} << getpid() << std::flush;
    }
    (void)cpu_linux::set_affinity(getpid(), cpu::cpu_mask::range(cpu_id{0}, config.cpu_count));
    pid_t const own = getpid();
    pid_t const forking = fork();
    if (forking == 0) {
        end_with(own);
        forking_life{plan}.run();
    }
    if (forking < 0) {
        plan.tell({.what = launch_note::kind::refused, .status = errno});
        _exit(1);
    }
    cpu_linux::urgent_thread const urgency{97};
    let_go(plan, start);
    while (waitpid(forking, nullptr, 0) < 0 && errno == EINTR) { // it would die with us
    }
    _exit(0);
}

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
    shared_part* const shared = shared_part::make(invocations.size());
    pid_t const own = getpid();
    pid_t const process = shared == nullptr ? -1 : fork();
    int const why = errno;
    if (process == 0) {
        end_with(own);
        close(ends[0]);
        live({ends[1], invocations, config.commands, work, *shared}, start, config);
    }
    close(ends[1]);
    shared_part::give_back(shared, invocations.size()); // the launcher has it
    if (process < 0) {
        close(ends[0]);
        return error{std::string{"cannot start processes: "} + std::strerror(why)};
    }
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
