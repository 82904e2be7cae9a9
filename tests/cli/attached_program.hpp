// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_CLI_ATTACHED_PROGRAM_HPP
#define HPCSCHED_TESTS_CLI_ATTACHED_PROGRAM_HPP

#include <boost/json.hpp>
#include <doctest/doctest.h>

#include "program.hpp"
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

namespace hpcsched::test {

/// Says something to a server, and listens until it has said `last` or has gone.
template <class Address>
std::string said_by(int family, Address const& address, std::string const& words, std::string const& last) {
    int const s = ::socket(family, SOCK_STREAM, 0);
    std::string heard;
    if (::connect(s, reinterpret_cast<sockaddr const*>(&address), sizeof address) == 0 &&
        ::send(s, words.data(), words.size(), MSG_NOSIGNAL) > 0) {
        char block[4096];
        for (ssize_t size = 0;
             heard.find(last) == std::string::npos && (size = ::recv(s, block, sizeof block, 0)) > 0;) {
            heard.append(block, static_cast<std::size_t>(size));
        }
    }
    ::close(s);
    return heard;
}

/// `hpcsched attach` with a socket of its own, once it listens there.
class attached_program {
  public:
    explicit attached_program(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"attach", "--socket", socket()});
        attach_.start(program::hpcsched_words(std::move(arguments)));
        struct stat found{};
        for (int i = 0; i < 20'000 && ::stat(socket().c_str(), &found) != 0; ++i) {
            wait_for_the_program(1);
        }
    }

    [[nodiscard]] std::string socket() const { return attach_ / "socket"; }

    /// Its figures, as `top` has them.
    [[nodiscard]] boost::json::value status() {
        finished_program const told = asker_.hpcsched({"top", "--json", "--socket", socket()});
        REQUIRE(told.err == "");
        return boost::json::parse(told.out);
    }

    /// The same, once `done(status)` or after some seconds.
    template <class Done>
    [[nodiscard]] boost::json::value status_when(Done&& done) {
        boost::json::value now = status();
        for (int i = 0; i < 2'000 && !done(now); ++i, now = status()) {
            wait_for_the_program(1);
        }
        return now;
    }

    /// What it says to a line on its socket.
    [[nodiscard]] std::string answer(std::string const& line) {
        sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
        std::string const path = socket();
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        return said_by(AF_UNIX, address, line + '\n', "\n");
    }

    [[nodiscard]] finished_program end() {
        attach_.send(SIGTERM);
        return attach_.wait();
    }

  private:
    program attach_;
    program asker_;
};

/// The figures of a function; none where it has not been seen.
inline boost::json::value const* function_named(boost::json::value const& status, std::string const& name) {
    for (boost::json::value const& each : status.at("functions").as_array()) {
        if (each.at("name").as_string() == name) {
            return &each;
        }
    }
    return nullptr;
}

/// How many of its invocations have ended.
inline std::int64_t finished_of(boost::json::value const& status, std::string const& name) {
    boost::json::value const* const known = function_named(status, name);
    return known == nullptr ? 0 : known->at("finished").as_int64();
}

} // namespace hpcsched::test

#endif
