// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_HOST_HTTP_CONNECTION_HPP
#define HPCSCHED_FAAS_HOST_HTTP_CONNECTION_HPP

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

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

/// A response as it is sent, in one piece: Beast's own serializer goes through a variant of buffers for each field.
inline void write_to(std::string& text, http::response<http::string_body> const& what) {
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
    text += what.body();
}

} // namespace hpcsched::faas_host::detail

#endif
