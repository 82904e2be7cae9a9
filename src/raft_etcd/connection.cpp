// SPDX-License-Identifier: Apache-2.0
#include "connection.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "wire.hpp"
#include <openssl/ssl.h>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>

namespace hpcsched::raft_etcd::detail {

namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr auto awaiting = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t answer_bytes_max = std::size_t{1} << 30U;

http::request<http::string_body> make_request(std::string_view host, std::string_view target, std::string_view token,
                                              std::string body) {
    http::request<http::string_body> request{http::verb::post, target, 11};
    request.set(http::field::host, host);
    request.set(http::field::content_type, "application/json");
    if (!token.empty()) {
        request.set(http::field::authorization, token);
    }
    request.body() = std::move(body);
    request.prepare_payload();
    return request;
}

} // namespace

result<endpoint> read_endpoint(std::string_view text) {
    endpoint out;
    std::string_view rest = text;
    out.secure = rest.starts_with("https://");
    std::size_t const colon = rest.rfind(':');
    if ((!out.secure && !rest.starts_with("http://")) || colon < 7) {
        return error{"\"" + std::string{text} + "\" is no endpoint: write http://HOST:PORT or https://HOST:PORT"};
    }
    out.port = rest.substr(colon + 1);
    rest = rest.substr(out.secure ? 8 : 7, colon - (out.secure ? 8 : 7));
    if (rest.size() > 2 && rest.front() == '[' && rest.back() == ']') {
        rest = rest.substr(1, rest.size() - 2);
    }
    out.host = rest;
    std::uint16_t port = 0;
    auto const number = std::from_chars(out.port.data(), out.port.data() + out.port.size(), port);
    if (out.host.empty() || number.ec != std::errc{} || number.ptr != out.port.data() + out.port.size()) {
        return error{"\"" + std::string{text} + "\" is no endpoint: write http://HOST:PORT or https://HOST:PORT"};
    }
    return out;
}

void connection::close() {
    stream_.reset();
    plain_.reset();
    secure_.reset();
    buffer_.clear();
    lines_.clear();
    given_ = 0;
    scanned_ = 0;
    token_.clear();
}

http_answer connection::failed(std::string_view doing, error_code const& why) {
    std::string text = host_ + ": " + std::string{doing} + ": " + why.message();
    close();
    return {false, std::move(text)};
}

void connection::interrupt() {
    if (is_open()) {
        (secure_ ? beast::get_lowest_layer(*secure_) : *plain_).cancel();
    }
}

void connection::expires_after(duration length) {
    (secure_ ? beast::get_lowest_layer(*secure_) : *plain_).expires_after(length);
}
void connection::expires_never() {
    (secure_ ? beast::get_lowest_layer(*secure_) : *plain_).expires_never();
}

asio::awaitable<std::string> connection::open(endpoint const& to) {
    close();
    host_ = to.host + ":" + to.port;
    std::string wrong = co_await connect(to);
    if (wrong.empty() && !common_.config.user.empty()) {
        wrong = co_await log_in();
    }
    if (!wrong.empty()) {
        close();
    }
    co_return wrong;
}

asio::awaitable<std::string> connection::connect(endpoint const& to) {
    tcp::resolver resolver{*common_.loop};
    auto [unresolved, addresses] = co_await resolver.async_resolve(to.host, to.port, awaiting);
    if (unresolved) {
        co_return failed("resolve", unresolved).text;
    }
    if (to.secure) {
        secure_.emplace(*common_.loop, common_.tls);
    } else {
        plain_.emplace(*common_.loop);
    }
    beast::tcp_stream& socket = secure_ ? beast::get_lowest_layer(*secure_) : *plain_;
    socket.expires_after(common_.config.request_timeout);
    auto [refused, address] = co_await socket.async_connect(addresses, awaiting);
    if (refused) {
        co_return failed("connect", refused).text;
    }
    error_code ignored;
    socket.socket().set_option(tcp::no_delay{true}, ignored);
    socket.socket().set_option(asio::socket_base::keep_alive{true}, ignored);
    if (secure_) {
        SSL_set_tlsext_host_name(secure_->native_handle(), to.host.c_str());
        secure_->set_verify_callback(asio::ssl::host_name_verification{to.host});
        auto [untrusted] = co_await secure_->async_handshake(asio::ssl::stream_base::client, awaiting);
        if (untrusted) {
            co_return failed("TLS", untrusted).text;
        }
    }
    co_return std::string{};
}

