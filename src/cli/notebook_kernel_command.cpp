// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/gpu/device.hpp>
#include <hpcsched/notebook_host/kernel_proxy.hpp>
#include <hpcsched/notebook_host/replicated_proxy.hpp>

#include "commands.hpp"
#include "raft_settings.hpp"
#include "values.hpp"

#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::cli {
namespace {

constexpr char const* details =
    R"(A Jupyter server starts this, by the kernel.json that `hpcsched notebook install` writes: it is the kernel to the
server, starts a stock ipykernel behind it, and passes messages on between them. Messages with a wrong signature,
sent a second time or too large are turned away. With --nodes the kernel lives in replicas on the hosts of a cluster
(hpcsched notebook serve).

Example:
  hpcsched notebook kernel -f connection.json --python /usr/bin/python3

Exit status: the kernel's own; 1 where it cannot be started, 2 wrong command line, 3 a connection file that cannot
be read.)";

exit_code replicated(arguments const& given, notebook_host::connection_info front,
                     notebook_host::message_limits limits) {
    notebook_host::replicated_proxy_config config;
    config.front = std::move(front);
    config.cluster = client_settings(given);
    config.gpus = static_cast<std::uint32_t>(
        or_fail(parse_count(given.one("--gpus", "0"), 0, gpu::device_count_max), exit_code::usage, "--gpus: "));
    config.limits = limits;
    config.complain = [](std::string const& what) { std::cerr << "hpcsched: " << what << '\n'; };
    (void)or_fail(notebook_host::run_replicated_proxy(std::move(config)), exit_code::failure);
    return exit_code::success;
}

exit_code run(arguments const& given) {
    std::string const file = given.one("--connection-file");
    std::ifstream stream{file};
    if (!stream) {
        throw failure{exit_code::bad_input, "cannot open the connection file '" + file + "'"};
    }
    std::string const text{std::istreambuf_iterator<char>{stream}, {}};
    auto front = or_fail(notebook_host::parse_connection(text), exit_code::bad_input, file + ": ");
    notebook_host::message_limits limits;
    if (given.has("--message-max")) {
        limits.bytes = or_fail(parse_size(given.one("--message-max"), std::uint64_t{1} << 40U), exit_code::usage,
                               "--message-max: ");
    }
    if (given.has("--nodes")) {
        return replicated(given, std::move(front), limits);
    }
    notebook_host::kernel_proxy_config config;
    config.front = std::move(front);
    config.kernel.front() = given.one("--python", config.kernel.front());
    config.limits = limits;
    config.complain = [](std::string const& what) { std::cerr << "hpcsched: turned away: " << what << '\n'; };
    auto const summary = or_fail(notebook_host::run_kernel_proxy(config), exit_code::failure);
    return static_cast<exit_code>(summary.kernel_status); // the server looks at it as at the kernel's
}

} // namespace

command_spec notebook_kernel_command() {
    std::vector<option_spec> options{
        {.name = "-f,--connection-file",
         .value = "FILE",
         .help = "the connection file that the server wrote",
         .complete = value_completion::file(),
         .required = true},
        {.name = "--python",
         .value = "PROGRAM",
         .help = "the Python that has ipykernel; with --nodes it is the hosts' own [default: python3]",
         .complete = value_completion::file()},
        {.name = "--gpus", .value = "N", .help = "the most that a cell will ask for, with --nodes [default: 0]"},
        {.name = "--message-max",
         .value = "SIZE",
         .help = "messages of clients beyond this are turned away [default: 1GiB]"}};
    for (option_spec& o : client_options()) {
        if (o.name != "--group" && o.name != "--timeout") {
            o.required = false;
            options.push_back(std::move(o));
        }
    }
    return {.name = "kernel",
            .description = "Be a kernel to a Jupyter server, with stock ipykernels behind",
            .details = details,
            .options = std::move(options),
            .run = &run};
}

} // namespace hpcsched::cli
