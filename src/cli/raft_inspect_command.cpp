// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft_log/inspect.hpp>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "commands.hpp"
#include "values.hpp"

#include <cstdint>
#include <iostream>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::cli {
namespace {

using raft_log::entry_facts;
using raft_log::group_facts;
using raft_log::journal_facts;
using raft_log::segment_facts;

constexpr char const* inspect_details =
    R"(DIR is the directory of a node's log, which no process may have open; nothing in it is changed. All of the log is
read and every checksum verified in any case; --verify does the same to the snapshots. A write that was not finished
at the end of the log is no damage: the next start cuts it away, as it was never called durable.

Examples:
  hpcsched raft inspect DIR --verify               whether all is well
  hpcsched raft inspect DIR --group 7 --entries    what group 7 holds

Exit status: 0 it is whole, 1 it is damaged (where is on standard error), 2 wrong command line.)";

char const* kind_name(raft::entry_kind kind) {
    switch (kind) {
    case raft::entry_kind::no_op:
        return "no-op";
    case raft::entry_kind::command:
        return "command";
    case raft::entry_kind::membership:
        return "membership";
    case raft::entry_kind::omitted:
        return "omitted";
    }
    return "unknown";
}

/// "1, 2 (witness), 3 (learner)"
std::string members_of(group_facts const& g) {
    std::string text;
    for (raft::member const& m : g.members.members()) {
        text += (text.empty() ? "" : ", ") + std::to_string(m.id.value);
        text += m.witness ? " (witness)" : (!m.votes && !m.voted ? " (learner)" : "");
    }
    return text;
}

std::string range_of(group_facts const& g) {
    return g.last_index < g.first_index ? "none"
                                        : std::to_string(g.first_index) + " to " + std::to_string(g.last_index);
}

void print_group(group_facts const& g) {
    std::cout << "group " << g.id.value << ": term " << g.state.term << ", vote "
              << (g.state.voted_for == raft::no_node ? "none" : std::to_string(g.state.voted_for.value)) << ", commit "
              << g.commit << ", entries " << range_of(g) << ", snapshot ";
    if (g.snapshot_index == 0) {
        std::cout << "none";
    } else {
        std::cout << g.snapshot_index << " of term " << g.snapshot_term << " (" << g.snapshot_bytes << " bytes)";
    }
    if (g.incoming_index != 0) {
        std::cout << ", one of " << g.incoming_index << " under way";
    }
    std::cout << ", members " << members_of(g) << '\n';
}

void print_entry(entry_facts const& e) {
    std::cout << "group " << e.group.value << " entry " << e.entry.index << ": term " << e.entry.term << ", "
              << kind_name(e.entry.kind) << ", " << e.entry.payload.size() << " bytes, " << e.file << " offset "
              << e.offset << '\n';
}

boost::json::object json_of(group_facts const& g) {
    boost::json::array members;
    for (raft::member const& m : g.members.members()) {
        members.push_back(
            boost::json::object{{"node", m.id.value}, {"votes", m.votes}, {"voted", m.voted}, {"witness", m.witness}});
    }
    return {{"group", g.id.value},
            {"term", g.state.term},
            {"vote", g.state.voted_for.value},
            {"commit", g.commit},
            {"first_index", g.first_index},
            {"last_index", g.last_index},
            {"snapshot_index", g.snapshot_index},
            {"snapshot_term", g.snapshot_term},
            {"snapshot_bytes", g.snapshot_bytes},
            {"incoming_index", g.incoming_index},
            {"members", std::move(members)}};
}

boost::json::object json_of(entry_facts const& e) {
    return {{"group", e.group.value},          {"index", e.entry.index}, {"term", e.entry.term},
            {"kind", kind_name(e.entry.kind)}, {"file", e.file},         {"offset", e.offset},
            {"bytes", e.entry.payload.size()}};
}

