// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_RAFT_ASIO_STREAM_HPP
#define HPCSCHED_SRC_RAFT_ASIO_STREAM_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/raft_asio/network_config.hpp>

#include <boost/asio/ip/tcp.hpp>

#include <openssl/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace hpcsched::raft_asio::detail {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

struct openssl_free {
    void operator()(ssl_ctx_st* context) const noexcept;
    void operator()(ssl_st* session) const noexcept;
};

/// Certificates and rules for all connections of a process; null where TLS is not asked for.
using tls_context = std::unique_ptr<ssl_ctx_st, openssl_free>;

[[nodiscard]] result<tls_context> make_tls_context(tls_files const& files);

/// The DNS name in a node's certificate.
[[nodiscard]] std::string certificate_name(raft::node_id node);

enum class io_state : std::uint8_t {
    moved,       ///< some bytes
    needs_read,  ///< wait until the socket can be read
    needs_write, ///< wait until it can be written to
    ended,       ///< the other end has closed it in order
    failed,      ///< `stream::failure` says why
};

struct io_result {
    io_state state = io_state::failed;
    std::size_t bytes = 0;
};

/// A connected socket that does not block, with or without TLS.
class stream {
  public:
    explicit stream(tcp::socket socket) noexcept : socket_{std::move(socket)} {}

    [[nodiscard]] tcp::socket& socket() noexcept { return socket_; }

    /// \param expected_name  what the other end's certificate must carry; empty: any name
    void begin_tls(tls_context const& context, bool accepts, std::string const& expected_name);
    /// `moved` when it is done.
    [[nodiscard]] io_state handshake();

    [[nodiscard]] io_result read(std::span<std::byte> room);
    [[nodiscard]] io_result write(std::span<std::byte const> bytes);
    /// Whether something can be read that the socket does not show.
    [[nodiscard]] bool has_pending() const noexcept;
    [[nodiscard]] bool encrypted() const noexcept { return tls_ != nullptr; }
    /// Whether the other end's certificate carries this DNS name.
    [[nodiscard]] bool carries(std::string const& name) const;

    [[nodiscard]] std::string const& failure() const noexcept { return failure_; }

  private:
    [[nodiscard]] io_result outcome_of(int returned);

    tcp::socket socket_;
    std::unique_ptr<ssl_st, openssl_free> tls_;
    std::string failure_;
};

} // namespace hpcsched::raft_asio::detail

#endif
