// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft_log/journal.hpp>

#include <doctest/doctest.h>

#include "disk_journal.hpp"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::raft_log {
namespace {

using namespace test;

std::vector<std::byte> pattern(std::size_t size) {
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = static_cast<std::byte>(i * 7 + i / 251);
    }
    return bytes;
}

raft::snapshot_chunk piece(std::vector<std::byte> const& whole, std::uint64_t offset, std::size_t size,
                           raft::membership_codec::bytes const& members) {
    auto const from = static_cast<std::size_t>(offset);
    std::size_t const count = std::min(size, whole.size() - from);
    return {.last_index = 50,
            .last_term = 4,
            .offset = offset,
            .last = from + count == whole.size(),
            .members = {members.data(), members.size()},
            .bytes = std::span{whole}.subspan(from, count)};
}

std::size_t files_with(faulty_disk const& disk, std::string const& part) {
    return static_cast<std::size_t>(
        std::ranges::count_if(disk.now, [&](auto const& f) { return f.first.find(part) != std::string::npos; }));
}

} // namespace

TEST_CASE("snapshots: any piece of one is read back, of whatever size its blocks are") {
    auto const disk = std::make_shared<faulty_disk>();
    auto journal = must(open_on(disk));
    auto log = must(journal.open_group(raft::group_id{1}, three_founders()));
    writer w{log};
    REQUIRE(w.put("x", 10).has_value());
    REQUIRE(journal.flush().has_value());
    auto const whole = pattern(700'000);
    REQUIRE(log.save_snapshot({9, 1, three_founders(), whole.size()}, whole, 5).has_value());
    CHECK(log.snapshot().size == whole.size());
    dice draw{1};
    for (int i = 0; i < 50; ++i) {
        std::uint64_t const offset = draw(whole.size() + 10);
        auto const size = static_cast<std::size_t>(draw(300'000));
        auto const got = log.read_snapshot(offset, size);
        std::size_t const from = std::min<std::size_t>(static_cast<std::size_t>(offset), whole.size());
        auto const want = std::span{whole}.subspan(from, std::min(size, whole.size() - from));
        REQUIRE(std::ranges::equal(got, want));
    }
    CHECK(!log.read(4, 1, 0).has_value());
    CHECK(log.read(5, 1, 0)->previous_term == 1);
    CHECK(texts_of(log).size() == 1);
}

TEST_CASE("snapshots: one that comes in pieces goes on after a crash where it was durable") {
    auto const disk = std::make_shared<faulty_disk>();
    auto const whole = pattern(1000);
    auto const members = raft::membership_codec::encode(three_founders());
    std::uint64_t next = 0;
    dice draw{3};
    for (int rounds = 0; rounds < 10; ++rounds) {
        {
            auto journal = must(open_on(disk));
            auto log = must(journal.open_group(raft::group_id{1}, three_founders()));
            // The sender goes on where the last answer said.
            auto const got = must(log.store_chunk(piece(whole, next, 100, members)));
            CHECK(got.next_offset == next + 100);
            CHECK(got.complete == (next == 900));
            next = got.next_offset;
            auto const again = log.store_chunk(piece(whole, next == 1000 ? 500 : next + 7, 10, members));
            CHECK(again->complete == false);
            CHECK(again->next_offset == (next == 1000 ? 0 : next));
            disk->crash_machine([&](std::uint64_t most) { return draw(most); });
        }
    }
    auto journal = must(open_on(disk));
    auto log = must(journal.open_group(raft::group_id{1}, three_founders()));
    CHECK(log.stored().snapshot_index == 50);
    CHECK(log.stored().commit == 50);
    CHECK(std::ranges::equal(log.read_snapshot(0, 2000), whole));
    CHECK(files_with(*disk, "incoming") == 0);
    CHECK(files_with(*disk, ".snap") == 1);
}

TEST_CASE("snapshots: one from another server takes the place of entries that conflict with it, whatever comes then") {
    auto const disk = std::make_shared<faulty_disk>();
    auto const whole = pattern(10);
    auto const members = raft::membership_codec::encode(three_founders());
    {
        auto journal = must(open_on(disk));
        auto log = must(journal.open_group(raft::group_id{1}, three_founders()));
        writer w{log};
        REQUIRE(w.put("of nobody's", 90).has_value()); // longer than the snapshot, and never committed
        REQUIRE(journal.flush().has_value());
        CHECK(must(log.store_chunk(piece(whole, 0, 10, members))).complete);
        CHECK(texts_of(log).empty());
        CHECK(!log.read(20, 1, 0).has_value());
        CHECK(texts_on(copy_of(*disk))->empty()); // and when it is opened at once
        w.rewind(51);
        w.commit = 50;
        REQUIRE(w.put("new", 3, 5).has_value());
        REQUIRE(journal.flush().has_value());
        // A snapshot of its own, whose trailing entries would reach back behind the other one.
        w.commit = 52;
        REQUIRE(w.put("newer", 1, 5).has_value());
        REQUIRE(journal.flush().has_value());
        REQUIRE(log.save_snapshot({52, 5, three_founders(), 0}, {}, 10).has_value());
        CHECK(!log.read(50, 1, 0).has_value());
    }
    auto journal = must(open_on(disk));
    auto log = must(journal.open_group(raft::group_id{1}, three_founders()));
    CHECK(texts_of(log) == std::vector<std::string>{"new", "newer"});
    CHECK(!log.read(50, 1, 0).has_value());
    CHECK(!log.read(20, 1, 0).has_value());
    auto const trailing = log.read(51, 1, 0);
    REQUIRE(trailing.has_value());
    CHECK(trailing->previous_term == 4);
    CHECK(log.read_snapshot(0, 10).empty());
}

TEST_CASE("snapshots: a piece of an older one than is here changes nothing") {
    auto const disk = std::make_shared<faulty_disk>();
    auto journal = must(open_on(disk));
    auto log = must(journal.open_group(raft::group_id{1}, three_founders()));
    writer w{log};
    REQUIRE(w.put("x", 60).has_value());
    w.commit = 60;
    REQUIRE(w.put("y").has_value());
    REQUIRE(journal.flush().has_value());
    REQUIRE(log.save_snapshot({60, 1, three_founders(), 1}, bytes_of("s"), 61).has_value());
    auto const members = raft::membership_codec::encode(three_founders());
    auto const got = must(log.store_chunk(piece(pattern(10), 0, 10, members)));
    CHECK(!got.complete);
    CHECK(log.stored().snapshot_index == 60);
    CHECK(texts_of(log) == std::vector<std::string>{"y"});
}

} // namespace hpcsched::raft_log
