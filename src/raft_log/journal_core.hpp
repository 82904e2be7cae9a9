// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_LOG_JOURNAL_CORE_HPP
#define HPCSCHED_RAFT_LOG_JOURNAL_CORE_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/raft/log_storage.hpp>
#include <hpcsched/raft_log/group_log.hpp>
#include <hpcsched/raft_log/journal.hpp>

#include "block_buffer.hpp"
#include "files.hpp"
#include "flusher.hpp"
#include "group.hpp"
#include "recovery.hpp"
#include "snapshot_files.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::raft_log::detail {

/// What a group's last read lent.
struct read_area {
    std::vector<std::byte> bytes; ///< entries, as they are in the file
    std::vector<raft::entry> entries;
    std::vector<std::byte> snapshot;
    std::optional<snapshot_reader> reader;
};

/// A write of a group that is in a batch.
struct batch_write {
    group* who = nullptr;
    std::uint64_t number = 0; ///< the newest; 0: none of its writes, but what else is stored of it
};

/// What is written at once.
struct batch {
    segment* to = nullptr;
    std::uint64_t offset = 0;
    std::uint64_t sequence = 0;
    std::uint64_t oldest = 0;
    std::uint32_t record_count = 0;
    std::uint32_t used = 0; ///< bytes of the buffer that are no padding; when closed
    block_buffer buffer;
    std::vector<batch_write> writes;
    std::vector<std::unique_ptr<group>> removed; ///< kept until it is durable that they are
};

/// The journal itself. See journal.hpp for what it does, format.hpp for what it writes.
///
/// A record gets its place when it is buffered: batches and segments are laid out ahead of the disk. The batch that is
/// open gathers records until a flush closes it; while a flush is under way, the next one gathers.
class journal_core {
  public:
    [[nodiscard]] static result<std::unique_ptr<journal_core>> open(journal_config config,
                                                                    std::unique_ptr<file_system> files);
    journal_core(journal_core const&) = delete;
    journal_core& operator=(journal_core const&) = delete;
    ~journal_core();

    /// A journal around it.
    [[nodiscard]] static journal wrap(std::unique_ptr<journal_core> core) { return journal{std::move(core)}; }

    // --- of the journal ---

    [[nodiscard]] result<group_log> open_group(raft::group_id id, raft::membership const& founders);
    [[nodiscard]] result<void> remove_group(raft::group_id id);
    [[nodiscard]] std::vector<raft::group_id> groups() const;
    [[nodiscard]] result<void> flush();
    [[nodiscard]] result<void> complete();
    [[nodiscard]] result<void> drain();
    [[nodiscard]] bool idle() const noexcept { return in_flight_.empty() && closed_.empty() && !open_; }
    [[nodiscard]] int descriptor() const noexcept { return flusher_->descriptor(); }
    [[nodiscard]] flush_mode mode() const noexcept { return flusher_->mode(); }
    [[nodiscard]] std::vector<std::string> const& remarks() const noexcept { return remarks_; }
    [[nodiscard]] std::size_t segment_count() const noexcept { return segments_.size(); }
    void set_on_durable(std::function<void(raft::group_id)> call) { on_durable_ = std::move(call); }

    // --- of a group ---

    [[nodiscard]] result<void> write(group& g, raft::log_write const& w);
    [[nodiscard]] std::optional<raft::stored_entries> read(group& g, std::unique_ptr<read_area>& area,
                                                           raft::log_index first, std::size_t count_max,
                                                           std::size_t bytes_max);
    [[nodiscard]] result<void> save_snapshot(group& g, raft::snapshot_info const& info,
                                             std::span<std::byte const> bytes, raft::log_index keep_from);
    [[nodiscard]] std::span<std::byte const> read_snapshot(group& g, std::unique_ptr<read_area>& area,
                                                           std::uint64_t offset, std::size_t bytes_max);
    [[nodiscard]] result<raft::snapshot_progress> store_chunk(group& g, raft::snapshot_chunk const& chunk);

