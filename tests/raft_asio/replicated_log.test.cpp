// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft/server_log.hpp>
#include <hpcsched/raft_asio/event_loop.hpp>
#include <hpcsched/raft_asio/network.hpp>
#include <hpcsched/raft_log/journal.hpp>
#include <hpcsched/testing/conformance/replicated_log.hpp>

#include <doctest/doctest.h>

#include "free_ports.hpp"
#include "temporary_folder.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::raft_asio::test {
namespace {

using namespace std::chrono_literals;

/// Three replicas of one log, each with its journal on files and its network on sockets, taken in turns by one thread.
class socket_site {
  public:
    using log_type = raft::server_log<testing::log_journal, raft_log::group_log, group_transport>;

    explicit socket_site(std::filesystem::path folder) : folder_{std::move(folder)} {
        for (std::uint16_t const port : hpcsched::test::free_ports(size())) {
            raft::node_id const next{static_cast<std::uint32_t>(nodes_.size() + 1)};
            nodes_.push_back({next, "127.0.0.1:" + std::to_string(port)});
        }
    }

    static constexpr std::size_t size() { return 3; }
    [[nodiscard]] static time_point now() { return event_loop::now(); }
    log_type* find(std::size_t i) { return replicas_[i] ? &*replicas_[i]->log : nullptr; }
    void stop(std::size_t i) { replicas_[i].reset(); }

    void start(std::size_t i) {
        auto r = std::make_unique<replica>();
        std::uint32_t const id = static_cast<std::uint32_t>(i + 1);
        auto opened = network::open(
            r->loop, {.self = raft::node_id{id}, .cluster_id = 5, .listen = nodes_[i].address, .peers = nodes_});
        REQUIRE_MESSAGE(opened.has_value(), opened.error().message);
        r->net.emplace(std::move(*opened));
        raft_log::journal_config files;
        files.directory = folder_ / std::to_string(id);
        files.cluster_id = 5;
        files.node = raft::node_id{id};
        files.segment_bytes = std::size_t{1} << 20U;
        files.sync = false;
        auto journal = raft_log::journal::open(files);
        REQUIRE_MESSAGE(journal.has_value(), journal.error().message);
        r->files.emplace(std::move(*journal));
        std::vector<raft::node_id> const founders{raft::node_id{1}, raft::node_id{2}, raft::node_id{3}};
        auto storage = r->files->open_group(group, raft::membership{founders});
        REQUIRE(storage.has_value());
        raft::server_log_config config;
        config.replica.id = raft::node_id{id};
        config.replica.seed = ++lives_;
        config.replica.election_timeout = 100ms;
        config.replica.heartbeat_interval = 20ms;
        config.snapshots.every = 40;
        config.snapshots.trailing = 5;
        config.writer.nonce = lives_;
        r->log.emplace(config, testing::log_journal{}, std::move(*storage), group_transport{*r->net, group}, now());
        r->net->set_on_message([this, i, at = r.get()](raft::group_id /*group*/, raft::message const& m) {
            if (now() >= deaf_until_[i]) {
                at->log->receive(m, now());
            }
        });
        replicas_[i] = std::move(r);
    }

    /// One of them hears nothing for a while.
    void disturb(std::uint64_t bits) { deaf_until_[bits % size()] = now() + std::chrono::milliseconds{bits / 8 % 300}; }
    void settle() { deaf_until_ = {}; }

    /// What the last turn wrote and sent goes out; what has come is taken.
    void wait() {
        for (auto const& r : replicas_) {
            if (r) {
                r->net->flush();
                REQUIRE(r->files->flush().has_value());
            }
        }
        for (auto const& r : replicas_) {
            if (r) {
                (void)r->loop.run_until([] { return false; }, now() + 500us);
            }
        }
    }

  private:
    static constexpr raft::group_id group{1};

    struct replica {
        event_loop loop;
        std::optional<network> net;
        std::optional<raft_log::journal> files;
        std::optional<log_type> log; // the first to go
    };

    std::filesystem::path folder_;
    std::vector<peer> nodes_;
    std::array<std::unique_ptr<replica>, 3> replicas_;
    std::array<time_point, 3> deaf_until_{};
    std::uint64_t lives_ = 0;
};

TEST_CASE("replicated log: servers on sockets and files keep one, whoever is deaf, killed or late") {
    testing::replicated_log_check_options options;
    options.seeds = 2;
    options.large_payload_bytes = std::size_t{1} << 19U;
    options.patience = 8000;
    hpcsched::test::temporary_folder const folder;
    auto const wrong = testing::check_replicated_log(
        [&](std::uint64_t seed) { return socket_site{folder / std::to_string(seed)}; }, options);
    CHECK_MESSAGE(wrong.empty(), (wrong.empty() ? "" : wrong.front()));
}

} // namespace
} // namespace hpcsched::raft_asio::test
