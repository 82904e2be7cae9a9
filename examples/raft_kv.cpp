// SPDX-License-Identifier: Apache-2.0
// Keys and values on three processes: writes, kills the process that leads, writes on, starts it again, and shows that
// all three hold the same. What each of the processes runs is `serve`, what asks them is `client`; the rest is a show.
#include <hpcsched/core/bytes.hpp>
#include <hpcsched/raft.hpp>
#include <hpcsched/raft_asio.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace raft = hpcsched::raft;
namespace raft_asio = hpcsched::raft_asio;
using namespace std::chrono_literals;
using store = raft::key_value_store;
using machine = raft::sessions<store>; // a command that is sent twice is carried out once

namespace {

constexpr raft::group_id group{1};
constexpr std::uint64_t cluster = 4711;

// One process of the cluster.
int serve(raft::node_id self, std::vector<raft_asio::peer> const& nodes, std::filesystem::path const& folder) {
    raft_asio::node_config config;
    config.network.self = self;
    config.network.cluster_id = cluster;
    config.network.peers = nodes;
    config.network.listen = nodes.at(self.value - 1).address;
    config.log.directory = folder / std::to_string(self.value);
    config.replica.election_timeout = 150ms;
    config.replica.heartbeat_interval = 30ms;
    raft_asio::event_loop loop;
    auto const node = raft_asio::node<machine>::open(loop, config, [](raft::group_id) { return machine{store{}}; });
    if (!node) {
        std::fprintf(stderr, "node %u: %s\n", self.value, node.error().message.c_str());
        return 1;
    }
    std::vector<raft::node_id> founders;
    for (auto const& n : nodes) {
        founders.push_back(n.id);
    }
    if (!(*node)->open_group(group, founders)) {
        return 1;
    }
    loop.run();
    return 1; // only the log's failure stops it: the show ends it by a signal
}

// Asks whoever leads; goes on to the next leader by itself.
class client {
  public:
    explicit client(std::vector<raft_asio::peer> nodes)
        : asked_{raft_asio::client::connect({.nodes = std::move(nodes), .cluster_id = cluster}).value()} {
        auto const opened = ask(raft_asio::request_kind::open_session, {});
        session_ = hpcsched::byte_reader{opened}.word();
    }

    void put(std::string_view key, std::string_view value) {
        raft::byte_buffer inner;
        store::put(key, value, inner);
        raft::byte_buffer command;
        machine::encode({session_, ++sequence_}, inner, command);
        ask(raft_asio::request_kind::command, command);
    }
    std::string get(std::string_view key) {
        raft::byte_buffer question;
        store::get(key, question);
        auto const reply = ask(raft_asio::request_kind::query, question);
        return std::string{store::decode(reply).value};
    }
    [[nodiscard]] raft::node_id leader() const { return asked_.connected_to(); }

  private:
    raft::byte_buffer ask(raft_asio::request_kind kind, std::span<std::byte const> payload) {
        auto const answer = asked_.call({.kind = kind, .group = group, .payload = payload}, 10s);
        if (!answer || answer->status != raft_asio::response_status::ok) {
            std::fprintf(stderr, "no answer: %s\n", answer ? "refused" : answer.error().message.c_str());
            std::exit(1);
        }
        return {answer->payload.begin(), answer->payload.end()};
    }

    raft_asio::client asked_;
    std::uint64_t session_ = 0;
    std::uint64_t sequence_ = 0;
};

// Three ports of this machine that are free.
std::vector<raft_asio::peer> three_nodes() {
    std::vector<raft_asio::peer> nodes;
    std::array<int, 3> held{};
    for (std::uint32_t i = 0; i < 3; ++i) {
        held[i] = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const generic = reinterpret_cast<sockaddr*>(&address);
        if (::bind(held[i], generic, size) != 0 || ::getsockname(held[i], generic, &size) != 0) {
            std::perror("a free port");
            std::exit(1);
        }
        nodes.push_back({raft::node_id{i + 1}, "127.0.0.1:" + std::to_string(ntohs(address.sin_port))});
    }
    for (int const s : held) {
        ::close(s);
    }
    return nodes;
}

pid_t start(raft::node_id id, std::vector<raft_asio::peer> const& nodes, std::filesystem::path const& folder) {
    pid_t const child = ::fork();
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL); // it does not outlive the show
        ::_exit(serve(id, nodes, folder));
    }
    return child;
}

} // namespace

int main() {
    auto const nodes = three_nodes();
    std::string pattern = (std::filesystem::temp_directory_path() / "raft_kv-XXXXXX").string();
    std::filesystem::path const folder = ::mkdtemp(pattern.data());
    std::array<pid_t, 3> processes{};
    for (auto const& n : nodes) {
        processes[n.id.value - 1] = start(n.id, nodes, folder);
    }
    client c{nodes};
    for (int i = 0; i < 100; ++i) {
        c.put("key-" + std::to_string(i), "first");
    }
    raft::node_id const leader = c.leader();
    std::printf("100 keys written, node %u leads\n", leader.value);

    ::kill(processes[leader.value - 1], SIGKILL);
    ::waitpid(processes[leader.value - 1], nullptr, 0);
    for (int i = 0; i < 100; i += 2) {
        c.put("key-" + std::to_string(i), "second");
    }
    std::printf("it was killed; 50 keys written again, node %u leads\n", c.leader().value);

    processes[leader.value - 1] = start(leader, nodes, folder);
    client returned{{nodes.at(leader.value - 1)}}; // reads from the node that was away see everything, too
    int right = 0;
    for (int i = 0; i < 100; ++i) {
        right += returned.get("key-" + std::to_string(i)) == (i % 2 == 0 ? "second" : "first") ? 1 : 0;
    }
    std::printf("it is back, and answers %d of 100 keys rightly\n", right);

    for (pid_t const p : processes) {
        ::kill(p, SIGKILL);
        ::waitpid(p, nullptr, 0);
    }
    std::filesystem::remove_all(folder);
    return right == 100 ? 0 : 1;
}
