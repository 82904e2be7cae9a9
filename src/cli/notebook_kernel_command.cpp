// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook_host/kernel_proxy.hpp>

#include "commands.hpp"
#include "values.hpp"

#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

namespace hpcsched::cli {
namespace {

constexpr char const* details =
    R"(A Jupyter server starts this, by the kernel.json that `hpcsched notebook install` writes: it is the kernel to the
server, starts a stock ipykernel behind it, and passes messages on between them. Messages with a wrong signature,
sent a second time or too large are turned away. One replica for now: the kernel's state is not replicated yet.

Example:
  hpcsched notebook kernel -f connection.json --python /usr/bin/python3

Exit status: the kernel's own; 1 where it cannot be started, 2 wrong command line, 3 a connection file that cannot
be read.)";

exit_code run(arguments const& given) {
    std::string const file = given.one("--connection-file");
    std::ifstream stream{file};
    if (!stream) {
        throw failure{exit_code::bad_input, "cannot open the connection file '" + file + "'"};
    }
    std::string const text{std::istreambuf_iterator<char>{stream}, {}};
    notebook_host::kernel_proxy_config config;
    config.front = or_fail(notebook_host::parse_connection(text), exit_code::bad_input, file + ": ");
    config.kernel.front() = given.one("--python", config.kernel.front());
    if (given.has("--message-max")) {
        config.limits.bytes = or_fail(parse_size(given.one("--message-max"), std::uint64_t{1} << 40U), exit_code::usage,
                                      "--message-max: ");
    }
    config.complain = [](std::string const& what) { std::cerr << "hpcsched: turned away: " << what << '\n'; };
    auto const summary = or_fail(notebook_host::run_kernel_proxy(config), exit_code::failure);
    return static_cast<exit_code>(summary.kernel_status); // the server looks at it as at the kernel's
}

} // namespace

command_spec notebook_kernel_command() {
    return {.name = "kernel",
            .description = "Be a kernel to a Jupyter server, with a stock ipykernel behind",
            .details = details,
            .options = {{.name = "-f,--connection-file",
                         .value = "FILE",
                         .help = "the connection file that the server wrote",
                         .complete = value_completion::file(),
                         .required = true},
                        {.name = "--python",
                         .value = "PROGRAM",
                         .help = "the Python that has ipykernel [default: python3]",
                         .complete = value_completion::file()},
                        {.name = "--message-max",
                         .value = "SIZE",
                         .help = "messages of clients beyond this are turned away [default: 1GiB]"}},
            .run = &run};
}

} // namespace hpcsched::cli
