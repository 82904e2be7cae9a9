// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_ASIO_NETWORK_CONFIG_HPP
#define HPCSCHED_RAFT_ASIO_NETWORK_CONFIG_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/raft/types.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hpcsched::raft_asio {

/// Paths of PEM files; all empty: plain TCP. With them every connection is TLS 1.3, and both ends must show a
/// certificate that `authority` signed. A node's carries the DNS name `node-<id>` ("node-1") as a subject alternative
/// name, so that a client's certificate does not make its holder a node; a client's may carry any name.
struct tls_files {
    std::string certificate{}; ///< this end's, with what chains it to the authority
    std::string key{};
    std::string authority{}; ///< the certificates of those who sign

    [[nodiscard]] bool empty() const noexcept { return certificate.empty() && key.empty() && authority.empty(); }
};

/// A node, and where it listens to nodes and clients alike.
struct peer {
    raft::node_id id{};
    std::string address{}; ///< "HOST:PORT", "[ADDRESS]:PORT" for IPv6; a name is resolved at each attempt to connect

    friend bool operator==(peer const&, peer const&) = default;
};

struct network_config {
    raft::node_id self{};
    std::uint64_t cluster_id = 0; ///< who has another is refused
    std::string listen{};         ///< "ADDRESS:PORT" of this machine; port 0: any that is free
    std::vector<peer> peers{};    ///< the other nodes; with this one, clients are told its address here as a leader's
    tls_files tls{};

    std::size_t frame_bytes_max = std::size_t{16} << 20U; ///< a longer frame is garbage
    std::size_t queue_bytes_max = std::size_t{64} << 20U; ///< waiting for one peer; newer messages are dropped beyond
    /// How long heartbeats that only tell a commit index (round 0) wait for company; the next entries tell it too. What
    /// they delay is when followers apply, never when a client is answered. 0: not at all.
    duration commit_linger = std::chrono::microseconds{500};
    duration backoff_min = std::chrono::milliseconds{10}; ///< after a first failed connection; doubled by each more
    duration backoff_max = std::chrono::seconds{1};
    duration handshake_limit = std::chrono::seconds{5}; ///< for connecting, TLS and the exchange of hellos
    duration silence_limit = std::chrono::seconds{10}; ///< a peer whose kernel acknowledges nothing for so long is lost

    std::size_t clients_max = 10'000;
    std::size_t client_requests_max = 1024; ///< of one client unanswered; beyond, no more is read from it
    std::size_t client_queue_bytes_max = std::size_t{16}
                                         << 20U; ///< answers a client does not take; beyond, it is closed
};

/// Whether the fields of `config` agree with each other, and the addresses can be read.
[[nodiscard]] result<void> validate(network_config const& config);

} // namespace hpcsched::raft_asio

#endif
