// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook_host/certificates.hpp>

#include "commands.hpp"
#include "raft_settings.hpp"
#include "values.hpp"

#include <iostream>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::cli {
namespace {

constexpr char const* details =
    R"(With certificates, hosts and clients of a cluster talk over TLS, and nobody else is let in. This makes an
authority of the cluster's own (authority.pem, authority.key), and, signed by it, node-ID.pem and node-ID.key for
each node and NAME.pem and NAME.key for each client. Where hosts run kernels as the users who ask for them (hpcsched
notebook serve --run-as), NAME is the user's; the client "operator" may drain hosts.

Give each host its own two files and authority.pem, each client likewise, and keep authority.key where no host is: who
has it can let anybody in. Keys are ECDSA P-256; files are for their owner alone (0600), and none is ever overwritten:
called again with further nodes or clients, it adds those.

Examples, with N=1=a:7101,2=b:7101,3=c:7101:
  hpcsched notebook certificates --out tls --nodes $N --clients ada,operator
  hpcsched notebook serve --id 1 --nodes $N --tls-certificate tls/node-1.pem --tls-key tls/node-1.key \
    --tls-authority tls/authority.pem
  hpcsched notebook certificates --out tls --clients bob

Exit status: 0 success, also where all were there; 1 failure, 2 wrong command line.)";

exit_code run(arguments const& given) {
    notebook_host::certificates_wanted wanted{.folder = given.one("--out")};
    if (given.has("--nodes")) {
        for (raft_asio::peer const& node : or_fail(parse_nodes(given.one("--nodes")), exit_code::usage, "--nodes: ")) {
            wanted.names.push_back("node-" + std::to_string(node.id.value));
        }
    }
    for (std::string& name : given.has("--clients") ? split_list(given.one("--clients")) : std::vector<std::string>{}) {
        if (name.starts_with("node-")) {
            throw failure{exit_code::usage, "--clients: '" + name + "' would be a node's name: give it in --nodes"};
        }
        wanted.names.push_back(std::move(name));
    }
    if (wanted.names.empty()) {
        throw failure{exit_code::usage, "nobody is named: give --nodes, --clients, or both"};
    }
    wanted.days = static_cast<std::uint32_t>(or_fail(
        parse_count(given.one("--days", std::to_string(wanted.days)), 1, 36'500), exit_code::usage, "--days: "));
    auto const made = or_fail(notebook_host::make_certificates(wanted), exit_code::failure);
    for (std::string const& file : made) {
        std::cout << file << '\n';
    }
    if (made.empty()) {
        std::cout << "all of them were there: nothing was made\n";
    }
    return exit_code::success;
}

} // namespace

command_spec notebook_certificates_command() {
    std::vector<option_spec> options{{.name = "--out",
                                      .value = "FOLDER",
                                      .help = "where they go, and where the authority is, or is made",
                                      .complete = value_completion::folder(),
                                      .required = true},
                                     {"--nodes", "LIST", "the nodes of the cluster: 1=HOST:PORT,2=HOST:PORT,..."},
                                     {"--clients", "LIST", "who else has certificates: names, with commas between"},
                                     {"--days", "N", "how long they are good [default: 3650]"}};
    return {.name = "certificates",
            .description = "Make an authority and certificates for the hosts and clients of a cluster",
            .details = details,
            .options = std::move(options),
            .run = &run};
}

} // namespace hpcsched::cli
