// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_RAFT_LOG_DISK_JOURNAL_HPP
#define HPCSCHED_TESTS_RAFT_LOG_DISK_JOURNAL_HPP

#include "faulty_files.hpp"
#include "journal_core.hpp"
#include "journals.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::test {

/// A journal on a disk in memory that waits for each flush.
inline result<raft_log::journal> open_on(std::shared_ptr<faulty_disk> const& disk,
                                         std::size_t segment_bytes = std::size_t{8} << 10U) {
    raft_log::journal_config const config{.directory = "disk",
                                          .cluster_id = 5,
                                          .node = raft::node_id{2},
                                          .segment_bytes = segment_bytes,
                                          .flush = raft_log::flush_mode::inline_};
    auto core = raft_log::detail::journal_core::open(config, std::make_unique<faulty_files>(disk));
    return core ? result<raft_log::journal>{raft_log::detail::journal_core::wrap(std::move(*core))}
                : result<raft_log::journal>{core.error()};
}

/// The payloads of group 1, or why the journal or the group cannot be opened.
inline result<std::vector<std::string>> texts_on(std::shared_ptr<faulty_disk> const& disk) {
    auto journal = open_on(disk);
    if (!journal) {
        return journal.error();
    }
    auto log = journal->open_group(raft::group_id{1}, three_founders());
    if (!log) {
        return log.error();
    }
    return texts_of(*log);
}

/// The same disk with its files copied, as after a machine stood still.
inline std::shared_ptr<faulty_disk> copy_of(faulty_disk const& disk) {
    auto copy = std::make_shared<faulty_disk>();
    copy->next_salt = disk.next_salt + 1000;
    for (auto const& [name, content] : disk.now) {
        auto one = std::make_shared<faulty_disk::content>();
        one->cached = content->cached;
        one->durable = content->cached;
        copy->now.emplace(name, std::move(one));
    }
    copy->history.assign(1, copy->now);
    return copy;
}

} // namespace hpcsched::test

#endif