void print_json(journal_facts const& facts, std::vector<group_facts> const& groups, boost::json::array* entries) {
    boost::json::array segments;
    for (segment_facts const& s : facts.segments) {
        segments.push_back(boost::json::object{
            {"file", s.name}, {"bytes", s.bytes}, {"used", s.used}, {"batches", s.batches}, {"records", s.records}});
    }
    boost::json::array group_list;
    for (group_facts const& g : groups) {
        group_list.push_back(json_of(g));
    }
    boost::json::object document{{"cluster", facts.cluster_id},
                                 {"node", facts.node.value},
                                 {"format", facts.format_version},
                                 {"segments", std::move(segments)},
                                 {"groups", std::move(group_list)}};
    boost::json::array remarks;
    for (std::string const& remark : facts.remarks) {
        remarks.emplace_back(remark);
    }
    document.emplace("remarks", std::move(remarks));
    if (entries != nullptr) {
        document.emplace("entries", std::move(*entries));
    }
    std::cout << boost::json::serialize(document) << '\n';
}

void print_text(journal_facts const& facts, std::vector<group_facts> const& groups) {
    std::cout << "cluster " << facts.cluster_id << ", node " << facts.node.value << ", format " << facts.format_version
              << '\n';
    for (segment_facts const& s : facts.segments) {
        std::cout << s.name << ": " << s.records << " records in " << s.batches << " writes, " << s.used << " of "
                  << s.bytes << " bytes\n";
    }
    for (group_facts const& g : groups) {
        print_group(g);
    }
    for (std::string const& remark : facts.remarks) {
        std::cout << "remark: " << remark << '\n';
    }
}

std::vector<group_facts> chosen(journal_facts const& facts, std::optional<raft::group_id> only) {
    if (!only) {
        return facts.groups;
    }
    for (group_facts const& g : facts.groups) {
        if (g.id == *only) {
            return {g};
        }
    }
    throw failure{exit_code::failure, "there is no group " + std::to_string(only->value) + " in this log"};
}

exit_code inspect(arguments const& given) {
    raft_log::inspect_options options{.verify_snapshots = given.has("--verify")};
    if (given.has("--group")) {
        auto const group = or_fail(parse_count(given.one("--group"), 0, std::numeric_limits<std::uint32_t>::max()),
                                   exit_code::usage, "--group: ");
        options.only = raft::group_id{static_cast<std::uint32_t>(group)};
    }
    bool const json = given.has("--json");
    bool const with_entries = given.has("--entries");
    std::string const directory = given.one("DIR");
    boost::json::array entries;
    if (with_entries && json) {
        options.on_entry = [&](entry_facts const& e) { entries.push_back(json_of(e)); };
    }
    auto const facts = or_fail(raft_log::inspect(directory, options), exit_code::failure);
    auto const groups = chosen(facts, options.only);
    if (json) {
        print_json(facts, groups, with_entries ? &entries : nullptr);
        return exit_code::success;
    }
    print_text(facts, groups);
    if (with_entries) {
        options.on_entry = &print_entry;
        options.verify_snapshots = false;
        (void)or_fail(raft_log::inspect(directory, options), exit_code::failure);
    }
    if (given.has("--verify")) {
        std::cout << "every checksum is right\n";
    }
    return exit_code::success;
}

} // namespace

command_spec raft_inspect_command() {
    return {.name = "inspect",
            .description = "Print and verify a node's log: its files, groups and entries",
            .details = inspect_details,
            .options = {{.name = "DIR",
                         .value = "DIR",
                         .help = "the directory of the log",
                         .complete = value_completion::folder(),
                         .required = true},
                        {"-g,--group", "N", "this group alone"},
                        {"--entries", "", "each entry: term, kind, size, and where it is"},
                        {"--verify", "", "read the snapshots whole, too"},
                        {"--json", "", "print one JSON object instead of the text"}},
            .run = &inspect};
}

} // namespace hpcsched::cli
