// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_RAFT_ASIO_LOOPBACK_HPP
#define HPCSCHED_TESTS_RAFT_ASIO_LOOPBACK_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/raft_asio/event_loop.hpp>
#include <hpcsched/raft_asio/network.hpp>

#include "random_messages.hpp"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hpcsched::test {

using namespace std::chrono_literals;

inline constexpr std::uint64_t cluster = 42;

inline std::string at_port(std::uint16_t port) {
    return "127.0.0.1:" + std::to_string(port);
}

/// Runs the loop until `done()` holds; false where it has not come to that in a time that is long enough for any
/// machine.
template <class Done>
bool comes_true(raft_asio::event_loop& loop, Done done) {
    return loop.run_until(done, raft_asio::event_loop::now() + 20s);
}

/// Lets the loop run for a while in which nothing is to happen that should not.
inline void let_pass(raft_asio::event_loop& loop, duration length) {
    (void)loop.run_until([] { return false; }, raft_asio::event_loop::now() + length);
}

/// One node's network and what it told, on the loopback interface.
struct node {
    struct heard {
        raft::group_id group;
        raft::message message; // with borrowed spans that are gone: for kinds without
    };

    raft_asio::event_loop& loop;
    raft_asio::network_config config;
    std::unique_ptr<raft_asio::network> net;
    std::vector<std::string> log;
    std::vector<raft::node_id> unreachable;
    std::vector<raft::node_id> met;
    std::uint64_t message_count = 0;
    std::uint64_t request_count = 0;
    std::function<void(raft::group_id, raft::message const&)> on_message = [](auto, auto const&) {};

    node(raft_asio::event_loop& on, std::uint32_t id) : node{on, basic(id)} {}
    node(raft_asio::event_loop& on, raft_asio::network_config how) : loop{on}, config{std::move(how)} { start(); }
    node(node const&) = delete;

    static raft_asio::network_config basic(std::uint32_t id) {
        raft_asio::network_config c;
        c.self = raft::node_id{id};
        c.cluster_id = cluster;
        c.listen = "127.0.0.1:0";
        c.backoff_min = 5ms;
        c.backoff_max = 40ms;
        return c;
    }

    void start() {
        auto opened = raft_asio::network::open(loop, config);
        if (!opened) {
            throw_exception_from_error(opened.error(), BOOST_CURRENT_LOCATION);
        }
        net = std::make_unique<raft_asio::network>(std::move(*opened));
        config.listen = at_port(net->port()); // the same after a restart
        net->set_on_log([this](std::string line) { log.push_back(std::move(line)); });
        net->set_on_unreachable([this](raft::node_id id) { unreachable.push_back(id); });
        net->set_on_connected([this](raft::node_id id) { met.push_back(id); });
        net->set_on_message([this](raft::group_id group, raft::message const& m) {
            ++message_count;
            on_message(group, m);
        });
    }
    void stop() { net.reset(); }
    void restart() {
        stop();
        start();
    }

    [[nodiscard]] raft::node_id id() const { return config.self; }
    [[nodiscard]] raft_asio::peer as_peer() const { return {id(), config.listen}; }

    void knows(std::vector<raft_asio::peer> peers) {
        config.peers = std::move(peers);
        (void)net->set_peers(config.peers).value();
    }

    void say(raft::node_id to, std::uint64_t round = 1) {
        net->send(raft::group_id{1}, {id(), to, 1, raft::heartbeat{.round = round}});
        net->flush();
    }

    [[nodiscard]] bool logged(std::string_view words) const { return count_logged(words) != 0; }
    [[nodiscard]] std::size_t count_logged(std::string_view words) const {
        return static_cast<std::size_t>(
            std::ranges::count_if(log, [&](std::string const& line) { return line.find(words) != std::string::npos; }));
    }
};

inline void introduce(std::vector<node*> const& all) {
    std::vector<raft_asio::peer> peers;
    for (node const* const n : all) {
        peers.push_back(n->as_peer());
    }
    for (node* const n : all) {
        n->knows(peers);
    }
}

inline bool all_connected(std::vector<node*> const& all) {
    return std::ranges::all_of(all, [&](node* a) {
        return std::ranges::all_of(all, [&](node* b) { return a == b || a->net->connected(b->id()); });
    });
}

/// A socket in the hands of the test, with nothing behind it.
class raw_socket {
  public:
    explicit raw_socket(std::uint16_t port, int receive_buffer = 0) : descriptor_{::socket(AF_INET, SOCK_STREAM, 0)} {
        if (receive_buffer != 0) {
            ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
        }
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_port = htons(port);
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected_ = ::connect(descriptor_, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0;
    }
    raw_socket(raw_socket const&) = delete;
    raw_socket& operator=(raw_socket const&) = delete;
    ~raw_socket() { ::close(descriptor_); }

    [[nodiscard]] bool connected() const { return connected_; }
    bool write(std::span<std::byte const> bytes) const {
        return ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
    }
    bool write(std::string_view text) const { return write(bytes_of(text)); }

    /// Takes what has come; true once the other end has closed.
    bool read() {
        std::byte chunk[65536];
        for (;;) {
            ssize_t const got = ::recv(descriptor_, chunk, sizeof chunk, MSG_DONTWAIT);
            if (got <= 0) {
                return got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
            }
            received.insert(received.end(), chunk, chunk + got);
        }
    }
    [[nodiscard]] std::string text() const { return {reinterpret_cast<char const*>(received.data()), received.size()}; }

    std::vector<std::byte> received;

  private:
    int descriptor_;
    bool connected_ = false;
};

} // namespace hpcsched::test

#endif