asio::awaitable<std::string> connection::log_in() {
    http_answer const answer =
        co_await post("/v3/auth/authenticate", authenticate_request(common_.config.user, common_.config.password));
    if (!answer.good) {
        co_return answer.text;
    }
    auto token = read_token(answer.text);
    if (!token) {
        co_return token.error().message;
    }
    token_ = std::move(token->text);
    co_return std::string{};
}

asio::awaitable<http_answer> connection::refuse() {
    http_answer answer{false, host_ + ": the connection was closed"};
    co_return answer;
}

asio::awaitable<http_answer> connection::post(std::string_view target, std::string body) {
    if (!is_open()) {
        return refuse();
    }
    return secure_ ? post_on(*secure_, target, std::move(body)) : post_on(*plain_, target, std::move(body));
}

template <class Stream>
asio::awaitable<http_answer> connection::post_on(Stream& stream, std::string_view target, std::string body) {
    auto const request = make_request(host_, target, token_, std::move(body));
    expires_after(common_.config.request_timeout);
    auto [unsent, sent] = co_await http::async_write(stream, request, awaiting);
    if (unsent) {
        co_return failed("write", unsent);
    }
    http::response_parser<http::string_body> parser;
    parser.body_limit(answer_bytes_max);
    auto [unread, received] = co_await http::async_read(stream, buffer_, parser, awaiting);
    if (unread) {
        co_return failed("read", unread);
    }
    expires_never();
    http_answer answer{parser.get().result() == http::status::ok, std::move(parser.get().body())};
    if (!answer.good) {
        answer.text = host_ + ": " + read_complaint(answer.text);
        close();
    } else if (!parser.get().keep_alive()) {
        close();
    }
    co_return answer;
}

asio::awaitable<http_answer> connection::open_stream(std::string_view target, std::string body) {
    if (!is_open()) {
        return refuse();
    }
    return secure_ ? open_stream_on(*secure_, target, std::move(body))
                   : open_stream_on(*plain_, target, std::move(body));
}

template <class Stream>
asio::awaitable<http_answer> connection::open_stream_on(Stream& stream, std::string_view target, std::string body) {
    auto const request = make_request(host_, target, token_, std::move(body));
    expires_after(common_.config.request_timeout);
    auto [unsent, sent] = co_await http::async_write(stream, request, awaiting);
    if (unsent) {
        co_return failed("write", unsent);
    }
    stream_.emplace();
    stream_->body_limit(boost::none);
    auto [unread, received] = co_await http::async_read_header(stream, buffer_, *stream_, awaiting);
    if (unread) {
        co_return failed("read", unread);
    }
    if (stream_->get().result() != http::status::ok) {
        std::string const status{stream_->get().reason()};
        close();
        co_return http_answer{false, host_ + ": watch: " + status};
    }
    expires_never(); // a quiet log is no failure; whether the watch lives is found out otherwise
    co_return http_answer{true, {}};
}

asio::awaitable<http_answer> connection::next_line() {
    if (!is_open()) {
        return refuse();
    }
    return secure_ ? next_line_on(*secure_) : next_line_on(*plain_);
}

template <class Stream>
asio::awaitable<http_answer> connection::next_line_on(Stream& stream) {
    for (;;) {
        std::size_t const end = lines_.find('\n', scanned_);
        if (end != std::string::npos) {
            std::string line = lines_.substr(given_, end - given_);
            given_ = end + 1;
            scanned_ = given_;
            co_return http_answer{true, std::move(line)};
        }
        lines_.erase(0, std::exchange(given_, 0));
        scanned_ = lines_.size();
        if (stream_->is_done() || lines_.size() > answer_bytes_max) {
            close();
            co_return http_answer{false, host_ + ": the watch has ended"};
        }
        auto& body = stream_->get().body();
        body.data = chunk_.data();
        body.size = chunk_.size();
        body.more = true;
        auto [unread, received] = co_await http::async_read_some(stream, buffer_, *stream_, awaiting);
        if (unread && unread != http::error::need_buffer) {
            co_return failed("watch", unread);
        }
        lines_.append(chunk_.data(), chunk_.size() - body.size);
    }
}

} // namespace hpcsched::raft_etcd::detail
