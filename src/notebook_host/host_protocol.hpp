// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_NOTEBOOK_HOST_HOST_PROTOCOL_HPP
#define HPCSCHED_SRC_NOTEBOOK_HOST_HOST_PROTOCOL_HPP

#include <hpcsched/core/bytes.hpp>
#include <hpcsched/gpu/device.hpp>
#include <hpcsched/gpu/lease.hpp>
#include <hpcsched/notebook/kernel_entry.hpp>
#include <hpcsched/notebook_host/jupyter_message.hpp>

#include <boost/json/array.hpp>

#include "jupyter_socket.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>

namespace hpcsched::notebook_host {

// What a kernel's proxy and the hosts of its replicas say to each other, in requests of kind `host` and their answers.
// A kernel is named by its serial number, which the cluster gives once.

/// Tell me of this kernel from now on. Answered in parts.
struct attach_asked {
    std::uint64_t kernel = 0;
};
/// Execute a cell, if the kernel's log agrees.
struct cell_asked {
    std::uint64_t kernel = 0;
    notebook::cell_attempt attempt{};
    gpu::lease_token lease = 0;
    gpu::device_mask devices = 0;
    jupyter_message message{};
};
/// Hand a message to the kernel's interpreter here.
struct message_passed {
    std::uint64_t kernel = 0;
    channel where{};
    jupyter_message message{};
};
/// What the host has and does, as JSON.
struct status_asked {};
/// Empty this host, until nothing lives on it, and do not come back; or, where not `draining`, be used again.
struct drain_asked {
    bool draining = true;
};
/// The kernel has ended: see to it that the cluster closes it.
struct close_asked {
    std::uint64_t kernel = 0;
};

using host_request = std::variant<attach_asked, cell_asked, message_passed, status_asked, drain_asked, close_asked>;

/// The kernel is here, and its interpreter up to the log.
struct replica_here {};
/// The interpreter says something that a client should hear.
struct message_heard {
    channel where{};
    jupyter_message message{};
};
/// A cell is over, and what it changed is kept by a majority of the replicas.
struct cell_replied {
    notebook::cell_attempt attempt{};
    jupyter_message reply{};
};
/// The cluster has decided something of the kernel: what a query for it would answer.
struct placement_changed {
    byte_buffer view{};
};

using host_answer = std::variant<replica_here, message_heard, cell_replied, placement_changed>;

void encode(host_request const& what, byte_buffer& out);
void encode(host_answer const& what, byte_buffer& out);
/// The numbers of the devices in a mask, ascending.
[[nodiscard]] boost::json::array devices_in(gpu::device_mask devices);

/// Nothing where the bytes are none.
[[nodiscard]] std::optional<host_request> decode_host_request(std::span<std::byte const> bytes);
[[nodiscard]] std::optional<host_answer> decode_host_answer(std::span<std::byte const> bytes);

} // namespace hpcsched::notebook_host

#endif
