// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_ETCD_CONNECTION_HPP
#define HPCSCHED_RAFT_ETCD_CONNECTION_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/raft_etcd/etcd_log_config.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hpcsched::raft_etcd::detail {

namespace asio = boost::asio;
namespace beast = boost::beast;

/// An endpoint, taken apart.
struct endpoint {
    std::string host;
    std::string port;
    bool secure = false;
};
/// \error not of the form "http://HOST:PORT"
[[nodiscard]] result<endpoint> read_endpoint(std::string_view text);

/// What all connections have in common.
struct connection_context {
    asio::io_context* loop = nullptr;
    etcd_log_config config{};
    std::vector<endpoint> endpoints{};
    asio::ssl::context tls{asio::ssl::context::tls_client};
};

/// An answer, or why there is none: then nobody knows whether the request was carried out.
struct http_answer {
    bool good = false;
    std::string text; ///< of the answer, or of the failure
};

/// One HTTP connection to etcd, with one request at a time. Every failure closes it.
class connection {
  public:
    explicit connection(connection_context& common) noexcept : common_{common} {}

    /// Connects to `to`, and proves who this is where that is asked for.
    /// \return why it could not; empty: it could
    [[nodiscard]] asio::awaitable<std::string> open(endpoint const& to);
    [[nodiscard]] bool is_open() const noexcept { return plain_.has_value() || secure_.has_value(); }
    void close();
    /// What waits on it fails, and closes it.
    void interrupt();

    [[nodiscard]] asio::awaitable<http_answer> post(std::string_view target, std::string body);

    /// Sends a request whose answer has no end; `next_line` gives its lines.
    [[nodiscard]] asio::awaitable<http_answer> open_stream(std::string_view target, std::string body);
    [[nodiscard]] asio::awaitable<http_answer> next_line();

  private:
    asio::awaitable<boost::system::error_code> send(std::string const& text);
    asio::awaitable<boost::system::error_code> receive();
    boost::system::error_code take_in();
    [[nodiscard]] http_answer closed() const;
    asio::awaitable<std::string> connect(endpoint const& to);
    asio::awaitable<std::string> log_in();
    void expires_after(duration length);
    void expires_never();
    http_answer failed(std::string_view doing, boost::system::error_code const& why);

    connection_context& common_;
    std::optional<beast::tcp_stream> plain_;
    std::optional<beast::ssl_stream<beast::tcp_stream>> secure_;
    std::string host_;
    std::string token_;
    beast::flat_buffer buffer_;
    std::optional<beast::http::response_parser<beast::http::buffer_body>> stream_;
    std::vector<char> chunk_ = std::vector<char>(65536);
    std::string lines_;       // as read
    std::size_t given_ = 0;   // of them, up to here
    std::size_t scanned_ = 0; // no line ends before here
};

} // namespace hpcsched::raft_etcd::detail

#endif
