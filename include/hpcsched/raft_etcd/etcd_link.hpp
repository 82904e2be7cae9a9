// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_ETCD_ETCD_LINK_HPP
#define HPCSCHED_RAFT_ETCD_ETCD_LINK_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/raft/state_machine.hpp>
#include <hpcsched/raft/types.hpp>
#include <hpcsched/raft_etcd/etcd_log_config.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace hpcsched::raft_etcd {

/// Something that came from etcd. Notes are carried out in their order.
struct etcd_note {
    enum class kind : std::uint8_t {
        entry,        ///< `bytes` is the next entry's payload; with a token: and this replica appended it
        snapshot,     ///< `bytes` is a machine that has seen all up to `index`
        appended,     ///< what was appended with `token` is at `index`, which came before
        caught_up,    ///< all that the barrier with `token` covers came before
        snapshot_due, ///< `etcd_link::save_snapshot` is to be called with the machine as it now is
        failure,      ///< `bytes` says why the log has stopped for good
    };

    kind what{};
    raft::log_index index = 0;
    std::optional<std::uint64_t> token{};
    raft::byte_buffer bytes{};
};

/// The part of `etcd_log` that knows nothing of its machine: a thread that talks to etcd over connections of its own.
/// It takes orders, and hands over notes; a descriptor becomes readable when there are some.
///
/// \thread_safety none; confine all calls to one thread
class etcd_link {
  public:
    /// Begins to connect; does not wait for it.
    /// \error the configuration makes no sense, or a certificate cannot be read: which, and why
    [[nodiscard]] static result<etcd_link> open(etcd_log_config const& config);

    etcd_link(etcd_link&&) noexcept;
    etcd_link& operator=(etcd_link&&) noexcept;
    ~etcd_link(); ///< closes the connections; what was not acknowledged may be in the log, or get there

    /// \error entry_too_large, quota_exceeded, no_leader (it has failed)
    [[nodiscard]] result<void, raft::errc> append(std::uint64_t token, std::span<std::byte const> payload);
    /// \error too_many_reads, no_leader (it has failed)
    [[nodiscard]] result<void, raft::errc> barrier(std::uint64_t token);
    /// Stores a machine that has seen all up to `index`, and lets the log be cut behind it.
    void save_snapshot(raft::log_index index, raft::byte_buffer bytes);

    /// Replaces `notes` by what has come since the last call.
    void take(std::vector<etcd_note>& notes);
    /// Readable while `take` has something to give; for poll(2) and its like, not to be read from.
    [[nodiscard]] int descriptor() const noexcept;
    /// What keeps it from etcd at the moment, for a person to read; empty while all goes well.
    [[nodiscard]] std::string condition() const;

  private:
    class state;
    explicit etcd_link(std::unique_ptr<state> made) noexcept;
    std::unique_ptr<state> state_;
};

} // namespace hpcsched::raft_etcd

#endif
