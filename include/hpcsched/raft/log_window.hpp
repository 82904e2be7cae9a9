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

/// The newest entries of a log, in memory: two rings, one of entries, one of their payloads. What is older lies in the
/// log storage alone.
///
/// The rings begin small with the first entry, and double as they fill up to the sizes given at construction; from then
/// on nothing is allocated. `release` gives them back, so that a group at rest holds none. A copy has rings of its own.
///
/// \complexity O(1), amortised while the rings grow, but for copies of payloads and what a call names
/// \thread_safety none
class log_window {
  public:
    /// \param entries_max, bytes_max  what the rings grow to, powers of two
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
            payload = {bytes_.data() + (begins_[slot(i)] & (bytes_.size() - 1)), payload.size()};
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
            std::min({count_max, entries_.size() - start, static_cast<std::size_t>(last_ - from + 1)});
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
        if (kept_from > last_) {
            return true;
        }
        std::uint64_t const begin = begins_[slot(kept_from)];
        std::uint64_t const end = bytes_.size() < bytes_max_ ? head_ : place(payload_size);
        return last_ + 1 - kept_from < entries_max_ && end + payload_size - begin <= bytes_max_;
    }

    /// Adds an entry behind the last; copies the payload. The oldest entries up to `evictable` go where room is needed.
    /// \return whether there was room; without it nothing changes
    bool append(log_term term, entry_kind kind, std::span<std::byte const> payload, log_index evictable) {
        HPCSCHED_ASSERT(term >= last_term());
        if (!has_room(payload.size(), evictable)) {
            return false;
        }
        if (!fits(payload.size())) {
            enlarge(payload.size());
        }
        while (!fits(payload.size())) {
            evict();
        }
        std::uint64_t const begin = place(payload.size());
        std::byte* const copy = bytes_.data() + (begin & (bytes_.size() - 1));
        if (!payload.empty()) {
            std::memcpy(copy, payload.data(), payload.size());
        }
        ++last_;
        entries_[slot(last_)] = entry{last_, term, kind, {copy, payload.size()}};
        begins_[slot(last_)] = begin;
        head_ = begin + payload.size();
        return true;
    }

    /// Makes room for one more entry of `payload_size` bytes by letting the rings grow to twice as much, for the few
    /// entries that cannot be refused.
    void grow(std::size_t payload_size) noexcept {
        entries_max_ *= 2;
        bytes_max_ = std::bit_ceil(bytes_max_ * 2 + payload_size);
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
    static constexpr std::size_t entries_min = 16; // of a ring that holds any
    static constexpr std::size_t bytes_min = 1024;

    [[nodiscard]] std::size_t slot(log_index index) const noexcept { return index & (entries_.size() - 1); }

    [[nodiscard]] std::uint64_t end_of(log_index index) const noexcept {
        return begins_[slot(index)] + entries_[slot(index)].payload.size();
    }

    // Where the next payload goes: behind the last, or at the start of the ring where it would cross its end. Positions
    // only grow; their remainder is the place in the ring.
    [[nodiscard]] std::uint64_t place(std::size_t payload_size) const noexcept {
        std::uint64_t const at = head_ & (bytes_.size() - 1);
        return at + payload_size > bytes_.size() ? head_ + (bytes_.size() - at) : head_;
    }

    // Whether the rings as they are have room without an eviction.
    [[nodiscard]] bool fits(std::size_t payload_size) const noexcept {
        if (entries_.empty() || payload_size > bytes_.size()) {
            return false;
        }
        return first_ > last_ || (last_ + 1 - first_ < entries_.size() &&
                                  place(payload_size) + payload_size - begins_[slot(first_)] <= bytes_.size());
    }

    void evict() noexcept {
        base_term_ = at(first_).term;
        ++first_;
    }

    // Rings twice as large, or as large as needed, within what they may grow to; what is held moves to their start. If
    // even the largest do not hold all, the oldest entries go.
    void enlarge(std::size_t payload_size) {
        auto const count = static_cast<std::size_t>(last_ + 1 - first_);
        bool const more_entries = count >= entries_.size() && entries_.size() < entries_max_;
        bool const more_bytes = bytes_.size() < bytes_max_;
        if (!more_entries && !more_bytes) {
            return;
        }
        while (first_ <= last_ && head_ - begins_[slot(first_)] + payload_size > bytes_max_) {
            evict();
        }
        std::size_t const held = first_ > last_ ? 0 : static_cast<std::size_t>(head_ - begins_[slot(first_)]);
        std::vector<entry> entries(more_entries ? std::min(std::max(entries_.size() * 2, entries_min), entries_max_)
                                                : entries_.size());
        std::vector<std::uint64_t> begins(entries.size());
        std::vector<std::byte> bytes(
            more_bytes
                ? std::min(std::max({bytes_.size() * 2, bytes_min, std::bit_ceil(held + payload_size)}), bytes_max_)
                : bytes_.size());
        std::uint64_t head = 0;
        for (log_index i = first_; i <= last_; ++i) {
            entry moved = at(i);
            if (!moved.payload.empty()) {
                std::memcpy(bytes.data() + head, moved.payload.data(), moved.payload.size());
            }
            moved.payload = {bytes.data() + head, moved.payload.size()};
            std::size_t const to = i & (entries.size() - 1);
            entries[to] = moved;
            begins[to] = head;
            head += moved.payload.size();
        }
        entries_ = std::move(entries);
        begins_ = std::move(begins);
        bytes_ = std::move(bytes);
        head_ = head;
    }

    std::size_t entries_max_; // what the rings grow to
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
