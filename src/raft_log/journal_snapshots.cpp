// SPDX-License-Identifier: Apache-2.0
#include "journal_core.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace hpcsched::raft_log::detail {

namespace {

std::vector<std::byte> encoded(raft::membership const& members) {
    auto const bytes = raft::membership_codec::encode(members);
    return {bytes.begin(), bytes.end()};
}

} // namespace

// The new one is durable; the old file may go, and is found and removed at the next start where this fails.
void journal_core::replace_snapshot(group& g, snapshot_state const& by, std::vector<std::byte> members) {
    if (g.snapshot.index != 0 && g.snapshot.index != by.index) {
        (void)files_->remove(snapshot_name(g.id, g.snapshot.index));
    }
    g.snapshot = by;
    g.members = std::move(members);
    g.commit = std::max(g.commit, by.index);
    g.drop_before(by.keep_from, [this](entry_place const& gone) { release(gone.at, gone.bytes()); });
    if (g.entries.empty()) {
        g.first = by.index + 1;
        g.before_term = by.term;
    }
}

result<void> journal_core::save_snapshot(group& g, raft::snapshot_info const& info, std::span<std::byte const> bytes,
                                         raft::log_index keep_from) {
    if (!failure_.empty()) {
        return failure();
    }
    HPCSCHED_ASSERT(info.index > g.snapshot.index);
    HPCSCHED_ASSERT(info.index <= g.last());
    raft::log_index const keep = std::clamp(keep_from, g.first, info.index + 1);
    snapshot_state const next{.index = info.index,
                              .term = info.term,
                              .size = bytes.size(),
                              .keep_from = keep,
                              .before_term = g.term_at(keep - 1),
                              .from_batch = g.snapshot.from_batch};
    auto members = encoded(info.members);
    snapshot_header const header{.cluster = config_.cluster_id,
                                 .node = config_.node,
                                 .group = g.id,
                                 .index = info.index,
                                 .term = info.term,
                                 .members = members};
    auto stored = store_snapshot(*files_, header, {next.size, keep, next.before_term, next.from_batch}, bytes);
    if (stored) {
        replace_snapshot(g, next, std::move(members));
    }
    return stored;
}

result<raft::snapshot_progress> journal_core::store_chunk(group& g, raft::snapshot_chunk const& chunk) {
    if (!failure_.empty()) {
        return error{failure_};
    }
    if (chunk.last_index <= g.snapshot.index) {
        return raft::snapshot_progress{}; // older than what is here
    }
    auto members = encoded(raft::membership_codec::decode(chunk.members).value_or(raft::membership{}));
    bool const another =
        g.incoming == nullptr || g.incoming->index != chunk.last_index || g.incoming->term != chunk.last_term;
    if (another && chunk.offset != 0) {
        g.incoming.reset();
        return raft::snapshot_progress{};
    }
    if (chunk.offset == 0) {
        // A group that is not yet on the disk would be new at the next start, and what came of it nobody's.
        if (auto drained = drain_quietly(); !drained) {
            return drained.error();
        }
        flusher_->wake();
        auto begun = std::make_unique<incoming_snapshot>();
        snapshot_header const header{.cluster = config_.cluster_id,
                                     .node = config_.node,
                                     .group = g.id,
                                     .index = chunk.last_index,
                                     .term = chunk.last_term,
                                     .salt = files_->salt(),
                                     .members = members};
        if (auto made = begin_incoming(*files_, header, *begun); !made) {
            return made.error();
        }
        g.incoming = std::move(begun);
    }
    if (chunk.offset != g.incoming->size) {
        return raft::snapshot_progress{g.incoming->size, false};
    }
    if (auto stored = append_incoming(*files_, g.id, chunk.bytes, *g.incoming); !stored) {
        g.incoming.reset(); // how much of it is good shows when the journal is opened next
        return stored.error();
    }
    return chunk.last ? take_incoming(g, std::move(members)) : raft::snapshot_progress{g.incoming->size, false};
}

// The file's new name takes the place of the log in one step: its trailer names the first batch whose entries count.
// All that was written before is made durable first, so that it is not there without what came before it.
result<raft::snapshot_progress> journal_core::take_incoming(group& g, std::vector<std::byte> members) {
    if (auto drained = drain_quietly(); !drained) {
        return drained.error();
    }
    flusher_->wake(); // who is told of it, is told by the host's loop, and not in the middle of this
    incoming_snapshot& in = *g.incoming;
    snapshot_state const next{.index = in.index,
                              .term = in.term,
                              .size = in.size,
                              .keep_from = in.index + 1,
                              .before_term = in.term,
                              .from_batch = next_sequence_};
    if (auto taken = finish_incoming(*files_, g.id, {next.size, next.keep_from, next.before_term, next.from_batch}, in);
        !taken) {
        g.incoming.reset();
        return fail(taken.error()).error();
    }
    g.incoming.reset();
    g.drop_from(0, [this](entry_place const& gone) { release(gone.at, gone.bytes()); });
    replace_snapshot(g, next, std::move(members));
    return raft::snapshot_progress{next.size, true};
}

} // namespace hpcsched::raft_log::detail
