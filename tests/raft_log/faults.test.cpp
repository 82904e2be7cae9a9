// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft_log/journal.hpp>

#include <doctest/doctest.h>

#include "disk_journal.hpp"
#include "skip.hpp"
#include "temporary_folder.hpp"
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::raft_log {
namespace {

using namespace test;

struct outcome {
    std::size_t acknowledged = 0; // entries called durable
    std::size_t written = 0;
    std::string failure;
};

/// Writes and flushes up to 40 entries, with snapshots between, until something fails.
outcome use(std::shared_ptr<faulty_disk> const& disk) {
    outcome out;
    auto journal = open_on(disk);
    if (!journal) {
        out.failure = journal.error().message;
        return out;
    }
    auto opened = journal->open_group(raft::group_id{1}, three_founders());
    REQUIRE(opened.has_value());
    group_log log = std::move(*opened);
    writer w{log};
    bool of_snapshot = false; // which fails alone
    for (std::size_t i = 0; i < 40 && out.failure.empty(); ++i) {
        w.commit = w.last();
        out.failure = message_of(w.put(std::string(400, static_cast<char>('a' + i % 26))));
        out.written += out.failure.empty() ? 1U : 0U;
        if (out.failure.empty()) {
            out.failure = message_of(journal->flush());
        }
        out.acknowledged = static_cast<std::size_t>(log.durable());
        if (out.failure.empty() && i % 10 == 9) {
            out.failure = message_of(log.save_snapshot({w.last() - 5, 1, three_founders(), 1}, bytes_of("s"), 1));
            of_snapshot = !out.failure.empty();
        }
    }
    if (!out.failure.empty() && !of_snapshot) {
        // Nothing afterwards is taken, or vouched for.
        CHECK(message_of(w.put("more")) == out.failure);
        CHECK(message_of(journal->flush()) == out.failure);
        CHECK(message_of(journal->complete()) == out.failure);
        CHECK(log.durable() == out.acknowledged);
    }
    return out;
}

} // namespace

TEST_CASE("faults: whichever operation fails, the journal ends, and opened anew it has all that was acknowledged") {
    for (int const number : {EIO, ENOSPC}) {
        std::uint64_t k = 1;
        for (bool failed = true; failed; k += HPCSCHED_IS_SANITIZED ? 5 : 1) {
            auto const disk = std::make_shared<faulty_disk>();
            disk->fail_at = k;
            disk->fail_with = number;
            outcome const seen = use(disk);
            failed = !disk->failed.empty();
            disk->fail_at = 0;
            CAPTURE(k);
            CAPTURE(disk->failed);
            if (seen.failure.empty()) {
                REQUIRE(seen.acknowledged == 40); // what failed was done ahead, or was the removal of what nobody needs
            }
            dice draw{k};
            bool const machine = k % 2 == 0;
            if (machine) {
                disk->crash_machine([&](std::uint64_t most) { return draw(most); });
            } else {
                disk->kill_process();
            }
            auto journal = must(open_on(disk));
            auto log = must(journal.open_group(raft::group_id{1}, three_founders()));
            writer w{log};
            REQUIRE(w.last() >= seen.acknowledged);
            REQUIRE(w.last() <= seen.written);
            auto const texts = texts_of(log);
            for (std::size_t i = 0; i < texts.size(); ++i) {
                std::size_t const n = static_cast<std::size_t>(log.stored().snapshot_index) + i;
                REQUIRE(texts[i] == std::string(400, static_cast<char>('a' + n % 26)));
            }
            REQUIRE(w.put("on it goes").has_value());
            REQUIRE(journal.flush().has_value());
            REQUIRE(log.durable() == 1);
        }
        CHECK(k > 150);
    }
}

TEST_CASE("faults: an fdatasync that failed is not believed at the next start, the last write is made again") {
    auto const disk = std::make_shared<faulty_disk>();
    {
        auto journal = must(open_on(disk));
        auto log = must(journal.open_group(raft::group_id{1}, three_founders()));
        writer w{log};
        REQUIRE(w.put("first").has_value());
        REQUIRE(journal.flush().has_value());
        REQUIRE(w.put("second").has_value());
        disk->fail_at = disk->operations + 2; // the write, then this
        CHECK(message_of(journal.flush()) == "cannot make durable '00000001.log': Input/output error");
        CHECK(log.durable() == 1);
    }
    disk->kill_process();
    {
        auto journal = must(open_on(disk)); // the page cache still has it
        auto log = must(journal.open_group(raft::group_id{1}, three_founders()));
        CHECK(texts_of(log) == std::vector<std::string>{"first", "second"});
        // From here on the server may act upon it. So it must be on the disk.
        disk->crash_machine([](std::uint64_t) { return std::uint64_t{0}; });
    }
    CHECK(*texts_on(disk) == std::vector<std::string>{"first", "second"});
}

TEST_CASE("faults: a snapshot that finds no room fails alone, and leaves no file") {
    auto const disk = std::make_shared<faulty_disk>();
    auto journal = must(open_on(disk));
    auto log = must(journal.open_group(raft::group_id{1}, three_founders()));
    writer w{log};
    REQUIRE(w.put("first").has_value());
    REQUIRE(journal.flush().has_value());
    disk->fail_with = ENOSPC;
    disk->fail_at = disk->operations + 3; // made, the header, the block
    std::string const message = message_of(log.save_snapshot({1, 1, three_founders(), 1}, bytes_of("s"), 2));
    CHECK(message.find("No space left on device") != std::string::npos);
    CHECK(log.snapshot().index == 0);
    CHECK(std::ranges::none_of(disk->now, [](auto const& f) { return f.first.find("snap") != std::string::npos; }));
    CHECK(w.put("second").has_value());
    CHECK(journal.flush().has_value());
    CHECK(log.durable() == 2);
}

TEST_CASE("faults: a real disk that is full ends the journal, and with room again it goes on") {
    for (flush_mode const mode : {flush_mode::thread, flush_mode::io_uring}) {
        temporary_folder folder;
        if (::geteuid() != 0 || ::mount("none", folder.path().c_str(), "tmpfs", 0, "size=300k") != 0) {
            HPCSCHED_SKIP("mounting a small tmpfs needs root");
        }
        journal_config const config{
            .directory = folder / "log", .segment_bytes = std::size_t{64} << 10U, .flush = mode};
        std::uint64_t acknowledged = 0;
        {
            auto journal = must(journal::open(config));
            auto log = must(journal.open_group(raft::group_id{1}, three_founders()));
            writer w{log};
            std::string failure;
            while (failure.empty()) {
                failure = message_of(w.put(std::string(10'000, 'x')));
                if (failure.empty()) {
                    failure = message_of(journal.drain());
                }
            }
            CHECK(failure.find("No space left on device; make room, then open the log anew") != std::string::npos);
            acknowledged = log.durable();
            CHECK(acknowledged > 5);
            CHECK(message_of(w.put("more")) == failure);
        }
        CHECK(::mount("none", folder.path().c_str(), "tmpfs", MS_REMOUNT, "size=4m") == 0);
        {
            auto journal = must(journal::open(config));
            auto log = must(journal.open_group(raft::group_id{1}, three_founders()));
            CHECK(texts_of(log).size() >= acknowledged);
            writer w{log};
            CHECK(w.put("more").has_value());
            CHECK(journal.drain().has_value());
            CHECK(log.durable() == 1);
        }
        CHECK(::umount(folder.path().c_str()) == 0);
    }
}

} // namespace hpcsched::raft_log
