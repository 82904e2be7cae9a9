// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook_host/cluster_status.hpp>

#include "commands.hpp"
#include "raft_settings.hpp"
#include "values.hpp"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <limits>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace hpcsched::cli {
namespace {

constexpr char const* details =
    R"(Before a host is taken down: what lives there moves to other hosts, one replica after the other and never so that
a kernel loses its majority, and the command returns when nothing is left. Until its process ends, or --undo, the host
stays out. Where no other host has room, what is left is named, and stays.

Examples, with N=1=127.0.0.1:7101,2=127.0.0.1:7102,3=127.0.0.1:7103,4=127.0.0.1:7104:
  hpcsched notebook drain --nodes $N 2
  hpcsched notebook drain --nodes $N --undo 2

Exit status: 0 the host is empty (or in use again), 1 no answer, or something is left after --wait, 2 wrong command
line.)";

exit_code run(arguments const& given) {
    auto const cluster = client_settings(given);
    auto const node = static_cast<std::uint32_t>(or_fail(
        parse_count(given.one("HOST"), 1, std::numeric_limits<std::uint32_t>::max()), exit_code::usage, "HOST: "));
    auto const wait = or_fail(parse_duration(given.one("--wait", "1min")), exit_code::usage, "--wait: ");
    bool const undo = given.has("--undo");
    or_fail(notebook_host::ask_drain(cluster, node, !undo), exit_code::failure);
    if (undo) {
        std::cout << "host " << node << " is used again\n";
        return exit_code::success;
    }
    auto const end = std::chrono::steady_clock::now() + wait;
    std::string said;
    for (;;) {
        auto const status = or_fail(notebook_host::ask_status(cluster), exit_code::failure);
        auto const host = std::ranges::find(status.hosts, node, &notebook_host::host_status::node);
        if (host == status.hosts.end() || !host->up) {
            std::cout << "host " << node << " holds nothing: it can be stopped\n";
            return exit_code::success;
        }
        std::string const line =
            std::to_string(host->kernels) + " kernels have a replica on host " + std::to_string(node);
        if (line != said) {
            std::cerr << line << '\n';
            said = line;
        }
        if (std::chrono::steady_clock::now() > end) {
            throw failure{exit_code::failure, line + " still: no other host has room for them, or their cells run on; "
                                                     "ask again with a longer --wait, or take it back with --undo"};
        }
        std::this_thread::sleep_for(std::chrono::milliseconds{100});
    }
}

} // namespace

command_spec notebook_drain_command() {
    std::vector<option_spec> options;
    for (option_spec& o : client_options()) {
        if (o.name != "--group" && o.name != "--timeout") {
            options.push_back(std::move(o));
        }
    }
    options.push_back({"--wait", "TIME", "how long to wait for what lives there to move [default: 1min]"});
    options.push_back({"--undo", "", "let the host be used again"});
    options.push_back({.name = "HOST", .value = "ID", .help = "the host", .required = true});
    return {.name = "drain",
            .description = "Empty a host of a cluster before it is taken down",
            .details = details,
            .options = std::move(options),
            .run = &run};
}

} // namespace hpcsched::cli
