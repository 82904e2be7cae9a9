// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_SIM_SIMULATED_DISK_HPP
#define HPCSCHED_RAFT_SIM_SIMULATED_DISK_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/raft/log_storage.hpp>
#include <hpcsched/raft/memory_log.hpp>
#include <hpcsched/raft_sim/dice.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace hpcsched::raft_sim {

class disk_log;

/// The disk of one simulated server. Writes become durable some time after they began, in their order; a crash loses
/// those that are not, all but a prefix of them, the last of which may be torn: its hard state and some of its entries
/// are there. It outlives the server: what a crash left is what the next one opens.
///
/// Faults that a disk cannot tell (a write that it calls durable and loses) are not modelled: no Raft survives them on
/// a majority. Damage that checksums find (bit flips, misdirected blocks) is `lost()`: the log refuses to open, and the
/// server must be replaced. (The tests of `raft_log` have a disk of files, in which bits do flip, in its place.)
class simulated_disk {
  public:
    using log = disk_log;

    explicit simulated_disk(raft::membership const& founders = {}) : image_{founders} {}

    /// The log as a server finds it; nothing where it cannot be opened.
    [[nodiscard]] std::optional<disk_log> open();

    // --- the server's side ---

    [[nodiscard]] result<void> write(raft::log_write const& w) {
        if (full_) {
            return error{"no space left on the simulated disk"};
        }
        pending p;
        p.what = w;
        for (std::size_t part = 0; part < w.entries.size(); ++part) {
            for (raft::entry const& e : w.entries[part]) {
                p.entries.push_back(e);
                p.payloads.emplace_back(e.payload.begin(), e.payload.end());
            }
        }
        pending_.push_back(std::move(p));
        ++begun_;
        return {};
    }
    [[nodiscard]] std::uint64_t durable() const noexcept { return durable_; }
    [[nodiscard]] raft::memory_log& image() noexcept { return image_; }
    [[nodiscard]] raft::memory_log const& image() const noexcept { return image_; }
    [[nodiscard]] bool full() const noexcept { return full_; }

    // --- the simulator's side ---

    /// Writes that began since the last call.
    [[nodiscard]] std::size_t take_begun() noexcept { return std::exchange(begun_, 0); }

    /// The oldest write that is not yet durable has become so.
    void complete_one() {
        if (!pending_.empty()) {
            carry_out(pending_.front(), pending_.front().entries.size());
            durable_ = pending_.front().what.number;
            pending_.pop_front();
        }
    }
    void complete_all() {
        while (!pending_.empty()) {
            complete_one();
        }
    }

    /// The server is gone; `d` says how much of what was under way came to the disk.
    void crash(dice& d) {
        auto const survive = d.below(pending_.size() + 1);
        for (std::uint64_t i = 0; i < survive; ++i) {
            complete_one();
        }
        if (!pending_.empty() && d.below(2) == 0) {
            carry_out(pending_.front(), d.below(pending_.front().entries.size() + 1));
        }
        pending_.clear();
        durable_ = 0;
        begun_ = 0;
    }

    void set_full(bool full) noexcept { full_ = full; }
    void damage(dice& /*where*/) noexcept { lost_ = true; }
    /// Whether the log can be opened no more.
    [[nodiscard]] bool lost() const noexcept { return lost_; }

  private:
    struct pending {
        raft::log_write what;
        std::vector<raft::entry> entries;
        std::vector<std::vector<std::byte>> payloads;
    };

    void carry_out(pending& p, std::uint64_t entry_count) {
        p.entries.resize(static_cast<std::size_t>(entry_count));
        for (std::size_t i = 0; i < p.entries.size(); ++i) {
            p.entries[i].payload = p.payloads[i];
        }
        raft::log_write w = p.what;
        w.entries = {p.entries, {}};
        if (w.first_index != 0 && entry_count < p.payloads.size() && !p.entries.empty()) {
            w.commit = std::min(w.commit, p.entries.back().index);
        } else if (w.first_index != 0 && p.entries.empty()) {
            w.commit = image_.stored().commit;
        }
        (void)image_.write(w);
    }

    raft::memory_log image_;
    std::deque<pending> pending_;
    std::uint64_t durable_ = 0;
    std::size_t begun_ = 0;
    bool full_ = false;
    bool lost_ = false;
};

/// A server's log storage on a `simulated_disk` that outlives it.
class disk_log {
  public:
    explicit disk_log(simulated_disk& disk) noexcept : disk_{&disk} {}

    [[nodiscard]] raft::stored_state const& stored() const noexcept { return disk_->image().stored(); }
    template <class Visitor>
    void each_stored(Visitor&& visit) const {
        disk_->image().each_stored(visit);
    }
    [[nodiscard]] result<void> write(raft::log_write const& w) { return disk_->write(w); }
    [[nodiscard]] std::uint64_t durable() const noexcept { return disk_->durable(); }
    [[nodiscard]] std::optional<raft::stored_entries> read(raft::log_index first, std::size_t count_max,
                                                           std::size_t bytes_max) {
        return disk_->image().read(first, count_max, bytes_max);
    }
    [[nodiscard]] raft::snapshot_info snapshot() const { return disk_->image().snapshot(); }
    [[nodiscard]] result<void> save_snapshot(raft::snapshot_info const& info, std::span<std::byte const> bytes,
                                             raft::log_index keep_from) {
        return disk_->full() ? result<void>{error{"no space left on the simulated disk"}}
                             : disk_->image().save_snapshot(info, bytes, keep_from);
    }
    [[nodiscard]] std::span<std::byte const> read_snapshot(std::uint64_t offset, std::size_t bytes_max) const {
        return disk_->image().read_snapshot(offset, bytes_max);
    }
    [[nodiscard]] result<raft::snapshot_progress> store_chunk(raft::snapshot_chunk const& chunk) {
        if (disk_->full()) {
            return error{"no space left on the simulated disk"};
        }
        if (chunk.last) {
            disk_->complete_all(); // the snapshot is durable after all that began before it
        }
        return disk_->image().store_chunk(chunk);
    }

  private:
    simulated_disk* disk_;
};
static_assert(raft::log_storage<disk_log>);

inline std::optional<disk_log> simulated_disk::open() {
    return lost_ ? std::optional<disk_log>{} : disk_log{*this};
}

} // namespace hpcsched::raft_sim

#endif
