// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft_log/inspect.hpp>

#include "files.hpp"
#include "recovery.hpp"
#include "snapshot_files.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

namespace hpcsched::raft_log {

namespace {

using namespace detail;

group_facts facts_of(group const& g) {
    return {.id = g.id,
            .state = {g.term, g.voted_for},
            .commit = g.commit,
            .first_index = g.first,
            .last_index = g.last(),
            .snapshot_index = g.snapshot.index,
            .snapshot_term = g.snapshot.term,
            .snapshot_bytes = g.snapshot.size,
            .members = membership_of(g.snapshot.index == 0 ? g.founders : g.members)};
}

/// Reads entries, with a segment's file open as long as they stand in it.
class entry_source {
  public:
    entry_source(file_system& files, recovered const& found) : files_{files}, found_{found} {}

    [[nodiscard]] result<void> visit(group const& g, std::function<void(entry_facts const&)> const& call) {
        for (std::size_t i = 0; i < g.entries.size(); ++i) {
            entry_place const& e = g.entries[i];
            std::string const name = segment_name(e.at.segment);
            auto& from = open_[e.at.segment];
            if (from == nullptr) {
                auto opened = files_.open(name, open_mode::read);
                if (!opened) {
                    return opened.error();
                }
                from = std::move(*opened);
            }
            bytes_.resize(e.bytes());
            auto const got = from->read(e.at.offset, bytes_);
            if (!got) {
                return got.error();
            }
            record r;
            if (*got != bytes_.size() || decode(bytes_, key_of(e.at.segment), e.at.offset, r) != bytes_.size()) {
                return damage(files_, name, "offset " + std::to_string(e.at.offset) + ": a record is damaged");
            }
            call({.group = g.id, .entry = {r.index, r.term, r.entry, r.payload}, .file = name, .offset = e.at.offset});
        }
        return {};
    }

  private:
    [[nodiscard]] segment_key key_of(std::uint64_t number) const {
        auto const at = std::ranges::find(found_.segments, number, [](found_segment const& s) { return s.key.number; });
        return at == found_.segments.end() ? segment_key{} : at->key;
    }

    file_system& files_;
    recovered const& found_;
    std::map<std::uint32_t, std::unique_ptr<file>> open_;
    std::vector<std::byte> bytes_;
};

result<void> check_snapshots(file_system& files, std::vector<group_facts> const& groups, owner const& mine) {
    for (group_facts const& g : groups) {
        if (g.snapshot_index == 0) {
            continue;
        }
        auto reader = snapshot_reader::open(files, snapshot_name(g.id, g.snapshot_index), mine);
        if (!reader) {
            return reader.error();
        }
        if (auto whole = reader->check(true); !whole) {
            return whole;
        }
    }
    return {};
}

std::vector<group_facts> groups_of(recovered const& found) {
    std::vector<group_facts> all;
    for (auto const& [id, g] : found.groups) {
        all.push_back(facts_of(*g));
    }
    std::ranges::sort(all, {}, &group_facts::id);
    return all;
}

} // namespace

result<journal_facts> inspect(std::filesystem::path const& directory, inspect_options const& options) {
    auto const files = view_directory(directory);
    if (!files) {
        return files.error();
    }
    auto const found = recover(**files, nullptr);
    if (!found) {
        return found.error();
    }
    if (found->segments.empty()) {
        return error{"'" + directory.string() + "' holds no log: name the directory of a node"};
    }
    journal_facts out{.cluster_id = found->whose.cluster,
                      .node = found->whose.node,
                      .format_version = format_version,
                      .groups = groups_of(*found),
                      .remarks = found->remarks};
    for (found_segment const& s : found->segments) {
        out.segments.push_back({segment_name(s.key.number), s.file_bytes, s.end, s.batch_count, s.record_count});
    }
    for (std::string const& name : found->incoming) {
        auto const id = parse_snapshot_name(name)->group;
        auto const at = std::ranges::find(out.groups, id, &group_facts::id);
        auto opened = (*files)->open(name, open_mode::read);
        std::vector<std::byte> head(snapshot_header_bytes);
        if (at != out.groups.end() && opened && (*opened)->read(0, head)) {
            auto const header = decode_snapshot_header(head);
            at->incoming_index = header ? header->index : 0;
        }
    }
    if (options.verify_snapshots) {
        if (auto whole = check_snapshots(**files, out.groups, found->whose); !whole) {
            return whole.error();
        }
    }
    if (options.on_entry) {
        entry_source entries{**files, *found};
        for (group_facts const& g : out.groups) {
            if (options.only && *options.only != g.id) {
                continue;
            }
            if (auto visited = entries.visit(*found->groups.at(g.id.value), options.on_entry); !visited) {
                return visited.error();
            }
        }
    }
    return out;
}

} // namespace hpcsched::raft_log
