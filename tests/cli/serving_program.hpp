// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_CLI_SERVING_PROGRAM_HPP
#define HPCSCHED_TESTS_CLI_SERVING_PROGRAM_HPP

#include <doctest/doctest.h>

#include "faas_host/http_client.hpp"
#include "program.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

// Where HPCSCHED_PROGRAM is another one.
#ifndef HPCSCHED_SERVING_PROGRAM
#define HPCSCHED_SERVING_PROGRAM HPCSCHED_PROGRAM
#endif

namespace hpcsched::test {

/// `hpcsched serve` on a port that is free, once it says which.
class serving_program {
  public:
    explicit serving_program(std::vector<std::string> arguments,
                             std::vector<std::pair<std::string, std::string>> const& files = {}) {
        for (auto const& [name, text] : files) {
            write_text(serve_ / name, text);
        }
        arguments.insert(arguments.begin(), {"serve", "--listen", "127.0.0.1:0"});
        arguments.insert(arguments.begin(), HPCSCHED_SERVING_PROGRAM);
        serve_.start(std::move(arguments));
        std::string const before = "http://127.0.0.1:";
        for (int i = 0; i < 20'000 && port_ == 0; ++i) {
            wait_for_the_program(1);
            std::string const said = read_text(serve_ / ".err");
            std::size_t const at = said.find(before);
            if (at != std::string::npos && said.ends_with('\n')) {
                port_ = static_cast<std::uint16_t>(std::stoi(said.substr(at + before.size())));
            }
        }
        REQUIRE(port_ != 0);
    }

    http_answer ask(std::string const& method, std::string const& path, std::string const& body = {},
                    std::vector<http_field> const& fields = {}) const {
        return http_client{port_}.ask(method, path, body, fields);
    }

    [[nodiscard]] finished_program end() {
        serve_.send(SIGTERM);
        return serve_.wait();
    }

  private:
    program serve_;
    std::uint16_t port_ = 0;
};

} // namespace hpcsched::test

#endif
