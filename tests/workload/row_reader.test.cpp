// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/workload/row_reader.hpp>

#include <doctest/doctest.h>

#include "reading.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace hpcsched;
using namespace hpcsched::workload;
using namespace std::string_view_literals;
using test::trickle;

namespace {

struct rows_read {
    std::vector<std::string> rows;
    std::vector<std::uint64_t> lines;
    std::string failure;
    read_counts counts;
};

rows_read rows_of(std::string_view text, row_policy policy = {}, std::size_t step = 1) {
    row_reader<trickle> reader{{trickle{text, step}, "f"}, policy};
    rows_read out;
    while (reader.next()) {
        out.rows.emplace_back(reader.row());
        out.lines.push_back(reader.line_number());
    }
    if (auto const end = reader.finish(); !end) {
        out.failure = end.error().message;
    }
    out.counts = reader.counts();
    return out;
}

using texts = std::vector<std::string>;

} // namespace

TEST_CASE("row_reader: rows end with LF, with CR LF, or with the source") {
    CHECK(rows_of("a\nb\n").rows == texts{"a", "b"});
    CHECK(rows_of("a\r\nb\r\n").rows == texts{"a", "b"});
    CHECK(rows_of("a\nb").rows == texts{"a", "b"});
    CHECK(rows_of("a\r\nb\r").rows == texts{"a", "b"});
    CHECK(rows_of("a\rb\n").rows == texts{"a\rb"});
    CHECK(rows_of("").rows.empty());
}

TEST_CASE("row_reader: empty lines are passed over and still count as lines") {
    rows_read const read = rows_of("\n\r\na\n\n\nb\n\n");
    CHECK(read.rows == texts{"a", "b"});
    CHECK(read.lines == std::vector<std::uint64_t>{3, 6});
}

TEST_CASE("row_reader: a UTF-8 byte order mark is dropped, at the start only") {
    CHECK(rows_of("\xef\xbb\xbf"
                  "a\n\xef\xbb\xbf"
                  "b\n")
              .rows == texts{"a", "\xef\xbb\xbf"
                                  "b"});
    CHECK(rows_of("\xef\xbb\xbf").rows.empty());
    CHECK(rows_of("\xef\xbb").rows == texts{"\xef\xbb"});
}

TEST_CASE("row_reader: UTF-16 is refused with the command that converts it") {
    CHECK(rows_of("\xff\xfe"
                  "a\0"sv)
              .failure == "f:1:1: this is UTF-16 text; convert it: iconv -f UTF-16 -t UTF-8");
    CHECK(rows_of("\xfe\xff\0a"sv).failure == "f:1:1: this is UTF-16 text; convert it: iconv -f UTF-16 -t UTF-8");
}

