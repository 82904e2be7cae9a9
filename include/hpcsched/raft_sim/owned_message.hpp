// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_SIM_OWNED_MESSAGE_HPP
#define HPCSCHED_RAFT_SIM_OWNED_MESSAGE_HPP

#include <hpcsched/raft/message.hpp>

#include <cstddef>
#include <span>
#include <utility>
#include <variant>
#include <vector>

namespace hpcsched::raft_sim {

/// A message with all that it borrows, as a network carries it. May be moved, not copied.
class owned_message {
  public:
    explicit owned_message(raft::message const& m) : message_{m} {
        if (auto* const append = std::get_if<raft::append_request>(&message_.body)) {
            own(*append);
        } else if (auto* const chunk = std::get_if<raft::snapshot_chunk>(&message_.body)) {
            bytes_.reserve(chunk->members.size() + chunk->bytes.size());
            chunk->members = own(chunk->members);
            chunk->bytes = own(chunk->bytes);
        } else if (auto* const command = std::get_if<raft::forwarded_command>(&message_.body)) {
            bytes_.reserve(command->payload.size());
            command->payload = own(command->payload);
        }
    }
    owned_message(owned_message&&) noexcept = default;
    owned_message& operator=(owned_message&&) noexcept = default;
    owned_message(owned_message const&) = delete;
    owned_message& operator=(owned_message const&) = delete;
    ~owned_message() = default;

    [[nodiscard]] raft::message const& get() const noexcept { return message_; }

  private:
    void own(raft::append_request& append) {
        std::size_t size = 0;
        for (raft::entry const& e : append.entries) {
            size += e.payload.size();
        }
        bytes_.reserve(size);
        entries_.assign(append.entries.begin(), append.entries.end());
        for (raft::entry& e : entries_) {
            if (append.without_commands && e.kind == raft::entry_kind::command) {
                e.kind = raft::entry_kind::omitted;
                e.payload = {};
            }
            e.payload = own(e.payload);
        }
        append.entries = entries_;
    }

    // Within what is reserved, so that earlier spans stay.
    std::span<std::byte const> own(std::span<std::byte const> bytes) {
        std::size_t const at = bytes_.size();
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
        return {bytes_.data() + at, bytes.size()};
    }

    raft::message message_;
    std::vector<raft::entry> entries_;
    std::vector<std::byte> bytes_;
};

} // namespace hpcsched::raft_sim

#endif
