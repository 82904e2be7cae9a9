// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_MEMORY_LOG_HPP
#define HPCSCHED_RAFT_MEMORY_LOG_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/raft/log_storage.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace hpcsched::raft {

/// A log storage in memory: every write is durable at once, for as long as the object lives. For tests, simulations,
/// and groups whose servers never fail together.
///
/// \complexity O(1) amortised per entry; memory for every entry since the last snapshot
class memory_log {
  public:
    memory_log() = default;

    /// A new group's, founded by `members`.
    explicit memory_log(membership const& members) { stored_.members = members; }

    [[nodiscard]] stored_state const& stored() const noexcept { return stored_; }

    template <class Visitor>
    void each_stored(Visitor&& visit) const {
        for (item const& i : items_) {
            if (i.what.index > stored_.snapshot_index) {
                visit(i.view());
            }
        }
    }

    [[nodiscard]] result<void> write(log_write const& w) {
        stored_.state = w.state;
        stored_.commit = w.commit;
        for (auto const& part : w.entries) {
            for (entry const& e : part) {
                put(e);
            }
        }
        durable_ = w.number;
        return {};
    }

    [[nodiscard]] std::uint64_t durable() const noexcept { return durable_; }

    [[nodiscard]] std::optional<stored_entries> read(log_index first, std::size_t count_max, std::size_t bytes_max) {
        log_index const before = items_.empty() ? stored_.snapshot_index : items_.front().what.index - 1;
        if (first <= before || first > before + items_.size()) {
            return std::nullopt;
        }
        read_.clear();
        std::size_t bytes = 0;
        auto const start = static_cast<std::size_t>(first - before - 1);
        for (std::size_t i = start; i < items_.size() && read_.size() < count_max; ++i) {
            bytes += items_[i].payload.size();
            if (!read_.empty() && bytes > bytes_max) {
                break;
            }
            read_.push_back(items_[i].view());
        }
        return stored_entries{start == 0 ? before_first_ : items_[start - 1].what.term, read_};
    }

    [[nodiscard]] snapshot_info snapshot() const { return info_; }

    [[nodiscard]] result<void> save_snapshot(snapshot_info const& info, std::span<std::byte const> bytes,
                                             log_index keep_from) {
        HPCSCHED_ASSERT(info.index > info_.index);
        take_over(info, {bytes.begin(), bytes.end()});
        while (!items_.empty() && items_.front().what.index < keep_from && items_.front().what.index <= info.index) {
            before_first_ = items_.front().what.term;
            items_.pop_front();
        }
        return {};
    }

    [[nodiscard]] std::span<std::byte const> read_snapshot(std::uint64_t offset, std::size_t bytes_max) const {
        std::span<std::byte const> const whole{snapshot_};
        return offset >= whole.size()
                   ? std::span<std::byte const>{}
                   : whole.subspan(static_cast<std::size_t>(offset),
                                   std::min<std::size_t>(bytes_max, whole.size() - static_cast<std::size_t>(offset)));
    }

    [[nodiscard]] result<snapshot_progress> store_chunk(snapshot_chunk const& chunk) {
        if (chunk.offset == 0 || chunk.last_index != coming_.index || chunk.last_term != coming_.term) {
            auto members = membership_codec::decode(chunk.members);
            coming_ = {chunk.last_index, chunk.last_term, members.value_or(membership{}), 0};
            coming_bytes_.clear();
        }
        if (chunk.offset != coming_bytes_.size()) {
            return snapshot_progress{coming_bytes_.size(), false};
        }
        coming_bytes_.insert(coming_bytes_.end(), chunk.bytes.begin(), chunk.bytes.end());
        if (!chunk.last) {
            return snapshot_progress{coming_bytes_.size(), false};
        }
        std::uint64_t const size = coming_bytes_.size();
        take_over(coming_, std::exchange(coming_bytes_, {}));
        items_.clear();
        before_first_ = info_.term;
        coming_ = {};
        return snapshot_progress{size, true};
    }

  private:
    struct item {
        entry what;
        std::vector<std::byte> payload;

        [[nodiscard]] entry view() const noexcept { return {what.index, what.term, what.kind, payload}; }
    };

    void put(entry const& e) {
        while (!items_.empty() && items_.back().what.index >= e.index) {
            items_.pop_back();
        }
        HPCSCHED_ASSERT(e.index == (items_.empty() ? e.index : items_.back().what.index + 1));
        items_.push_back({e, {e.payload.begin(), e.payload.end()}});
    }

    void take_over(snapshot_info info, std::vector<std::byte> bytes) {
        info.size = bytes.size();
        stored_.snapshot_index = info.index;
        stored_.snapshot_term = info.term;
        stored_.members = info.members;
        stored_.commit = std::max(stored_.commit, info.index);
        info_ = std::move(info);
        snapshot_ = std::move(bytes);
    }

    stored_state stored_;
    std::deque<item> items_; // consecutive
    log_term before_first_ = 0;
    std::uint64_t durable_ = 0;
    std::vector<entry> read_;
    snapshot_info info_;
    std::vector<std::byte> snapshot_;
    snapshot_info coming_;
    std::vector<std::byte> coming_bytes_;
};
static_assert(log_storage<memory_log>);

} // namespace hpcsched::raft

#endif
