// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_RAFT_ETCD_REAL_ETCD_HPP
#define HPCSCHED_TESTS_RAFT_ETCD_REAL_ETCD_HPP

#include "free_ports.hpp"
#include "temporary_folder.hpp"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace hpcsched::raft_etcd::test {

inline std::uint16_t free_port() {
    return hpcsched::test::free_ports(1).front();
}

/// Whether something accepts connections there.
inline bool answers(std::uint16_t port) {
    int const s = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    bool const good = ::connect(s, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::close(s);
    return good;
}

/// Whether there is a program of this name on the PATH.
inline bool has_program(std::string const& name) {
    char const* const path = std::getenv("PATH");
    std::string rest = path == nullptr ? "" : path;
    while (!rest.empty()) {
        std::size_t const end = std::min(rest.find(':'), rest.size());
        if (::access((rest.substr(0, end) + "/" + name).c_str(), X_OK) == 0) {
            return true;
        }
        rest.erase(0, end + 1);
    }
    return false;
}

/// A program with its output in a file; killed when this ends.
class process {
  public:
    process() = default;
    process(std::vector<std::string> command, std::string const& output) {
        std::vector<char*> arguments;
        for (std::string& word : command) {
            arguments.push_back(word.data());
        }
        arguments.push_back(nullptr);
        posix_spawn_file_actions_t files;
        ::posix_spawn_file_actions_init(&files);
        ::posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
        ::posix_spawn_file_actions_addopen(&files, 1, output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
        ::posix_spawn_file_actions_adddup2(&files, 1, 2);
        if (::posix_spawnp(&pid_, arguments[0], &files, nullptr, arguments.data(), environ) != 0) {
            pid_ = -1;
        }
        ::posix_spawn_file_actions_destroy(&files);
    }
    process(process&& other) noexcept : pid_{std::exchange(other.pid_, -1)} {}
    process& operator=(process&& other) noexcept {
        std::swap(pid_, other.pid_);
        return *this;
    }
    ~process() { kill(); }

    void signal(int number) const {
        if (pid_ > 0) {
            ::kill(pid_, number);
        }
    }
    void kill() {
        signal(SIGKILL);
        (void)wait();
    }
    /// Its exit status.
    int wait() {
        int status = -1;
        if (pid_ > 0) {
            ::waitpid(pid_, &status, 0);
            pid_ = -1;
        }
        return status;
    }

  private:
    pid_t pid_ = -1;
};

/// An etcd of one or more members, on free ports of the loopback interface and in a folder that goes with it.
class real_etcd {
  public:
    explicit real_etcd(std::size_t members = 1, std::vector<std::string> options = {}, std::string scheme = "http")
        : options_{std::move(options)}, scheme_{std::move(scheme)} {
        for (std::size_t i = 0; i < members; ++i) {
            members_.push_back({free_port(), free_port(), {}});
        }
        for (std::size_t i = 0; i < members; ++i) {
            begin(i);
        }
        for (std::size_t i = 0; i < members; ++i) {
            wait_for(i);
        }
    }
    real_etcd(real_etcd const&) = delete;
    real_etcd& operator=(real_etcd const&) = delete;
    ~real_etcd() = default;

    static bool is_there() { return has_program("etcd"); }

    [[nodiscard]] std::size_t size() const { return members_.size(); }
    [[nodiscard]] std::string endpoint(std::size_t i = 0) const {
        return scheme_ + "://127.0.0.1:" + std::to_string(members_[i].client_port);
    }
    [[nodiscard]] std::uint16_t port(std::size_t i = 0) const { return members_[i].client_port; }
    [[nodiscard]] std::vector<std::string> endpoints() const {
        std::vector<std::string> out;
        for (std::size_t i = 0; i < size(); ++i) {
            out.push_back(endpoint(i));
        }
        return out;
    }
    void kill(std::size_t i) { members_[i].runs.kill(); }
    void signal(std::size_t i, int number) const { members_[i].runs.signal(number); }
    void begin(std::size_t i) {
        std::string const name = "m" + std::to_string(i);
        std::string const client = endpoint(i);
        std::string const peer = "http://127.0.0.1:" + std::to_string(members_[i].peer_port);
        std::string all;
        for (std::size_t k = 0; k < size(); ++k) {
            all +=
                (k > 0 ? ",m" : "m") + std::to_string(k) + "=http://127.0.0.1:" + std::to_string(members_[k].peer_port);
        }
        std::vector<std::string> command{"etcd",
                                         "--name",
                                         name,
                                         "--data-dir",
                                         folder_ / name,
                                         "--listen-client-urls",
                                         client,
                                         "--advertise-client-urls",
                                         client,
                                         "--listen-peer-urls",
                                         peer,
                                         "--initial-advertise-peer-urls",
                                         peer,
                                         "--initial-cluster",
                                         all,
                                         "--logger",
                                         "zap",
                                         "--log-outputs",
                                         "stderr"};
        command.insert(command.end(), options_.begin(), options_.end());
        members_[i].runs = process{command, folder_ / (name + ".log")};
    }
    void wait_for(std::size_t i) const {
        for (int tries = 0; tries < 1000 && !answers(members_[i].client_port); ++tries) {
            ::poll(nullptr, 0, 10);
        }
    }

    /// Runs etcdctl. \return its exit status
    [[nodiscard]] int control(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), {"etcdctl", "--endpoints", endpoint()});
        return process{arguments, folder_ / "etcdctl.log"}.wait();
    }

  private:
    struct member {
        std::uint16_t client_port = 0;
        std::uint16_t peer_port = 0;
        process runs;
    };

    std::vector<std::string> options_;
    std::string scheme_;
    hpcsched::test::temporary_folder folder_; // outlives the processes
    std::vector<member> members_;
};

} // namespace hpcsched::raft_etcd::test

#endif
