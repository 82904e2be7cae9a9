// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_RAFT_LOG_SITE_HPP
#define HPCSCHED_TESTS_RAFT_LOG_SITE_HPP

#include <hpcsched/raft/server_log.hpp>
#include <hpcsched/raft_sim/dice.hpp>
#include <hpcsched/raft_sim/owned_message.hpp>
#include <hpcsched/raft_sim/simulated_disk.hpp>
#include <hpcsched/testing/conformance/replicated_log.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace hpcsched::raft::test {

/// Collects what a server sends.
class log_wire {
  public:
    explicit log_wire(std::vector<raft_sim::owned_message>& sent) noexcept : sent_{&sent} {}
    void send(message const& m) { sent_->emplace_back(m); }

  private:
    std::vector<raft_sim::owned_message>* sent_;
};

/// Three server logs with simulated disks on a simulated network that loses, reorders and cuts.
class log_site {
  public:
    using log_type = server_log<testing::log_journal, raft_sim::disk_log, log_wire>;

    explicit log_site(std::uint64_t seed, server_log_config config = {}) : config_{config}, dice_{seed, "site"} {
        std::vector<node_id> founders;
        for (std::size_t i = 0; i < count; ++i) {
            founders.push_back(node_id{static_cast<std::uint32_t>(i + 1)});
        }
        for (std::size_t i = 0; i < count; ++i) {
            disks_.emplace_back(membership{founders});
        }
        logs_.resize(count);
    }

    [[nodiscard]] static std::size_t size() noexcept { return count; }
    [[nodiscard]] time_point now() const noexcept { return now_; }
    [[nodiscard]] log_type* find(std::size_t i) noexcept { return logs_[i] ? &*logs_[i] : nullptr; }

    void start(std::size_t i) {
        server_log_config c = config_;
        c.replica.id = node_id{static_cast<std::uint32_t>(i + 1)};
        c.replica.seed = ++lives_;
        c.writer.nonce = lives_;
        logs_[i].emplace(c, testing::log_journal{}, raft_sim::disk_log{disks_[i]}, log_wire{sent_}, now_);
    }
    void stop(std::size_t i) {
        if (logs_[i]) {
            logs_[i].reset();
            disks_[i].crash(dice_);
        }
    }

    /// One replica loses its connections for up to 3 s, or the network loses every fifth message.
    void disturb(std::uint64_t bits) {
        if (bits % 2 == 0) {
            cut_ = node_id{static_cast<std::uint32_t>(1 + bits / 2 % count)};
            cut_until_ = now_ + std::chrono::milliseconds{bits / 64 % 3000};
        } else {
            loss_ = bits / 2 % 2 == 0 ? raft_sim::ratio{200'000} : raft_sim::ratio{};
        }
    }
    void settle() {
        cut_until_ = now_;
        loss_ = {};
    }

    /// Up to 20 ms pass: disks write, and what was sent arrives.
    void wait() {
        for (raft_sim::owned_message& m : sent_) {
            if (!dice_.chance(loss_) && !is_cut(m.get())) {
                auto const at = now_ + dice_.between(std::chrono::milliseconds{1}, std::chrono::milliseconds{15});
                flying_.emplace(at, std::move(m));
            }
        }
        sent_.clear();
        now_ += dice_.between(std::chrono::milliseconds{1}, std::chrono::milliseconds{20});
        for (std::size_t i = 0; i < count; ++i) {
            for (std::size_t writes = disks_[i].take_begun(); writes > 0; --writes) {
                disks_[i].complete_one();
            }
        }
        for (auto at = flying_.begin(); at != flying_.end() && at->first <= now_; at = flying_.erase(at)) {
            if (log_type* const log = find(at->second.get().to.value - 1)) {
                log->receive(at->second.get(), now_);
            }
        }
    }

    /// The replica that leads; null where none does.
    [[nodiscard]] log_type* leader() noexcept {
        for (auto& log : logs_) {
            if (log && log->server().replica().role() == role::leader) {
                return &*log;
            }
        }
        return nullptr;
    }

  private:
    static constexpr std::size_t count = 3;

    [[nodiscard]] bool is_cut(message const& m) const noexcept {
        return now_ < cut_until_ && (m.from == cut_ || m.to == cut_);
    }

    server_log_config config_;
    raft_sim::dice dice_;
    std::deque<raft_sim::simulated_disk> disks_; // logs point into it
    std::vector<std::optional<log_type>> logs_;
    std::vector<raft_sim::owned_message> sent_;
    std::multimap<time_point, raft_sim::owned_message> flying_;
    node_id cut_ = no_node;
    time_point cut_until_{};
    raft_sim::ratio loss_{};
    std::uint64_t lives_ = 0;
    time_point now_{};
};

} // namespace hpcsched::raft::test

#endif
