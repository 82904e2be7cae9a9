// SPDX-License-Identifier: Apache-2.0
#include "journal_core.hpp"

#include <algorithm>

namespace hpcsched::raft_log::detail {

namespace {

constexpr std::size_t spare_buffers = 2;
constexpr std::size_t spare_bytes_max = std::size_t{4} << 20U;
constexpr std::size_t max_batch_bytes = std::size_t{1} << 30U; // places in a segment are 32 bits wide

} // namespace

journal_core::journal_core(journal_config config, std::unique_ptr<file_system> files)
    : config_{std::move(config)}, files_{std::move(files)}, maker_{.files = files_.get(),
                                                                   .cluster = config_.cluster_id,
                                                                   .node = config_.node,
                                                                   .block = config_.direct ? 4096U : 512U,
                                                                   .sync = config_.sync,
                                                                   .direct = config_.direct} {}

journal_core::~journal_core() {
    for (auto const& [id, g] : groups_) {
        HPCSCHED_ASSERT(!g->open); // a group_log outlives its journal: order the members the other way
    }
    if (flusher_ == nullptr) {
        return;
    }
    closing_ = true;
    if (failure_.empty() && drain_quietly() && !sealed_) {
        (void)room(0); // an empty batch proves that the one before it is whole
        (void)drain_quietly();
    }
    flusher_->settle();
}

result<void> journal_core::fail(error const& why) {
    if (failure_.empty()) {
        failure_ = why.message;
    }
    return failure();
}

std::shared_ptr<segment> journal_core::new_segment(std::uint64_t number) {
    auto made = std::make_shared<segment>();
    made->key = {number, files_->salt()};
    made->bytes = config_.segment_bytes;
    return made;
}

segment* journal_core::segment_of(std::uint64_t number) noexcept {
    std::uint64_t const first = segments_.front()->key.number;
    return number < first || number - first >= segments_.size()
               ? nullptr
               : segments_[static_cast<std::size_t>(number - first)].get();
}

// --- the layout of what is to be written ---

void journal_core::roll(std::size_t record_size) {
    std::uint64_t const needed =
        round_up(header_bytes + round_up(batch_header_bytes + record_size, maker_.block), 4096);
    if (current().end > header_bytes) {
        std::uint64_t const number = current().key.number + 1;
        segments_.push_back(next_ != nullptr ? std::exchange(next_, nullptr) : new_segment(number));
    }
    if (needed > current().bytes) {
        flusher_->settle(); // nothing is in the file yet: it is made again, larger
        current().store.reset();
        current().bytes = std::max<std::uint64_t>(needed, config_.segment_bytes);
    }
}

batch& journal_core::room(std::size_t record_size) {
    if (open_ && open_->offset + round_up(open_->buffer.size() + record_size, maker_.block) > open_->to->bytes) {
        close_open();
    }
    if (open_) {
        return *open_;
    }
    if (current().end + round_up(batch_header_bytes + record_size, maker_.block) > current().bytes) {
        roll(record_size);
    }
    open_.emplace();
    open_->to = &current();
    open_->offset = current().end;
    open_->sequence = next_sequence_++;
    if (!spare_.empty()) {
        open_->buffer = std::move(spare_.back());
        spare_.pop_back();
    }
    open_->buffer.clear();
    (void)open_->buffer.extend(batch_header_bytes);
    return *open_;
}

void journal_core::close_open() {
    std::size_t const used = open_->buffer.size();
    std::size_t const padding = round_up(used, maker_.block) - used;
    std::ranges::fill(open_->buffer.extend(padding), std::byte{});
    open_->used = static_cast<std::uint32_t>(used);
    open_->to->end = open_->offset + used + padding;
    closed_.push_back(std::move(*open_));
    open_.reset();
}

place journal_core::add(batch& to, record const& r) {
    std::uint64_t const offset = to.offset + to.buffer.size();
    encode(r, to.to->key, offset, to.buffer.extend(record_bytes(r.payload.size())));
    ++to.record_count;
    to.to->live += record_bytes(r.payload.size());
    return {static_cast<std::uint32_t>(to.to->key.number), static_cast<std::uint32_t>(offset)};
}

void journal_core::touch(batch& to, group& g, std::uint64_t number) {
    if (g.touched_batch == to.sequence) {
        to.writes[g.touched_at].number = number;
        return;
    }
    g.touched_batch = to.sequence;
    g.touched_at = static_cast<std::uint32_t>(to.writes.size());
    to.writes.push_back({&g, number});
}

void journal_core::release(place at, std::size_t bytes) noexcept {
    if (segment* const s = segment_of(at.segment)) {
        s->live -= bytes;
    }
}

void journal_core::store_state(group& g, batch& to) {
    release(g.state_at, record_bytes(0));
    g.state_at =
        add(to, {.kind = record_kind::state, .group = g.id, .node = g.voted_for, .index = g.commit, .term = g.term});
}

void journal_core::store_founders(group& g, batch& to) {
    release(g.founders_at, record_bytes(g.founders.size()));
    g.founders_at = add(to, {.kind = record_kind::founders, .group = g.id, .payload = g.founders});
}

result<void> journal_core::write(group& g, raft::log_write const& w) {
    if (!failure_.empty()) {
        return failure();
    }
    std::size_t size = 0;
    for (auto const& part : w.entries) {
        for (raft::entry const& e : part) {
            size += record_bytes(e.payload.size());
        }
    }
    bool const same = w.state.term == g.term && w.state.voted_for == g.voted_for && w.commit == g.commit;
    bool const with_state = !same || size == 0;
    size += with_state ? record_bytes(0) : 0;
    if (size > max_batch_bytes) {
        return error{"a write of " + std::to_string(size) +
                     " bytes is more than a log takes at once: " + std::to_string(max_batch_bytes)};
    }
    batch& to = room(size);
    if (with_state) {
        g.term = w.state.term;
        g.voted_for = w.state.voted_for;
        g.commit = w.commit;
        store_state(g, to);
    }
    for (auto const& part : w.entries) {
        for (raft::entry const& e : part) {
            HPCSCHED_ASSERT(e.index >= g.first);
            HPCSCHED_ASSERT(e.index <= g.last() + 1);
            g.drop_from(e.index, [this](entry_place const& gone) { release(gone.at, gone.bytes()); });
            place const at = add(to, {.kind = record_kind::entry,
                                      .entry = e.kind,
                                      .group = g.id,
                                      .index = e.index,
                                      .term = e.term,
                                      .payload = e.payload});
            g.entries.push_back({e.term, at, static_cast<std::uint32_t>(e.payload.size())});
        }
    }
    touch(to, g, w.number);
    return {};
}

// Its snapshot stays until the removal is durable: without it, what the log still has would be no group.
result<void> journal_core::remove_group(raft::group_id id) {
    if (!failure_.empty()) {
        return failure();
    }
    auto const at = groups_.find(id.value);
    if (at == groups_.end()) {
        return {};
    }
    group& g = *at->second;
    HPCSCHED_ASSERT(!g.open);
    batch& to = room(record_bytes(0));
    release(add(to, {.kind = record_kind::removed, .group = id}), record_bytes(0));
    release(g.state_at, record_bytes(0));
    release(g.founders_at, record_bytes(g.founders.size()));
    g.drop_from(g.first, [this](entry_place const& gone) { release(gone.at, gone.bytes()); });
    std::erase_if(moving_, [&](moving const& m) { return m.who == &g; });
    to.removed.push_back(std::move(at->second));
    groups_.erase(at);
    return {};
}

// --- the way to the disk ---

result<void> journal_core::flush() {
    if (!failure_.empty()) {
        return failure();
    }
    if (!in_flight_.empty()) {
        wanted_ = true;
        return {};
    }
    auto started = start();
    notify();
    return started;
}

result<void> journal_core::start() {
    if (!closing_ && (open_ || !closed_.empty())) {
        compact();
    }
    if (!failure_.empty()) {
        return failure();
    }
    if (open_) {
        close_open();
    }
    if (closed_.empty()) {
        return {};
    }
    std::vector<block_write> writes;
    for (batch& b : closed_) {
        // Only the last one gives old segments up: what was copied out of them may stand in it.
        b.oldest = &b == &closed_.back() ? oldest_ : oldest_durable_;
        batch_header const header{.length = static_cast<std::uint32_t>(b.buffer.size()),
                                  .used = b.used,
                                  .record_count = b.record_count,
                                  .sequence = b.sequence,
                                  .oldest = b.oldest};
        seal(header, b.to->key, b.offset, b.buffer.bytes());
        writes.push_back({b.to, b.offset, b.buffer.bytes()});
    }
    in_flight_ = std::exchange(closed_, {});
    flusher_->start(std::move(writes));
    prepare_next();
    if (flusher_->descriptor() < 0) {
        return finish(*flusher_->take());
    }
    return {};
}

// Half a segment ahead, so that no flush waits for an allocation.
void journal_core::prepare_next() {
    if (next_ != nullptr || current().end < current().bytes / 2) {
        return;
    }
    next_ = new_segment(current().key.number + 1);
    next_->being_made = true;
    // What fails here fails again, and is told, when the segment is needed.
    flusher_->later([made = next_, maker = maker_] { (void)make_file(*made, maker); });
}

result<void> journal_core::finish(result<void> const& outcome) {
    if (!outcome) {
        return fail(outcome.error());
    }
    for (batch& done : in_flight_) {
        for (batch_write const& w : done.writes) {
            if (w.number > w.who->durable) {
                w.who->durable = w.number;
                to_notify_.push_back(w.who->id);
            }
        }
        for (auto const& gone : done.removed) {
            // A file that stays, as the removal fails, is removed when the journal is opened next.
            flusher_->later([files = files_.get(), id = gone->id, index = gone->snapshot.index] {
                if (index != 0) {
                    (void)files->remove(snapshot_name(id, index));
                }
                (void)files->remove(incoming_name(id));
            });
        }
        sealed_ = done.record_count == 0;
        oldest_durable_ = done.oldest;
        if (spare_.size() < spare_buffers && done.buffer.capacity() <= spare_bytes_max) {
            spare_.push_back(std::move(done.buffer));
        }
    }
    in_flight_.clear();
    remove_old();
    if (std::exchange(wanted_, false)) {
        return start();
    }
    return {};
}

result<void> journal_core::complete() {
    if (!failure_.empty()) {
        return failure();
    }
    auto const outcome = flusher_->take();
    auto finished = outcome ? finish(*outcome) : result<void>{};
    notify();
    return finished;
}

result<void> journal_core::drain() {
    auto done = drain_quietly();
    notify();
    return done;
}

result<void> journal_core::drain_quietly() {
    while (!idle()) {
        if (!failure_.empty()) {
            return failure();
        }
        auto const done = in_flight_.empty() ? start() : finish(flusher_->wait());
        if (!done) {
            return done;
        }
    }
    return failure_.empty() ? result<void>{} : failure();
}

// The host may write and flush from here: what that makes durable is told in this same loop.
void journal_core::notify() {
    if (notifying_) {
        return;
    }
    notifying_ = true;
    for (std::size_t i = 0; i < to_notify_.size(); ++i) {
        if (on_durable_) {
            on_durable_(to_notify_[i]);
        }
    }
    to_notify_.clear();
    notifying_ = false;
}

std::vector<raft::group_id> journal_core::groups() const {
    std::vector<raft::group_id> all;
    all.reserve(groups_.size());
    for (auto const& [id, g] : groups_) {
        all.push_back(g->id);
    }
    std::ranges::sort(all);
    return all;
}

} // namespace hpcsched::raft_log::detail
