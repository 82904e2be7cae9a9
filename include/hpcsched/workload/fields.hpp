// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_FIELDS_HPP
#define HPCSCHED_WORKLOAD_FIELDS_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/workload/parse_number.hpp>
#include <hpcsched/workload/row_reader.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hpcsched::workload {

/// One field of a row.
struct field {
    std::string_view text;  ///< without quotes; valid as long as the row and the cursor that gave it
    std::size_t column = 1; ///< where it begins in the row, in bytes, from 1
};

/// Passes over the fields of a comma-separated row.
///
/// A field that begins with a quote ends with one, and may have commas and doubled quotes inside (RFC 4180); line
/// ends inside quotes are not known. A quote further inside a bare field is an ordinary character.
class field_cursor {
  public:
    explicit field_cursor(std::string_view row) noexcept : row_{row} {}

    /// Moves to the next field. \return false after the last one, and at a fault
    [[nodiscard]] bool next(field& out) {
        if (position_ > row_.size()) {
            return false;
        }
        char const* const from = row_.data() + position_;
        std::size_t const left = row_.size() - position_;
        if (left != 0 && *from == '"') [[unlikely]] {
            return next_quoted(out);
        }
        auto const* const comma = left == 0 ? nullptr : static_cast<char const*>(std::memchr(from, ',', left));
        std::size_t const size = comma == nullptr ? left : static_cast<std::size_t>(comma - from);
        out.text = std::string_view{from, size};
        out.column = position_ + 1;
        position_ += size + 1;
        return true;
    }

    /// What is wrong with the row's quotes, and where; empty: nothing.
    [[nodiscard]] std::string_view fault() const noexcept { return fault_; }
    [[nodiscard]] std::size_t fault_column() const noexcept { return fault_column_; }

  private:
    [[gnu::cold]] bool next_quoted(field& out) {
        if (unquoted_.capacity() < row_.size()) {
            unquoted_.reserve(row_.size()); // before the first view into it, so that it never moves
        }
        std::size_t const opened = position_ + 1;
        std::size_t const start = unquoted_.size();
        for (std::size_t i = position_ + 1; i < row_.size(); ++i) {
            if (row_[i] != '"') {
                unquoted_.push_back(row_[i]);
            } else if (i + 1 < row_.size() && row_[i + 1] == '"') {
                unquoted_.push_back(row_[++i]);
            } else if (i + 1 == row_.size() || row_[i + 1] == ',') {
                out.text = std::string_view{unquoted_.data() + start, unquoted_.size() - start};
                out.column = opened;
                position_ = i + 2;
                return true;
            } else {
                return stop("text after a closing quote", i + 2);
            }
        }
        return stop("a quote that is not closed", opened);
    }

    bool stop(std::string_view fault, std::size_t column) noexcept {
        fault_ = fault;
        fault_column_ = column;
        position_ = row_.size() + 1;
        return false;
    }

    std::string_view row_;
    std::size_t position_ = 0;   // one beyond the row after its last field
    std::vector<char> unquoted_; // not a string, of which a short one moves its text when it is moved
    std::string_view fault_;
    std::size_t fault_column_ = 0;
};

/// Passes over the words of a row that are separated by blanks or tabs, one or more.
class word_cursor {
  public:
    explicit word_cursor(std::string_view row) noexcept : row_{row} {}

    /// Moves to the next word. \return false after the last one
    [[nodiscard]] bool next(field& out) noexcept {
        while (position_ < row_.size() && is_blank(row_[position_])) {
            ++position_;
        }
        std::size_t const start = position_;
        while (position_ < row_.size() && !is_blank(row_[position_])) {
            ++position_;
        }
        out = {row_.substr(start, position_ - start), start + 1};
        return position_ != start;
    }

  private:
    [[nodiscard]] static constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

    std::string_view row_;
    std::size_t position_ = 0;
};

/// The words for a message about a number that is none: "duration is 'abc', not a number".
/// \param kind  what it should be, with its article: "a number"
[[nodiscard]] inline std::string describe_fault(std::string_view column_name, field const& f, number_fault fault,
                                                std::string_view kind) {
    std::string const name{column_name};
    switch (fault) {
    case number_fault::missing:
        return name + " is missing";
    case number_fault::negative:
        return name + " is " + excerpt(f.text) + ", below zero";
    case number_fault::too_large:
        return name + " is " + excerpt(f.text) + ", too large";
    case number_fault::malformed:
    case number_fault::none:
        break;
    }
    return name + " is " + excerpt(f.text) + ", not " + std::string{kind};
}

