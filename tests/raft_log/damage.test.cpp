// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft_log/journal.hpp>

#include <doctest/doctest.h>

#include "disk_journal.hpp"
#include "skip.hpp"
#include "snapshot_files.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::raft_log {
namespace {

using namespace test;

// Every byte; with a sanitizer, which is slow, some.
constexpr std::size_t stride = HPCSCHED_IS_SANITIZED ? 13 : 1;

/// A disk with the entries "a", "b", ..., each of one flush.
/// \param closed  whether the journal came to its end
std::shared_ptr<faulty_disk> disk_with(std::size_t count, bool closed, std::size_t payload = 100) {
    auto disk = std::make_shared<faulty_disk>();
    auto journal = must(open_on(disk));
    {
        auto log = must(journal.open_group(raft::group_id{1}, three_founders()));
        writer w{log};
        for (std::size_t i = 0; i < count; ++i) {
            REQUIRE(w.put(std::string(payload, static_cast<char>('a' + i))).has_value());
            REQUIRE(journal.flush().has_value());
        }
    }
    if (!closed) {
        disk->kill_process();
    }
    return disk;
}

std::vector<std::string> letters(std::size_t count, std::size_t payload = 100) {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < count; ++i) {
        all.emplace_back(payload, static_cast<char>('a' + i));
    }
    return all;
}

std::vector<std::byte>& bytes_of_file(faulty_disk& disk, std::string const& name) {
    auto& content = *disk.now.at(name);
    return content.cached;
}

} // namespace

TEST_CASE("damage: of a log that was closed, a flipped bit is found and named, or is where nothing is") {
    auto const disk = disk_with(4, true);
    std::size_t const size = bytes_of_file(*disk, "00000001.log").size();
    std::size_t refused = 0;
    for (std::size_t at = 0; at < size; at += stride) {
        auto const copy = copy_of(*disk);
        bytes_of_file(*copy, "00000001.log")[at] ^= static_cast<std::byte>(1U << (at % 8));
        auto const found = texts_on(copy);
        CAPTURE(at);
        if (found) {
            REQUIRE(*found == letters(4));
            REQUIRE(at >= 4096 + 4 * 512); // the empty batch of the end, and what was never used
        } else {
            ++refused;
            REQUIRE(found.error().message.find("disk/00000001.log: offset ") == 0);
            REQUIRE(found.error().message.find("damaged") != std::string::npos);
        }
    }
    CHECK(refused == (4096 + 4 * 512 + stride - 1) / stride);
}

TEST_CASE("damage: of a log that was not closed, only the last flush can be taken for one that was not finished") {
    auto const disk = disk_with(4, false);
    for (std::size_t at = 0; at < bytes_of_file(*disk, "00000001.log").size(); at += stride) {
        auto const copy = copy_of(*disk);
        bytes_of_file(*copy, "00000001.log")[at] ^= std::byte{0x10};
        auto const found = texts_on(copy);
        CAPTURE(at);
        REQUIRE(found.has_value() == (at >= 4096 + 3 * 512));
        if (found) {
            REQUIRE(*found == letters(at < 4096 + 4 * 512 ? 3 : 4));
        }
    }
}

TEST_CASE("damage: a write that was torn at any byte is cut away, said so, and the log goes on") {
    auto const disk = disk_with(3, false);
    for (std::size_t torn = 0; torn < 512; torn += stride) {
        auto const copy = copy_of(*disk);
        auto& bytes = bytes_of_file(*copy, "00000001.log");
        std::size_t const begin = 4096 + 2 * 512;
        bool const whole = std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(begin + torn),
                                       bytes.begin() + static_cast<std::ptrdiff_t>(begin + 512),
                                       [](std::byte b) { return b == std::byte{}; });
        std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(begin + torn),
                  bytes.begin() + static_cast<std::ptrdiff_t>(begin + 512), std::byte{});
        CAPTURE(torn);
        {
            auto journal = must(open_on(copy));
            REQUIRE(journal.remarks().size() == (whole || torn == 0 ? 0 : 1));
            if (!journal.remarks().empty()) {
                REQUIRE(journal.remarks().front() ==
                        "disk/00000001.log: offset 5120: cut away a write that was not finished");
            }
            auto log = must(journal.open_group(raft::group_id{1}, three_founders()));
            writer w{log};
            REQUIRE(w.last() == (whole ? 3 : 2));
            REQUIRE(w.put("next").has_value());
            REQUIRE(journal.flush().has_value());
        }
        auto expected = letters(whole ? 3 : 2);
        expected.emplace_back("next");
        REQUIRE(*texts_on(copy) == expected);
    }
}

