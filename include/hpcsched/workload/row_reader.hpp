// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_ROW_READER_HPP
#define HPCSCHED_WORKLOAD_ROW_READER_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/workload/byte_source.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hpcsched::workload {

/// What a reader does with a row that it cannot make sense of.
enum class bad_rows : std::uint8_t {
    stop, ///< the stream ends with an error that says where and what
    skip, ///< the row is left out and counted; the message for the first such row is kept
};

/// How rows are read, the same for all formats.
struct row_policy {
    bad_rows on_bad_row = bad_rows::stop;

    /// A longer row is a bad row; it bounds the memory of a reader. The longest rows of the published traces, 5,093
    /// columns in Huawei's public one, stay below 64 KiB.
    std::size_t row_bytes_max = std::size_t{1} << 20U;
};

/// What became of the rows of a file, or of all files of a trace.
struct read_counts {
    std::uint64_t taken_count = 0;     ///< rows that are in the workload, or tell about functions that may be
    std::uint64_t skipped_count = 0;   ///< bad rows, left out because `bad_rows::skip` was asked for
    std::uint64_t filtered_count = 0;  ///< rows in good order that the reader's rules leave out; see each reader
    std::uint64_t unmatched_count = 0; ///< rows that have no partner in a file they are joined with
    std::string first_skipped;         ///< the message for the first bad row; empty: there was none

    read_counts& operator+=(read_counts const& other) {
        taken_count += other.taken_count;
        skipped_count += other.skipped_count;
        filtered_count += other.filtered_count;
        unmatched_count += other.unmatched_count;
        if (first_skipped.empty()) {
            first_skipped = other.first_skipped;
        }
        return *this;
    }

    friend bool operator==(read_counts const&, read_counts const&) = default;
};

/// `text` between quotes for a message: at most 40 bytes of it, what does not print as \xNN, so that no file can
/// play tricks on a terminal.
[[nodiscard]] inline std::string excerpt(std::string_view text) {
    constexpr std::string_view hex = "0123456789abcdef";
    constexpr std::size_t longest = 40;
    std::string out = "'";
    for (char const c : text.substr(0, longest)) {
        auto const byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte < 0x7f) {
            out += c;
        } else {
            out += {'\\', 'x', hex[byte >> 4U], hex[byte & 15U]};
        }
    }
    return out + (text.size() > longest ? "...'" : "'");
}

/// Cuts a byte source into rows, one per line, in bounded memory: the base of every reader.
///
/// Rows end with LF or CR LF, the last one also with the end of the source. Empty lines are passed over. A UTF-8 byte
/// order mark at the start is dropped. A row with a NUL byte, or of more than `row_policy::row_bytes_max` bytes, is a
/// bad row.
///
/// It also carries out the reader's `row_policy`: the reader calls `reject` for a row that it cannot make sense of
/// and goes on with `next`, which either passes to the next row or ends the stream. So a reader has this shape:
///
///     while (rows.next()) {
///         if (parse(rows.row(), out)) { return true; }   // parse calls rows.reject(...) where it gives false
///     }
///     return rows.finish();
///
/// \thread_safety none
template <byte_source Source>
class row_reader {
  public:
    row_reader(named_source<Source> input, row_policy policy)
        : source_{std::move(input.bytes)}, name_{std::move(input.name)}, policy_{policy} {
        HPCSCHED_ASSERT(policy_.row_bytes_max > 0);
    }

    /// Moves to the next row that is not empty.
    /// \return false at the end of the source, after a failure, and where the last row was rejected and the policy
    ///         is to stop
    /// \complexity O(length of the row), without copying it
    [[nodiscard]] bool next() {
        while (!ended_) {
            char const* const from = buffer_.data() + scanned_;
            auto const* const line_end =
                scanned_ == end_ ? nullptr : static_cast<char const*>(std::memchr(from, '\n', end_ - scanned_));
            if (line_end != nullptr) {
                auto const stop = static_cast<std::size_t>(line_end - buffer_.data());
                if (take_row(stop, stop + 1)) {
                    return true;
                }
            } else if (!source_ended_) {
                scanned_ = end_;
                refill();
            } else if (begin_ != end_) {
                terminated_ = false;
                if (take_row(end_, end_)) {
                    return true;
                }
            } else {
                ended_ = true;
            }
        }
        return false;
    }

    /// The current row without its line end; valid until the next call of `next`.
    [[nodiscard]] std::string_view row() const noexcept { return row_; }

    /// Number of the current row's line, from 1.
    [[nodiscard]] std::uint64_t line_number() const noexcept { return line_number_; }

    /// What messages call the source.
    [[nodiscard]] std::string const& name() const noexcept { return name_; }

    [[nodiscard]] read_counts const& counts() const noexcept { return counts_; }
    [[nodiscard]] read_counts& counts() noexcept { return counts_; }

    /// The current row is bad: counts it, or ends the stream with an error, as the policy says.
    /// \param column  where in the row, in bytes, from 1
    /// \param what    what is wrong there
    /// \param advice  what to do about it; empty: mend the row, or skip bad rows
    [[gnu::cold]] void reject(std::size_t column, std::string_view what, std::string_view advice = {}) {
        std::string message = locate(column);
        message += what;
        message += "; ";
        if (!advice.empty()) {
            message += advice;
        } else if (terminated_) {
            message += "mend this row, or skip bad rows";
        } else {
            message +=
                "the file ends inside this row: if it was cut off, get it again; else mend the row, or skip bad rows";
        }
        if (policy_.on_bad_row == bad_rows::stop) {
            fail(std::move(message));
            return;
        }
        if (counts_.skipped_count++ == 0) {
            counts_.first_skipped = std::move(message);
        }
    }

