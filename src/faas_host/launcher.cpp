// SPDX-License-Identifier: Apache-2.0
#include "launcher.hpp"

#include <hpcsched/cpu_linux/urgent_thread.hpp>

#include <boost/asio/post.hpp>

#include <sys/prctl.h>

#include <memory>
#include <utility>

namespace hpcsched::faas_host::detail {

namespace {

constexpr int urgency = 97; // below the thread that steers

void close_all(spawn_request const& request) {
    for (int const each : {request.standard_input, request.standard_output, request.standard_error, request.channel}) {
        file_descriptor const owned{each};
    }
}

std::string version_name(cgroup_version version) {
    return version == cgroup_version::v2 ? "cgroup v2" : "cgroup v1";
}

} // namespace

launcher::launcher(boost::asio::io_context& loop, bool is_urgent)
    : loop_{loop}, groups_{worker_groups::find()}, has_namespaces_{namespaces_are_allowed()} {
    boost::asio::post(thread_, [is_urgent] {
        prctl(PR_SET_NAME, "hpcsched-launch");
        if (is_urgent) {
            thread_local cpu_linux::urgent_thread const urgent{urgency};
        }
    });
}

launcher::~launcher() {
    thread_.join();
}

void launcher::launch(launch_request request, told tell) {
    auto work = std::make_shared<std::pair<launch_request, told>>(std::move(request), std::move(tell));
    boost::asio::post(thread_, [this, work = std::move(work)] {
        auto made = std::make_shared<result<launched>>(launch_now(work->first));
        close_all(work->first.process);
        boost::asio::post(loop_, [work, made] { work->second(std::move(*made)); });
    });
}

void launcher::dispose(worker_group group) {
    boost::asio::post(thread_, [held = std::make_shared<worker_group>(std::move(group))]() mutable { held.reset(); });
}

result<launched> launcher::launch_now(launch_request& request) const {
    auto group = groups_.make(request.group_name, request.memory, request.processes);
    if (group.has_error()) {
        return group.error();
    }
    std::vector<file_descriptor> const entrances = group->entrances();
    for (file_descriptor const& each : entrances) {
        request.process.group_files.push_back(each.get());
    }
    request.process.data_limit = groups_.limits_memory() ? 0 : request.memory;
    request.process.with_namespaces = has_namespaces_;
    auto process = spawn(request.process);
    if (process.has_error()) {
        return process.error();
    }
    return launched{std::move(*process), std::move(*group)};
}

std::string launcher::memory_limit() const {
    return groups_.limits_memory() ? version_name(groups_.version()) : "rlimit";
}
std::string launcher::process_limit() const {
    return groups_.limits_processes() ? version_name(groups_.version()) : "none";
}
std::string launcher::isolation() const {
    return has_namespaces_ ? "namespaces of PIDs, mounts and IPC" : "process group";
}

} // namespace hpcsched::faas_host::detail
