// SPDX-License-Identifier: Apache-2.0
#include "raft_bench_bare.hpp"

#include <hpcsched/raft_asio/event_loop.hpp>

#include "failure.hpp"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace hpcsched::cli {
namespace {

constexpr std::size_t answer_bytes = 64;

class tcp_end {
  public:
    explicit tcp_end(int descriptor) : descriptor_{descriptor} {
        int const on = 1;
        ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    tcp_end(tcp_end const&) = delete;
    tcp_end& operator=(tcp_end const&) = delete;
    ~tcp_end() { ::close(descriptor_); }

    /// \return whether all of it came
    [[nodiscard]] bool receive(std::size_t bytes, bool looks) {
        for (std::size_t got = 0; got < bytes;) {
            auto const n =
                ::recv(descriptor_, room_.data(), std::min(bytes - got, room_.size()), looks ? MSG_DONTWAIT : 0);
            if (n > 0) {
                got += static_cast<std::size_t>(n);
            } else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
                ::sched_yield();
            } else {
                return false;
            }
        }
        return true;
    }
    [[nodiscard]] bool send(std::size_t bytes) {
        for (std::size_t put = 0; put < bytes;) {
            auto const n = ::send(descriptor_, room_.data(), std::min(bytes - put, room_.size()), MSG_NOSIGNAL);
            if (n < 0 && errno != EINTR) {
                return false;
            }
            put += n > 0 ? static_cast<std::size_t>(n) : 0;
        }
        return true;
    }

  private:
    int descriptor_;
    std::array<std::byte, 4096> room_{};
};

/// A process that answers each message at once, until the connection ends.
class answering_process {
  public:
    answering_process(std::size_t bytes, bool looks) {
        sockaddr_in address{};
        int const listens = bind_to_loopback(address);
        auto* const generic = reinterpret_cast<sockaddr*>(&address); // NOLINT(*-reinterpret-cast): the socket API
        if (::listen(listens, 1) != 0) {
            fail("a socket");
        }
        process_ = ::fork();
        if (process_ < 0) {
            fail("fork");
        }
        if (process_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            {
                tcp_end asker{::accept4(listens, nullptr, nullptr, SOCK_CLOEXEC)};
                while (asker.receive(bytes, looks) && asker.send(answer_bytes)) {
                }
            }
            ::_exit(0);
        }
        int const connected = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connected < 0 || ::connect(connected, generic, sizeof address) != 0) {
            fail("a connection");
        }
        ::close(listens);
        end_ = std::make_unique<tcp_end>(connected);
    }
    answering_process(answering_process const&) = delete;
    answering_process& operator=(answering_process const&) = delete;
    ~answering_process() {
        end_.reset();
        ::kill(process_, SIGKILL);
        ::waitpid(process_, nullptr, 0);
    }

    [[nodiscard]] tcp_end& end() noexcept { return *end_; }

  private:
    [[noreturn]] static void fail(std::string const& what) {
        throw failure{exit_code::failure, what + ": " + std::strerror(errno)};
    }

    pid_t process_ = -1;
    std::unique_ptr<tcp_end> end_;
};

latency_summary measure(std::size_t bytes, duration length, bool looks) {
    using raft_asio::event_loop;
    answering_process first{bytes, looks};
    answering_process second{bytes, looks};
    std::vector<std::int64_t> latencies;
    time_point const end = event_loop::now() + length;
    for (time_point from = event_loop::now(); from < end; from = event_loop::now()) {
        bool const sent = first.end().send(bytes) && second.end().send(bytes);
        bool const answered = first.end().receive(answer_bytes, looks);
        latencies.push_back((event_loop::now() - from).count());
        if (!sent || !answered || !second.end().receive(answer_bytes, looks)) {
            throw failure{exit_code::failure, "an exchange with a process that only answers was cut off"};
        }
    }
    return summarize(latencies);
}

} // namespace

bare_exchange measure_bare_exchange(std::size_t bytes, duration length) {
    return {.sleeping = measure(bytes, length, false), .looking = measure(bytes, length, true)};
}

} // namespace hpcsched::cli
