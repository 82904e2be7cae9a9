// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_HOST_CLIENT_SESSION_HPP
#define HPCSCHED_FAAS_HOST_CLIENT_SESSION_HPP

#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "hosted_function.hpp"
#include "http_connection.hpp"
#include "invoke_api.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hpcsched::faas_host::detail {

class client_session;

/// What the connections of clients share, and what they count.
struct front_door {
    server_config config{};
    std::function<std::string()> status{}; ///< as JSON
    std::function<void()> on_closed{};     ///< a connection has gone
    std::function<void()> on_waiting{};    ///< `waiting` has become longer
    std::vector<std::weak_ptr<client_session>>
        waiting{}; ///< for an answer, at some time since they were last looked at
    bool is_draining = false;
    std::size_t connections = 0;
    std::uint64_t requests = 0;
    std::uint64_t bad_requests = 0;
    std::uint64_t request_ids = 0;
    std::string id_prefix{}; ///< of request ids: what no other host has
    std::map<std::string, std::unique_ptr<hosted_function>, std::less<>> functions{};
};

/// One connection of a client: one request after the other.
class client_session : public std::enable_shared_from_this<client_session> {
  public:
    client_session(tcp_socket socket, front_door& door);
    client_session(client_session const&) = delete;
    client_session& operator=(client_session const&) = delete;
    ~client_session();

    void hear();
    /// Ends it where nothing is under way.
    void close_if_idle();
    /// A client that has gone gives its place in the queue to another.
    /// \return whether its client still waits
    bool look_after_client();

  private:
    using request = http::request<http::string_body>;
    using response = http::response<http::string_body>;

    void on_header(boost::system::error_code failed);
    void read_body();
    void on_body(boost::system::error_code failed);
    void on_request();
    void invoke(invoke_target const& target);
    void answer_invocation(invocation_result&& result);
    void list(invoke_target const& target);
    void get_page(std::string const& path);
    void be_looked_after();

    [[nodiscard]] std::optional<service_error> why_not_allowed() const;
    [[nodiscard]] std::string_view header(std::string_view name) const;
    [[nodiscard]] std::optional<service_error> why_not_invoked(invoke_target const& target,
                                                               hosted_function const* function) const;

    void say(http::status status, std::string_view type, std::string&& body);
    void say(service_error&& failed, duration retry_after = {});
    void send(response&& what);
    void close();
    void close_once_heard();
    void listen_to_the_end();

    boost::beast::basic_stream<asio::ip::tcp, executor> stream_;
    front_door& door_;
    boost::beast::flat_buffer buffer_;
    std::optional<http::request_parser<http::string_body>> parser_;
    request request_;
    response said_;
    std::string head_; ///< of `said_`, as it is sent
    std::string request_id_;
    hosted_function* waits_for_ = nullptr; ///< its invocation, below
    invocation_id invocation_{};
    bool is_busy_ = false;
    bool must_close_ = false;
    bool keeps_alive_ = false; ///< as the client wishes
    bool is_looked_after_ = false;
};

} // namespace hpcsched::faas_host::detail

#endif
