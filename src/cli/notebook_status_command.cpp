// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook_host/cluster_status.hpp>

#include "commands.hpp"
#include "raft_settings.hpp"
#include "values.hpp"

#include <iomanip>
#include <iostream>
#include <string>
#include <utility>

namespace hpcsched::cli {
namespace {

constexpr char const* details =
    R"(Asks the hosts of a cluster (hpcsched notebook serve), one after the other until one answers, for what there is:
hosts with their GPUs, kernels with their replicas, leases.

Examples:
  hpcsched notebook status --nodes 1=127.0.0.1:7101,2=127.0.0.1:7102,3=127.0.0.1:7103
  hpcsched notebook status --nodes 1=127.0.0.1:7101 --json

Exit status: 0 success, 1 no host answers, 2 wrong command line.)";

void show(notebook_host::cluster_status const& s, std::ostream& out) {
    out << "host    gpus    free   subscribed  kernels  address\n" << std::fixed << std::setprecision(1);
    for (notebook_host::host_status const& h : s.hosts) {
        out << std::left << std::setw(4) << h.node << std::right;
        if (!h.up) {
            out << "      -       -            -        -  " << h.address << "  lost\n";
            continue;
        }
        out << std::setw(8) << h.gpus << std::setw(8) << h.gpus_free << std::setw(13) << h.gpus_subscribed
            << std::setw(9) << h.kernels << "  " << h.address << (h.node == s.leader ? "  leader" : "")
            << (h.draining ? "  draining" : "") << '\n';
    }
    if (!s.policies.empty()) {
        out << "policies: " << s.policies << '\n';
    }
    if (s.kernels.empty()) {
        out << "no kernels\n";
        return;
    }
    out << "\nkernel                           gpus  replicas (not ready)  cells  now\n";
    for (notebook_host::kernel_status const& k : s.kernels) {
        std::string replicas;
        for (auto const& [host, ready] : k.replicas) {
            replicas +=
                (replicas.empty() ? "" : " ") + (ready ? std::to_string(host) : "(" + std::to_string(host) + ")");
        }
        out << std::left << std::setw(33) << k.name << std::right << std::setw(4) << k.gpus << "  " << std::left
            << std::setw(20) << replicas << std::right << std::setw(7) << k.cells << "  ";
        if (k.leased_on) {
            out << "a cell on host " << *k.leased_on << " with " << k.devices.size() << " GPUs\n";
        } else {
            out << (k.replicas.empty() ? "waits for hosts"
                    : k.waits          ? "a cell waits for GPUs"
                    : k.running        ? "a cell runs"
                                       : "idle")
                << (k.interpreter == "ended" ? ", interpreter on host " + std::to_string(s.asked) + " ended" : "")
                << '\n';
        }
    }
}

exit_code run(arguments const& given) {
    auto const told = or_fail(notebook_host::ask_status(client_settings(given)), exit_code::failure);
    if (given.has("--json")) {
        std::cout << told.json << '\n';
    } else {
        show(told, std::cout);
    }
    return exit_code::success;
}

} // namespace

command_spec notebook_status_command() {
    std::vector<option_spec> options;
    for (option_spec& o : client_options()) {
        if (o.name != "--group" && o.name != "--timeout") {
            options.push_back(std::move(o));
        }
    }
    options.push_back({"--json", "", "for programs"});
    return {.name = "status",
            .description = "Show the hosts and kernels of a cluster",
            .details = details,
            .options = std::move(options),
            .run = &run};
}

} // namespace hpcsched::cli
