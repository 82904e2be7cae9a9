// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_RAFT_ASIO_ADDRESS_HPP
#define HPCSCHED_SRC_RAFT_ASIO_ADDRESS_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/raft_asio/network_config.hpp>

#include <boost/asio/ip/tcp.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace hpcsched::raft_asio::detail {

struct host_and_port {
    std::string host; ///< without brackets
    std::uint16_t port = 0;

    /// Nothing where the host is a name.
    [[nodiscard]] std::optional<boost::asio::ip::tcp::endpoint> endpoint() const;
};

[[nodiscard]] result<host_and_port> parse_address(std::string const& text);

/// Whether every peer has an address that can be read, an id, and no other's id.
[[nodiscard]] result<void> validate(std::span<peer const> peers);

/// Whether the back-off makes sense and the TLS files are all there or all empty.
[[nodiscard]] result<void> validate(duration backoff_min, duration backoff_max, tls_files const& tls);

[[nodiscard]] std::string to_text(boost::asio::ip::tcp::endpoint const& at);

} // namespace hpcsched::raft_asio::detail

#endif