TEST_CASE("row_reader: the rows do not depend on how the bytes come in") {
    std::string text = "\xef\xbb\xbf";
    for (int i = 0; i < 3'000; ++i) {
        text += std::string(static_cast<std::size_t>(i % 700), static_cast<char>('a' + i % 26));
        text += i % 3 == 0 ? "\r\n" : "\n";
    }
    rows_read const whole = rows_of(text, {}, text.size());
    CHECK(whole.rows.size() == 3'000 - 5); // each 700th line is empty
    for (std::size_t const step : {1U, 2U, 3U, 4'096U, 262'143U, 262'144U, 262'145U}) {
        rows_read const stepwise = rows_of(text, {}, step);
        CHECK(stepwise.rows == whole.rows);
        CHECK(stepwise.lines == whole.lines);
    }
}

TEST_CASE("row_reader: a row of the longest length is taken, a longer one is bad, and what follows it is read") {
    row_policy const skip{bad_rows::skip, 5};
    for (std::size_t const step : {1U, 100U}) {
        rows_read const read = rows_of("12345\r\n123456\nabc\n1234567890123\nxyz", skip, step);
        CHECK(read.rows == texts{"12345", "abc", "xyz"});
        CHECK(read.lines == std::vector<std::uint64_t>{1, 3, 5});
        CHECK(read.counts.skipped_count == 2);
        CHECK(read.counts.first_skipped == "f:2:6: the row is longer than 5 bytes; check that this is a trace with one "
                                           "record per line, or raise the limit");
    }
    CHECK(rows_of("a\n123456\nb\n", {bad_rows::stop, 5}).rows == texts{"a"});
}

TEST_CASE("row_reader: a row without end does not take memory without end") {
    // 40 MB in one row, with a limit of 1 MiB: the source is read on, the row is not kept.
    struct endless {
        std::size_t left = 40'000'000;
        std::size_t largest_room = 0;
        std::size_t* seen;
        result<std::size_t> read(std::span<char> room) {
            *seen = std::max(*seen, room.size());
            std::size_t const size = std::min(left, room.size());
            std::fill_n(room.data(), size, 'x');
            left -= size;
            return size;
        }
    };
    std::size_t largest_room = 0;
    row_reader<endless> reader{{endless{.seen = &largest_room}, "f"}, {bad_rows::skip, std::size_t{1} << 20U}};
    CHECK_FALSE(reader.next());
    CHECK(reader.counts().skipped_count == 1);
    CHECK(largest_room <= std::size_t{4} << 20U);
    CHECK(reader.finish().value() == false);
}

TEST_CASE("row_reader: a NUL byte makes its row bad, and only that one") {
    row_policy const skip{bad_rows::skip, 100};
    for (std::size_t const step : {1U, 100U}) {
        rows_read const read = rows_of("abc\nd\0e\nfgh\n\0\nij\r\0\nkl"sv, skip, step);
        CHECK(read.rows == texts{"abc", "fgh", "kl"});
        CHECK(read.counts.skipped_count == 3);
        CHECK(read.counts.first_skipped ==
              "f:2:2: a NUL byte: this is not plain text; get the file again, or convert it to UTF-8 text");
    }
}

TEST_CASE("row_reader: a NUL byte in a row that is too long does not mark a later one") {
    row_policy const skip{bad_rows::skip, 4};
    for (std::size_t const step : {1U, 100U}) {
        rows_read const read = rows_of("ab\n12345678\0\ncd\nef\n"sv, skip, step);
        CHECK(read.rows == texts{"ab", "cd", "ef"});
        CHECK(read.counts.skipped_count == 1);
    }
}

TEST_CASE("row_reader: a failure of the source ends the stream with its message, once") {
    row_reader<trickle> reader{{trickle{"a\nb\nc", 1, "f: the disk is gone; get another"}, "f"}, {}};
    CHECK(reader.next());
    CHECK(reader.next());
    CHECK_FALSE(reader.next());
    CHECK(reader.failed());
    auto const end = reader.finish();
    REQUIRE_FALSE(end.has_value());
    CHECK(end.error().message == "f: the disk is gone; get another");
    CHECK_FALSE(reader.next());
    CHECK(reader.finish().value() == false);
}

TEST_CASE("row_reader: rejecting a row ends the stream or counts it, as the policy says") {
    for (bad_rows const policy : {bad_rows::stop, bad_rows::skip}) {
        row_reader<trickle> reader{{trickle{"a\nb\nc"}, "f"}, {policy, 100}};
        REQUIRE(reader.next());
        reader.reject(3, "it is wrong");
        bool const goes_on = reader.next();
        CHECK(goes_on == (policy == bad_rows::skip));
        if (goes_on) {
            reader.reject(1, "it is also wrong", "leave it");
            CHECK(reader.counts().skipped_count == 2);
            CHECK(reader.counts().first_skipped == "f:1:3: it is wrong; mend this row, or skip bad rows");
        } else {
            CHECK(reader.finish().error().message == "f:1:3: it is wrong; mend this row, or skip bad rows");
        }
    }
}

TEST_CASE("row_reader: a bad last row without line end gets the advice for a file that was cut off") {
    row_reader<trickle> reader{{trickle{"a\nb"}, "f"}, {}};
    REQUIRE(reader.next());
    REQUIRE(reader.next());
    reader.reject(1, "it is wrong");
    CHECK(reader.finish().error().message ==
          "f:2:1: it is wrong; the file ends inside this row: if it was cut off, get "
          "it again; else mend the row, or skip bad rows");
}

TEST_CASE("excerpt: is short, and shows what would not print") {
    CHECK(excerpt("abc") == "'abc'");
    CHECK(excerpt("") == "''");
    CHECK(excerpt("a\tb\x1b[31m\xff") == "'a\\x09b\\x1b[31m\\xff'");
    CHECK(excerpt(std::string(41, 'x')) == "'" + std::string(40, 'x') + "...'");
    CHECK(excerpt(std::string(40, 'x')) == "'" + std::string(40, 'x') + "'");
}

TEST_CASE("read_counts: sums keep the first message") {
    read_counts a{1, 2, 3, 4, ""};
    a += {10, 20, 30, 40, "first"};
    a += {100, 200, 300, 400, "second"};
    CHECK(a == read_counts{111, 222, 333, 444, "first"});
}
