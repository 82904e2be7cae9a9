// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft_etcd/etcd_log.hpp>
#include <hpcsched/testing/conformance/replicated_log.hpp>

#include <doctest/doctest.h>

#include "cut_wire.hpp"
#include "real_etcd.hpp"
#include "skip.hpp"
#include <poll.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::raft_etcd::test {

using journal_log = etcd_log<testing::log_journal>;
static_assert(raft::replicated_log<journal_log>);

namespace {

/// Three replicas of one log in a real etcd, each behind a wire that can be cut.
class site {
  public:
    using log_type = journal_log;

    site(real_etcd const& etcd, std::uint64_t seed, etcd_log_config config) : config_{std::move(config)} {
        config_.prefix = "/test/" + std::to_string(seed);
        for (std::size_t i = 0; i < size(); ++i) {
            wires_.push_back(std::make_unique<cut_wire>(etcd.port()));
        }
    }

    static std::size_t size() { return 3; }
    void start(std::size_t i) {
        etcd_log_config config = config_;
        config.endpoints = {wires_[i]->endpoint()};
        logs_[i].emplace(*journal_log::open(config, testing::log_journal{}));
    }
    void stop(std::size_t i) { logs_[i].reset(); }
    log_type* find(std::size_t i) { return logs_[i] ? &*logs_[i] : nullptr; }
    void disturb(std::uint64_t bits) { wires_[bits % size()]->cut(); }
    void settle() {}
    static time_point now() { return time_point{}; }
    void wait() {
        std::vector<pollfd> watched;
        for (auto const& log : logs_) {
            if (log) {
                watched.push_back({log->descriptor(), POLLIN, 0});
            }
        }
        ::poll(watched.data(), watched.size(), 5);
    }

  private:
    etcd_log_config config_;
    std::vector<std::unique_ptr<cut_wire>> wires_;
    std::array<std::optional<journal_log>, 3> logs_;
};

} // namespace

TEST_CASE("etcd log: a log in etcd is a replicated log, whatever connections break") {
    if (!real_etcd::is_there()) {
        HPCSCHED_SKIP("no etcd on the PATH (apt-get install etcd-server)");
    }
    real_etcd const etcd{1, {"--unsafe-no-fsync"}};
    testing::replicated_log_check_options options;
    options.seeds = 2;
    options.large_payload_bytes = std::size_t{1} << 20U;
    options.patience = 4000;
    auto const wrong = testing::check_replicated_log(
        [&](std::uint64_t seed) {
            etcd_log_config config;
            if (seed % 2 == 0) {
                config.snapshot_every = 20;
                config.snapshot_trailing = 5;
                config.snapshot_piece_bytes = 300;
            }
            return site{etcd, seed, config};
        },
        options);
    CHECK_MESSAGE(wrong.empty(), (wrong.empty() ? "" : wrong.front()));
}

} // namespace hpcsched::raft_etcd::test
