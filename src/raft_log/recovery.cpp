// SPDX-License-Identifier: Apache-2.0
#include "recovery.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

namespace hpcsched::raft_log::detail {
namespace {

constexpr char const* mend = "; restore the file, or remove this node from the cluster and add it anew";

bool all_zero(std::span<std::byte const> bytes) noexcept {
    return bytes.empty() ||
           (bytes[0] == std::byte{} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

/// Rebuilds the groups from the records, oldest first.
class replay {
  public:
    explicit replay(group_table& groups) : groups_{groups} {}

    /// \param count  more records than are in the log
    void set_limit(std::uint64_t count) noexcept { records_max_ = count; }

    [[nodiscard]] result<void> apply(record const& r, place at, std::uint64_t batch) {
        if (r.kind == record_kind::removed) {
            forget(r.group);
            return {};
        }
        group& g = group_of(r.group);
        switch (r.kind) {
        case record_kind::removed:
            break;
        case record_kind::state:
            g.term = r.term;
            g.voted_for = r.node;
            g.commit = r.index;
            g.state_at = at;
            break;
        case record_kind::founders:
            if (!raft::membership_codec::decode(r.payload)) {
                return error{"the founders of group " + std::to_string(r.group.value) + " make no sense"};
            }
            g.founders.assign(r.payload.begin(), r.payload.end());
            g.founders_at = at;
            break;
        case record_kind::entry:
        case record_kind::moved:
            if (r.index == 0) {
                return error{"an entry without an index"};
            }
            if (batch >= g.snapshot.from_batch) {
                return put(g, r, at);
            }
            break;
        }
        return {};
    }

    group& group_of(raft::group_id id) {
        auto& slot = groups_[id.value];
        if (slot == nullptr) {
            slot = std::make_unique<group>();
            slot->id = id;
        }
        return *slot;
    }

    /// Files of snapshots whose groups were removed.
    [[nodiscard]] std::vector<std::string> const& forgotten() const noexcept { return forgotten_; }

    /// Makes of what was collected what the groups hold.
    /// \param oldest  the lowest segment that is needed
    [[nodiscard]] result<void> finish(std::uint64_t oldest) {
        for (auto& [id, g] : groups_) {
            if (auto done = finish(*g, oldest); !done) {
                return done;
            }
        }
        return {};
    }

  private:
    void forget(raft::group_id id) {
        auto const at = groups_.find(id.value);
        if (at == groups_.end()) {
            return;
        }
        if (at->second->snapshot.index != 0) {
            forgotten_.push_back(snapshot_name(id, at->second->snapshot.index));
        }
        groups_.erase(at);
    }

    // Segments go from the front, after what was needed of them has been copied to the end. So entries may come that
    // follow none, and those before them later, as `moved`.
    result<void> put(group& g, record const& r, place at) const {
        if (g.entries.empty()) {
            g.first = r.index;
        }
        // What is between has a record of its own. A number that cannot be would take the memory of all those.
        bool const far_before = r.index < g.first && r.kind == record_kind::moved && g.first - r.index > records_max_;
        if (far_before || (r.index > g.first && r.index - g.first > g.entries.size() + records_max_)) {
            return error{"entry " + std::to_string(r.index) + " of group " + std::to_string(g.id.value) +
                         " is far from all others"};
        }
        if (r.index < g.first) {
            if (r.kind == record_kind::entry) {
                g.entries.clear();
                g.first = r.index;
            } else {
                g.entries.insert(g.entries.begin(), static_cast<std::size_t>(g.first - r.index), {});
                g.first = r.index;
            }
        }
        if (r.kind == record_kind::entry) {
            g.drop_from(r.index, [](entry_place const&) {});
        }
        auto const slot = static_cast<std::size_t>(r.index - g.first);
        if (slot >= g.entries.size()) {
            g.entries.resize(slot + 1);
        }
        g.entries[slot] = {r.term, at, static_cast<std::uint32_t>(r.payload.size())};
        return {};
    }

    static result<void> finish(group& g, std::uint64_t oldest) {
        auto const forget = [](entry_place const&) {};
        if (g.founders.empty()) {
            return error{"group " + std::to_string(g.id.value) + ": its founders are missing"};
        }
        raft::log_index const known_before = g.snapshot.keep_from;
        g.drop_before(known_before, forget);
        for (raft::log_index i = g.last() + 1; i-- > g.first;) {
            if (g.at(i).at.segment >= oldest) { // of one that is missing, it is 0
                continue;
            }
            if (i > g.snapshot.index) {
                return error{"group " + std::to_string(g.id.value) + ": entry " + std::to_string(i) + " is missing"};
            }
            g.drop_before(i + 1, forget); // a snapshot has it; the term of this one is not known, nor asked for
            break;
        }
        if (g.entries.empty()) {
            g.first = g.snapshot.index + 1;
            g.before_term = g.snapshot.term;
        } else if (g.first > g.snapshot.index + 1) {
            return error{"group " + std::to_string(g.id.value) + ": entry " + std::to_string(g.snapshot.index + 1) +
                         " is missing"};
        } else if (g.first == g.snapshot.index + 1) {
            g.before_term = g.snapshot.term;
        } else if (g.first == g.snapshot.keep_from) {
            g.before_term = g.snapshot.before_term;
        }
        raft::log_index const last = std::max(g.last(), g.snapshot.index);
        if (g.last() < g.snapshot.index) { // older entries than the snapshot alone: nothing could follow them
            g.entries.clear();
            g.first = g.snapshot.index + 1;
            g.before_term = g.snapshot.term;
        }
        g.commit = std::clamp(g.commit, g.snapshot.index, last);
        g.entries.shrink_to_fit();
        return {};
    }

    group_table& groups_;
    std::uint64_t records_max_ = 0;
    std::vector<std::string> forgotten_;
};

class scan {
  public:
    scan(file_system& files, owner const* expected) : files_{files}, known_owner_{expected != nullptr} {
        if (expected != nullptr) {
            owner_ = *expected;
        }
    }

    [[nodiscard]] result<recovered> run() {
        if (auto listed = list(); !listed) {
            return listed.error();
        }
        for (std::string const& name : snapshots_) {
            if (auto taken = take_snapshot(name); !taken) {
                return taken.error();
            }
        }
        for (std::size_t i = 0; i < out_.segments.size(); ++i) {
            if (auto read = read_segment(i); !read) {
                return read.error();
            }
        }
        if (auto fits = check_ends(); !fits) {
            return fits.error();
        }
        if (auto finished = replay_.finish(out_.oldest); !finished) {
            return damage(files_, "", finished.error().message + mend);
        }
        out_.snapshots_replaced.insert(out_.snapshots_replaced.end(), replay_.forgotten().begin(),
                                       replay_.forgotten().end());
        out_.whose = owner_;
        return std::move(out_);
    }

  private:
    [[nodiscard]] result<void> list() {
        auto const names = files_.list();
        if (!names) {
            return names.error();
        }
        std::vector<std::uint64_t> numbers;
        for (std::string const& name : *names) {
            if (auto const number = segment_number(name); number != 0) {
                numbers.push_back(number);
            } else if (auto const snapshot = parse_snapshot_name(name)) {
                (snapshot->index != 0 ? snapshots_ : out_.incoming).push_back(name);
            } else if (name.ends_with(".tmp")) {
                out_.abandoned.push_back(name);
            }
        }
        std::ranges::sort(numbers);
        std::uint64_t bytes = 0;
        for (std::uint64_t const number : numbers) {
            auto const opened = files_.open(segment_name(number), open_mode::read);
            auto const size = opened ? (*opened)->size() : result<std::uint64_t>{opened.error()};
            if (!size) {
                return size.error();
            }
            bytes += *size;
        }
        replay_.set_limit(bytes / record_header_bytes);
        for (std::size_t i = 0; i < numbers.size(); ++i) {
            if (i > 0 && numbers[i] != numbers[i - 1] + 1) {
                return damage(files_, segment_name(numbers[i - 1] + 1), std::string{"the file is missing"} + mend);
            }
            out_.segments.push_back({.key = {numbers[i], 0}});
        }
        return {};
    }

    [[nodiscard]] result<void> own(std::uint64_t cluster, raft::node_id node, std::string const& path) {
        if (!known_owner_) {
            owner_ = {cluster, node};
            known_owner_ = true;
        }
        return check_owner(owner_, cluster, node, path);
    }

    [[nodiscard]] result<void> take_snapshot(std::string const& name) {
        auto const parsed = parse_snapshot_name(name);
        group& g = replay_.group_of(parsed->group);
        if (g.snapshot.index > parsed->index) {
            out_.snapshots_replaced.push_back(name);
            return {};
        }
        auto expected = owner_;
        if (!known_owner_) {
            auto opened = files_.open(name, open_mode::read);
            std::vector<std::byte> head(snapshot_header_bytes);
            if (opened && (*opened)->read(0, head)) {
                if (auto const header = decode_snapshot_header(head)) {
                    expected = {header->cluster, header->node};
                }
            }
        }
        auto const reader = snapshot_reader::open(files_, name, expected);
        if (!reader) {
            return reader.error();
        }
        auto const& header = reader->header();
        if (header.group != parsed->group || header.index != parsed->index) {
            return damage(files_, name, std::string{"it is another snapshot than its name says"} + mend);
        }
        if (auto mine = own(header.cluster, header.node, files_.path(name)); !mine) {
            return mine;
        }
        if (g.snapshot.index != 0) {
            out_.snapshots_replaced.push_back(snapshot_name(g.id, g.snapshot.index));
        }
        auto const& trailer = reader->trailer();
        g.snapshot = {header.index,      header.term,         trailer.size,
                      trailer.keep_from, trailer.before_term, trailer.from_batch};
        g.members = header.members;
        return {};
    }

    [[nodiscard]] result<void> read_segment(std::size_t i) {
        found_segment& s = out_.segments[i];
        std::string const name = segment_name(s.key.number);
        auto opened = files_.open(name, open_mode::read);
        if (!opened) {
            return opened.error();
        }
        auto bytes = read_whole(**opened);
        if (!bytes) {
            return bytes.error();
        }
        std::span<std::byte const> const file{*bytes};
        s.file_bytes = file.size();
        segment_header header;
        switch (decode(file, header)) {
        case header_state::newer:
            return damage(files_, name,
                          "it is of format version " + std::to_string(header.version) + ", this program reads up to " +
                              std::to_string(format_version) + ": use a newer hpcsched");
        case header_state::invalid:
            // Nothing was written to it before its header was durable.
            if (!all_zero(file.subspan(std::min(file.size(), header_bytes)))) {
                return damage(files_, name, std::string{"offset 0: the header is damaged"} + mend);
            }
            return {};
        case header_state::valid:
            break;
        }
        if (auto mine = own(header.cluster, header.node, files_.path(name)); !mine) {
            return mine;
        }
        if (header.number != s.key.number) {
            return damage(files_, name, "offset 0: it is segment " + std::to_string(header.number) + mend);
        }
        s.key.salt = header.salt;
        s.block = header.block;
        s.usable = true;
        return read_batches(i, file);
    }

    [[nodiscard]] result<void> read_batches(std::size_t i, std::span<std::byte const> file) {
        found_segment& s = out_.segments[i];
        std::string const name = segment_name(s.key.number);
        batch_header batch;
        std::uint64_t at = header_bytes;
        for (; decode(file, s.key, at, batch); at += batch.length) {
            if (started_ && batch.sequence != out_.next_sequence) {
                return lost();
            }
            auto const take = [&](record const& r, std::uint64_t offset) {
                ++s.record_count;
                auto taken = replay_.apply(
                    r, {static_cast<std::uint32_t>(s.key.number), static_cast<std::uint32_t>(offset)}, batch.sequence);
                return taken ? std::move(taken)
                             : result<void>{error{"offset " + std::to_string(offset) + ": " + taken.error().message}};
            };
            if (auto each = each_record(file, s.key, at, batch, take); !each) {
                return damage(files_, name, each.error().message + mend);
            }
            if (!std::exchange(started_, true)) {
                first_batch_in_ = s.key.number;
            }
            out_.next_sequence = batch.sequence + 1;
            out_.oldest = batch.oldest;
            out_.sealed = batch.record_count == 0;
            out_.last = i;
            out_.last_batch_at = at;
            ++s.batch_count;
            s.end = at + batch.length;
        }
        if (s.batch_count > 0) {
            auto const newest = file.subspan(static_cast<std::size_t>(out_.last_batch_at),
                                             static_cast<std::size_t>(at - out_.last_batch_at));
            out_.last_batch.assign(newest.begin(), newest.end());
        }
        std::uint64_t const next = find_batch(file, s.key, at, s.block);
        if (next < file.size()) {
            return damage(files_, name,
                          "offset " + std::to_string(at) + ": a batch is damaged, and the log goes on at offset " +
                              std::to_string(next) + mend);
        }
        bool const torn = !all_zero(file.subspan(static_cast<std::size_t>(at)));
        s.clean = !torn;
        if (s.batch_count > 0 || !started_ || torn) {
            end_of_log_ = {name, at, torn};
        }
        return {};
    }

    // A later batch is there, and the one that must come before it is not.
    [[nodiscard]] error lost() const {
        return damage(files_, end_of_log_.name,
                      "offset " + std::to_string(end_of_log_.at) + ": batch " + std::to_string(out_.next_sequence) +
                          " is damaged or missing, and the log goes on behind it" + mend);
    }

    [[nodiscard]] result<void> check_ends() {
        if (!started_) {
            bool const is_new = snapshots_.empty() && (out_.segments.empty() || out_.segments.front().key.number == 1);
            return is_new ? result<void>{}
                          : damage(files_, segment_name(1), std::string{"the log is missing or empty"} + mend);
        }
        if (first_batch_in_ > out_.oldest) {
            return damage(files_, segment_name(out_.oldest), std::string{"the file is missing or empty"} + mend);
        }
        if (end_of_log_.torn) {
            out_.remarks.push_back(files_.path(end_of_log_.name) + ": offset " + std::to_string(end_of_log_.at) +
                                   ": cut away a write that was not finished");
        }
        return {};
    }

    struct log_end {
        std::string name;
        std::uint64_t at = 0;
        bool torn = false;
    };

    file_system& files_;
    owner owner_{};
    bool known_owner_;
    recovered out_;
    replay replay_{out_.groups};
    std::vector<std::string> snapshots_;
    std::uint64_t first_batch_in_ = 0; // the segment
    log_end end_of_log_;
    bool started_ = false; // a batch has been read
};

} // namespace

result<recovered> recover(file_system& files, owner const* expected) {
    return scan{files, expected}.run();
}

} // namespace hpcsched::raft_log::detail
