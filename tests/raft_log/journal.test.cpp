// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft_log/inspect.hpp>
#include <hpcsched/raft_log/journal.hpp>
#include <hpcsched/testing/conformance/log_storage.hpp>

#include <doctest/doctest.h>

#include "journals.hpp"
#include "skip.hpp"
#include "temporary_folder.hpp"
#include <malloc.h>
#include <poll.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::raft_log {
namespace {

using namespace test;

/// A group's log together with its journal, so that both are closed and opened as one.
struct lone_log {
    std::unique_ptr<memory_folder> folder = std::make_unique<memory_folder>();
    journal_config config;
    std::unique_ptr<journal> owner;
    std::unique_ptr<group_log> log;

    explicit lone_log(journal_config c, raft::membership const& founders) : config{std::move(c)} {
        config.directory = folder->path();
        open(founders);
    }
    void open(raft::membership const& founders) {
        log.reset();
        owner.reset();
        owner = std::make_unique<journal>(must(journal::open(config)));
        log = std::make_unique<group_log>(must(owner->open_group(raft::group_id{7}, founders)));
    }

    raft::stored_state stored() const { return log->stored(); }
    template <class Visitor>
    void each_stored(Visitor&& visit) {
        log->each_stored(visit);
    }
    result<void> write(raft::log_write const& w) { return log->write(w); }
    std::uint64_t durable() const { return log->durable(); }
    auto read(raft::log_index first, std::size_t count, std::size_t bytes) { return log->read(first, count, bytes); }
    raft::snapshot_info snapshot() const { return log->snapshot(); }
    result<void> save_snapshot(raft::snapshot_info const& info, std::span<std::byte const> bytes,
                               raft::log_index keep) {
        return log->save_snapshot(info, bytes, keep);
    }
    auto read_snapshot(std::uint64_t offset, std::size_t most) { return log->read_snapshot(offset, most); }
    auto store_chunk(raft::snapshot_chunk const& chunk) { return log->store_chunk(chunk); }
};
static_assert(raft::log_storage<lone_log>);

/// Every third write is flushed, so that much is read while it is not yet on the disk.
std::vector<std::string> conformance_of(journal_config const& config, std::uint64_t seeds) {
    raft::membership founded;
    auto const make = [&](raft::membership const& founders) {
        founded = founders;
        return lone_log{config, founders};
    };
    auto const reopen = [&](lone_log log) {
        log.open(founded);
        return log;
    };
    auto const wait = [](lone_log& log, std::uint64_t number) {
        CHECK(log.owner->flush().has_value());
        if (number % 3 == 0) {
            CHECK(log.owner->drain().has_value());
            CHECK(log.durable() == number);
        }
    };
    return testing::check_log_storage(make, reopen, wait, seeds);
}

} // namespace

TEST_CASE("journal: keeps the rules of a log storage in every mode") {
    for (flush_mode const mode : {flush_mode::inline_, flush_mode::thread, flush_mode::io_uring}) {
        for (std::size_t const segment : {std::size_t{8} << 10U, std::size_t{1} << 20U}) {
            CAPTURE(static_cast<int>(mode));
            CAPTURE(segment);
            CHECK(conformance_of({.segment_bytes = segment, .flush = mode}, 8) == std::vector<std::string>{});
        }
    }
}

