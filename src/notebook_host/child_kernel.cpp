// SPDX-License-Identifier: Apache-2.0
#include "child_kernel.hpp"

#include "hexadecimal.hpp"
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <system_error>
#include <utility>

namespace hpcsched::notebook_host {
namespace {

[[nodiscard]] std::string system_says(int number) {
    return std::generic_category().message(number);
}

/// A folder of its own, mode 0700. The paths of sockets are short, so the shortest of the usual places.
[[nodiscard]] result<std::string> make_folder(bool for_another) {
    char const* const runtime = std::getenv("XDG_RUNTIME_DIR"); // NOLINT(concurrency-mt-unsafe): before any thread
    bool const own = !for_another && runtime != nullptr && *runtime != '\0';
    std::string pattern = std::string{own ? runtime : "/tmp"} + "/hpcsched-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) {
        return error{"cannot make a folder for the kernel's sockets, " + pattern + ": " + system_says(errno)};
    }
    return result<std::string>{boost::system::in_place_value, std::move(pattern)};
}

/// What a new process is to become.
struct program {
    char* const* arguments = nullptr;
    char* const* environment = nullptr; // null: as this process's
    sigset_t const* signals = nullptr;
    user_identity const* as = nullptr;
};

[[noreturn]] void give_up(std::initializer_list<char const*> why) {
    for (char const* const part : why) {
        (void)!::write(STDERR_FILENO, part, std::strlen(part));
    }
    ::_exit(127);
}

// In the new process. Other threads of the old one may have held any lock, so nothing here takes one.
[[noreturn]] void become(program const& p, pid_t parent) {
    ::setsid(); // a signal to the proxy's group is the proxy's to pass on
    if (p.as != nullptr) {
        if (!p.as->become()) {
            give_up({"hpcsched: cannot become ", p.as->name.c_str(), ": ", ::strerrordesc_np(errno), "\n"});
        }
        if (::chdir(p.as->home.c_str()) != 0 && ::chdir("/") != 0) {
            ::_exit(127);
        }
    }
    ::prctl(PR_SET_PDEATHSIG, SIGKILL); // a change of the user undoes it
    if (::getppid() != parent) {
        ::_exit(127); // it went before the line above
    }
    ::pthread_sigmask(SIG_SETMASK, p.signals, nullptr);
    if (p.environment != nullptr) {
        ::execvpe(p.arguments[0], p.arguments, p.environment);
    } else {
        ::execvp(p.arguments[0], p.arguments);
    }
    give_up({"hpcsched: cannot start '", p.arguments[0], "': ", ::strerrordesc_np(errno), "\n"});
}

[[nodiscard]] std::vector<char*> pointers_to(std::vector<std::string>& words) {
    std::vector<char*> all;
    for (std::string& word : words) {
        all.push_back(word.data());
    }
    all.push_back(nullptr);
    return all;
}

/// Gives a folder and all in it to a user, the folder last: until then nobody else can reach into it.
[[nodiscard]] result<void> give(std::string const& folder, user_identity const& to) {
    std::error_code failed;
    std::vector<std::string> all;
    for (auto const& each : std::filesystem::recursive_directory_iterator{folder, failed}) {
        all.push_back(each.path().string());
    }
    all.push_back(folder);
    for (std::string const& each : all) {
        if (failed || ::lchown(each.c_str(), to.user, to.group) != 0) {
            return error{"cannot give " + each + " to " + to.name + ": " + system_says(errno)};
        }
    }
    return {};
}

[[nodiscard]] bool replace(std::string& word, std::string_view mark, std::string const& by) {
    auto const at = word.find(mark);
    if (at != std::string::npos) {
        word.replace(at, mark.size(), by);
    }
    return at != std::string::npos;
}

} // namespace

result<child_kernel> child_kernel::start(std::vector<std::string> const& words, sigset_t const& signals,
                                         std::span<std::pair<std::string, std::string> const> files,
                                         user_identity const* as) {
    if (words.empty()) {
        return error{"no kernel is named: give its program and arguments, with {connection_file}"};
    }
    auto folder = make_folder(as != nullptr);
    if (!folder) {
        return folder.error();
    }
    child_kernel kernel;
    kernel.folder_ = std::move(*folder);
    kernel.connection_ = {.transport = "ipc",
                          .ip = kernel.folder_ + "/k",
                          .shell_port = 1,
                          .iopub_port = 2,
                          .stdin_port = 3,
                          .control_port = 4,
                          .hb_port = 5,
                          .key = random_digits<32>()};
    if (kernel.connection_.key.empty()) {
        return error{"the system has no random numbers for a key"};
    }
    std::string const file = kernel.folder_ + "/connection.json";
    if (!(std::ofstream{file} << connection_json(kernel.connection_))) {
        return error{"cannot write " + file};
    }
    for (auto const& [name, text] : files) {
        std::string const path = kernel.folder_ + '/' + name;
        std::error_code failed;
        std::filesystem::create_directories(std::filesystem::path{path}.parent_path(), failed);
        if (failed || !(std::ofstream{path} << text)) {
            return error{"cannot write " + path};
        }
    }
    if (as != nullptr) {
        if (auto const given = give(kernel.folder_, *as); !given) {
            return given.error();
        }
    }
    std::vector<std::string> own = words;
    for (std::string& word : own) {
        (void)(replace(word, "{connection_file}", file) || replace(word, "{folder}", kernel.folder_));
    }
    std::vector<std::string> variables = as != nullptr ? as->environment() : std::vector<std::string>{};
    auto const arguments = pointers_to(own);
    auto const environment = pointers_to(variables);
    program const what{arguments.data(), as != nullptr ? environment.data() : nullptr, &signals, as};
    pid_t const parent = ::getpid();
    kernel.process_ = ::fork();
    if (kernel.process_ == 0) {
        become(what, parent);
    }
    if (kernel.process_ < 0) {
        return error{"cannot start a process for the kernel: " + system_says(errno)};
    }
    return result<child_kernel>{boost::system::in_place_value, std::move(kernel)};
}

child_kernel::child_kernel(child_kernel&& other) noexcept
    : folder_{std::exchange(other.folder_, {})}, connection_{std::move(other.connection_)},
      process_{std::exchange(other.process_, -1)} {}

child_kernel::~child_kernel() {
    if (process_ > 0) {
        ::kill(process_, SIGKILL);
        ::waitpid(process_, nullptr, 0);
    }
    if (!folder_.empty()) {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
}

void child_kernel::send(int signal) const {
    if (process_ > 0) {
        ::kill(process_, signal);
    }
}

std::optional<int> child_kernel::ended() {
    int status = 0;
    if (process_ <= 0 || ::waitpid(process_, &status, WNOHANG) != process_) {
        return std::nullopt;
    }
    process_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

} // namespace hpcsched::notebook_host
