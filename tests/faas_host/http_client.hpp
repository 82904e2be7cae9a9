// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_FAAS_HOST_HTTP_CLIENT_HPP
#define HPCSCHED_TESTS_FAAS_HOST_HTTP_CLIENT_HPP

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hpcsched::test {

using http_field = std::pair<std::string, std::string>;

struct http_answer {
    int status = 0;     ///< 0: none came
    std::string head{}; ///< status line and fields
    std::string body{};

    /// \param name  in any case, as HTTP has it
    [[nodiscard]] std::string field(std::string const& name) const {
        std::size_t const at = lower(head).find("\r\n" + lower(name) + ": ");
        if (at == std::string::npos) {
            return {};
        }
        std::size_t const from = at + name.size() + 4;
        return head.substr(from, head.find("\r\n", from) - from);
    }

  private:
    [[nodiscard]] static std::string lower(std::string text) {
        std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        return text;
    }
};

/// One connection, and whatever bytes a test wants to send: a well-behaved client could not misbehave.
class http_client {
  public:
    explicit http_client(std::uint16_t port) : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        to.sin_port = htons(port);
        is_connected_ = ::connect(socket_, reinterpret_cast<sockaddr const*>(&to), sizeof to) == 0;
    }
    http_client(http_client const&) = delete;
    http_client& operator=(http_client const&) = delete;
    ~http_client() { close(); }

    [[nodiscard]] bool is_connected() const { return is_connected_; }

    void close() {
        if (socket_ >= 0) {
            ::close(std::exchange(socket_, -1));
        }
    }

    void send(std::string_view bytes) {
        while (!bytes.empty()) {
            ssize_t const sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) {
                return;
            }
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
    }

    void send_request(std::string const& method, std::string const& target, std::string const& body,
                      std::vector<http_field> const& fields) {
        std::string all = method + " " + target + " HTTP/1.1\r\nHost: localhost\r\n";
        for (auto const& [name, value] : fields) {
            all += name + ": " + value + "\r\n";
        }
        if (!body.empty() || method == "POST") {
            all += "Content-Length: " + std::to_string(body.size()) + "\r\n";
        }
        send(all + "\r\n" + body);
    }

    http_answer ask(std::string const& method, std::string const& target, std::string const& body = {},
                    std::vector<http_field> const& fields = {}) {
        send_request(method, target, body, fields);
        return receive();
    }

    http_answer receive() {
        std::size_t end = std::string::npos;
        while ((end = heard_.find("\r\n\r\n")) == std::string::npos) {
            if (!hear_more()) {
                return {};
            }
        }
        http_answer got;
        got.head = heard_.substr(0, end + 2);
        got.status = std::atoi(got.head.c_str() + got.head.find(' '));
        heard_.erase(0, end + 4);
        if (got.status == 100) {
            return receive();
        }
        auto const size = static_cast<std::size_t>(std::atol(got.field("content-length").c_str()));
        while (heard_.size() < size && hear_more()) {
        }
        got.body = heard_.substr(0, size);
        heard_.erase(0, size);
        return got;
    }

    /// Whether the host has closed the connection; waits for it.
    [[nodiscard]] bool is_closed() { return !hear_more(); }

  private:
    bool hear_more() {
        char chunk[65536];
        ssize_t const n = ::recv(socket_, chunk, sizeof chunk, 0);
        if (n > 0) {
            heard_.append(chunk, static_cast<std::size_t>(n));
        }
        return n > 0;
    }

    int socket_;
    bool is_connected_ = false;
    std::string heard_;
};

} // namespace hpcsched::test

#endif
