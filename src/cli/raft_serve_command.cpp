// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft/key_value_store.hpp>
#include <hpcsched/raft/sessions.hpp>
#include <hpcsched/raft_asio/node.hpp>

#include "commands.hpp"
#include "ending_signals.hpp"
#include "failure.hpp"
#include "raft_settings.hpp"
#include "values.hpp"

#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace hpcsched::cli {
namespace {

using machine = raft::sessions<raft::key_value_store>;
using machine_node = raft_asio::node<machine>;

constexpr char const* serve_details =
    R"(One process of a cluster that keeps maps from keys to values, the same on every node, by Raft. Start one on each
machine with the same --nodes, then ask any of them (hpcsched raft kv). A majority of the nodes is enough to go on; a
node that comes back catches up by itself.

Examples, three nodes on one machine:
  N=1=127.0.0.1:7001,2=127.0.0.1:7002,3=127.0.0.1:7003
  for i in 1 2 3; do hpcsched raft serve --id $i --nodes $N & done
  hpcsched raft kv --nodes $N put greeting hello
  hpcsched raft kv --nodes $N get greeting

A node that joins later is started with --join and the nodes that there are, itself included, and added by
hpcsched raft kv --nodes $N add 4 127.0.0.1:7004.

Ctrl-C or SIGTERM ends the node; what was acknowledged is on the disks of a majority. A log of another node or cluster,
or of a newer version, is refused; hpcsched raft inspect shows what a folder holds.

Exit status: 0 ended by Ctrl-C or SIGTERM, 1 failure, 2 wrong command line.)";

void open_groups(machine_node& node, arguments const& given, std::vector<raft_asio::peer> const& nodes) {
    auto const count = static_cast<std::uint32_t>(
        or_fail(parse_count(given.one("--groups", "1"), 1, 1'000'000), exit_code::usage, "--groups: "));
    std::vector<raft::node_id> founders;
    if (!given.has("--join")) {
        for (raft_asio::peer const& p : nodes) {
            founders.push_back(p.id);
        }
    }
    for (std::uint32_t i = 1; i <= count; ++i) {
        or_fail(node.open_group(raft::group_id{i}, founders), exit_code::failure);
    }
}

exit_code serve(arguments const& given) {
    raft_asio::node_config const config = node_settings(given);
    bool const quiet = given.has("--quiet");
    auto const say = [quiet](std::string const& line) {
        if (!quiet) {
            std::cerr << line << '\n';
        }
    };
    raft_asio::event_loop loop;
    loop.set_spin(or_fail(parse_duration(given.one("--spin", "100us")), exit_code::usage, "--spin: "));
    ending_signals const ends_by{loop};
    auto const node = or_fail(
        machine_node::open(loop, config, [](raft::group_id /*group*/) { return machine{raft::key_value_store{}}; }),
        exit_code::failure);
    for (std::string const& remark : node->log().remarks()) {
        std::cerr << remark << '\n';
    }
    node->network().set_on_log(say);
    bool const one_group = given.one("--groups", "1") == "1";
    node->set_on_leader([&](raft::group_id group, raft::node_id leader, raft::log_term term) {
        if (one_group) {
            say("term " + std::to_string(term) + ": " +
                (leader == raft::no_node ? "no leader" : "node " + std::to_string(leader.value) + " leads"));
        } else if (leader != raft::no_node && !quiet) {
            say("group " + std::to_string(group.value) + ", term " + std::to_string(term) + ": node " +
                std::to_string(leader.value) + " leads");
        }
    });
    open_groups(*node, given, config.network.peers);
    std::cout << "node " << config.network.self.value << " of cluster " << config.network.cluster_id
              << " listens on port " << node->network().port() << ", log in " << config.log.directory.string()
              << std::endl;
    loop.run();
    if (!node->failure().empty()) {
        throw failure{exit_code::failure, node->failure()};
    }
    return exit_code::success;
}

} // namespace

command_spec raft_serve_command() {
    std::vector<option_spec> options = node_options();
    options.push_back({"--groups", "N", "how many groups, each with a leader and a log of its own [default: 1]"});
    options.push_back({"--join", "", "found nothing: wait to be added to the groups"});
    options.push_back({"-q,--quiet", "", "say nothing of connections and leaders"});
    return {.name = "serve",
            .description = "Run one node of a cluster that keeps keys and values",
            .details = serve_details,
            .options = std::move(options),
            .run = &serve};
}

} // namespace hpcsched::cli
