// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_RAFT_ETCD_CUT_WIRE_HPP
#define HPCSCHED_TESTS_RAFT_ETCD_CUT_WIRE_HPP

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace hpcsched::raft_etcd::test {

/// Carries TCP connections on to a port of the loopback interface, and breaks all of them when it is told to: what was
/// sent may have arrived, and the answer is lost.
class cut_wire {
  public:
    explicit cut_wire(std::uint16_t to) : to_{to}, listens_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
        sockaddr_in address = loopback(0);
        socklen_t size = sizeof address;
        if (::bind(listens_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listens_, 64) != 0 ||
            ::getsockname(listens_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
            throw std::runtime_error{"no port to listen on"};
        }
        port_ = ntohs(address.sin_port);
        thread_ = std::thread{[this] { carry(); }};
    }
    cut_wire(cut_wire const&) = delete;
    cut_wire& operator=(cut_wire const&) = delete;
    ~cut_wire() {
        ends_ = true;
        thread_.join();
        ::close(listens_);
    }

    [[nodiscard]] std::string endpoint() const { return "http://127.0.0.1:" + std::to_string(port_); }
    /// Breaks all connections.
    void cut() { cut_ = true; }
    /// From now on answers are swallowed: requests arrive, and then the connection breaks.
    void swallow_answers(bool swallow) { swallows_ = swallow; }
    /// From now on nothing moves, and nothing breaks.
    void stall(bool stalls) { stalls_ = stalls; }

  private:
    static sockaddr_in loopback(std::uint16_t port) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(port);
        return address;
    }

    struct pair {
        int client = -1;
        int server = -1;
    };

    void carry() {
        std::vector<pair> pairs;
        while (!ends_) {
            if (cut_.exchange(false)) {
                close_all(pairs);
            }
            std::vector<pollfd> watched{{listens_, POLLIN, 0}};
            for (pair const& p : pairs) {
                watched.push_back({p.client, POLLIN, 0});
                watched.push_back({p.server, POLLIN, 0});
            }
            if (stalls_) {
                ::poll(nullptr, 0, 1);
                continue;
            }
            ::poll(watched.data(), watched.size(), 1);
            for (std::size_t i = pairs.size(); i-- > 0;) {
                bool const good =
                    move(watched[2 * i + 1], pairs[i].server) &&
                    (swallows_ ? (watched[2 * i + 2].revents == 0) : move(watched[2 * i + 2], pairs[i].client));
                if (!good) {
                    close(pairs[i]);
                    pairs.erase(pairs.begin() + static_cast<std::ptrdiff_t>(i));
                }
            }
            if (watched[0].revents != 0) {
                pairs.push_back(take_one());
            }
        }
        close_all(pairs);
    }

    pair take_one() const {
        pair p{::accept4(listens_, nullptr, nullptr, SOCK_CLOEXEC), ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        sockaddr_in address = loopback(to_);
        if (::connect(p.server, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
            ::shutdown(p.client, SHUT_RDWR); // as if it were not there
        }
        return p;
    }
    static bool move(pollfd const& from, int to) {
        if (from.revents == 0) {
            return true;
        }
        std::array<char, 65536> chunk;
        ssize_t const size = ::recv(from.fd, chunk.data(), chunk.size(), 0);
        if (size <= 0) {
            return false;
        }
        for (ssize_t sent = 0; sent < size;) {
            ssize_t const now = ::send(to, chunk.data() + sent, static_cast<std::size_t>(size - sent), MSG_NOSIGNAL);
            if (now <= 0) {
                return false;
            }
            sent += now;
        }
        return true;
    }
    static void close(pair const& p) {
        ::close(p.client);
        ::close(p.server);
    }
    static void close_all(std::vector<pair>& pairs) {
        for (pair const& p : pairs) {
            close(p);
        }
        pairs.clear();
    }

    std::uint16_t to_;
    std::uint16_t port_ = 0;
    int listens_;
    std::atomic<bool> ends_{false};
    std::atomic<bool> cut_{false};
    std::atomic<bool> swallows_{false};
    std::atomic<bool> stalls_{false};
    std::thread thread_;
};

} // namespace hpcsched::raft_etcd::test

#endif
