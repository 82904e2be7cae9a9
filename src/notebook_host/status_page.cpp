// SPDX-License-Identifier: Apache-2.0
#include "status_page.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include "assets.hpp"
#include <openssl/crypto.h>

#include <charconv>
#include <chrono>
#include <system_error>
#include <thread>
#include <utility>

namespace hpcsched::notebook_host {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;
using request = http::request<http::empty_body>;
using response = http::response<http::string_body>;

constexpr auto patience = std::chrono::seconds{5};

[[nodiscard]] bool same(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

} // namespace

class status_page::state {
  public:
    state(std::string token, std::function<std::string()> status)
        : token_{std::move(token)}, status_{std::move(status)} {}
    state(state const&) = delete;
    state& operator=(state const&) = delete;
    ~state() { loop_.stop(); }

    result<void> listen(std::string const& text) {
        std::size_t const colon = text.rfind(':');
        std::uint16_t port = 0;
        bool const has_port =
            colon != std::string::npos &&
            std::from_chars(text.data() + colon + 1, text.data() + text.size(), port).ec == std::errc{};
        boost::system::error_code failed;
        auto const address = asio::ip::make_address(has_port ? text.substr(0, colon) : text, failed);
        if (failed || !has_port) {
            return error{"'" + text + "' is no address: give ADDRESS:PORT, as in 127.0.0.1:7180"};
        }
        if (!address.is_loopback() && token_.empty()) {
            return error{"a page for other machines needs a token"};
        }
        try {
            acceptor_.open(address.is_v6() ? tcp::v6() : tcp::v4());
            acceptor_.set_option(asio::socket_base::reuse_address{true});
            acceptor_.bind({address, port});
            acceptor_.listen();
        } catch (boost::system::system_error const& refused) {
            return error{"the page's address " + text + ": " + refused.code().message()};
        }
        port_ = acceptor_.local_endpoint().port();
        accept();
        thread_ = std::jthread{[this] { loop_.run(); }};
        return {};
    }

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

  private:
    // One visitor, from its first request to its last.
    struct visit {
        explicit visit(tcp::socket socket) : stream{std::move(socket)} {}
        beast::tcp_stream stream;
        beast::flat_buffer buffer{std::size_t{16} << 10U};
        request asked;
        response answer;
    };

    void accept() {
        acceptor_.async_accept([this](boost::system::error_code const& failed, tcp::socket socket) {
            if (!failed) {
                read(std::make_shared<visit>(std::move(socket)));
            }
            if (acceptor_.is_open()) {
                accept();
            }
        });
    }

    void read(std::shared_ptr<visit> const& v) {
        v->asked = {};
        v->stream.expires_after(patience);
        http::async_read(
            v->stream, v->buffer, v->asked, [this, v](boost::system::error_code const& failed, std::size_t) {
                if (failed) {
                    return;
                }
                v->answer = answer(v->asked);
                v->stream.expires_after(patience);
                http::async_write(v->stream, v->answer, [this, v](boost::system::error_code const& ended, std::size_t) {
                    if (!ended && v->answer.keep_alive()) {
                        read(v);
                    }
                });
            });
    }

    [[nodiscard]] response answer(request const& asked) const {
        response r{http::status::ok, asked.version()};
        r.set(http::field::cache_control, "no-store");
        r.set("Content-Security-Policy",
              "default-src 'none'; connect-src 'self'; img-src data:; style-src 'unsafe-inline'; "
              "script-src 'unsafe-inline'; frame-ancestors 'none'");
        r.set(http::field::content_type, "text/plain; charset=utf-8");
        r.keep_alive(asked.keep_alive());
        if (asked.method() != http::verb::get) {
            r.result(http::status::method_not_allowed);
        } else if (asked.target() == "/") {
            r.set(http::field::content_type, "text/html; charset=utf-8");
            r.body() = text_of(status_html());
        } else if (asked.target() != "/status") {
            r.result(http::status::not_found);
        } else if (!token_.empty() && asked[http::field::authorization].empty()) {
            r.result(http::status::unauthorized);
            r.set(http::field::www_authenticate, "Bearer");
        } else if (!token_.empty() && !same(asked[http::field::authorization], "Bearer " + token_)) {
            r.result(http::status::forbidden);
        } else {
            r.set(http::field::content_type, "application/json");
            r.body() = status_();
        }
        r.prepare_payload();
        return r;
    }

    std::string token_;
    std::function<std::string()> status_;
    asio::io_context loop_{1};
    tcp::acceptor acceptor_{loop_};
    std::uint16_t port_ = 0;
    std::jthread thread_; // the last: joined before the rest goes
};

status_page::status_page(std::unique_ptr<state> made) noexcept : state_{std::move(made)} {}
status_page::~status_page() = default;

result<std::unique_ptr<status_page>> status_page::open(std::string const& address, std::string token,
                                                       std::function<std::string()> status) {
    auto made = std::make_unique<state>(std::move(token), std::move(status));
    if (auto const listening = made->listen(address); !listening) {
        return listening.error();
    }
    return std::unique_ptr<status_page>{new status_page{std::move(made)}};
}

std::uint16_t status_page::port() const noexcept {
    return state_->port();
}

} // namespace hpcsched::notebook_host
