// SPDX-License-Identifier: Apache-2.0
#include "access_token.hpp"

#include "failure.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>

namespace hpcsched::cli {

void append_token_options(std::vector<option_spec>& options, std::string const& group) {
    options.push_back({"--token", "TOKEN",
                       "clients send it as 'Authorization: Bearer TOKEN'; who may list this machine's\n"
                       "processes can read it, unlike that of a file",
                       group});
    options.push_back({"--token-file", "FILE", "the token is its first line", group, value_completion::file()});
}

std::string token_of(arguments const& given) {
    if (!given.has("--token-file")) {
        return given.one("--token");
    }
    if (given.has("--token")) {
        throw failure{exit_code::usage, "--token and --token-file both name a token: give one of them"};
    }
    std::string const path = given.one("--token-file");
    std::ifstream file{path};
    std::string token;
    if (!std::getline(file, token) || token.empty()) {
        throw failure{exit_code::usage, "--token-file: '" + path + "' " +
                                            (file.is_open() ? "has an empty first line: write the token there"
                                                            : std::string{"cannot be read: "} + std::strerror(errno))};
    }
    return token;
}

} // namespace hpcsched::cli
