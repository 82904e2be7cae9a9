// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_FAAS_HOST_RUNNING_HOST_HPP
#define HPCSCHED_TESTS_FAAS_HOST_RUNNING_HOST_HPP

#include <hpcsched/faas_host/server.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <doctest/doctest.h>

#include "http_client.hpp"
#include <poll.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace hpcsched::test {

/// Real processes take real time: a test looks again and again whether they have got that far.
inline void wait_a_moment() {
    (void)::poll(nullptr, 0, 1);
}

/// A host on a port of its own, in a thread of its own, until the end of the scope.
class running_host {
  public:
    explicit running_host(std::vector<faas_host::function_config> functions, faas_host::server_config config = {},
                          std::unique_ptr<faas_host::worker_steering> steering = nullptr) {
        config.listen = "127.0.0.1:0";
        config.worker_program = HPCSCHED_TEST_OBJECT_WORKER;
        auto opened = faas_host::server::open(std::move(config), std::move(functions), std::move(steering));
        REQUIRE_MESSAGE(opened.has_value(), (opened.has_error() ? opened.error().message : ""));
        server_.emplace(std::move(*opened));
        std::string const address = server_->address();
        port_ = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
        thread_ = std::thread{[this] { server_->run(); }};
    }
    running_host(running_host const&) = delete;
    running_host& operator=(running_host const&) = delete;
    ~running_host() { stop(); }

    void stop() {
        if (thread_.joinable()) {
            server_->stop();
            thread_.join();
        }
    }
    void begin_to_stop() { server_->stop(); }

    [[nodiscard]] std::uint16_t port() const { return port_; }

    http_answer ask(std::string const& method, std::string const& target, std::string const& body = {},
                    std::vector<http_field> const& fields = {}) const {
        return http_client{port_}.ask(method, target, body, fields);
    }

    http_answer invoke(std::string const& function, std::string const& event = {},
                       std::vector<http_field> const& fields = {}) const {
        return ask("POST", invocations_of(function), event, fields);
    }

    static std::string invocations_of(std::string const& function) {
        return "/2015-03-31/functions/" + function + "/invocations";
    }

    [[nodiscard]] boost::json::value status() const { return boost::json::parse(ask("GET", "/status").body); }

    /// The first function's figures.
    [[nodiscard]] boost::json::value figures() const { return status().at("functions").at(0); }
    [[nodiscard]] std::int64_t figure(char const* name) const { return figures().at(name).to_number<std::int64_t>(); }

    /// Whether the first function's figure comes to a value.
    [[nodiscard]] bool comes_to(char const* name, std::int64_t value) const {
        for (int i = 0; i < 10'000; ++i) {
            if (figure(name) == value) {
                return true;
            }
            wait_a_moment();
        }
        return false;
    }

  private:
    std::optional<faas_host::server> server_;
    std::uint16_t port_ = 0;
    std::thread thread_;
};

/// In the environment of this program's workers, by which they are told from those of tests beside it.
inline std::string const own_mark = "HPCSCHED_TESTED_BY=" + std::to_string(::getpid());

/// A function whose worker is the runtime of the tests.
inline faas_host::function_config worker_that(std::string const& does) {
    return {.name = "f",
            .command = {HPCSCHED_TEST_WORKER},
            .environment = {{own_mark.substr(0, own_mark.find('=')), own_mark.substr(own_mark.find('=') + 1)}},
            .handler = does};
}

/// A function that is a command of the shell.
inline faas_host::function_config command(std::string const& line) {
    return {.name = "f", .speaks = faas_host::protocol::command, .command = {"/bin/sh", "-c", line}};
}

} // namespace hpcsched::test

#endif
