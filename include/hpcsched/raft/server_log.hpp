// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_SERVER_LOG_HPP
#define HPCSCHED_RAFT_SERVER_LOG_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/raft/log_storage.hpp>
#include <hpcsched/raft/log_writer.hpp>
#include <hpcsched/raft/message.hpp>
#include <hpcsched/raft/replica_config.hpp>
#include <hpcsched/raft/replicated_log.hpp>
#include <hpcsched/raft/sequenced.hpp>
#include <hpcsched/raft/server.hpp>
#include <hpcsched/raft/state_machine.hpp>
#include <hpcsched/raft/transport.hpp>
#include <hpcsched/raft/types.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace hpcsched::raft {

struct server_log_config {
    replica_config replica{};
    snapshot_policy snapshots{};
    log_writer_config writer{};
    std::size_t writers_max = 10'000; ///< the same on all servers of the group; see `sequenced`
};

namespace detail {

// What a server tells, passed on to the observer of the turn. Plain pointers, for the server's observer has one type
// and a turn's has any.
class log_relay {
  public:
    explicit log_relay(log_writer_config const& config) : writer_{config} {}

    template <class Observer>
    void begin_turn(Observer& observer) noexcept {
        observer_ = &observer;
        applied_ = [](log_relay& relay, entry const& e, std::span<std::byte const> reply) {
            relay.writer_.applied(e, reply, *static_cast<Observer*>(relay.observer_));
        };
        read_ready_ = [](log_relay& relay, std::uint64_t id, bool confirmed) {
            relay.writer_.read_ready(id, confirmed, *static_cast<Observer*>(relay.observer_));
        };
    }

    void applied(entry const& e, std::span<std::byte const> reply) { applied_(*this, e, reply); }
    void read_ready(std::uint64_t id, bool confirmed) { read_ready_(*this, id, confirmed); }
    void restored(log_index index) noexcept { restored_ = index; }

    [[nodiscard]] log_writer& writer() noexcept { return writer_; }
    [[nodiscard]] log_writer const& writer() const noexcept { return writer_; }
    /// Where a snapshot ends that came since the last call; 0: none came.
    [[nodiscard]] log_index take_restored() noexcept { return std::exchange(restored_, 0); }

  private:
    log_writer writer_;
    void* observer_ = nullptr;
    void (*applied_)(log_relay&, entry const&, std::span<std::byte const>) = nullptr;
    void (*read_ready_)(log_relay&, std::uint64_t, bool) = nullptr;
    log_index restored_ = 0;
};

} // namespace detail

/// A replicated log that the replicas keep among themselves: one server of a Raft group, whole. Its host hands it the
/// messages of the group beside what `replicated_log` asks for, in a simulator and on sockets alike. A witness has no
/// machine to show, so it is a plain `server`, of `sequenced<Machine>` too.
///
/// Exactly once is `sequenced`'s and `log_writer`'s work: each payload stands in the log behind 24 bytes.
///
/// A moved-from log may only be assigned or destroyed.
/// \thread_safety none; confine to the host's thread
template <state_machine Machine, log_storage Storage, transport Transport>
class server_log {
  public:
    using machine_type = Machine;
    using server_type = raft::server<sequenced<Machine>, Storage, Transport, detail::log_relay>;

    /// \pre validate(config.replica) holds
    server_log(server_log_config const& config, Machine machine, Storage storage, Transport transport, time_point now)
        : server_{std::make_unique<server_type>(
              config.replica, config.snapshots, sequenced<Machine>{std::move(machine), config.writers_max},
              std::move(storage), std::move(transport), detail::log_relay{limited(config)}, now)} {}

    [[nodiscard]] result<void, errc> append(std::uint64_t token, std::span<std::byte const> payload,
                                            time_point /*now*/) {
        return server_->failed() ? result<void, errc>{errc::no_leader} : writer().append(token, payload);
    }
    [[nodiscard]] result<void, errc> barrier(std::uint64_t token, time_point /*now*/) {
        return server_->failed() ? result<void, errc>{errc::no_leader} : writer().barrier(token);
    }

    /// A message of the group came. What it borrows is read before this returns; `run` carries out what follows.
    void receive(message const& m, time_point now) { server_->receive(m, now); }

    template <log_observer Observer>
    void run(time_point now, Observer& observer) {
        server_->observer().begin_turn(observer);
        if (now >= server_->next_deadline()) {
            server_->tick(now);
        }
        do {
            if (log_index const index = server_->observer().take_restored(); index != 0) {
                observer.restored(index);
                writer().restored(server_->machine(), observer);
            }
            server_->run(now);
        } while (!server_->failed() && writer().push(*server_, now));
    }

    [[nodiscard]] time_point next_deadline() const noexcept {
        return server_->failed() ? never : std::min(server_->next_deadline(), writer().next_deadline());
    }
    [[nodiscard]] Machine const& machine() const noexcept { return server_->machine().machine(); }
    [[nodiscard]] log_index applied() const noexcept { return server_->applied(); }
    [[nodiscard]] std::string const& failure() const noexcept {
        return server_->failed() ? server_->failure() : writer().failure();
    }

    /// For what a host of Raft has to do beside: membership, leadership, peers that are not reached. `run` follows.
    [[nodiscard]] server_type& server() noexcept { return *server_; }
    [[nodiscard]] server_type const& server() const noexcept { return *server_; }

  private:
    // What one message and one leader take, less what stands before a payload.
    [[nodiscard]] static log_writer_config limited(server_log_config const& config) {
        log_writer_config limits = config.writer;
        limits.entry_bytes_max =
            std::min(limits.entry_bytes_max, config.replica.entry_bytes_max - sequence_header::size);
        limits.in_flight_bytes_max = std::min(limits.in_flight_bytes_max, config.replica.uncommitted_bytes_max / 2);
        return limits;
    }

    [[nodiscard]] log_writer& writer() noexcept { return server_->observer().writer(); }
    [[nodiscard]] log_writer const& writer() const noexcept { return server_->observer().writer(); }

    std::unique_ptr<server_type> server_; // it does not move
};

} // namespace hpcsched::raft

#endif
