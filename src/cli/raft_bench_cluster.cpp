// SPDX-License-Identifier: Apache-2.0
#include "raft_bench_cluster.hpp"

#include "failure.hpp"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

namespace hpcsched::cli {
namespace {

[[noreturn]] void fail(std::string const& what) {
    throw failure{exit_code::failure, what + ": " + std::strerror(errno)};
}

// Ports that are free now; all are held until all are found, so that none is found twice.
std::vector<std::uint16_t> free_ports(std::uint32_t count) {
    std::vector<int> held;
    std::vector<std::uint16_t> ports;
    for (std::uint32_t i = 0; i < count; ++i) {
        sockaddr_in address{};
        held.push_back(bind_to_loopback(address));
        ports.push_back(ntohs(address.sin_port));
    }
    std::ranges::for_each(held, [](int s) { ::close(s); });
    return ports;
}

} // namespace

int bind_to_loopback(sockaddr_in& address) {
    int const s = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address); // NOLINT(*-reinterpret-cast): the socket API
    if (s < 0 || ::bind(s, generic, size) != 0 || ::getsockname(s, generic, &size) != 0) {
        fail("a free port");
    }
    return s;
}

scratch_folder::scratch_folder(std::filesystem::path const& where) {
    std::string pattern =
        ((where.empty() ? std::filesystem::temp_directory_path() : where) / "hpcsched-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
        fail(pattern);
    }
    path_ = pattern;
}

scratch_folder::~scratch_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

child_cluster::child_cluster(std::uint32_t nodes, std::filesystem::path folder, std::vector<std::string> more)
    : folder_{std::move(folder)}, more_{std::move(more)} {
    auto const ports = free_ports(nodes);
    for (std::uint32_t i = 0; i < nodes; ++i) {
        nodes_.push_back({raft::node_id{i + 1}, "127.0.0.1:" + std::to_string(ports[i])});
        list_ += (i == 0 ? "" : ",") + std::to_string(i + 1) + "=" + nodes_.back().address;
    }
}

child_cluster::~child_cluster() {
    while (!running_.empty()) {
        kill(running_.begin()->first);
    }
}

std::filesystem::path child_cluster::data(std::uint32_t id) const {
    return folder_ / ("node-" + std::to_string(id));
}

void child_cluster::start(std::uint32_t id) {
    std::vector<std::string> words{"hpcsched", "raft", "serve",  "--id",           std::to_string(id),
                                   "--nodes",  list_,  "--data", data(id).string()};
    words.insert(words.end(), more_.begin(), more_.end());
    std::vector<char*> arguments;
    for (std::string& word : words) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    std::string const log = data(id).string() + ".log";
    pid_t const parent = ::getpid();
    pid_t const child = ::fork();
    if (child < 0) {
        fail("fork");
    }
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        sigset_t none;
        ::sigemptyset(&none);
        ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
        if (::getppid() != parent || ::freopen(log.c_str(), "a", stderr) == nullptr ||
            ::freopen("/dev/null", "w", stdout) == nullptr) {
            ::_exit(126);
        }
        ::execv("/proc/self/exe", arguments.data());
        ::_exit(127);
    }
    running_[id] = child;
}

void child_cluster::kill(std::uint32_t id) {
    auto const at = running_.find(id);
    if (at != running_.end()) {
        ::kill(at->second, SIGKILL);
        ::waitpid(at->second, nullptr, 0);
        running_.erase(at);
    }
}

node_status ask_status(raft_asio::peer const& node, raft::group_id group, duration wait) {
    raft_asio::client_config config;
    config.nodes = {node};
    config.cluster_id = 1;
    auto client = or_fail(raft_asio::client::connect(config), exit_code::failure);
    auto const answer = client.call({.kind = raft_asio::request_kind::status, .group = group}, wait);
    node_status s;
    if (!answer || answer->status != raft_asio::response_status::ok) {
        return s;
    }
    s.answered = true;
    std::string text;
    for (std::byte const b : answer->payload) {
        text.push_back(static_cast<char>(b));
    }
    std::istringstream in{text};
    for (std::string name, value; in >> name >> value;) {
        if (name == "role") {
            s.role = value;
        } else if (name == "leader") {
            s.leader = static_cast<std::uint32_t>(std::stoul(value));
        } else if (name == "term") {
            s.term = std::stoull(value);
        } else if (name == "applied") {
            s.applied = std::stoull(value);
        } else if (name == "commit") {
            s.commit = std::stoull(value);
        }
    }
    return s;
}

latency_summary summarize(std::vector<std::int64_t>& nanoseconds) {
    if (nanoseconds.empty()) {
        return {};
    }
    std::ranges::sort(nanoseconds);
    auto const at = [&](double share) {
        auto const place = static_cast<std::size_t>(share * static_cast<double>(nanoseconds.size()));
        return static_cast<double>(nanoseconds[std::min(place, nanoseconds.size() - 1)]) / 1000.0;
    };
    return {at(0.5), at(0.99), at(0.999), at(1.0)};
}

} // namespace hpcsched::cli
