// SPDX-License-Identifier: Apache-2.0

// A Lambda runtime for the tests, on one connection and without a library. What it does to an invocation its handler
// says; "echo" answers with the event.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

struct answer {
    std::string head;
    std::string body;
};

/// What the host has set.
std::string_view set_by_host(char const* name) {
    char const* const value = std::getenv(name);
    return value == nullptr ? "" : value;
}

class connection {
  public:
    connection() : socket_{::socket(AF_INET, SOCK_STREAM, 0)} {
        std::string_view const address = set_by_host("AWS_LAMBDA_RUNTIME_API");
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        to.sin_port = htons(static_cast<std::uint16_t>(std::atoi(address.data() + address.find(':') + 1)));
        int const on = 1;
        ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (::connect(socket_, reinterpret_cast<sockaddr const*>(&to), sizeof to) != 0) {
            std::_Exit(9);
        }
    }

    answer ask(std::string const& method, std::string const& path, std::string const& body = {}) {
        std::string const request = method + " /2018-06-01/runtime/" + path +
                                    " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) +
                                    "\r\n\r\n" + body;
        for (std::size_t sent = 0; sent < request.size();) {
            ssize_t const n = ::send(socket_, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
            if (n <= 0) {
                break;
            }
            sent += static_cast<std::size_t>(n);
        }
        return receive();
    }

  private:
    answer receive() {
        std::size_t end = std::string::npos;
        while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
            more();
        }
        answer got{buffer_.substr(0, end + 2), {}};
        std::size_t const size = static_cast<std::size_t>(std::atol(field(got, "Content-Length").c_str()));
        while (buffer_.size() < end + 4 + size) {
            more();
        }
        got.body = buffer_.substr(end + 4, size);
        buffer_.erase(0, end + 4 + size);
        return got;
    }

    void more() {
        char chunk[65536];
        ssize_t const n = ::recv(socket_, chunk, sizeof chunk, 0);
        if (n <= 0) {
            std::_Exit(0); // the host is gone
        }
        buffer_.append(chunk, static_cast<std::size_t>(n));
    }

  public:
    static std::string field(answer const& of, std::string const& name) {
        std::size_t const at = of.head.find("\r\n" + name + ": ");
        if (at == std::string::npos) {
            return {};
        }
        std::size_t const from = at + name.size() + 4;
        return of.head.substr(from, of.head.find("\r\n", from) - from);
    }

  private:
    int socket_;
    std::string buffer_;
};

/// Until it is killed.
[[noreturn]] void wait_for_ever() {
    for (;;) {
        ::pause();
    }
}

/// As many processes as it gets; each of them in a session of its own, so that only the host can find them.
void fork_bomb() {
    int count = 0;
    while (count < 10'000) {
        pid_t const made = ::fork();
        if (made == 0) {
            ::setsid();
            wait_for_ever();
        }
        if (made < 0) {
            break;
        }
        ++count;
    }
    std::printf("%d processes\n", count);
    std::fflush(stdout);
}

void use_memory() {
    constexpr std::size_t chunk = std::size_t{1} << 20U;
    for (int i = 0; i < 4096; ++i) {
        auto* const got = static_cast<char volatile*>(std::malloc(chunk));
        for (std::size_t at = 0; got != nullptr && at < chunk; at += 4096) {
            got[at] = 1;
        }
    }
}

/// Uses so many milliseconds of CPU time.
void burn(long milliseconds) {
    auto const used = [] {
        timespec t{};
        ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return t.tv_sec * 1'000'000'000 + t.tv_nsec;
    };
    long const end = used() + milliseconds * 1'000'000;
    while (used() < end) {
    }
}

[[noreturn]] void flood() {
    std::string const line(4000, 'x');
    for (;;) {
        std::puts(line.c_str());
    }
}

} // namespace

int main() {
    std::string_view const does = set_by_host("_HANDLER");
    if (does == "exits at start") {
        return 3;
    }
    if (does == "never asks") {
        wait_for_ever();
    }
    connection host;
    if (does == "fails at start") {
        (void)host.ask("POST", "init/error", R"({"errorType":"Own.Start","errorMessage":"no model"})");
        return 1;
    }
    for (;;) {
        answer const next = host.ask("GET", "invocation/next");
        std::string const id = connection::field(next, "Lambda-Runtime-Aws-Request-Id");
        std::string const of = "invocation/" + id;
        if (does == "prints") {
            std::printf("event %s\n", next.body.c_str());
            std::fflush(stdout);
        } else if (does == "burns") {
            burn(std::atol(next.body.c_str()));
        } else if (does == "floods") {
            flood();
        } else if (does == "bombs") {
            fork_bomb();
        } else if (does == "uses memory") {
            use_memory();
        } else if (does == "exits") {
            return 7;
        } else if (does == "dies") {
            // A signal that the first process of a PID namespace dies of too, and that no sanitizer handles.
            __builtin_trap();
        } else if (does == "hangs") {
            wait_for_ever();
        } else if (does == "fails") {
            (void)host.ask("POST", of + "/error", R"({"errorType":"Own.Error","errorMessage":"no luck"})");
            continue;
        } else if (does == "answers too much") {
            (void)host.ask("POST", of + "/response", std::string(std::size_t{1} << 20U, 'y'));
            return 0;
        } else if (does == "tells its environment") {
            std::string all;
            for (char** each = environ; *each != nullptr; ++each) {
                all += std::string{*each} + "\n";
            }
            (void)host.ask("POST", of + "/response", all + next.head);
            continue;
        } else if (does == "asks wrongly") {
            std::string told = host.ask("GET", "invocation/next").head.substr(0, 12);
            told += host.ask("POST", "invocation/none/response", "1").head.substr(0, 12);
            told += host.ask("GET", "nonsense").head.substr(0, 12);
            (void)host.ask("POST", of + "/response", told);
            continue;
        }
        (void)host.ask("POST", of + "/response", next.body);
    }
}
