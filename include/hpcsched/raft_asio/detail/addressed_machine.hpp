// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_ASIO_DETAIL_ADDRESSED_MACHINE_HPP
#define HPCSCHED_RAFT_ASIO_DETAIL_ADDRESSED_MACHINE_HPP

#include <hpcsched/core/bytes.hpp>
#include <hpcsched/raft/sessions.hpp>
#include <hpcsched/raft/state_machine.hpp>
#include <hpcsched/raft_asio/request.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

namespace hpcsched::raft_asio::detail {

// The first byte of a node's commands.
enum class command_kind : std::uint8_t {
    of_the_machine = 0, // the machine's command follows
    addresses = 1,      // what `encode_changes` made: where nodes that are being added can be reached
};

// A machine, and the addresses of the nodes that were added since the group was founded: whoever has the log, or a
// snapshot, can reach them.
template <raft::state_machine Machine>
class addressed_machine {
  public:
    explicit addressed_machine(Machine machine) : machine_{std::move(machine)} {}

    void apply(raft::log_index index, std::span<std::byte const> command, raft::byte_buffer& reply) {
        if (command.empty()) {
            return;
        }
        if (command.front() == static_cast<std::byte>(command_kind::of_the_machine)) {
            machine_.apply(index, command.subspan(1), reply);
        } else if (auto const changes = decode_changes(command.subspan(1))) {
            for (addressed_change const& c : *changes) {
                if (!c.address.empty()) {
                    addresses_.insert_or_assign(c.change.node, c.address);
                }
            }
        }
    }

    void save(raft::byte_buffer& out) const {
        put_word(out, addresses_.size());
        for (auto const& [id, address] : addresses_) {
            put_word(out, id.value);
            put_bytes(out, std::as_bytes(std::span{address}));
        }
        machine_.save(out);
    }

    [[nodiscard]] bool restore(std::span<std::byte const> saved) {
        addresses_.clear();
        byte_reader in{saved};
        std::uint64_t const count = in.word();
        for (std::uint64_t i = 0; i < count && in.good(); ++i) {
            raft::node_id const id{static_cast<std::uint32_t>(in.word())};
            std::string address;
            for (std::byte const b : in.bytes()) {
                address.push_back(static_cast<char>(b));
            }
            addresses_.insert_or_assign(id, std::move(address));
        }
        return in.good() && addresses_.size() == count && machine_.restore(in.rest());
    }

    [[nodiscard]] Machine const& machine() const noexcept { return machine_; }
    [[nodiscard]] std::map<raft::node_id, std::string> const& addresses() const noexcept { return addresses_; }

  private:
    Machine machine_;
    std::map<raft::node_id, std::string> addresses_;
};

template <class Machine>
inline constexpr bool has_sessions = false;
template <class Machine>
inline constexpr bool has_sessions<raft::sessions<Machine>> = true;

} // namespace hpcsched::raft_asio::detail

#endif
