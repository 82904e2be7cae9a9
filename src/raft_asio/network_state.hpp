// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_RAFT_ASIO_NETWORK_STATE_HPP
#define HPCSCHED_SRC_RAFT_ASIO_NETWORK_STATE_HPP

#include <hpcsched/core/random.hpp>
#include <hpcsched/raft_asio/network.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "codec.hpp"
#include "connection.hpp"
#include "loop_state.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace hpcsched::raft_asio {

/// Of the client that is the `generation`th in its place.
constexpr network::client_token token_of(std::uint32_t generation, std::size_t place) {
    return (std::uint64_t{generation} << 32U) | place;
}

class network::state {
  public:
    state(event_loop& loop, network_config config, detail::tls_context tls);
    state(state const&) = delete;
    state& operator=(state const&) = delete;
    ~state();

    [[nodiscard]] result<void> listen();
    [[nodiscard]] result<void> set_peers(std::vector<peer> peers);
    void send(raft::group_id group, raft::message const& m);
    void reply(client_token client, response const& r);
    [[nodiscard]] bool is_there(client_token client) const;
    [[nodiscard]] bool carries(client_token client, std::string const& name) const;
    void flush();

    [[nodiscard]] bool connected(raft::node_id peer) const noexcept;
    [[nodiscard]] std::size_t queued(raft::node_id peer) const noexcept;
    [[nodiscard]] std::size_t client_count() const noexcept { return client_count_; }
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    [[nodiscard]] network_statistics const& statistics() const noexcept { return counts_; }

    std::function<void(raft::group_id, raft::message const&)> on_message;
    std::function<void(raft::node_id)> on_unreachable;
    std::function<void(raft::node_id)> on_connected;
    std::function<void(std::string)> on_log;
    std::function<void(client_token, request const&)> on_request;
    std::function<void(client_token)> on_client_gone;

  private:
    // What the other end of a connection is to this node.
    enum class part : std::uint8_t {
        stranger, // accepted, no hello yet
        dialed,   // called by this node, no answer yet
        node,
        client,
        leaving, // was told all that it will be
    };

    class session final : public detail::connection {
      public:
        session(state& owner, detail::tcp::socket socket, part plays);

        part plays;
        raft::node_id node{};        // of those dialed, and nodes
        std::size_t client = 0;      // of clients: the place in clients_
        time_point deadline = never; // for becoming a node or a client, or for having left

      private:
        void on_open() override { owner_.opened(*this); }
        void on_frame(detail::frame_kind kind, std::span<std::byte const> body) override {
            owner_.take(*this, kind, body);
        }
        void on_newer_version(std::string const& why) override { owner_.take_newer(*this, why); }
        void on_closed(detail::ending how, std::string const& why) override { owner_.ended(*this, how, why); }

        state& owner_;
    };
    using session_ptr = std::shared_ptr<session>;

    // The way to one peer. Whose id is larger makes the connection, the other knocks.
    struct link {
        link(peer whom, detail::asio::io_context& loop) : to{std::move(whom)}, retry{loop} {}

        peer to;
        detail::host_and_port at;
        session_ptr live;
        session_ptr attempt;
        detail::asio::steady_timer retry;
        duration backoff{};
        std::uint64_t incarnation = 0; // of the peer, as it last said
        time_point since{};            // live
        std::string last_failure;      // so that a series of the same is one line
        detail::message_batch batch;
        bool overflow_told = false;
    };

    struct client_place {
        session_ptr session; // null: free
        std::uint32_t generation = 0;
        std::size_t unanswered = 0;
        detail::response_batch batch;
        bool is_dirty = false;
    };

    // network_state.cpp: connections come and go
    void accept();
    void opened(session& s);
    void take(session& s, detail::frame_kind kind, std::span<std::byte const> body);
    void take_newer(session& s, std::string const& why);
    void ended(session& s, detail::ending how, std::string const& why);
    void ended_dialed(session& s, std::string const& why);
    void lost(link& l, std::string const& why);
    void watch_deadline(session_ptr const& s);
    void sweep();
    void greet(session& s);
    void welcome(session& s, detail::hello const& h);
    void answered(session& s, detail::hello const& h);
    [[nodiscard]] std::string objection(session const& s, detail::hello const& h) const;
    void refuse(session& s, std::string const& why);
    void admit_client(session& s);
    void release_client(session& s);
    void adopt(link& l, session& s, std::uint64_t incarnation);
    void answer_knock(link& l, session& s, std::uint64_t incarnation);
    void dial(link& l);
    void dial_later(link& l);
    void drop(link& l);

    // network.cpp: what goes over them
    void take_messages(session& s, std::span<std::byte const> body);
    void take_requests(session& s, std::span<std::byte const> body);
    void flush(link& l);
    void linger(link& l);
    void flush(client_place& c);

    [[nodiscard]] link* find(raft::node_id id) const noexcept;
    [[nodiscard]] std::string name_of(link const& l) const;
    [[nodiscard]] std::string name_of(session const& s) const;
    void log(std::string line);
    void tell_unreachable(raft::node_id id);

    detail::loop_state& loop_;
    network_config config_;
    detail::tls_context tls_;
    network_statistics counts_;
    detail::tcp::acceptor acceptor_;
    detail::asio::steady_timer accept_again_;
    detail::asio::steady_timer sweep_;
    detail::asio::steady_timer linger_;
    std::vector<session_ptr> young_; // those with a deadline
    std::vector<std::unique_ptr<link>> links_;
    std::vector<std::unique_ptr<client_place>> clients_;
    std::vector<std::size_t> free_clients_;
    std::vector<std::size_t> dirty_clients_;
    std::size_t client_count_ = 0;
    std::uint64_t incarnation_;
    random_stream jitter_;
    std::uint16_t port_ = 0;
    detail::message_decoder decoder_;
    bool is_sweeping_ = false;
    bool is_lingering_ = false;
    // Handlers that Asio has queued already hold a weak one: they may run when this is gone.
    std::shared_ptr<state*> self_ = std::make_shared<state*>(this);
};

} // namespace hpcsched::raft_asio

#endif