TEST_CASE("damage: a block that was written to the place of another, or of another file, is found") {
    auto const disk = disk_with(12, true, 300); // of two segments and a third
    REQUIRE(disk->now.contains("00000002.log"));
    for (std::size_t to = 8; to < 16; ++to) {
        for (std::size_t from = 8; from < 16; ++from) {
            auto const copy = copy_of(*disk);
            auto& target = bytes_of_file(*copy, "00000001.log");
            auto const& same = bytes_of_file(*disk, "00000001.log");
            auto const& other = bytes_of_file(*disk, "00000002.log");
            CAPTURE(to);
            CAPTURE(from);
            std::copy_n(other.begin() + static_cast<std::ptrdiff_t>(from * 512), 512,
                        target.begin() + static_cast<std::ptrdiff_t>(to * 512));
            REQUIRE(message_of(texts_on(copy)).starts_with("disk/00000001.log: offset "));
            std::copy_n(same.begin() + static_cast<std::ptrdiff_t>(from * 512), 512,
                        target.begin() + static_cast<std::ptrdiff_t>(to * 512));
            REQUIRE(texts_on(copy).has_value() == (from == to));
        }
    }
}

TEST_CASE("damage: a missing file is named, whichever it is") {
    auto const disk = disk_with(26, true, 600);
    std::size_t segments = 0;
    for (auto const& [name, content] : disk->now) {
        segments += name.ends_with(".log") ? 1U : 0U;
    }
    REQUIRE(segments > 4);
    for (std::size_t gone = 1; gone + 1 < segments; ++gone) { // the last may be one that was made ahead
        auto const copy = copy_of(*disk);
        std::string const name = detail::segment_name(gone);
        copy->now.erase(name);
        CAPTURE(name);
        CHECK(message_of(texts_on(copy)).starts_with("disk/" + name + ": the file is missing"));
    }
    auto const none = std::make_shared<faulty_disk>();
    none->now.emplace("snapshot-1-5.snap", std::make_shared<faulty_disk::content>());
    CHECK(message_of(texts_on(none)).starts_with("disk/snapshot-1-5.snap: offset 0: the header is damaged"));
}

TEST_CASE("damage: a snapshot file is refused for any flipped bit") {
    auto const disk = disk_with(3, false);
    {
        auto journal = must(open_on(disk));
        auto log = must(journal.open_group(raft::group_id{1}, three_founders()));
        writer w{log};
        w.commit = 3;
        REQUIRE(w.put("more").has_value());
        REQUIRE(journal.flush().has_value());
        REQUIRE(
            log.save_snapshot({3, 1, three_founders(), 300}, std::vector<std::byte>(300, std::byte{7}), 4).has_value());
    }
    std::string const name = "snapshot-1-3.snap";
    CHECK(*texts_on(copy_of(*disk)) == std::vector<std::string>{"more"});
    for (std::size_t at = 0; at < bytes_of_file(*disk, name).size(); ++at) {
        auto const copy = copy_of(*disk);
        bytes_of_file(*copy, name)[at] ^= std::byte{4};
        CAPTURE(at);
        REQUIRE(message_of(texts_on(copy)).starts_with("disk/" + name + ": offset "));
    }
}

TEST_CASE("damage: that comes while the journal is open ends it at the read, with file and offset") {
    auto const disk = disk_with(3, true);
    auto journal = must(open_on(disk));
    auto log = must(journal.open_group(raft::group_id{1}, three_founders()));
    bytes_of_file(*disk, "00000001.log")[4096 + 512 + 100] ^= std::byte{1};
    CHECK(log.read(1, 1, 0).has_value());
    CHECK(!log.read(2, 1, 0).has_value());
    writer w{log};
    std::string const message = message_of(w.put("more"));
    CHECK(message.starts_with("disk/00000001.log: offset 4"));
    CHECK(message.find("damaged") != std::string::npos);
    CHECK(message_of(journal.flush()) == message);
    CHECK(message_of(journal.complete()) == message);
}

TEST_CASE("damage: a file of another cluster, another node or a newer format is refused") {
    auto const disk = disk_with(1, true);
    auto const header = [](std::uint64_t cluster, std::uint32_t node, std::uint32_t version) {
        detail::segment_header h{.version = version, .cluster = cluster, .node = raft::node_id{node}, .number = 1};
        std::vector<std::byte> bytes(detail::header_bytes);
        detail::encode(h, std::span<std::byte, detail::header_bytes>{bytes.data(), bytes.size()});
        return bytes;
    };
    auto const opened = [&](std::vector<std::byte> const& bytes) {
        auto const copy = copy_of(*disk);
        std::ranges::copy(bytes, bytes_of_file(*copy, "00000001.log").begin());
        return message_of(texts_on(copy));
    };
    CHECK(opened(header(6, 2, 1)) == "disk/00000001.log: belongs to cluster 6, this is cluster 5: give each cluster a "
                                     "directory of its own");
    CHECK(opened(header(5, 3, 1)) ==
          "disk/00000001.log: belongs to node 3, this is node 2: give each node a directory of its own");
    CHECK(opened(header(5, 2, 9)) ==
          "disk/00000001.log: it is of format version 9, this program reads up to 1: use a newer hpcsched");
}

} // namespace hpcsched::raft_log
