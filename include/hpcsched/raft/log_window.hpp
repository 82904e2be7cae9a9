// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_LOG_WINDOW_HPP
#define HPCSCHED_RAFT_LOG_WINDOW_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/raft/types.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace hpcsched::raft {

/// The newest entries of a log, in memory: two rings of a size fixed at construction, one of entries, one of their
/// payloads. What is older lies in the log storage alone.
///
/// The rings are allocated with the first entry and given back by `release`, so that a group at rest holds none;
/// between the two nothing is allocated. A copy has rings of its own.
///
/// \complexity O(1) but for copies of payloads and what a call names
/// \thread_safety none
class log_window {
  public:
    /// \pre both are powers of two
    log_window(std::size_t entries_max, std::size_t bytes_max) : entries_max_{entries_max}, bytes_max_{bytes_max} {
        HPCSCHED_ASSERT(std::has_single_bit(entries_max));
        HPCSCHED_ASSERT(std::has_single_bit(bytes_max));
    }

    log_window(log_window const& other)
        : entries_max_{other.entries_max_}, bytes_max_{other.bytes_max_}, entries_{other.entries_},
          begins_{other.begins_}, bytes_{other.bytes_}, first_{other.first_}, last_{other.last_},
          base_term_{other.base_term_}, head_{other.head_} {
        for (log_index i = first_; i <= last_; ++i) {
            auto& payload = entries_[slot(i)].payload;
            payload = {bytes_.data() + (begins_[slot(i)] & (bytes_max_ - 1)), payload.size()};
        }
    }
    log_window& operator=(log_window const& other) { return *this = log_window{other}; }
    log_window(log_window&&) noexcept = default;
    log_window& operator=(log_window&&) noexcept = default;
    ~log_window() = default;

    /// The oldest entry here; `last_index() + 1` where there is none.
    [[nodiscard]] log_index first_index() const noexcept { return first_; }
    /// The newest entry of the log; the place where the log begins to be empty, where it has none.
    [[nodiscard]] log_index last_index() const noexcept { return last_; }
    [[nodiscard]] log_term last_term() const noexcept { return last_ < first_ ? base_term_ : at(last_).term; }

    [[nodiscard]] bool holds(log_index index) const noexcept { return index >= first_ && index <= last_; }

    /// The term of the entry at `index`; nothing where it is newer than the log, or older than the entry before
    /// `first_index()`.
    [[nodiscard]] std::optional<log_term> term_at(log_index index) const noexcept {
        if (index + 1 == first_) {
            return base_term_;
        }
        return holds(index) ? std::optional{at(index).term} : std::nullopt;
    }

    /// \pre holds(index)
    [[nodiscard]] entry const& at(log_index index) const noexcept {
        HPCSCHED_ASSERT(holds(index));
        return entries_[slot(index)];
    }

    /// Up to `count_max` entries from `from` on whose payloads are at most `payload_max` bytes together (one entry in
    /// any case), as far as they lie side by side in the ring. Borrowed until the next change.
    /// \pre holds(from); count_max > 0
    [[nodiscard]] std::span<entry const> view(log_index from, std::size_t count_max,
                                              std::size_t payload_max) const noexcept {
        HPCSCHED_ASSERT(holds(from));
        std::size_t const start = slot(from);
        std::size_t const limit =
            std::min({count_max, entries_max_ - start, static_cast<std::size_t>(last_ - from + 1)});
        std::size_t payload = entries_[start].payload.size();
        std::size_t count = 1;
        while (count < limit && payload + entries_[start + count].payload.size() <= payload_max) {
            payload += entries_[start + count].payload.size();
            ++count;
        }
        return {entries_.data() + start, count};
    }

    /// Bytes of the ring that the entries after `before` up to `to` take: their payloads and what is skipped between.
    /// What is no longer here counts nothing.
    /// \pre before <= to <= last_index()
    [[nodiscard]] std::uint64_t bytes_between(log_index before, log_index to) const noexcept {
        if (to < first_ || before == to) {
            return 0;
        }
        return end_of(to) - begins_[slot(std::max(before + 1, first_))];
    }

