// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft_log/journal.hpp>
#include <hpcsched/testing/conformance/log_storage.hpp>

#include <doctest/doctest.h>

#include "../experiment/temporary_folder.hpp"
#include "journals.hpp"
#include "skip.hpp"
#include <malloc.h>
#include <poll.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::raft_log {
namespace {

using namespace test;

/// A group's log together with its journal, so that both are closed and opened as one.
struct lone_log {
    std::unique_ptr<temporary_folder> folder = std::make_unique<temporary_folder>();
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

} // namespace hpcsched::raft_log