/// \return whether all is well with the number of fields in the current row, and with its quotes; if not, it is
/// rejected
template <class Rows>
[[nodiscard]] bool check_column_count(Rows& rows, field_cursor const& cursor, std::size_t found, std::size_t expected) {
    if (!cursor.fault().empty()) [[unlikely]] {
        rows.reject(cursor.fault_column(), cursor.fault());
        return false;
    }
    if (found != expected) [[unlikely]] {
        rows.reject(found < expected ? rows.row().size() + 1 : 1,
                    std::to_string(found) + (found == 1 ? " column" : " columns") + " where the header has " +
                        std::to_string(expected));
        return false;
    }
    return true;
}

/// The texts of fields that follow each other in a row, with commas between them. Where they stand so in the row, as
/// they do in the published files, that is where the result points, and nothing is copied.
/// \param scratch  holds the result otherwise
/// \pre fields is not empty
[[nodiscard]] inline std::string_view join_fields(std::span<field const> fields, std::string& scratch) {
    HPCSCHED_ASSERT(!fields.empty());
    std::string_view const first = fields.front().text;
    bool side_by_side = true;
    std::size_t size = first.size();
    for (field const& f : fields.subspan(1)) {
        side_by_side = side_by_side && f.text.data() == first.data() + size + 1;
        size += 1 + f.text.size();
    }
    if (side_by_side) [[likely]] {
        return {first.data(), size};
    }
    scratch = first;
    for (field const& f : fields.subspan(1)) {
        scratch += ',';
        scratch += f.text;
    }
    return scratch;
}

/// Where the columns that a reader wants stand in a table, found by their names in its header; other columns are
/// passed over.
template <std::size_t N>
class column_map {
  public:
    static_assert(N > 0 && N < 255);

    /// \param wanted          the names of the columns
    /// \param format_name     what the table should be, with its article: "an Azure Functions 2021 trace"
    /// \param required_count  so many of the first may not be absent
    column_map(std::array<std::string_view, N> wanted, std::string_view format_name, std::size_t required_count = N)
        : wanted_{wanted}, format_name_{format_name}, required_count_{required_count} {}

    /// Whether the header has a wanted column.
    [[nodiscard]] bool has(std::size_t slot) const noexcept { return found_[slot]; }

    [[nodiscard]] std::string_view name(std::size_t slot) const noexcept { return wanted_[slot]; }

    /// Reads the header, the next row. \return false where it is none; the reader has failed then
    template <class Rows>
    [[nodiscard]] bool read_header(Rows& rows) {
        if (rows.next()) {
            return take_header(rows);
        }
        if (!rows.failed()) {
            rows.refuse_empty(expectation());
        }
        return false;
    }

    /// Takes the current row as header. \return false where it is none; the reader has failed then
    template <class Rows>
    [[nodiscard]] bool take_header(Rows& rows) {
        field_cursor cursor{rows.row()};
        for (field f; cursor.next(f);) {
            std::size_t const slot = slot_of(f.text);
            if (slot != N && found_[slot]) {
                rows.refuse(f.column, "the column " + excerpt(f.text) + " stands twice in the header", expectation());
                return false;
            }
            if (slot != N) {
                found_[slot] = true;
            }
            slot_of_.push_back(static_cast<std::uint8_t>(slot));
        }
        for (std::size_t slot = 0; slot < required_count_; ++slot) {
            if (!found_[slot]) {
                rows.refuse(1, "no column " + excerpt(wanted_[slot]) + " in the header " + excerpt(rows.row()),
                            expectation());
                return false;
            }
        }
        return true;
    }

    /// Splits the current row; fields of absent columns are left as they are. \return false where it was rejected
    template <class Rows>
    [[nodiscard]] bool split(Rows& rows, field_cursor& cursor, std::array<field, N>& out) const {
        std::size_t column = 0;
        for (field f; cursor.next(f); ++column) {
            if (column < slot_of_.size() && slot_of_[column] != N) {
                out[slot_of_[column]] = f;
            }
        }
        return check_column_count(rows, cursor, column, slot_of_.size());
    }

  private:
    [[nodiscard]] std::size_t slot_of(std::string_view name) const noexcept {
        return static_cast<std::size_t>(std::find(wanted_.begin(), wanted_.end(), name) - wanted_.begin());
    }

    [[nodiscard]] std::string expectation() const {
        std::string text{format_name_};
        text += " begins with a header that names";
        for (std::size_t i = 0; i < required_count_; ++i) {
            text += i == 0 ? " " : ",";
            text += wanted_[i];
        }
        return text;
    }

    std::array<std::string_view, N> wanted_;
    std::string_view format_name_;
    std::size_t required_count_;
    std::array<bool, N> found_{};
    std::vector<std::uint8_t> slot_of_; // by column; N: not wanted
};

} // namespace hpcsched::workload

#endif
