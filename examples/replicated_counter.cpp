// SPDX-License-Identifier: Apache-2.0
// A counter that three processes keep in step. In three terminals: replicated_counter 1, 2 and 3; then press Enter in
// any. End one of them: the others go on. Start it again: it catches up.
// [counter]
#include <hpcsched/raft_asio.hpp>

#include <unistd.h>

#include <cstdio>
#include <cstring>

using namespace hpcsched;

struct counter { // what is replicated: any type that models raft::state_machine
    unsigned long value = 0;
    void apply(raft::log_index, std::span<std::byte const> /*command*/, raft::byte_buffer& /*reply*/) { ++value; }
    void save(raft::byte_buffer& out) const {
        auto const bytes = std::as_bytes(std::span{&value, 1});
        out.insert(out.end(), bytes.begin(), bytes.end());
    }
    bool restore(std::span<std::byte const> saved) {
        return saved.size() == sizeof value && std::memcpy(&value, saved.data(), sizeof value) != nullptr;
    }
};

int main(int /*count*/, char** words) {
    std::vector const founders{raft::node_id{1}, raft::node_id{2}, raft::node_id{3}};
    raft_asio::node_config config;
    config.network.self.value = words[1] == nullptr ? 1U : static_cast<unsigned>(words[1][0] - '0');
    for (raft::node_id const id : founders) {
        config.network.peers.push_back({id, "127.0.0.1:" + std::to_string(7100 + id.value)});
    }
    config.network.listen = config.network.peers.at(config.network.self.value - 1).address;
    config.log.directory = "counter-" + std::to_string(config.network.self.value);

    raft_asio::event_loop loop;
    auto const node = raft_asio::node<counter>::open(loop, config, [](raft::group_id) { return counter{}; });
    if (!node || !(*node)->open_group(raft::group_id{1}, founders)) {
        std::fprintf(stderr, "%s\n", node ? "the log is no counter's" : node.error().message.c_str());
        return 1;
    }
    loop.watch(STDIN_FILENO, [&] { // Enter was pressed
        char line[256];
        if (::read(STDIN_FILENO, line, sizeof line) <= 0) {
            return loop.stop();
        }
        (*node)->submit(raft::group_id{1}, {}, [&](raft_asio::outcome how, std::span<std::byte const> /*reply*/) {
            std::printf("%s %lu\n", how == raft_asio::outcome::applied ? "counted:" : "another node leads; here it is",
                        (*node)->machine(raft::group_id{1})->value);
            std::fflush(stdout);
        });
    });
    loop.run();
}
// [/counter]
