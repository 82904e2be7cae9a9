// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_ETCD_ETCD_LOG_HPP
#define HPCSCHED_RAFT_ETCD_ETCD_LOG_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/raft/replicated_log.hpp>
#include <hpcsched/raft/state_machine.hpp>
#include <hpcsched/raft/types.hpp>
#include <hpcsched/raft_etcd/etcd_link.hpp>
#include <hpcsched/raft_etcd/etcd_log_config.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::raft_etcd {

/// A replicated log that an etcd keeps, for a site that runs one already: a model of `raft::replicated_log`. Any number
/// of processes may open the same log, and each may append; nothing but etcd connects them.
///
///     auto log = etcd_log<counter>::open({.endpoints = {"http://10.0.0.1:2379"}, .prefix = "/kernels/42"}, counter{});
///     ... poll(log->descriptor()); log->run(now, observer); ...
///
/// The machine lives on the caller's thread, and `run` does all that concerns it; a thread of the log's own talks to
/// etcd, over the HTTP form of its version 3 API (`/v3/...`, as of etcd 3.4).
///
/// | key                                       | value                                                              |
/// |-------------------------------------------|--------------------------------------------------------------------|
/// | PREFIX/log/N, 20 digits                   | entry N, as it was appended                                          |
/// | PREFIX/last                               | "1 N": the format's version, and the newest entry                    |
/// | PREFIX/writers/ID                         | "FIRST COUNT N": where this life's newest appends are; ID is random  |
/// | PREFIX/forgotten                          | "1 N": notes of appends up to N may be gone                          |
/// | PREFIX/newest_snapshot                    | "1 N SIZE PIECES FOLDER"                                            |
/// | PREFIX/snapshot/FOLDER/PIECE, 6 digits    | a piece of it                                                       |
///
/// Entries that wait are written together, in one transaction, on condition that `last` is as it was read; so each
/// number is given once, whatever the order in which requests get there. Where an answer is lost, `last` and the
/// writer's note are read in one step, and say whether the entries are there. Several replicas that append at the same
/// time get in each other's way: one wins, the others try again; in a notebook one replica writes at a time.
///
/// Others' entries come by a watch. Where one is missing (the connection was lost, etcd has compacted its history) they
/// are read again from the log, and where the log was cut, from the newest snapshot. Cut entries stay in etcd's history
/// until etcd compacts it: let it do so (`--auto-compaction-retention`).
///
/// While no endpoint answers, nothing is refused and nothing is told; `condition` says why. Only what cannot become
/// good by waiting is a `failure`.
///
/// A moved-from log may only be assigned or destroyed.
/// \thread_safety none; confine to the caller's thread
template <raft::state_machine Machine>
class etcd_log {
  public:
    using machine_type = Machine;

    /// Begins to connect; does not wait for it.
    /// \param machine  as it is before the first entry
    /// \error the configuration makes no sense, or a certificate cannot be read: which, and why
    [[nodiscard]] static result<etcd_log> open(etcd_log_config const& config, Machine machine) {
        auto link = etcd_link::open(config);
        if (!link) {
            return link.error();
        }
        return etcd_log{std::move(*link), std::move(machine)};
    }

    [[nodiscard]] result<void, raft::errc> append(std::uint64_t token, std::span<std::byte const> payload,
                                                  time_point /*now*/) {
        return failure_.empty() ? link_.append(token, payload) : result<void, raft::errc>{raft::errc::no_leader};
    }
    [[nodiscard]] result<void, raft::errc> barrier(std::uint64_t token, time_point /*now*/) {
        return failure_.empty() ? link_.barrier(token) : result<void, raft::errc>{raft::errc::no_leader};
    }

    template <raft::log_observer Observer>
    void run(time_point /*now*/, Observer& observer) {
        link_.take(notes_);
        for (etcd_note& note : notes_) {
            if (failure_.empty()) {
                carry_out(note, observer);
            }
        }
    }

    [[nodiscard]] time_point next_deadline() const noexcept { return never; }
    [[nodiscard]] Machine const& machine() const noexcept { return machine_; }
    [[nodiscard]] raft::log_index applied() const noexcept { return applied_; }
    [[nodiscard]] std::string const& failure() const noexcept { return failure_; }

    /// Readable when `run` has something to do; for poll(2) and its like, not to be read from.
    [[nodiscard]] int descriptor() const noexcept { return link_.descriptor(); }
    /// What keeps it from etcd at the moment, for a person to read; empty while all goes well.
    [[nodiscard]] std::string condition() const { return link_.condition(); }

  private:
    etcd_log(etcd_link link, Machine machine) : link_{std::move(link)}, machine_{std::move(machine)} {}

    template <class Observer>
    void carry_out(etcd_note& note, Observer& observer) {
        switch (note.what) {
        case etcd_note::kind::entry:
            reply_.clear();
            machine_.apply(note.index, note.bytes, reply_);
            applied_ = note.index;
            observer.applied(note.index, note.bytes, reply_);
            if (note.token) {
                observer.appended(*note.token, note.index);
            }
            break;
        case etcd_note::kind::snapshot:
            if (!machine_.restore(note.bytes)) {
                failure_ = "the snapshot at index " + std::to_string(note.index) +
                           " was not written by this kind of state machine";
                break;
            }
            applied_ = note.index;
            observer.restored(note.index);
            break;
        case etcd_note::kind::appended:
            observer.appended(*note.token, note.index);
            break;
        case etcd_note::kind::caught_up:
            observer.caught_up(*note.token);
            break;
        case etcd_note::kind::snapshot_due: {
            raft::byte_buffer saved;
            machine_.save(saved);
            link_.save_snapshot(applied_, std::move(saved));
            break;
        }
        case etcd_note::kind::failure:
            failure_.clear();
            for (std::byte const b : note.bytes) {
                failure_.push_back(static_cast<char>(b));
            }
            break;
        }
    }

    etcd_link link_;
    Machine machine_;
    raft::log_index applied_ = 0;
    std::vector<etcd_note> notes_;
    raft::byte_buffer reply_;
    std::string failure_;
};

} // namespace hpcsched::raft_etcd

#endif
