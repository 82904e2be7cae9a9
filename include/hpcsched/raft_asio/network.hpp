// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_ASIO_NETWORK_HPP
#define HPCSCHED_RAFT_ASIO_NETWORK_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/raft/message.hpp>
#include <hpcsched/raft/transport.hpp>
#include <hpcsched/raft/types.hpp>
#include <hpcsched/raft_asio/event_loop.hpp>
#include <hpcsched/raft_asio/network_config.hpp>
#include <hpcsched/raft_asio/request.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace hpcsched::raft_asio {

/// What went through a network since it was opened.
struct network_statistics {
    std::uint64_t frames_sent = 0; ///< to nodes and clients; hellos left out
    std::uint64_t frames_received = 0;
    std::uint64_t messages_sent = 0; ///< between nodes
    std::uint64_t messages_received = 0;
    std::uint64_t messages_passed_over = 0; ///< of a kind that a newer minor version has
    std::uint64_t messages_dropped = 0;     ///< to a node without a connection, or whose queue is full
    std::uint64_t requests_received = 0;
    std::uint64_t responses_sent = 0;
    std::uint64_t responses_dropped = 0; ///< their client was gone
    std::uint64_t bytes_sent = 0;
    std::uint64_t bytes_received = 0;
    std::uint64_t connected = 0;    ///< connections with peers that came about
    std::uint64_t lost = 0;         ///< and ended
    std::uint64_t failed = 0;       ///< attempts to connect that came to nothing
    std::uint64_t garbage = 0;      ///< connections dropped for what came over them
    std::uint64_t refused = 0;      ///< hellos that were refused
    std::uint64_t slow_clients = 0; ///< clients closed because they did not take their answers
};

/// One node's connections: with every other node of the cluster, over which the messages of all groups go, and with its
/// clients, over one listening port. What nodes say to each other in one turn of the loop is one frame per peer.
///
/// * Two nodes share one connection, which the one with the larger id makes. The other, while it has none, knocks: it
///   connects, says hello and closes, so that a node that comes back is connected with at once, whatever the other's
///   back-off.
/// * A hello names the cluster, the node and the version of the protocol. A foreign cluster, a node that is no peer,
/// and
///   a newer major version are refused, and told why.
/// * Whoever sends what is no frame, or a frame that makes no sense, is dropped and named to `on_log`; a node may
/// connect
///   anew. Nothing of such a frame reaches `on_message`, whole frames before it do.
/// * Without TLS anybody who reaches the port can say that he is a node: then it belongs into a closed network.
///
/// \thread_safety none; confine to the loop's thread
class network {
  public:
    /// Listens and starts to connect; callbacks come when the loop runs.
    /// \error the configuration makes no sense, the port cannot be had, or the TLS files cannot be used: which, and why
    [[nodiscard]] static result<network> open(event_loop& loop, network_config config);

    network(network&&) noexcept;
    network& operator=(network&&) noexcept;
    ~network(); ///< closes every connection; what is not sent is lost

    // --- nodes ----------------------------------------------------------------------------------------------------

    /// A message for this node's server of a group. Its spans are borrowed for the call.
    void set_on_message(std::function<void(raft::group_id, raft::message const&)> callback);
    /// A connection was lost or could not be had, or messages were dropped because the peer's queue is full (told once
    /// until it has emptied): what was sent to it may have to be sent again. Never called from within `send`.
    void set_on_unreachable(std::function<void(raft::node_id)> callback);
    /// There is a connection with the peer, where there was none.
    void set_on_connected(std::function<void(raft::node_id)> callback);
    /// One line for each notable event.
    void set_on_log(std::function<void(std::string)> callback);

    /// Encodes `m` for its receiver; nothing is kept by reference. Sent by `flush`, or before where much has gathered.
    /// Dropped, and counted, where there is no connection or the queue is full: Raft sends again.
    /// \pre m.from is this node; entries are consecutive
    void send(raft::group_id group, raft::message const& m);

    /// Sends what has gathered, answers to clients included: at the end of a turn. Only commit indices that go alone
    /// wait a little (`network_config::commit_linger`).
    void flush();

    /// Replaces the peers. Connections with those that stay, at the same address, stay.
    /// \error an address that cannot be read, or an id twice: nothing has changed then
    [[nodiscard]] result<void> set_peers(std::vector<peer> peers);

    [[nodiscard]] bool connected(raft::node_id peer) const noexcept;

    /// Bytes that wait for the peer's socket to take them.
    [[nodiscard]] std::size_t queued(raft::node_id peer) const noexcept;

    // --- clients --------------------------------------------------------------------------------------------------

    /// A connection with a client. Never given twice.
    using client_token = std::uint64_t;

    /// A client asks. Answer by `reply`, at once or in a later turn.
    void set_on_request(std::function<void(client_token, request const&)> callback);
    /// A client has gone: nothing that is answered will reach it. Called by the loop, in no turn.
    void set_on_client_gone(std::function<void(client_token)> callback);

    /// Answers the request `r.id` of a client, or a part of it (`response_status::more`); dropped where the client is
    /// gone. Sent by `flush`.
    void reply(client_token client, response const& r);

    [[nodiscard]] std::size_t client_count() const noexcept;

    /// Whether the client is there, and shows a certificate, signed by the authority, that carries this DNS name; false
    /// without TLS.
    [[nodiscard]] bool carries(client_token client, std::string const& name) const;

    // --- itself ---------------------------------------------------------------------------------------------------

    /// The port it listens on.
    [[nodiscard]] std::uint16_t port() const noexcept;
    [[nodiscard]] network_statistics const& statistics() const noexcept;

  private:
    class state;
    explicit network(std::unique_ptr<state> made) noexcept;
    std::unique_ptr<state> state_;
};

/// The transport of one group's server: a handle on the process's network, which must outlive it.
class group_transport {
  public:
    group_transport(network& through, raft::group_id group) noexcept : network_{&through}, group_{group} {}

    void send(raft::message const& m) { network_->send(group_, m); }

  private:
    network* network_;
    raft::group_id group_;
};

static_assert(raft::transport<group_transport>);

} // namespace hpcsched::raft_asio

#endif
