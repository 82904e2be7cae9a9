// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_RAFT_LOG_JOURNAL_DISK_HPP
#define HPCSCHED_TESTS_RAFT_LOG_JOURNAL_DISK_HPP

#include <hpcsched/raft_log/journal.hpp>
#include <hpcsched/raft_sim/dice.hpp>

#include <doctest/doctest.h>

#include "disk_journal.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::test {

class journal_disk;

/// A group's log in a journal, whose writes are counted.
class counted_log {
  public:
    counted_log(std::size_t& begun, raft_log::group_log log) : begun_{&begun}, log_{std::move(log)} {}

    [[nodiscard]] raft::stored_state stored() const { return log_.stored(); }
    template <class Visitor>
    void each_stored(Visitor&& visit) {
        log_.each_stored(visit);
    }
    [[nodiscard]] result<void> write(raft::log_write const& w) {
        ++*begun_;
        return log_.write(w);
    }
    [[nodiscard]] std::uint64_t durable() const noexcept { return log_.durable(); }
    [[nodiscard]] std::optional<raft::stored_entries> read(raft::log_index first, std::size_t count_max,
                                                           std::size_t bytes_max) {
        return log_.read(first, count_max, bytes_max);
    }
    [[nodiscard]] raft::snapshot_info snapshot() const { return log_.snapshot(); }
    [[nodiscard]] result<void> save_snapshot(raft::snapshot_info const& info, std::span<std::byte const> bytes,
                                             raft::log_index keep_from) {
        return log_.save_snapshot(info, bytes, keep_from);
    }
    [[nodiscard]] std::span<std::byte const> read_snapshot(std::uint64_t offset, std::size_t bytes_max) {
        return log_.read_snapshot(offset, bytes_max);
    }
    [[nodiscard]] result<raft::snapshot_progress> store_chunk(raft::snapshot_chunk const& chunk) {
        return log_.store_chunk(chunk);
    }

  private:
    std::size_t* begun_;
    raft_log::group_log log_;
};
static_assert(raft::log_storage<counted_log>);

/// What became of the damage that was done to disks.
struct damage_count {
    std::uint64_t flipped = 0;
    std::uint64_t misdirected = 0;
    std::uint64_t refused = 0; ///< logs that did not open after it
    std::uint64_t torn = 0;    ///< logs of which an unfinished write was cut away
};

/// The disk of a server of a simulated cluster (`raft_sim::basic_cluster`) with the real log on it: files in memory,
/// where sectors are lost, bits flip and blocks land in the wrong place.
class journal_disk {
  public:
    using log = counted_log;

    static inline damage_count counts;

    explicit journal_disk(raft::membership founders = {}) : founders_{std::move(founders)} {}

    [[nodiscard]] std::optional<counted_log> open() {
        auto journal = open_on(files_, std::size_t{8} << 10U);
        if (!journal) {
            return refused(journal.error().message);
        }
        for (std::string const& remark : journal->remarks()) {
            counts.torn += remark.find("cut away") != std::string::npos ? 1U : 0U;
        }
        journal_.emplace(std::move(*journal));
        auto group = journal_->open_group(raft::group_id{1}, founders_);
        if (!group) {
            journal_.reset();
            return refused(group.error().message);
        }
        begun_ = std::make_unique<std::size_t>(0);
        return counted_log{*begun_, std::move(*group)};
    }

    [[nodiscard]] std::size_t take_begun() noexcept { return begun_ ? std::exchange(*begun_, 0) : 0; }

    /// What was written is handed to the disk, as after a turn of a node. One that failed shows at the next write.
    void complete_one() {
        if (journal_) {
            (void)journal_->flush();
        }
    }

    /// The process ends, or the machine does, often in the midst of what it does with the files.
    void crash(raft_sim::dice& d) {
        if (!journal_) {
            return;
        }
        if (d.below(4) != 0) {
            files_->die_within(1 + d.below(3)); // a write, an fdatasync, or what comes after
            (void)journal_->flush();
        }
        if (d.below(3) == 0) {
            files_->kill_process();
        } else {
            files_->crash_machine([&d](std::uint64_t most) { return d.below(most + 1); });
        }
        journal_.reset();
        begun_.reset();
        files_->fail_at = 0;
        files_->dies = false;
    }

    void set_full(bool full) noexcept { files_->full = full; }

    /// A bit flips, or a block is written where another belongs. Not in the last batch: of that nobody can tell whether
    /// it was finished (src/raft_log/format.hpp).
    /// \pre no server is on it
    void damage(raft_sim::dice& d) {
        std::vector<std::vector<std::byte>*> logs; // as far as there are batches in them
        for (auto const& [name, content] : files_->now) {
            if (name.ends_with(".log") && begin_of_last_batch(content->cached) != 0) {
                logs.push_back(&content->cached);
            }
        }
        if (logs.empty()) {
            return;
        }
        bool const in_the_last = logs.size() == 1 || d.below(3) == 0;
        std::vector<std::byte>& bytes = in_the_last ? *logs.back() : *logs[d.below(logs.size() - 1)];
        std::size_t const end = in_the_last ? begin_of_last_batch(bytes) : bytes.size();
        std::size_t const blocks = end / block;
        if (blocks < 2) {
            return;
        }
        std::size_t const to = d.below(blocks);
        if (d.below(2) == 0) {
            bytes[to * block + d.below(block)] ^= static_cast<std::byte>(1U << d.below(8));
            ++counts.flipped;
        } else {
            std::size_t const from = (to + 1 + d.below(blocks - 1)) % blocks;
            std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(from * block), block,
                        bytes.begin() + static_cast<std::ptrdiff_t>(to * block));
            ++counts.misdirected;
        }
        for (auto const& [name, content] : files_->now) { // what is there now is on the disk
            content->durable = content->cached;
            content->pending.clear();
        }
        damaged_ = true;
    }
    [[nodiscard]] bool lost() const noexcept { return lost_; }

  private:
    static constexpr std::size_t block = 512;

    // A log opens always but where there is no room, or what it says is damaged was damaged.
    std::optional<counted_log> refused(std::string const& why) {
        if (!files_->full) {
            CHECK_MESSAGE(damaged_, why);
            CHECK_MESSAGE((why.find("damaged") != std::string::npos || why.find("missing") != std::string::npos), why);
            ++counts.refused;
            lost_ = true;
        }
        return {};
    }

    // The zeros behind the log end it; batches are known by their second word.
    static std::size_t begin_of_last_batch(std::vector<std::byte> const& file) {
        std::size_t last = 0;
        for (std::size_t at = raft_log::detail::header_bytes; at + block <= file.size(); at += block) {
            std::string const magic{reinterpret_cast<char const*>(&file[at + 8]), 4};
            last = magic == "BATH" ? at : last;
        }
        return last;
    }

    raft::membership founders_;
    std::shared_ptr<faulty_disk> files_ = std::make_shared<faulty_disk>();
    std::optional<raft_log::journal> journal_;
    std::unique_ptr<std::size_t> begun_; // stays where it is
    bool damaged_ = false;
    bool lost_ = false;
};

} // namespace hpcsched::test

#endif
