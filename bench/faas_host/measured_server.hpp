// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_BENCH_FAAS_HOST_MEASURED_SERVER_HPP
#define HPCSCHED_BENCH_FAAS_HOST_MEASURED_SERVER_HPP

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::bench {

/// A server that runs as a program of its own until the end of the scope.
class measured_server {
  public:
    measured_server(std::vector<std::string> words, std::uint16_t port) : port_{port} {
        std::vector<char*> arguments;
        for (std::string& word : words) {
            arguments.push_back(word.data());
        }
        arguments.push_back(nullptr);
        process_ = ::fork();
        if (process_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::execvp(arguments.front(), arguments.data());
            ::_exit(127);
        }
        for (int i = 0; i < 1000; ++i) {
            if (is_listening()) {
                return;
            }
            (void)::poll(nullptr, 0, 10);
        }
        throw std::runtime_error{words.front() + " does not listen on port " + std::to_string(port)};
    }
    measured_server(measured_server const&) = delete;
    measured_server& operator=(measured_server const&) = delete;
    ~measured_server() { end(); }

    /// \return its wait status
    int end() {
        int status = 0;
        if (pid_t const process = std::exchange(process_, 0); process > 0) {
            ::kill(process, SIGTERM);
            ::waitpid(process, &status, 0);
        }
        return status;
    }

    [[nodiscard]] pid_t process() const { return process_; }
    [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

    /// CPU time of its own, in seconds, without its children's.
    [[nodiscard]] double cpu_seconds() const {
        std::ifstream file{"/proc/" + std::to_string(process_) + "/schedstat"};
        double nanoseconds = 0;
        file >> nanoseconds;
        return nanoseconds * 1e-9;
    }

  private:
    [[nodiscard]] bool is_listening() const {
        int const s = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        to.sin_port = htons(port_);
        bool const is_there = s >= 0 && ::connect(s, reinterpret_cast<sockaddr const*>(&to), sizeof to) == 0;
        ::close(s);
        return is_there;
    }

    pid_t process_ = 0;
    std::uint16_t port_;
};

/// A port that was free just now.
inline std::uint16_t free_port() {
    int const s = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    bool const is_bound = s >= 0 && ::bind(s, reinterpret_cast<sockaddr const*>(&at), sizeof at) == 0;
    if (!is_bound || ::getsockname(s, reinterpret_cast<sockaddr*>(&at), &size) != 0) {
        throw std::runtime_error{"no port is free"};
    }
    ::close(s);
    return ntohs(at.sin_port);
}

/// What wrk has measured.
struct wrk_figures {
    double per_second = 0;
    double p99 = 0; ///< milliseconds
    bool all_well = true;
};

inline double to_milliseconds(std::string const& text) {
    char* unit = nullptr;
    double const value = std::strtod(text.c_str(), &unit);
    std::string const name{unit};
    return name == "us" ? value / 1e3 : name == "ms" ? value : name == "s" ? value * 1e3 : value * 60e3;
}

/// \param rate  requests a second; 0: as many as it can
inline wrk_figures run_wrk(std::string const& url, int seconds, int connections, double rate) {
    std::string const script =
        (std::filesystem::temp_directory_path() / ("hpcsched-wrk-" + std::to_string(::getpid()) + ".lua")).string();
    std::ofstream lua{script};
    lua << "wrk.method = 'POST'\nwrk.body = '{}'\n";
    if (rate > 0) { // each connection waits between its requests, here at random, so that they do not march in step
        lua << "function delay() return -math.log(1 - math.random()) * " << connections * 1e3 / rate << " end\n";
    }
    lua.close();
    std::string const command = "wrk -t1 -c" + std::to_string(connections) + " -d" + std::to_string(seconds) +
                                "s --latency -s " + script + " " + url + " 2>&1";
    std::FILE* const out = ::popen(command.c_str(), "r");
    wrk_figures found;
    std::array<char, 256> line{};
    while (out != nullptr && std::fgets(line.data(), line.size(), out) != nullptr) {
        std::array<char, 64> word{};
        if (std::sscanf(line.data(), " 99%% %63s", word.data()) == 1) {
            found.p99 = to_milliseconds(word.data());
        }
        (void)std::sscanf(line.data(), "Requests/sec: %lf", &found.per_second);
        std::string const text{line.data()};
        found.all_well = found.all_well && text.find("Non-2xx") == std::string::npos &&
                         text.find("Socket errors") == std::string::npos;
    }
    if (out == nullptr || ::pclose(out) != 0) {
        throw std::runtime_error{"wrk failed: apt-get install wrk"};
    }
    std::filesystem::remove(script);
    return found;
}

/// nginx that answers every request with the same two bytes, in one process.
class constant_nginx {
  public:
    constant_nginx() {
        std::filesystem::create_directories(folder_);
        std::ofstream{folder_ + "/nginx.conf"}
            << "worker_processes 1;\ndaemon off;\nmaster_process off;\npid " << folder_
            << "/pid;\nerror_log stderr crit;\n"
            << "events {}\nhttp {\n  access_log off;\n  keepalive_requests 1000000000;\n  client_body_temp_path "
            << folder_ << ";\n  server { listen 127.0.0.1:" << port_ << "; location / { return 200 '{}'; } }\n}\n";
        server_ = std::make_unique<measured_server>(
            std::vector<std::string>{"nginx", "-e", "stderr", "-c", folder_ + "/nginx.conf"}, port_);
    }
    constant_nginx(constant_nginx const&) = delete;
    constant_nginx& operator=(constant_nginx const&) = delete;
    ~constant_nginx() {
        server_.reset();
        std::filesystem::remove_all(folder_);
    }
    [[nodiscard]] std::string url() const { return server_->url() + "/"; }

  private:
    std::string folder_ =
        (std::filesystem::temp_directory_path() / ("hpcsched-nginx-" + std::to_string(::getpid()))).string();
    std::uint16_t port_ = free_port();
    std::unique_ptr<measured_server> server_;
};

} // namespace hpcsched::bench

#endif
