// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/assert.hpp>
#include <hpcsched/cpu_linux/watchdog.hpp>

#include "process_stat.hpp"
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace hpcsched::cpu_linux {

namespace {

/// What is to be restored: written by the steering process, read by its child once it is dead.
struct noted_process {
    std::atomic<process_id> process; ///< 0: nothing
    std::uint64_t started;           ///< tells it from a later process of the same id
    scheduling original;
    std::atomic<bool> has_cpus;
    cpu::cpu_mask cpus;                   ///< where it has
    std::atomic<std::uint32_t> text_size; ///< 0: no file
    std::array<char, 512> path;
    std::array<char, 24> text;
};

constexpr std::size_t table_size = watchdog::capacity * sizeof(noted_process);

void restore_all(noted_process const* table) noexcept {
    for (std::size_t i = 0; i < watchdog::capacity; ++i) {
        process_id const process = table[i].process.load(std::memory_order_acquire);
        if (process == 0) {
            continue;
        }
        if (std::uint32_t const size = table[i].text_size.load(std::memory_order_acquire); size != 0) {
            int const file = open(table[i].path.data(), O_WRONLY | O_CLOEXEC);
            (void)!write(file, table[i].text.data(), size);
            close(file);
        }
        if (key_of(process).started == table[i].started) {
            if (table[i].has_cpus.load(std::memory_order_acquire)) {
                (void)set_affinity(process, table[i].cpus);
            }
            (void)set_scheduling(process, table[i].original);
        }
    }
}

/// The whole life of the child. Only what is safe after fork in a program with threads.
[[noreturn]] void watch(pid_t steering, noted_process const* table) noexcept {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, nullptr); // Ctrl-C at the terminal reaches it too, and is not for it
    prctl(PR_SET_NAME, "hpcsched-guard");
    sched_param const highest{.sched_priority = 99};
    (void)sched_setscheduler(0, SCHED_FIFO, &highest);
    // A process is dead when all its threads are, and those that are not urgent may get no CPU to die on. The one that
    // started us is: the kernel tells of its end by a signal.
    constexpr int a_thread_ended = SIGUSR1;
    prctl(PR_SET_PDEATHSIG, a_thread_ended);
    sigset_t awaited;
    sigemptyset(&awaited);
    sigaddset(&awaited, a_thread_ended);
    constexpr int process_place = 0, thread_place = 1;
    int const process = static_cast<int>(syscall(SYS_pidfd_open, steering, 0));
    int const thread = fcntl(signalfd(-1, &awaited, 0), F_DUPFD, thread_place + 1); // out of the other's place
    dup2(process, process_place);
    dup2(thread, thread_place);
    // Nothing of the host's is held open; that the pipe of `start` is closed tells it that all is in place.
    close_range(thread_place + 1, ~0U, 0);
    std::array<pollfd, 2> ends{pollfd{process_place, POLLIN, 0}, pollfd{thread_place, POLLIN, 0}};
    // The parent may be dead already, and its id another's.
    while (getppid() == steering && process >= 0) {
        if (poll(ends.data(), ends.size(), -1) < 0) {
            continue;
        }
        signalfd_siginfo told{};
        bool const is_of_thread = ends[1].revents != 0 && read(thread_place, &told, sizeof told) > 0;
        if (ends[0].revents != 0 || (is_of_thread && detail::is_being_killed(steering))) {
            break;
        }
    }
    restore_all(table);
    _exit(0);
}

} // namespace

class watchdog::state {
  public:
    explicit state(noted_process* shared) noexcept : table{shared} {}
    state(state const&) = delete;
    state& operator=(state const&) = delete;
    ~state() {
        if (child > 0) {
            kill(child, SIGKILL);
            while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
            }
        }
        munmap(table, table_size);
    }

    [[nodiscard]] result<void> start_child() {
        int ready[2]{};
        if (pipe2(ready, O_CLOEXEC) != 0) {
            return error{std::string{"watchdog: no pipe: "} + std::strerror(errno)};
        }
        pid_t const self = getpid();
        child = fork();
        if (child == 0) {
            watch(self, table);
        }
        int const why = errno;
        close(ready[1]);
        if (child > 0) {
            // Until it is at its post: it begins as an ordinary process, which a steered one could keep from running.
            char nothing = 0;
            while (read(ready[0], &nothing, 1) < 0 && errno == EINTR) {
            }
        }
        close(ready[0]);
        return child > 0 ? result<void>{} : error{std::string{"watchdog: no process: "} + std::strerror(why)};
    }

    noted_process* table;
    process_id child = 0;
};

result<watchdog> watchdog::start() {
    void* const memory =
        mmap(nullptr, table_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        return error{std::string{"watchdog: no shared memory: "} + std::strerror(errno)};
    }
    auto made = std::make_unique<state>(static_cast<noted_process*>(memory));
    if (auto const started = made->start_child(); started.has_error()) {
        return started.error();
    }
    return watchdog{std::move(made)};
}

watchdog::watchdog(std::unique_ptr<state> made) noexcept : state_{std::move(made)} {}
watchdog::watchdog(watchdog&& other) noexcept = default;
watchdog& watchdog::operator=(watchdog&& other) noexcept = default;
watchdog::~watchdog() = default;

void watchdog::note(std::size_t slot, process_key process, scheduling const& original) noexcept {
    HPCSCHED_ASSERT(slot < capacity);
    noted_process& entry = state_->table[slot];
    if (entry.process.load(std::memory_order_relaxed) == process.id) {
        return;
    }
    entry.started = process.started;
    entry.original = original;
    entry.process.store(process.id, std::memory_order_release);
}

void watchdog::note_cpus(std::size_t slot, cpu::cpu_mask const& cpus) noexcept {
    HPCSCHED_ASSERT(slot < capacity && state_->table[slot].process.load(std::memory_order_relaxed) != 0);
    state_->table[slot].cpus = cpus;
    state_->table[slot].has_cpus.store(true, std::memory_order_release);
}

bool watchdog::note_file(std::size_t slot, file_content const& original) noexcept {
    HPCSCHED_ASSERT(slot < capacity && state_->table[slot].process.load(std::memory_order_relaxed) != 0);
    noted_process& entry = state_->table[slot];
    if (original.path.size() >= entry.path.size() || original.text.size() > entry.text.size()) {
        return false;
    }
    std::memcpy(entry.path.data(), original.path.c_str(), original.path.size() + 1);
    std::memcpy(entry.text.data(), original.text.data(), original.text.size());
    entry.text_size.store(static_cast<std::uint32_t>(original.text.size()), std::memory_order_release);
    return true;
}

result<void> watchdog::revive() {
    bool const is_dead = waitpid(state_->child, nullptr, WNOHANG) != 0; // or somebody else has waited for it
    return is_dead ? state_->start_child() : result<void>{};
}

void watchdog::strike(std::size_t slot) noexcept {
    HPCSCHED_ASSERT(slot < capacity);
    state_->table[slot].has_cpus.store(false, std::memory_order_relaxed);
    state_->table[slot].text_size.store(0, std::memory_order_relaxed);
    state_->table[slot].process.store(0, std::memory_order_release);
}

process_id watchdog::process() const noexcept {
    return state_->child;
}

} // namespace hpcsched::cpu_linux