TEST_CASE("journal: many groups share one write, and each is told when it is durable") {
    for (flush_mode const mode : {flush_mode::inline_, flush_mode::thread, flush_mode::io_uring}) {
        temporary_folder folder; // a real disk
        auto owner = must(journal::open({.directory = folder.path(), .flush = mode}));
        std::vector<group_log> logs;
        std::vector<writer> writers;
        for (std::uint32_t i = 0; i < 50; ++i) {
            logs.push_back(must(owner.open_group(raft::group_id{i}, three_founders())));
        }
        for (group_log& log : logs) {
            writers.emplace_back(log);
        }
        std::vector<std::uint32_t> told;
        owner.set_on_durable([&](raft::group_id id) {
            told.push_back(id.value);
            CHECK(logs[id.value].durable() == writers[id.value].number());
        });
        for (int round = 1; round <= 3; ++round) {
            for (writer& w : writers) {
                REQUIRE(w.put("some bytes").has_value());
            }
            REQUIRE(owner.flush().has_value());
            while (!owner.idle()) {
                pollfd until{owner.descriptor(), POLLIN, 0};
                (void)::poll(&until, 1, 10'000);
                REQUIRE(owner.complete().has_value());
            }
            CHECK(told.size() == 50U * static_cast<unsigned>(round));
        }
        auto const seen = owner.mode();
        logs.clear();
        owner = must(journal::open({.directory = (folder / "other"), .flush = mode}));
        auto const facts = must(inspect(folder.path()));
        CHECK(facts.segments.front().batches == 4); // three, and the end
        CHECK((seen == mode || !owner.remarks().empty()));
    }
}

TEST_CASE("journal: what is written while a flush is under way follows as one, by itself") {
    temporary_folder folder;
    {
        auto owner = must(journal::open({.directory = folder.path(), .flush = flush_mode::thread}));
        auto log = must(owner.open_group(raft::group_id{1}, three_founders()));
        writer w{log};
        for (int i = 0; i < 10; ++i) {
            REQUIRE(w.put("bytes").has_value());
            REQUIRE(owner.flush().has_value()); // the first begins, the others are one
        }
        while (!owner.idle()) {
            pollfd until{owner.descriptor(), POLLIN, 0};
            (void)::poll(&until, 1, 10'000);
            REQUIRE(owner.complete().has_value());
        }
        CHECK(log.durable() == 10);
    }
    CHECK(must(inspect(folder.path())).segments.front().batches == 3);
}

TEST_CASE("journal: a write from within the callback is told in its turn") {
    memory_folder folder;
    auto owner = must(journal::open({.directory = folder.path(), .flush = flush_mode::inline_}));
    auto log = must(owner.open_group(raft::group_id{1}, three_founders()));
    writer w{log};
    std::uint64_t calls = 0;
    owner.set_on_durable([&](raft::group_id) {
        if (++calls < 100) {
            REQUIRE(w.put("again").has_value());
            REQUIRE(owner.flush().has_value());
        }
    });
    REQUIRE(w.put("once").has_value());
    REQUIRE(owner.flush().has_value());
    CHECK(calls == 100);
    CHECK(log.durable() == 100);
}

TEST_CASE("journal: a second one on the same directory is refused, until the first is gone") {
    memory_folder folder;
    {
        auto owner = must(journal::open({.directory = folder.path()}));
        CHECK(message_of(journal::open({.directory = folder.path()})) ==
              "the log in '" + folder.path().string() +
                  "' is open already, by this or another process: stop that first");
        CHECK(message_of(inspect(folder.path())).find("is open already") != std::string::npos);
    }
    CHECK(journal::open({.directory = folder.path()}).has_value());
}

TEST_CASE("journal: a group is open once, and keeps what it had when opened again") {
    memory_folder folder;
    auto owner = must(journal::open({.directory = folder.path(), .flush = flush_mode::inline_}));
    {
        auto log = must(owner.open_group(raft::group_id{1}, three_founders()));
        CHECK(message_of(owner.open_group(raft::group_id{1}, three_founders())) ==
              "group 1 is open already: it has one log");
        writer w{log};
        REQUIRE(w.put("one").has_value());
    }
    auto log = must(owner.open_group(raft::group_id{1}, three_founders()));
    CHECK(texts_of(log) == std::vector<std::string>{"one"});
    CHECK(log.durable() == 0);
    REQUIRE(owner.flush().has_value());
    CHECK(log.durable() == 0); // the write was another's
    CHECK(owner.groups() == std::vector<raft::group_id>{raft::group_id{1}});
}

TEST_CASE("journal: direct I/O keeps the rules, and goes on from a log that was written without") {
    temporary_folder folder;
    std::vector<std::string> expected;
    for (bool const direct : {false, true, true, false}) {
        auto opened = journal::open({.directory = folder.path(), .direct = direct});
        if (!opened && opened.error().message.find("no direct I/O") != std::string::npos) {
            HPCSCHED_SKIP("the temporary folder's file system has no direct I/O");
        }
        auto owner = must(std::move(opened));
        auto log = must(owner.open_group(raft::group_id{1}, three_founders()));
        CHECK(texts_of(log) == expected);
        writer w{log};
        for (int i = 0; i < 3; ++i) {
            expected.push_back(std::string(static_cast<std::size_t>(100 + 3000 * i), 'x'));
            REQUIRE(w.put(expected.back()).has_value());
            REQUIRE(owner.drain().has_value());
        }
        CHECK(texts_of(log) == expected);
    }
}

TEST_CASE("journal: a write larger than a segment gets one of its own") {
    memory_folder folder;
    journal_config const config{
        .directory = folder.path(), .segment_bytes = std::size_t{16} << 10U, .flush = flush_mode::thread};
    std::vector<std::string> expected;
    {
        auto owner = must(journal::open(config));
        auto log = must(owner.open_group(raft::group_id{1}, three_founders()));
        writer w{log};
        for (std::size_t const size : {100'000U, 10U, 50'000U, 9'000U, 9'000U, 200'000U}) {
            expected.push_back(std::string(size, 'y'));
            REQUIRE(w.put(expected.back()).has_value());
        }
        CHECK(texts_of(log) == expected); // from memory
        REQUIRE(owner.drain().has_value());
        CHECK(texts_of(log) == expected);
    }
    auto owner = must(journal::open(config));
    auto log = must(owner.open_group(raft::group_id{1}, three_founders()));
    CHECK(texts_of(log) == expected);
}

TEST_CASE("journal: a group that rests does not keep old segments, and its entries survive the move") {
    memory_folder folder;
    journal_config const config{
        .directory = folder.path(), .segment_bytes = std::size_t{64} << 10U, .flush = flush_mode::inline_};
    std::size_t most = 0;
    {
        auto owner = must(journal::open(config));
        auto resting = must(owner.open_group(raft::group_id{1}, three_founders()));
        auto busy = must(owner.open_group(raft::group_id{2}, three_founders()));
        writer old{resting};
        REQUIRE(old.put("kept", 5).has_value());
        writer w{busy};
        for (int i = 0; i < 3000; ++i) {
            w.commit = w.last();
            REQUIRE(w.put(std::string(1000, 'b')).has_value());
            REQUIRE(owner.flush().has_value());
            if (i % 50 == 49) {
                REQUIRE(busy.save_snapshot({w.last() - 1, 1, three_founders(), 1}, bytes_of("s"), w.last() - 5)
                            .has_value());
            }
            most = std::max(most, owner.segment_count());
        }
        CHECK(texts_of(resting) == std::vector<std::string>(5, "kept"));
    }
    CHECK(most <= 6); // of about 70 that were written
    auto owner = must(journal::open(config));
    auto resting = must(owner.open_group(raft::group_id{1}, three_founders()));
    CHECK(texts_of(resting) == std::vector<std::string>(5, "kept"));
    CHECK(resting.stored().members == three_founders());
    CHECK(resting.stored().state == raft::hard_state{1, raft::node_id{1}});
}

TEST_CASE("journal: a group that is removed is gone with all it had, and what the others have is not") {
    memory_folder folder;
    journal_config const config{
        .directory = folder.path(), .segment_bytes = std::size_t{16} << 10U, .flush = flush_mode::inline_};
    {
        auto owner = must(journal::open(config));
        for (std::uint32_t const id : {1U, 2U, 3U}) {
            auto log = must(owner.open_group(raft::group_id{id}, three_founders()));
            writer w{log};
            w.commit = 3;
            REQUIRE(w.put(std::string(3000, 'x'), 4).has_value());
            REQUIRE(log.save_snapshot({3, 1, three_founders(), 1}, bytes_of("s"), 3).has_value());
        }
        REQUIRE(owner.flush().has_value());
        REQUIRE(owner.remove_group(raft::group_id{2}).has_value());
        REQUIRE(owner.remove_group(raft::group_id{9}).has_value()); // there is none
        CHECK(owner.groups() == std::vector{raft::group_id{1}, raft::group_id{3}});
        REQUIRE(owner.flush().has_value());
        CHECK_FALSE(std::filesystem::exists(folder.path() / "snapshot-2-3.snap"));
        CHECK(std::filesystem::exists(folder.path() / "snapshot-1-3.snap"));
    }
    for (bool const long_after : {false, true}) { // when the segment that tells of the removal is gone
        CAPTURE(long_after);
        auto owner = must(journal::open(config));
        CHECK(owner.groups() == std::vector{raft::group_id{1}, raft::group_id{3}});
        CHECK(must(owner.open_group(raft::group_id{3}, three_founders())).snapshot().index == 3);
        auto log = must(owner.open_group(raft::group_id{1}, three_founders()));
        writer w{log};
        for (int i = 0; i < 100; ++i) {
            w.commit = w.last();
            REQUIRE(w.put(std::string(1000, 'b')).has_value());
            REQUIRE(owner.flush().has_value());
            REQUIRE(log.save_snapshot({w.last() - 1, 1, three_founders(), 1}, bytes_of("s"), w.last() - 1).has_value());
        }
        CHECK(owner.segment_count() <= 4);
    }
    auto owner = must(journal::open(config));
    auto anew = must(owner.open_group(raft::group_id{2}, three_founders()));
    CHECK(anew.snapshot().index == 0);
    CHECK(texts_of(anew).empty());
}

TEST_CASE("journal: a removal that was cut off before it was durable has removed nothing, or all") {
    memory_folder folder;
    journal_config const config{.directory = folder.path(), .flush = flush_mode::inline_};
    {
        auto owner = must(journal::open(config));
        {
            auto log = must(owner.open_group(raft::group_id{1}, three_founders()));
            writer w{log};
            w.commit = 2;
            REQUIRE(w.put("kept", 2).has_value());
            REQUIRE(log.save_snapshot({1, 1, three_founders(), 1}, bytes_of("s"), 2).has_value());
        }
        REQUIRE(owner.flush().has_value());
        // As after a crash between the removal's record and the snapshot's file.
        std::filesystem::copy(folder.path() / "snapshot-1-1.snap", folder.path() / "aside");
        REQUIRE(owner.remove_group(raft::group_id{1}).has_value());
        REQUIRE(owner.flush().has_value());
    }
    std::filesystem::rename(folder.path() / "aside", folder.path() / "snapshot-1-1.snap");
    auto owner = must(journal::open(config));
    CHECK(owner.groups().empty());
    CHECK_FALSE(std::filesystem::exists(folder.path() / "snapshot-1-1.snap"));
}

TEST_CASE("journal: 10,000 groups at rest take at most 500 bytes each, and open within a second") {
    memory_folder folder;
    journal_config const config{.directory = folder.path(), .flush = flush_mode::inline_};
    {
        auto owner = must(journal::open(config));
        for (std::uint32_t i = 0; i < 10'000; ++i) {
            auto log = must(owner.open_group(raft::group_id{i}, three_founders()));
            writer w{log};
            REQUIRE(w.put("an entry", 3).has_value());
        }
        REQUIRE(owner.flush().has_value());
    }
    auto const before = ::mallinfo2().uordblks;
    auto const start = std::chrono::steady_clock::now();
    auto owner = must(journal::open(config));
    std::vector<group_log> logs;
    logs.reserve(10'000);
    for (std::uint32_t i = 0; i < 10'000; ++i) {
        logs.push_back(must(owner.open_group(raft::group_id{i}, three_founders())));
        REQUIRE(logs.back().stored().state.term == 1);
    }
    auto const took = std::chrono::steady_clock::now() - start;
    auto const bytes = (::mallinfo2().uordblks - before) / 10'000;
    CHECK(texts_of(logs[9'999]).size() == 3);
    if (!HPCSCHED_IS_SANITIZED) {
        CHECK(bytes <= 500);
        CHECK(took < std::chrono::seconds{1});
    }
}

TEST_CASE("journal: a configuration that cannot work is refused") {
    CHECK(message_of(journal::open({})) == "journal_config: directory is empty: name one for the files");
    CHECK(message_of(journal::open({.directory = "x", .segment_bytes = 5000})) ==
          "journal_config: segment_bytes must be a multiple of 4096 from 8 KiB to 1 GiB");
    CHECK(message_of(journal::open({.directory = "/proc/no/such"})).starts_with("cannot make the folder '/proc/no"));
}

} // namespace hpcsched::raft_log