    /// Ends the stream with an error at the current row, whatever the policy: for what no skipping mends, a header.
    [[gnu::cold]] void refuse(std::size_t column, std::string_view what, std::string_view advice) {
        std::string message = locate(column);
        message += what;
        message += "; ";
        message += advice;
        fail(std::move(message));
    }

    /// Ends the stream because there is nothing to read.
    [[gnu::cold]] void refuse_empty(std::string_view advice) {
        line_number_ = 1;
        refuse(1, "the file is empty", advice);
    }

    /// Ends the stream with this error.
    [[gnu::cold]] void fail(std::string message) {
        failure_ = error{std::move(message)};
        ended_ = true;
    }

    [[nodiscard]] bool failed() const noexcept { return failure_.has_value(); }

    /// To be returned from a source's `next` when the rows have ended: the error, once, or false.
    [[nodiscard]] result<bool> finish() {
        ended_ = true;
        if (!failure_) {
            return false;
        }
        error failure = std::move(*failure_);
        failure_.reset();
        return failure;
    }

  private:
    static constexpr std::size_t none = static_cast<std::size_t>(-1);
    static constexpr std::size_t first_buffer_bytes = std::size_t{64} << 10U;

    [[nodiscard]] std::string locate(std::size_t column) const {
        return name_ + ":" + std::to_string(line_number_) + ":" + std::to_string(column) + ": ";
    }

    /// Makes [begin_, stop) the current row. \return whether it is one: not empty, not bad, not the rest of a long one
    [[nodiscard]] bool take_row(std::size_t stop, std::size_t next_begin) {
        std::size_t const start = begin_;
        begin_ = scanned_ = next_begin;
        std::size_t nul = none;
        if (nul_ < begin_) {
            nul = nul_;
            nul_ = find_nul(begin_);
        }
        if (std::exchange(inside_long_row_, false)) {
            return false;
        }
        ++line_number_;
        row_ = std::string_view{buffer_.data() + start, stop - start};
        if (row_.ends_with('\r')) {
            row_.remove_suffix(1);
        }
        if (row_.size() > policy_.row_bytes_max) {
            row_ = {}; // as where its end was never seen
            reject_long_row();
            return false;
        }
        if (nul != none) {
            reject(nul - start + 1, "a NUL byte: this is not plain text",
                   "get the file again, or convert it to UTF-8 text");
            return false;
        }
        return !row_.empty();
    }

    [[gnu::cold]] void reject_long_row() {
        reject(policy_.row_bytes_max + 1, "the row is longer than " + std::to_string(policy_.row_bytes_max) + " bytes",
               "check that this is a trace with one record per line, or raise the limit");
    }

    [[nodiscard]] std::size_t find_nul(std::size_t from) const noexcept {
        void const* const found = from == end_ ? nullptr : std::memchr(buffer_.data() + from, 0, end_ - from);
        return found == nullptr ? none : static_cast<std::size_t>(static_cast<char const*>(found) - buffer_.data());
    }

    /// Gets more bytes behind the row that has begun and has no end yet.
    void refill() {
        if (inside_long_row_) {
            begin_ = scanned_ = end_ = 0; // only its line end counts
            nul_ = none;
        } else if (end_ - begin_ > policy_.row_bytes_max + 1) { // 1: a CR
            ++line_number_;
            row_ = {};
            reject_long_row();
            inside_long_row_ = true;
            return;
        } else if (begin_ != 0) {
            std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
            end_ -= begin_;
            scanned_ -= begin_;
            nul_ = nul_ == none ? none : nul_ - begin_;
            begin_ = 0;
        }
        if (end_ == buffer_.size()) {
            buffer_.resize(std::max(first_buffer_bytes, 2 * buffer_.size()));
        }
        read_some();
        if (line_number_ == 0 && begin_ == 0) {
            drop_byte_order_mark();
        }
    }

    void read_some() {
        auto const got = source_.read(std::span<char>{buffer_}.subspan(end_));
        if (!got) {
            fail(got.error().message);
            return;
        }
        HPCSCHED_ASSERT(*got <= buffer_.size() - end_);
        source_ended_ = *got == 0;
        std::size_t const from = end_;
        end_ += *got;
        if (nul_ == none) {
            nul_ = find_nul(from);
        }
    }

    void drop_byte_order_mark() {
        if (std::exchange(mark_checked_, true)) {
            return;
        }
        while (end_ < 3 && !source_ended_ && !ended_) {
            read_some();
        }
        std::string_view const start{buffer_.data(), end_};
        if (start.starts_with("\xef\xbb\xbf")) {
            begin_ = scanned_ = 3;
        } else if (start.starts_with("\xff\xfe") || start.starts_with("\xfe\xff")) {
            fail(name_ + ":1:1: this is UTF-16 text; convert it: iconv -f UTF-16 -t UTF-8");
        }
    }

    Source source_;
    std::string name_;
    row_policy policy_;
    std::vector<char> buffer_;
    std::size_t begin_ = 0;   // of the row that comes next
    std::size_t scanned_ = 0; // no line end lies between begin_ and here
    std::size_t end_ = 0;     // of the bytes that were read
    std::size_t nul_ = none;  // the first NUL byte at or after begin_
    std::string_view row_;
    std::uint64_t line_number_ = 0;
    std::optional<error> failure_;
    read_counts counts_;
    bool terminated_ = true;
    bool inside_long_row_ = false;
    bool mark_checked_ = false;
    bool source_ended_ = false;
    bool ended_ = false;
};

} // namespace hpcsched::workload

#endif