  private:
    journal_core(journal_config config, std::unique_ptr<file_system> files);

    // opening: journal_open.cpp
    [[nodiscard]] result<void> adopt(recovered found);
    [[nodiscard]] result<void> adopt_segments(recovered const& found);
    [[nodiscard]] result<void> rewrite_last(recovered const& found);
    [[nodiscard]] result<void> clean_up(recovered const& found);
    void count_live();

    // writing: journal_core.cpp
    [[nodiscard]] result<void> drain_quietly();
    [[nodiscard]] result<void> failure() const { return error{failure_}; }
    result<void> fail(error const& why);
    [[nodiscard]] segment& current() noexcept { return *segments_.back(); }
    [[nodiscard]] std::shared_ptr<segment> new_segment(std::uint64_t number);
    void roll(std::size_t record_size);
    [[nodiscard]] batch& room(std::size_t record_size);
    void close_open();
    place add(batch& to, record const& r);
    void touch(batch& to, group& g, std::uint64_t number);
    void store_state(group& g, batch& to);
    void store_founders(group& g, batch& to);
    [[nodiscard]] result<void> start();
    [[nodiscard]] result<void> finish(result<void> const& outcome);
    void prepare_next();
    void notify();
    void release(place at, std::size_t bytes) noexcept;
    [[nodiscard]] segment* segment_of(std::uint64_t number) noexcept;

    // snapshots: journal_snapshots.cpp
    void replace_snapshot(group& g, snapshot_state const& by, std::vector<std::byte> members);
    [[nodiscard]] result<raft::snapshot_progress> take_incoming(group& g, std::vector<std::byte> members);

    // reading: journal_read.cpp
    [[nodiscard]] error damaged(place at) const;
    [[nodiscard]] bool take_apart(group& g, read_area& area, raft::log_index first, std::size_t count);
    [[nodiscard]] result<void> fetch(place at, std::span<std::byte> bytes);
    [[nodiscard]] std::size_t run_length(group& g, raft::log_index first, std::size_t count) noexcept;

    // compaction: journal_compaction.cpp
    void compact();
    [[nodiscard]] bool worth_moving(segment const& s) const noexcept;
    void list_what_moves(segment const& s);
    void spend(std::size_t bytes) noexcept;
    [[nodiscard]] result<void> move_some();
    [[nodiscard]] result<void> move(group& g, raft::log_index index);
    void remove_old();

    journal_config config_;
    std::unique_ptr<file_system> files_;
    segment_maker maker_;
    std::unique_ptr<flusher> flusher_;
    group_table groups_;
    std::vector<std::string> remarks_;
    std::string failure_; // for good; empty: none

    std::deque<std::shared_ptr<segment>> segments_; // by number, without a gap; the last is written to
    std::shared_ptr<segment> next_;                 // made ahead
    std::uint64_t next_sequence_ = 1;
    std::uint64_t oldest_ = 1;         // the lowest segment that is needed
    std::uint64_t oldest_durable_ = 1; // as the newest durable batch says
    bool sealed_ = true;               // nothing but an empty batch was written last

    std::optional<batch> open_;
    std::vector<batch> closed_;    // full, behind one another
    std::vector<batch> in_flight_; // at the flusher
    std::vector<block_buffer> spare_;
    bool closing_ = false;
    bool wanted_ = false; // a flush was asked for while one was under way

    struct moving {
        group* who = nullptr;
        raft::log_index index = 0;
    };
    std::vector<moving> moving_; // entries to be copied out of `oldest_`, last first
    std::uint64_t moving_from_ = 0;
    std::size_t may_move_ = 0; // bytes

    std::function<void(raft::group_id)> on_durable_;
    std::vector<raft::group_id> to_notify_;
    bool notifying_ = false;
};

} // namespace hpcsched::raft_log::detail

#endif
