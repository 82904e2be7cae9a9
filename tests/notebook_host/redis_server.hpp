// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_NOTEBOOK_HOST_REDIS_SERVER_HPP
#define HPCSCHED_TESTS_NOTEBOOK_HOST_REDIS_SERVER_HPP

#include "redis_connection.hpp"
#include "temporary_folder.hpp"
#include <hiredis/hiredis.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hpcsched::notebook_host::test {

/// A Redis of its own, behind a socket in a temporary folder, that keeps nothing on a disk.
class redis_server {
  public:
    static bool is_installed() { return ::access("/usr/bin/redis-server", X_OK) == 0; }

    explicit redis_server(std::vector<std::string> more = {}) : more_{std::move(more)} { start(); }
    redis_server(redis_server const&) = delete;
    redis_server& operator=(redis_server const&) = delete;
    ~redis_server() { kill(); }

    /// Starts it, again where it was killed, and waits until it takes connections.
    void start() {
        std::vector<std::string> words{"redis-server", "--port",       "0", "--unixsocket",
                                       socket(),       "--save",       "",  "--dir",
                                       folder_.path(), "--appendonly", "no"};
        words.insert(words.end(), more_.begin(), more_.end());
        std::vector<char*> arguments;
        for (std::string& word : words) {
            arguments.push_back(word.data());
        }
        arguments.push_back(nullptr);
        int ends[2] = {-1, -1};
        if (::pipe(ends) != 0) {
            throw std::runtime_error{"no pipe"};
        }
        process_ = ::fork();
        if (process_ == 0) {
            ::dup2(ends[1], STDOUT_FILENO);
            ::close(ends[0]);
            ::close(ends[1]);
            ::execv("/usr/bin/redis-server", arguments.data());
            ::_exit(127);
        }
        ::close(ends[1]);
        std::string said;
        char chunk[512];
        ssize_t size = 0;
        while (said.find("ready to accept connections") == std::string::npos &&
               (size = ::read(ends[0], chunk, sizeof chunk)) > 0) {
            said.append(chunk, static_cast<std::size_t>(size));
        }
        ends_with_pipe_ = ends[0];
        if (size <= 0) {
            kill();
            throw std::runtime_error{"redis-server says: " + said};
        }
    }

    void send(int signal) const { ::kill(process_, signal); }
    void kill() {
        if (process_ > 0) {
            ::kill(process_, SIGKILL);
            ::waitpid(process_, nullptr, 0);
            ::close(ends_with_pipe_);
        }
        process_ = -1;
    }

    [[nodiscard]] std::string socket() const { return folder_ / "s"; }
    [[nodiscard]] std::string where() const { return "redis+unix://" + socket() + "?prefix=k"; }

    /// The answer to a command.
    redis_reply ask(std::initializer_list<std::string_view> words) const {
        auto connection =
            redis_connection::open(parse_redis_address(where()).value(), std::chrono::seconds{10}).value();
        connection.add(words);
        return connection.answer().value();
    }
    [[nodiscard]] std::vector<std::string> list(std::initializer_list<std::string_view> words) const {
        auto const reply = ask(words);
        std::vector<std::string> all;
        for (std::size_t i = 0; i < reply->elements; ++i) {
            all.emplace_back(reply->element[i]->str, reply->element[i]->len);
        }
        return all;
    }

  private:
    hpcsched::test::temporary_folder folder_;
    std::vector<std::string> more_;
    pid_t process_ = -1;
    int ends_with_pipe_ = -1; ///< what it says; it ends where nobody could hear it
};

} // namespace hpcsched::notebook_host::test

#endif
