// SPDX-License-Identifier: Apache-2.0
#include "journal_core.hpp"

#include <algorithm>
#include <cstring>

namespace hpcsched::raft_log::detail {

namespace {

constexpr std::size_t gap_max = 4096;                        // bytes read in vain rather than in two reads
constexpr std::size_t run_bytes_max = std::size_t{4} << 20U; // of one read, but for a single larger entry

} // namespace

error journal_core::damaged(place at) const {
    return error{files_->path(segment_name(at.segment)) + ": offset " + std::to_string(at.offset) +
                 ": a record is damaged; restore the file, or remove this node from the cluster and add it anew"};
}

// What is not yet on the disk is still in memory.
result<void> journal_core::fetch(place at, std::span<std::byte> bytes) {
    auto const holds = [&](batch const& b) {
        return b.to->key.number == at.segment && at.offset >= b.offset && at.offset < b.offset + b.buffer.size();
    };
    batch const* found = open_ && holds(*open_) ? &*open_ : nullptr;
    for (auto const* const list : {&closed_, &in_flight_}) {
        for (batch const& b : *list) {
            found = holds(b) ? &b : found;
        }
    }
    if (found != nullptr) {
        auto const from = found->buffer.bytes().subspan(static_cast<std::size_t>(at.offset - found->offset));
        std::memcpy(bytes.data(), from.data(), std::min(bytes.size(), from.size()));
        return {};
    }
    segment const* const s = segment_of(at.segment);
    HPCSCHED_ASSERT(s != nullptr && s->store != nullptr);
    auto const got = s->store->read(at.offset, bytes);
    if (!got) {
        return fail(got.error());
    }
    return *got == bytes.size() ? result<void>{} : fail(damaged(at));
}

// How many entries lie behind one another, in one file or in one batch in memory.
std::size_t journal_core::run_length(group& g, raft::log_index first, std::size_t count) noexcept {
    auto const in_memory = [this](place at) {
        auto const starts = [&](batch const& b) {
            return b.to->key.number == at.segment && at.offset >= b.offset && at.offset < b.offset + b.buffer.size();
        };
        return (open_ && starts(*open_)) || std::ranges::any_of(closed_, starts) ||
               std::ranges::any_of(in_flight_, starts);
    };
    entry_place const start = g.at(first);
    bool const memory = in_memory(start.at);
    std::uint64_t end = start.at.offset + start.bytes();
    std::size_t length = 1;
    for (; length < count; ++length) {
        entry_place const& next = g.at(first + length);
        std::size_t const gap_allowed = memory ? 0 : gap_max;
        if (next.at.segment != start.at.segment || next.at.offset < end || next.at.offset - end > gap_allowed ||
            next.at.offset + next.bytes() - start.at.offset > run_bytes_max || (!memory && in_memory(next.at))) {
            break;
        }
        end = next.at.offset + next.bytes();
    }
    return length;
}

std::optional<raft::stored_entries> journal_core::read(group& g, std::unique_ptr<read_area>& area,
                                                       raft::log_index first, std::size_t count_max,
                                                       std::size_t bytes_max) {
    bool const term_is_known = first > g.first || first == g.snapshot.index + 1 || g.before_term != 0 || first == 1;
    if (!g.holds(first) || count_max == 0 || !term_is_known) {
        return std::nullopt;
    }
    std::size_t const limit = static_cast<std::size_t>(std::min<std::uint64_t>(count_max, g.last() - first + 1));
    std::size_t payload = g.at(first).payload;
    std::size_t total = g.at(first).bytes();
    std::size_t count = 1;
    for (; count < limit && payload + g.at(first + count).payload <= bytes_max; ++count) {
        payload += g.at(first + count).payload;
        total += g.at(first + count).bytes();
    }
    if (area == nullptr) {
        area = std::make_unique<read_area>();
    }
    area->entries.clear();
    area->bytes.resize(total + count * gap_max / 8);
    std::size_t filled = 0;
    for (std::size_t done = 0; done < count;) {
        std::size_t const run = run_length(g, first + done, count - done);
        entry_place const& from = g.at(first + done);
        entry_place const& to = g.at(first + done + run - 1);
        std::size_t const size = to.at.offset + to.bytes() - from.at.offset;
        if (filled + size > area->bytes.size()) {
            area->bytes.resize(filled + size + total);
        }
        if (!fetch(from.at, std::span{area->bytes}.subspan(filled, size))) {
            return std::nullopt;
        }
        filled += size;
        done += run;
    }
    return take_apart(g, *area, first, count) ? std::optional{raft::stored_entries{g.term_at(first - 1), area->entries}}
                                              : std::nullopt;
}

bool journal_core::take_apart(group& g, read_area& area, raft::log_index first, std::size_t count) {
    std::size_t at = 0;
    for (std::size_t done = 0; done < count;) {
        std::size_t const run = run_length(g, first + done, count - done);
        place const begin = g.at(first + done).at;
        for (std::size_t i = 0; i < run; ++i) {
            entry_place const& e = g.at(first + done + i);
            auto const bytes =
                std::span<std::byte const>{area.bytes}.subspan(at + (e.at.offset - begin.offset), e.bytes());
            record r;
            if (decode(bytes, segment_of(e.at.segment)->key, e.at.offset, r) != bytes.size() || r.group != g.id ||
                r.index != first + done + i) {
                (void)fail(damaged(e.at));
                return false;
            }
            area.entries.push_back({r.index, r.term, r.entry, r.payload});
        }
        entry_place const& last = g.at(first + done + run - 1);
        at += last.at.offset + last.bytes() - begin.offset;
        done += run;
    }
    return true;
}

std::span<std::byte const> journal_core::read_snapshot(group& g, std::unique_ptr<read_area>& area, std::uint64_t offset,
                                                       std::size_t bytes_max) {
    if (g.snapshot.index == 0 || offset >= g.snapshot.size) {
        return {};
    }
    if (area == nullptr) {
        area = std::make_unique<read_area>();
    }
    if (!area->reader || area->reader->header().index != g.snapshot.index) {
        area->reader.reset();
        auto opened =
            snapshot_reader::open(*files_, snapshot_name(g.id, g.snapshot.index), {config_.cluster_id, config_.node});
        if (!opened) {
            (void)fail(opened.error());
            return {};
        }
        if (auto checked = opened->check(false); !checked) {
            (void)fail(checked.error());
            return {};
        }
        area->reader.emplace(std::move(*opened));
    }
    auto const size = static_cast<std::size_t>(std::min<std::uint64_t>(bytes_max, g.snapshot.size - offset));
    area->snapshot.clear();
    if (auto const got = area->reader->read(offset, size, area->snapshot); !got) {
        (void)fail(got.error());
        return {};
    }
    HPCSCHED_ASSERT(area->snapshot.size() == size);
    if (offset + size == g.snapshot.size) {
        area->reader.reset(); // whoever asked for it has it whole
    }
    return area->snapshot;
}

} // namespace hpcsched::raft_log::detail
