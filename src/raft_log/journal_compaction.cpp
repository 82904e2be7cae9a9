// SPDX-License-Identifier: Apache-2.0
#include "journal_core.hpp"

#include <algorithm>
#include <numeric>

namespace hpcsched::raft_log::detail {

namespace {

constexpr std::size_t moved_at_once = std::size_t{1} << 20U; // bytes

} // namespace

// Segments go from the front only, so that no number is ever missing. One that nothing needs goes at once; one of which
// little is needed, or that stands before many which are not needed, is emptied first: what is needed of it is copied
// to the end. So a log is at most about three times as large as what is needed of it, however long some group rests.
// With each flush no more is copied than twice what it writes, so that none takes long and the copying never feeds
// itself.
void journal_core::compact() {
    std::size_t written = open_ ? open_->buffer.size() : 0;
    for (batch const& b : closed_) {
        written += b.buffer.size();
    }
    may_move_ = std::min(may_move_ + 2 * written, moved_at_once);
    while (true) {
        segment* const s = segment_of(oldest_);
        if (s == nullptr || s == &current()) {
            return;
        }
        if (s->live == 0) {
            ++oldest_;
            continue;
        }
        if (moving_from_ != oldest_) {
            if (!worth_moving(*s)) {
                return;
            }
            list_what_moves(*s);
        }
        if (auto const moved = move_some(); !moved || !moving_.empty()) {
            return;
        }
        if (s->live != 0) { // what came to be needed in it since; there is none, but never go round for it
            moving_from_ = 0;
            return;
        }
    }
}

bool journal_core::worth_moving(segment const& s) const noexcept {
    std::uint64_t all = 0;
    std::uint64_t live = 0;
    for (auto const& each : segments_) {
        if (each->key.number >= oldest_) {
            all += each->end - header_bytes;
            live += each->live;
        }
    }
    return s.live < (s.end - header_bytes) / 4 || live < all / 3;
}

void journal_core::list_what_moves(segment const& s) {
    moving_from_ = s.key.number;
    moving_.clear();
    for (auto const& [id, g] : groups_) {
        if (g->state_at.segment == s.key.number || g->founders_at.segment == s.key.number) {
            moving_.push_back({g.get(), 0});
        }
        for (raft::log_index i = g->last() + 1; i-- > g->first;) {
            if (g->at(i).at.segment == s.key.number) {
                moving_.push_back({g.get(), i});
            }
        }
    }
}

void journal_core::spend(std::size_t bytes) noexcept {
    may_move_ -= std::min(bytes, may_move_);
}

result<void> journal_core::move_some() {
    while (!moving_.empty() && may_move_ > 0) {
        auto const [g, index] = moving_.back();
        moving_.pop_back();
        if (index == 0) {
            batch& to = room(record_bytes(0) + record_bytes(g->founders.size()));
            if (g->state_at.segment == moving_from_) {
                store_state(*g, to);
            }
            if (g->founders_at.segment == moving_from_) {
                store_founders(*g, to);
            }
            spend(record_bytes(0) + record_bytes(g->founders.size()));
        } else if (g->holds(index) && g->at(index).at.segment == moving_from_) {
            spend(g->at(index).bytes());
            if (auto moved = move(*g, index); !moved) {
                return moved;
            }
        }
    }
    return {};
}

result<void> journal_core::move(group& g, raft::log_index index) {
    entry_place& e = g.at(index);
    std::vector<std::byte> bytes(e.bytes());
    if (auto fetched = fetch(e.at, bytes); !fetched) {
        return fetched;
    }
    record r;
    segment const& from = *segment_of(e.at.segment);
    if (decode(bytes, from.key, e.at.offset, r) != bytes.size() || r.group != g.id || r.index != index) {
        return fail(damaged(e.at));
    }
    r.kind = record_kind::moved;
    batch& to = room(bytes.size());
    release(e.at, bytes.size());
    e.at = add(to, r);
    return {};
}

void journal_core::remove_old() {
    while (segments_.front()->key.number < oldest_durable_) {
        // A file that stays, as the removal fails, is removed when the journal is opened next.
        flusher_->later([files = files_.get(), gone = std::move(segments_.front())] {
            gone->store.reset();
            (void)files->remove(segment_name(gone->key.number));
        });
        segments_.pop_front();
    }
}

} // namespace hpcsched::raft_log::detail
