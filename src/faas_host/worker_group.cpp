// SPDX-License-Identifier: Apache-2.0
#include "worker_group.hpp"

#include "cgroup.hpp"
#include "small_file.hpp"
#include "split.hpp"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace hpcsched::faas_host::detail {

namespace {

using cpu_linux::detail::cgroup_mount;
using cpu_linux::detail::read_small_file;
using cpu_linux::detail::split;

bool write_file(std::string const& path, std::string_view text) noexcept {
    file_descriptor const file{open(path.c_str(), O_WRONLY | O_CLOEXEC)};
    return file.is_open() && write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

/// Gone once the kernel has let go of who was killed in it.
void remove_group(std::string const& folder) noexcept {
    constexpr int tries = 200; // of 5 ms
    for (int i = 0; i < tries && rmdir(folder.c_str()) != 0 && errno == EBUSY; ++i) {
        (void)poll(nullptr, 0, 5);
    }
}

constexpr std::string_view host_prefix = "hpcsched-serve-"; ///< of the folder of a host, followed by PID.NUMBER

/// A host that was killed leaves its groups behind, empty: the kernel ends processes, not groups.
void remove_groups_of_the_dead(std::string const& above) {
    std::error_code failed;
    for (auto const& each : std::filesystem::directory_iterator{above, failed}) {
        std::string const name = each.path().filename();
        pid_t const host =
            name.starts_with(host_prefix) ? static_cast<pid_t>(std::atol(name.c_str() + host_prefix.size())) : 0;
        if (host <= 0 || kill(host, 0) == 0 || errno != ESRCH) {
            continue;
        }
        for (auto const& worker : std::filesystem::directory_iterator{each.path(), failed}) {
            (void)rmdir(worker.path().c_str()); // what is no folder is the kernel's, and stays until the folder goes
        }
        (void)rmdir(each.path().c_str());
    }
}

/// A folder for this host below the group that it lives in; empty: it may not have one.
std::string own_folder(cgroup_mount const& mount, std::string_view controller) {
    std::string const own =
        cpu_linux::detail::group_in(read_small_file("/proc/self/cgroup"), mount.version, controller);
    std::string const above = mount.folder + (own == "/" ? "" : own) + "/";
    remove_groups_of_the_dead(above);
    std::string const prefix = above + std::string{host_prefix} + std::to_string(getpid()) + ".";
    constexpr int most_hosts = 1000; // in one process
    for (int i = 0; i < most_hosts; ++i) {
        std::string folder = prefix + std::to_string(i);
        if (mkdir(folder.c_str(), 0755) == 0) {
            return folder;
        }
        if (errno != EEXIST) {
            break;
        }
    }
    return {};
}

/// In version 2 a group hands a controller on to those below it only if it has no process of its own, or is the root.
bool hand_on(std::string const& folder, std::string_view controller) {
    std::string const above = folder.substr(0, folder.rfind('/'));
    std::string const wish = "+" + std::string{controller};
    return write_file(above + "/cgroup.subtree_control", wish) && write_file(folder + "/cgroup.subtree_control", wish);
}

void kill_in(std::string const& folder, cgroup_version version) noexcept {
    if (version == cgroup_version::v2 && write_file(folder + "/cgroup.kill", "1")) {
        return;
    }
    constexpr int rounds = 100; // who forks meanwhile is found in the next one
    for (int i = 0; i < rounds; ++i) {
        auto const processes = split(read_small_file(folder + "/cgroup.procs"), '\n');
        bool any = false;
        for (std::string const& each : processes) {
            any = kill(static_cast<pid_t>(std::atol(each.c_str())), SIGKILL) == 0 || any;
        }
        if (!any) {
            return;
        }
        (void)poll(nullptr, 0, 1); // they need some time to die
    }
}

} // namespace

worker_group::~worker_group() {
    for (std::string const& folder : folders_) {
        kill_in(folder, version_);
        remove_group(folder);
    }
}

std::vector<file_descriptor> worker_group::entrances() const {
    std::vector<file_descriptor> files;
    for (std::string const& folder : folders_) {
        files.emplace_back(open((folder + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
    }
    return files;
}

void worker_group::kill_all() const noexcept {
    for (std::string const& folder : folders_) {
        kill_in(folder, version_);
    }
}

bool worker_group::was_out_of_memory() const {
    return std::ranges::any_of(folders_, [](std::string const& folder) {
        for (char const* const file : {"/memory.oom_control", "/memory.events"}) {
            for (std::string const& line : split(read_small_file(folder + file), '\n')) {
                if (line.starts_with("oom_kill ") && line != "oom_kill 0") {
                    return true;
                }
            }
        }
        return false;
    });
}

worker_groups worker_groups::find() {
    worker_groups made;
    for (auto const& [controller, folder] : {std::pair{"memory", &made.memory_}, std::pair{"pids", &made.pids_}}) {
        cgroup_mount const mount = cpu_linux::detail::mount_of(controller);
        if (mount.version == cgroup_version::none) {
            continue;
        }
        bool const is_shared = mount.version == cgroup_version::v2 && !made.memory_.empty();
        *folder = is_shared ? made.memory_ : own_folder(mount, controller);
        if (!folder->empty() && mount.version == cgroup_version::v2 && !hand_on(*folder, controller)) {
            if (made.memory_ != *folder || folder == &made.memory_) {
                remove_group(*folder);
            }
            folder->clear();
        }
        made.version_ = folder->empty() ? made.version_ : mount.version;
    }
    return made;
}

worker_groups::~worker_groups() {
    for (std::string const& folder : {memory_, pids_}) {
        if (!folder.empty()) {
            remove_group(folder);
        }
    }
}

result<worker_group> worker_groups::make(std::string const& name, std::uint64_t memory, std::uint64_t processes) const {
    worker_group made;
    made.version_ = version_;
    auto const refused = [](std::string const& what) { return error{what + ": " + std::strerror(errno)}; };
    auto const limit = [&](std::string const& parent, char const* file, std::uint64_t most) -> result<void> {
        if (parent.empty()) {
            return {};
        }
        std::string const folder = parent + "/" + name;
        if (std::ranges::find(made.folders_, folder) == made.folders_.end()) {
            if (mkdir(folder.c_str(), 0755) != 0) {
                return refused("control group " + folder);
            }
            made.folders_.push_back(folder);
        }
        if (most != 0 && !write_file(folder + file, std::to_string(most))) {
            return refused(folder + file);
        }
        return {};
    };
    bool const is_v1 = version_ == cgroup_version::v1;
    auto limited = limit(memory_, is_v1 ? "/memory.limit_in_bytes" : "/memory.max", memory);
    if (limited.has_value()) {
        limited = limit(pids_, "/pids.max", processes);
    }
    if (limited.has_error()) {
        return limited.error();
    }
    return made;
}

} // namespace hpcsched::faas_host::detail
