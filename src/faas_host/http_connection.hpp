// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_HOST_HTTP_CONNECTION_HPP
#define HPCSCHED_FAAS_HOST_HTTP_CONNECTION_HPP

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <array>
#include <string>
#include <string_view>

// What those who speak HTTP here share. A profile of a function that does nothing says why each is not the usual one.
namespace hpcsched::faas_host::detail {

namespace asio = boost::asio;
namespace http = boost::beast::http;

/// Known at compile time: an executor of any type costs each operation an allocation or two.
using executor = asio::io_context::executor_type;
using tcp_socket = asio::basic_stream_socket<asio::ip::tcp, executor>;
using tcp_acceptor = asio::basic_socket_acceptor<asio::ip::tcp, executor>;

inline std::string_view view_of(boost::beast::string_view text) {
    return {text.data(), text.size()};
}

using outgoing = std::array<asio::const_buffer, 2>;

/// A response as it is sent, its head written to `text`: Beast's own serializer goes through a variant of buffers for
/// each field. The response and the text are borrowed.
inline outgoing as_sent(http::response<http::string_body> const& what, std::string& text) {
    text = "HTTP/1.1 ";
    text += std::to_string(what.result_int());
    text += ' ';
    text += view_of(what.reason());
    text += "\r\n";
    for (auto const& field : what) {
        text += view_of(field.name_string());
        text += ": ";
        text += view_of(field.value());
        text += "\r\n";
    }
    text += "\r\n";
    return {asio::buffer(text), asio::buffer(what.body())};
}

} // namespace hpcsched::faas_host::detail

#endif
