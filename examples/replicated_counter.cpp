// SPDX-License-Identifier: Apache-2.0
// A counter that three processes keep in step. In three terminals: replicated_counter 1, 2 and 3; then press Enter in
// any. End one of them: the others go on. Start it again: it catches up.
// [counter]
#include <hpcsched/raft_asio.hpp>

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace raft = hpcsched::raft;
namespace raft_asio = hpcsched::raft_asio;

struct counter {
    std::uint64_t value = 0;

    void apply(raft::log_index /*index*/, std::span<std::byte const> /*command*/, raft::byte_buffer& reply) {
        ++value;
        save(reply);
    }
    void save(raft::byte_buffer& out) const {
        auto const bytes = std::as_bytes(std::span{&value, 1});
        out.insert(out.end(), bytes.begin(), bytes.end());
    }
    bool restore(std::span<std::byte const> saved) {
        auto const to = std::as_writable_bytes(std::span{&value, 1});
        return saved.size() == to.size() && std::ranges::copy(saved, to.begin()).in == saved.end();
    }
};

int main(int count, char** words) {
    raft_asio::node_config config;
    config.network.self.value = count > 1 ? static_cast<std::uint32_t>(std::atoi(words[1])) : 1;
    config.network.cluster_id = 2026; // anything else than other clusters have
    for (std::uint32_t id = 1; id <= 3; ++id) {
        config.network.peers.push_back({raft::node_id{id}, "127.0.0.1:" + std::to_string(7100 + id)});
    }
    config.network.listen = "127.0.0.1:" + std::to_string(7100 + config.network.self.value);
    config.log.directory = "counter-" + std::to_string(config.network.self.value);

    raft_asio::event_loop loop;
    auto node = raft_asio::node<counter>::open(loop, config, [](raft::group_id) { return counter{}; });
    if (!node) {
        std::fprintf(stderr, "%s\n", node.error().message.c_str());
        return 1;
    }
    raft::group_id const group{1};
    (void)(*node)->open_group(group, std::vector{raft::node_id{1}, raft::node_id{2}, raft::node_id{3}});

    loop.watch(STDIN_FILENO, [&] { // a line was typed: whoever leads counts
        char line[256];
        if (::read(STDIN_FILENO, line, sizeof line) <= 0) {
            loop.stop();
        }
        (*node)->submit(group, {}, [&](raft_asio::outcome how, std::span<std::byte const> /*reply*/) {
            std::printf("%s, the counter is %llu\n", how == raft_asio::outcome::applied ? "counted" : "not the leader",
                        static_cast<unsigned long long>((*node)->machine(group)->value));
        });
    });
    loop.run();
}
// [/counter]
