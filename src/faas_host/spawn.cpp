// SPDX-License-Identifier: Apache-2.0
#include "spawn.hpp"

#include "split.hpp"
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace hpcsched::faas_host::detail {

namespace {

constexpr int namespace_flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC;

/// What the child reads and writes: it shares the memory of its parent, which waits.
struct child_plan {
    spawn_request const* request = nullptr;
    char const* program = nullptr;
    char* const* arguments = nullptr;
    char* const* environment = nullptr;
    int host = -1;              ///< pidfd of this process
    char const* step = nullptr; ///< what failed
    int failed = 0;             ///< errno
};

// The child is on a stack that AddressSanitizer does not know: its check at the call of what does not return would
// complain. Hence the attribute of all that calls such.
[[noreturn, gnu::no_sanitize_address]] void give_up(child_plan& plan, char const* step) noexcept {
    plan.step = step;
    plan.failed = errno;
    _exit(127);
}

void reset_signals() noexcept {
    for (int signal = 1; signal < NSIG; ++signal) {
        struct sigaction action{};
        action.sa_handler = SIG_DFL;
        (void)sigaction(signal, &action, nullptr); // SIGKILL, SIGSTOP and libc's own are refused
    }
}

/// Descriptors 0, 1, 2 and 3 as asked, and none besides.
[[gnu::no_sanitize_address]] void arrange_descriptors(child_plan& plan) noexcept {
    spawn_request const& request = *plan.request;
    std::array<int, 4> from{request.standard_input, request.standard_output, request.standard_error, request.channel};
    constexpr int clear_of_targets = 10;
    for (int& each : from) {
        int const source = each >= 0 ? each : open("/dev/null", O_RDWR | O_CLOEXEC);
        each = fcntl(source, F_DUPFD_CLOEXEC, clear_of_targets);
        if (each < 0) {
            give_up(plan, "descriptors");
        }
    }
    unsigned const count = request.channel >= 0 ? 4 : 3;
    for (unsigned i = 0; i < count; ++i) {
        if (dup2(from[i], static_cast<int>(i)) < 0) {
            give_up(plan, "descriptors");
        }
    }
    close_range(count, ~0U, 0);
}

[[gnu::no_sanitize_address]] void enter_groups(child_plan& plan) noexcept {
    for (int const file : plan.request->group_files) {
        if (write(file, "0", 1) != 1) {
            give_up(plan, "control group");
        }
    }
}

/// In namespaces of its own: what mounts here is seen nowhere else, and /proc shows no others.
void mount_own_proc() noexcept {
    if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0) {
        (void)mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr);
    }
}

/// Only system calls: the parent's memory and locks are as they were when it stopped to wait.
[[gnu::no_sanitize_address]] int live_as_child(void* argument) noexcept {
    child_plan& plan = *static_cast<child_plan*>(argument);
    spawn_request const& request = *plan.request;
    reset_signals();
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        give_up(plan, "prctl");
    }
    pollfd host{.fd = plan.host, .events = POLLIN, .revents = 0};
    if (poll(&host, 1, 0) != 0) {
        _exit(127); // it died before it could have taken us along
    }
    (void)setsid();
    enter_groups(plan);
    if (request.with_namespaces) {
        mount_own_proc();
    }
    if (request.data_limit != 0) {
        rlimit const limit{request.data_limit, request.data_limit};
        (void)setrlimit(RLIMIT_DATA, &limit);
    }
    rlimit files{};
    constexpr rlim_t as_on_aws = 1024; // the host's own may be far larger, and select(2) breaks beyond it
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur > as_on_aws) {
        files.rlim_cur = as_on_aws;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    if (!request.folder.empty() && chdir(request.folder.c_str()) != 0) {
        give_up(plan, "folder");
    }
    arrange_descriptors(plan);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    execve(plan.program, plan.arguments, plan.environment);
    give_up(plan, "program");
}

[[gnu::no_sanitize_address]] int leave(void*) noexcept {
    _exit(0);
}

std::vector<char*> pointers_to(std::vector<std::string> const& texts) {
    std::vector<char*> pointers;
    pointers.reserve(texts.size() + 1);
    for (std::string const& text : texts) {
        pointers.push_back(const_cast<char*>(text.c_str())); // execve(2) does not write to them
    }
    pointers.push_back(nullptr);
    return pointers;
}

/// Where execvp(3) would find it; the name itself where it would not.
std::string find_program(spawn_request const& request) {
    std::string const& name = request.command.front();
    if (name.find('/') != std::string::npos) {
        return name;
    }
    constexpr std::string_view path = "PATH=";
    for (std::string const& each : request.environment) {
        if (!each.starts_with(path)) {
            continue;
        }
        for (std::string const& folder : cpu_linux::detail::split(std::string_view{each}.substr(path.size()), ':')) {
            std::string const full = (folder.empty() ? "." : folder) + '/' + name;
            if (access(full.c_str(), X_OK) == 0) {
                return full;
            }
        }
    }
    return name;
}

/// clone(2) as posix_spawn(3) does it, on a stack of its own and with the parent waiting, but with namespaces.
pid_t clone_and_wait(int flags, int (*life)(void*), void* argument, int* descriptor) {
    constexpr std::size_t stack_size = std::size_t{64} << 10U;
    auto const stack = std::make_unique<std::byte[]>(stack_size); // it grows down, from an end aligned as new aligns
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); // no handler of ours is to run in the child
    pid_t const process = clone(life, stack.get() + stack_size, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD | flags,
                                argument, descriptor);
    int const why = errno;
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    errno = why;
    return process;
}

void reap(int descriptor) noexcept {
    siginfo_t info{};
    while (waitid(P_PIDFD, static_cast<id_t>(descriptor), &info, WEXITED) < 0 && errno == EINTR) {
    }
}

} // namespace

result<spawned_process> spawn(spawn_request const& request) {
    std::string const program = find_program(request);
    auto const arguments = pointers_to(request.command);
    auto const environment = pointers_to(request.environment);
    file_descriptor const host{static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0))};
    child_plan plan{.request = &request,
                    .program = program.c_str(),
                    .arguments = arguments.data(),
                    .environment = environment.data(),
                    .host = host.get()};
    int descriptor = -1;
    pid_t const process =
        clone_and_wait(request.with_namespaces ? namespace_flags : 0, &live_as_child, &plan, &descriptor);
    if (process < 0) {
        return error{std::string{"no process can be made: "} + std::strerror(errno)};
    }
    spawned_process made{.process = process, .descriptor = file_descriptor{descriptor}};
    if (plan.step != nullptr) {
        reap(descriptor);
        std::string const what = std::string_view{plan.step} == "program"  ? "'" + request.command.front() + "'"
                                 : std::string_view{plan.step} == "folder" ? "folder '" + request.folder + "'"
                                                                           : std::string{plan.step};
        return error{what + ": " + std::strerror(plan.failed)};
    }
    return made;
}

bool namespaces_are_allowed() {
    int descriptor = -1;
    if (clone_and_wait(namespace_flags, &leave, nullptr, &descriptor) < 0) {
        return false;
    }
    file_descriptor const owned{descriptor};
    reap(descriptor);
    return true;
}

} // namespace hpcsched::faas_host::detail
