// SPDX-License-Identifier: Apache-2.0
#include "connection.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/string_body.hpp>

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
constexpr std::size_t receive_bytes = 65536;
constexpr std::size_t answer_bytes_max = std::size_t{1} << 30U;

std::string make_request(std::string_view host, std::string_view target, std::string_view token,
                         std::string_view body) {
    std::string text = "POST " + std::string{target} + " HTTP/1.1\r\nHost: " + std::string{host} +
                       "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
    if (!token.empty()) {
        text += "Authorization: " + std::string{token} + "\r\n";
    }
    text += "\r\n";
    text += body;
    return text;
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

http_answer connection::closed() const {
    return {false, host_ + ": the connection was closed"};
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

// Only these two know what kind of stream it is: HTTP itself is read from memory, once for both.
asio::awaitable<error_code> connection::send(std::string const& text) {
    std::tuple<error_code, std::size_t> outcome;
    if (secure_) {
        outcome = co_await asio::async_write(*secure_, asio::buffer(text), awaiting);
    } else {
        outcome = co_await asio::async_write(*plain_, asio::buffer(text), awaiting);
    }
    co_return std::get<0>(outcome);
}

asio::awaitable<error_code> connection::receive() {
    auto const room = buffer_.prepare(receive_bytes);
    std::tuple<error_code, std::size_t> outcome;
    if (secure_) {
        outcome = co_await secure_->async_read_some(room, awaiting);
    } else {
        outcome = co_await plain_->async_read_some(room, awaiting);
    }
    buffer_.commit(std::get<1>(outcome));
    co_return std::get<0>(outcome);
}

asio::awaitable<http_answer> connection::post(std::string_view target, std::string body) {
    if (!is_open()) {
        co_return closed();
    }
    std::string const request = make_request(host_, target, token_, body);
    expires_after(common_.config.request_timeout);
    error_code wrong = co_await send(request);
    http::response_parser<http::string_body> parser;
    parser.eager(true);
    parser.body_limit(answer_bytes_max);
    while (!wrong && !parser.is_done()) {
        wrong = co_await receive();
        if (!wrong) {
            buffer_.consume(parser.put(buffer_.data(), wrong));
            if (wrong == http::error::need_more) {
                wrong = {};
            }
        }
    }
    if (wrong) {
        co_return failed("request", wrong);
    }
    expires_never();
    http_answer answer{parser.get().result() == http::status::ok, std::move(parser.get().body())};
    bool const stays = parser.get().keep_alive();
    if (!answer.good) {
        answer.text = host_ + ": " + read_complaint(answer.text);
    }
    if (!answer.good || !stays) {
        close();
    }
    co_return answer;
}

asio::awaitable<http_answer> connection::open_stream(std::string_view target, std::string body) {
    if (!is_open()) {
        co_return closed();
    }
    std::string const request = make_request(host_, target, token_, body);
    expires_after(common_.config.request_timeout);
    error_code wrong = co_await send(request);
    stream_.emplace();
    stream_->body_limit(boost::none);
    while (!wrong && !stream_->is_header_done()) {
        wrong = co_await receive();
        if (!wrong) {
            buffer_.consume(stream_->put(buffer_.data(), wrong));
            if (wrong == http::error::need_more) {
                wrong = {};
            }
        }
    }
    if (wrong) {
        co_return failed("watch", wrong);
    }
    if (stream_->get().result() != http::status::ok) {
        http_answer refused{false, host_ + ": watch: " + std::string{stream_->get().reason()}};
        close();
        co_return refused;
    }
    stream_->eager(true);
    expires_never(); // a quiet log is no failure; whether the watch lives is found out otherwise
    http_answer opened{true, {}};
    co_return opened;
}

asio::awaitable<http_answer> connection::next_line() {
    while (is_open()) {
        error_code wrong = take_in();
        std::size_t const end = lines_.find('\n', scanned_);
        if (end != std::string::npos) {
            http_answer line{true, lines_.substr(given_, end - given_)};
            given_ = end + 1;
            scanned_ = given_;
            co_return line;
        }
        lines_.erase(0, std::exchange(given_, 0));
        scanned_ = lines_.size();
        if (!wrong && (stream_->is_done() || lines_.size() > answer_bytes_max)) {
            wrong = http::error::end_of_stream;
        }
        if (!wrong) {
            wrong = co_await receive();
        }
        if (wrong) {
            co_return failed("watch", wrong);
        }
    }
    co_return closed();
}

// Moves what was received into `lines_`.
error_code connection::take_in() {
    error_code wrong;
    while (!wrong && buffer_.size() > 0 && !stream_->is_done()) {
        auto& body = stream_->get().body();
        body.data = chunk_.data();
        body.size = chunk_.size();
        body.more = true;
        buffer_.consume(stream_->put(buffer_.data(), wrong));
        lines_.append(chunk_.data(), chunk_.size() - body.size);
        if (wrong == http::error::need_buffer) {
            wrong = {};
        }
    }
    return wrong == http::error::need_more ? error_code{} : wrong;
}

} // namespace hpcsched::raft_etcd::detail
