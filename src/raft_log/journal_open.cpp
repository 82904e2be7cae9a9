// SPDX-License-Identifier: Apache-2.0
#include "journal_core.hpp"

#include <algorithm>
#include <utility>

namespace hpcsched::raft_log::detail {

result<std::unique_ptr<journal_core>> journal_core::open(journal_config config, std::unique_ptr<file_system> files) {
    if (auto valid = validate(config); !valid) {
        return valid.error();
    }
    owner const mine{config.cluster_id, config.node};
    auto found = recover(*files, &mine);
    if (!found) {
        return found.error();
    }
    std::unique_ptr<journal_core> core{new journal_core{std::move(config), std::move(files)}};
    if (auto adopted = core->adopt(std::move(*found)); !adopted) {
        return adopted.error();
    }
    std::string remark;
    core->flusher_ = make_flusher(core->config_.flush, core->maker_, remark);
    if (!remark.empty()) {
        core->remarks_.push_back(std::move(remark));
    }
    return core;
}

result<void> journal_core::adopt(recovered found) {
    groups_ = std::move(found.groups);
    next_sequence_ = found.next_sequence;
    oldest_ = oldest_durable_ = found.oldest;
    sealed_ = found.sealed;
    remarks_ = found.remarks;
    if (auto adopted = adopt_segments(found); !adopted) {
        return adopted;
    }
    count_live();
    if (auto written = rewrite_last(found); !written) {
        return written;
    }
    if (auto cleaned = clean_up(found); !cleaned) {
        return cleaned;
    }
    return config_.sync ? files_->sync_directory() : result<void>{};
}

result<void> journal_core::adopt_segments(recovered const& found) {
    for (std::size_t i = 0; i < found.segments.size(); ++i) {
        found_segment const& s = found.segments[i];
        if (s.key.number < oldest_ || i > found.last + 1) {
            continue;
        }
        auto made = std::make_shared<segment>();
        made->key = s.key;
        made->end = s.end;
        // One that is not to be written to any more: of other blocks than those that are written now.
        made->bytes = s.block == maker_.block ? s.file_bytes : s.end;
        bool const good = s.usable && (s.batch_count > 0 || (s.clean && s.block == maker_.block));
        if (good) {
            auto opened = files_->open(segment_name(s.key.number), open_mode::write, maker_.direct);
            if (!opened) {
                return opened.error();
            }
            made->store = std::move(*opened);
        } else {
            made->key.salt = files_->salt();
            made->bytes = config_.segment_bytes;
        }
        (i == found.last + 1 ? next_ : segments_.emplace_back()) = std::move(made);
    }
    if (segments_.empty()) {
        segments_.push_back(new_segment(1));
    }
    return make_file(current(), maker_);
}

// What the page cache gave may not be on the disk, even where an fdatasync now says so: after one that failed, the
// kernel forgets that it has something to write. Only the last batch can be meant. It is written again.
result<void> journal_core::rewrite_last(recovered const& found) {
    if (found.last_batch.empty() || !config_.sync || current().key.number != found.segments[found.last].key.number) {
        return {};
    }
    block_buffer bytes;
    std::ranges::copy(found.last_batch, bytes.extend(found.last_batch.size()).begin());
    if (bytes.size() % maker_.block != 0) {
        return current().store->sync(); // of smaller blocks than direct I/O takes
    }
    auto done = current().store->write(found.last_batch_at, bytes.bytes());
    return done ? current().store->sync() : done;
}

result<void> journal_core::clean_up(recovered const& found) {
    std::vector<std::string> useless = found.abandoned;
    useless.insert(useless.end(), found.snapshots_replaced.begin(), found.snapshots_replaced.end());
    for (std::size_t i = 0; i < found.segments.size(); ++i) {
        if (found.segments[i].key.number < oldest_ || i > found.last + 1) {
            useless.push_back(segment_name(found.segments[i].key.number));
        }
    }
    for (std::string const& name : found.incoming) {
        auto const id = parse_snapshot_name(name)->group;
        auto const at = groups_.find(id.value);
        result<std::unique_ptr<incoming_snapshot>> resumed{std::unique_ptr<incoming_snapshot>{}};
        if (at != groups_.end()) {
            resumed = resume_incoming(*files_, id, {config_.cluster_id, config_.node});
        }
        if (!resumed) {
            return resumed.error();
        }
        if (*resumed != nullptr && (*resumed)->index > at->second->snapshot.index) {
            at->second->incoming = std::move(*resumed);
        } else {
            useless.push_back(name);
        }
    }
    for (std::string const& name : useless) {
        if (auto removed = files_->remove(name); !removed) {
            return removed;
        }
    }
    return {};
}

void journal_core::count_live() {
    auto const count = [this](place at, std::size_t bytes) {
        if (segment* const s = segment_of(at.segment)) {
            s->live += bytes;
        }
    };
    for (auto const& [id, g] : groups_) {
        count(g->state_at, record_bytes(0));
        count(g->founders_at, record_bytes(g->founders.size()));
        for (entry_place const& e : g->entries) {
            count(e.at, e.bytes());
        }
    }
}

result<group_log> journal_core::open_group(raft::group_id id, raft::membership const& founders) {
    if (!failure_.empty()) {
        return error{failure_};
    }
    auto const at = groups_.find(id.value);
    if (at == groups_.end()) {
        auto const encoded = raft::membership_codec::encode(founders);
        auto made = std::make_unique<group>();
        made->id = id;
        made->founders.assign(encoded.begin(), encoded.end());
        group& g = *groups_.emplace(id.value, std::move(made)).first->second;
        store_founders(g, room(record_bytes(g.founders.size())));
        g.open = true;
        return group_log{*this, g};
    }
    group& g = *at->second;
    if (g.open) {
        return error{"group " + std::to_string(id.value) + " is open already: it has one log"};
    }
    if (g.snapshot.index != 0 && !std::exchange(g.checked, true)) {
        auto reader =
            snapshot_reader::open(*files_, snapshot_name(id, g.snapshot.index), {config_.cluster_id, config_.node});
        if (!reader) {
            return reader.error();
        }
        if (auto whole = reader->check(true); !whole) {
            g.checked = false;
            return whole.error();
        }
    }
    // Whoever opens it counts its writes from 1 again: those of the last one are nobody's.
    g.durable = 0;
    for (auto* const list : {&closed_, &in_flight_}) {
        for (batch& b : *list) {
            std::ranges::for_each(b.writes, [&g](batch_write& w) { w.number = w.who == &g ? 0 : w.number; });
        }
    }
    if (open_) {
        std::ranges::for_each(open_->writes, [&g](batch_write& w) { w.number = w.who == &g ? 0 : w.number; });
    }
    g.open = true;
    return group_log{*this, g};
}

} // namespace hpcsched::raft_log::detail