    /// Whether an entry of `payload_size` bytes would find room after entries up to `evictable` had to go.
    [[nodiscard]] bool has_room(std::size_t payload_size, log_index evictable) const noexcept {
        if (payload_size > bytes_max_) {
            return false;
        }
        log_index const kept_from = std::max(first_, std::min(evictable, last_) + 1);
        return last_ + 1 - kept_from < entries_max_ &&
               (kept_from > last_ || place(payload_size) + payload_size - begins_[slot(kept_from)] <= bytes_max_);
    }

    /// Adds an entry behind the last; copies the payload. The oldest entries up to `evictable` go where room is needed.
    /// \return whether there was room; without it nothing changes
    bool append(log_term term, entry_kind kind, std::span<std::byte const> payload, log_index evictable) {
        HPCSCHED_ASSERT(term >= last_term());
        if (!has_room(payload.size(), evictable)) {
            return false;
        }
        if (entries_.empty()) {
            entries_.resize(entries_max_);
            begins_.resize(entries_max_);
            bytes_.resize(bytes_max_);
        }
        while (first_ <= last_ && (last_ + 1 - first_ == entries_max_ ||
                                   place(payload.size()) + payload.size() - begins_[slot(first_)] > bytes_max_)) {
            base_term_ = at(first_).term;
            ++first_;
        }
        std::uint64_t const begin = place(payload.size());
        std::byte* const copy = bytes_.data() + (begin & (bytes_max_ - 1));
        if (!payload.empty()) {
            std::memcpy(copy, payload.data(), payload.size());
        }
        ++last_;
        entries_[slot(last_)] = entry{last_, term, kind, {copy, payload.size()}};
        begins_[slot(last_)] = begin;
        head_ = begin + payload.size();
        return true;
    }

    /// Makes room for one more entry of `payload_size` bytes by taking rings twice as large, for the few entries that
    /// cannot be refused.
    void grow(std::size_t payload_size) {
        log_window larger{entries_max_ * 2, std::bit_ceil(bytes_max_ * 2 + payload_size)};
        larger.reset(first_ - 1, base_term_);
        for (log_index i = first_; i <= last_; ++i) {
            larger.append(at(i).term, at(i).kind, at(i).payload, 0);
        }
        *this = std::move(larger);
    }

    /// Removes the entries from `from` on.
    /// \pre first_index() <= from
    void truncate(log_index from) noexcept {
        HPCSCHED_ASSERT(from >= first_);
        if (from <= last_) {
            head_ = begins_[slot(from)];
            last_ = from - 1;
        }
    }

    /// Forgets everything: the log begins behind `index`, whose entry had `term`.
    void reset(log_index index, log_term term) noexcept {
        first_ = index + 1;
        last_ = index;
        base_term_ = term;
        head_ = 0;
    }

    /// Gives the rings back; the entries are in the log storage alone from here on.
    void release() {
        reset(last_, last_term());
        entries_ = std::vector<entry>{};
        begins_ = std::vector<std::uint64_t>{};
        bytes_ = std::vector<std::byte>{};
    }

    /// Bytes of the rings at present.
    [[nodiscard]] std::size_t memory() const noexcept {
        return entries_.capacity() * (sizeof(entry) + sizeof(std::uint64_t)) + bytes_.capacity();
    }

  private:
    [[nodiscard]] std::size_t slot(log_index index) const noexcept { return index & (entries_max_ - 1); }

    [[nodiscard]] std::uint64_t end_of(log_index index) const noexcept {
        return begins_[slot(index)] + entries_[slot(index)].payload.size();
    }

    // Where the next payload goes: behind the last, or at the start of the ring where it would cross its end. Positions
    // only grow; their remainder is the place in the ring.
    [[nodiscard]] std::uint64_t place(std::size_t payload_size) const noexcept {
        std::uint64_t const at = head_ & (bytes_max_ - 1);
        return at + payload_size > bytes_max_ ? head_ + (bytes_max_ - at) : head_;
    }

    std::size_t entries_max_;
    std::size_t bytes_max_;
    std::vector<entry> entries_;
    std::vector<std::uint64_t> begins_;
    std::vector<std::byte> bytes_;
    log_index first_ = 1;
    log_index last_ = 0;
    log_term base_term_ = 0; // of the entry before first_
    std::uint64_t head_ = 0;
};

} // namespace hpcsched::raft

#endif
