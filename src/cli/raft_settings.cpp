// SPDX-License-Identifier: Apache-2.0
#include "raft_settings.hpp"

#include "failure.hpp"
#include "values.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

namespace hpcsched::cli {
namespace {

constexpr std::uint64_t ids = std::numeric_limits<std::uint32_t>::max();

duration time_of(arguments const& given, std::string const& name, std::string const& otherwise) {
    return or_fail(parse_duration(given.one(name, otherwise)), exit_code::usage, name + ": ");
}

std::uint64_t count_of(arguments const& given, std::string const& name, std::string const& otherwise,
                       std::uint64_t least, std::uint64_t most) {
    return or_fail(parse_count(given.one(name, otherwise), least, most), exit_code::usage, name + ": ");
}

raft_asio::tls_files tls_of(arguments const& given) {
    raft_asio::tls_files const tls{given.one("--tls-certificate"), given.one("--tls-key"),
                                   given.one("--tls-authority")};
    if (!tls.empty() && (tls.certificate.empty() || tls.key.empty() || tls.authority.empty())) {
        throw failure{exit_code::usage, "--tls-certificate, --tls-key and --tls-authority are given together"};
    }
    return tls;
}

void append_tls_options(std::vector<option_spec>& options) {
    std::string const group = "TLS";
    auto const file = value_completion::file();
    options.push_back(
        {"--tls-certificate", "FILE", "this end's certificate (PEM); without it: plain TCP", group, file});
    options.push_back({"--tls-key", "FILE", "its private key", group, file});
    options.push_back({"--tls-authority", "FILE", "the certificates of who signs the others'", group, file});
}

raft_log::flush_mode flush_of(arguments const& given) {
    std::string const text = given.one("--flush", "thread");
    if (text == "thread") {
        return raft_log::flush_mode::thread;
    }
    if (text == "io_uring") {
        return raft_log::flush_mode::io_uring;
    }
    if (text == "inline") {
        return raft_log::flush_mode::inline_;
    }
    throw failure{exit_code::usage, "--flush: '" + text + "' is not known: give thread, io_uring or inline"};
}

std::string const& nodes_help() {
    static std::string const text = "the nodes of the cluster: 1=HOST:PORT,2=HOST:PORT,...";
    return text;
}

} // namespace

result<std::vector<raft_asio::peer>> parse_nodes(std::string_view text) {
    std::vector<raft_asio::peer> nodes;
    for (std::string const& word : split_list(text)) {
        std::size_t const equals = word.find('=');
        if (equals == std::string::npos || equals + 1 == word.size()) {
            return error{"'" + word + "' is no node: give ID=HOST:PORT, as in 1=127.0.0.1:7001"};
        }
        auto const id = parse_count(word.substr(0, equals), 1, ids);
        if (!id) {
            return error{"'" + word + "': " + id.error().message};
        }
        raft::node_id const node{static_cast<std::uint32_t>(*id)};
        if (std::ranges::find(nodes, node, &raft_asio::peer::id) != nodes.end()) {
            return error{"node " + std::to_string(node.value) + " is named twice"};
        }
        nodes.push_back({node, word.substr(equals + 1)});
    }
    if (nodes.empty()) {
        return error{"no node is named: give ID=HOST:PORT, with commas between nodes"};
    }
    if (nodes.size() > raft::members_max) {
        return error{std::to_string(nodes.size()) + " nodes are more than a cluster can have: at most " +
                     std::to_string(raft::members_max)};
    }
    return nodes;
}

std::vector<option_spec> node_options() {
    std::vector<option_spec> options{
        {.name = "--id", .value = "ID", .help = "which of the nodes this one is", .required = true},
        {.name = "--nodes", .value = "LIST", .help = nodes_help(), .required = true},
        {"--listen", "ADDRESS", "where to listen [default: this node's entry in --nodes]"},
        {.name = "--data",
         .value = "DIR",
         .help = "where the log is [default: hpcsched-raft-ID]",
         .complete = value_completion::folder()},
        {"--cluster", "N", "a number that tells this cluster from others; who has another is refused [default: 1]"},
        {"--election-timeout", "TIME", "a follower that hears of no leader for 1 to 2 of this stands [default: 1s]"},
        {"--heartbeat", "TIME", "between a leader's heartbeats [default: a tenth of the election timeout]"},
        {"--lease-reads", "", "answer reads without asking the others, trusting clocks to drift less than a tenth"},
        {"--snapshot-every", "N", "entries after which the state is saved and the log cut, 0: never [default: 10000]"},
        {"--quiesce-after", "TIME", "let a group that has nothing to do rest after this, 0: never [default: 0]"},
        {"--spin", "TIME", "where work usually comes sooner than this, look for it before sleeping [default: 100us]"},
        {"--no-sync", "", "do not wait for the disk: what was acknowledged can be lost when machines fail", "Log"},
        {"--direct", "", "write past the page cache (O_DIRECT)", "Log"},
        {"--flush", "HOW", "thread, io_uring or inline [default: thread]", "Log",
         value_completion::one_of({"thread", "io_uring", "inline"})},
        {"--segment", "SIZE", "of a file of the log [default: 64MiB]", "Log"}};
    append_tls_options(options);
    return options;
}

raft_asio::node_config node_settings(arguments const& given) {
    raft_asio::node_config c;
    c.network.self.value = static_cast<std::uint32_t>(count_of(given, "--id", {}, 1, ids));
    auto nodes = or_fail(parse_nodes(given.one("--nodes")), exit_code::usage, "--nodes: ");
    auto const own = std::ranges::find(nodes, c.network.self, &raft_asio::peer::id);
    if (own == nodes.end()) {
        throw failure{exit_code::usage, "--id: --nodes names no node " + given.one("--id")};
    }
    c.network.listen = given.one("--listen", own->address);
    c.network.peers = std::move(nodes);
    c.network.cluster_id = count_of(given, "--cluster", "1", 0, std::numeric_limits<std::int64_t>::max());
    c.network.tls = tls_of(given);
    c.replica.election_timeout = time_of(given, "--election-timeout", "1s");
    c.replica.heartbeat_interval =
        given.has("--heartbeat") ? time_of(given, "--heartbeat", {}) : c.replica.election_timeout / 10;
    if (given.has("--lease-reads")) {
        c.replica.reads = raft::read_mode::lease;
        c.replica.lease_margin = c.replica.election_timeout / 10;
    }
    c.replica.quiesce_after = time_of(given, "--quiesce-after", "0");
    c.replica.id = c.network.self;
    if (auto const valid = raft::validate(c.replica); !valid) {
        throw failure{exit_code::usage, valid.error().message};
    }
    c.snapshots.every = count_of(given, "--snapshot-every", "10000", 0, std::numeric_limits<std::int64_t>::max());
    c.log.directory = given.one("--data", "hpcsched-raft-" + std::to_string(c.network.self.value));
    c.log.sync = !given.has("--no-sync");
    c.log.direct = given.has("--direct");
    c.log.flush = flush_of(given);
    c.log.segment_bytes = static_cast<std::size_t>(
        or_fail(parse_size(given.one("--segment", "64MiB"), std::uint64_t{1} << 40U), exit_code::usage, "--segment: "));
    return c;
}

std::vector<option_spec> client_options() {
    std::vector<option_spec> options{{.name = "--nodes", .value = "LIST", .help = nodes_help(), .required = true},
                                     {"--cluster", "N", "the cluster's number [default: 1]"},
                                     {"--group", "N", "the group that is asked [default: 1]"},
                                     {"--timeout", "TIME", "how long to wait for an answer [default: 10s]"}};
    append_tls_options(options);
    return options;
}

raft_asio::client_config client_settings(arguments const& given) {
    raft_asio::client_config c;
    c.nodes = or_fail(parse_nodes(given.one("--nodes")), exit_code::usage, "--nodes: ");
    c.cluster_id = count_of(given, "--cluster", "1", 0, std::numeric_limits<std::int64_t>::max());
    c.tls = tls_of(given);
    return c;
}

} // namespace hpcsched::cli
