// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_SERVER_HPP
#define HPCSCHED_RAFT_SERVER_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/raft/log_storage.hpp>
#include <hpcsched/raft/message.hpp>
#include <hpcsched/raft/ready.hpp>
#include <hpcsched/raft/replica.hpp>
#include <hpcsched/raft/replica_config.hpp>
#include <hpcsched/raft/state_machine.hpp>
#include <hpcsched/raft/transport.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::raft {

/// What a server tells its host. A host that wants to hear of something has a type with the same members.
struct silent_observer {
    /// An entry was carried out; `reply` is the machine's answer, empty for entries that are no commands.
    void applied(entry const& /*carried_out*/, std::span<std::byte const> /*reply*/) {}
    /// A read may be answered from the machine as it now is; or, not `confirmed`, must be asked for again.
    void read_ready(std::uint64_t /*id*/, bool /*confirmed*/) {}
    /// The machine was replaced by a snapshot that ends at `index`.
    void restored(log_index /*index*/) {}
};

/// When a server writes down its state machine, so that its log can be cut.
struct snapshot_policy {
    std::uint64_t every = 10'000;  ///< entries applied since the last snapshot; 0: never
    std::uint64_t trailing = 1000; ///< entries kept behind it, for followers that are a little late
};

/// One server of a group, whole: a replica with its state machine, log storage and transport. It carries out what the
/// replica asks for; its host owns the clock, the sockets and the loop:
///
///     s.propose(command, now); s.receive(message, now); s.tick(now);   // whatever has happened
///     s.run(now);                                                      // carries out what follows from it
///     ... sleep until s.next_deadline(), a message, or the storage says that a write is durable ...
///
/// In a simulator and on a socket it is the same object.
///
/// \thread_safety none; confine to the host's thread
template <state_machine Machine, log_storage Storage, transport Transport, class Observer = silent_observer>
class server {
  public:
    /// Opens a server on what `storage` holds: the machine is put back to the snapshot, and the committed entries
    /// behind it are applied by the first `run`.
    /// \pre validate(config) holds
    server(replica_config const& config, snapshot_policy const& snapshots, Machine machine, Storage storage,
           Transport transport, Observer observer, time_point now)
        : machine_{std::move(machine)}, storage_{std::move(storage)}, transport_{std::move(transport)},
          observer_{std::move(observer)}, snapshots_{snapshots}, replica_{config, storage_.stored(), now},
          applied_{storage_.stored().snapshot_index} {
        storage_.each_stored([&](entry const& e) { replica_.restore(e, now); });
        HPCSCHED_ASSERT(replica_.commit() <= replica_.log().last_index());
        if (applied_ > 0) {
            restore_machine();
        }
    }

    void tick(time_point now) {
        if (!failed_) {
            replica_.tick(now, out_);
        }
    }

    /// A message came. What it borrows is read before this returns.
    void receive(message const& m, time_point now) {
        if (failed_) {
            return;
        }
        replica_.receive(m, now, out_);
        for (snapshot_store_request const& r : out_.snapshot_stores.items()) {
            store(r, now);
        }
        out_.snapshot_stores.clear();
    }

    [[nodiscard]] result<log_index, errc> propose(std::span<std::byte const> command, time_point now) {
        return failed_ ? result<log_index, errc>{errc::not_leader} : replica_.propose(command, now);
    }
    [[nodiscard]] result<void, errc> forward(std::span<std::byte const> command, time_point now) {
        if (failed_) {
            return errc::no_leader;
        }
        auto const& kept = forwarded_.emplace_back(command.begin(), command.end()); // until `run` has sent it
        return replica_.forward(kept, now, out_);
    }
    /// See `replica::read`; `Observer::read_ready` follows when the machine shows what it must.
    [[nodiscard]] result<void, errc> read(std::uint64_t id, time_point now) {
        if (!whole_) {
            return errc::witness;
        }
        return failed_ ? result<void, errc>{errc::no_leader} : replica_.read(id, now, out_);
    }
    [[nodiscard]] result<log_index, errc> change_membership(std::span<membership_change const> changes, time_point now,
                                                            bool always_joint = false) {
        return failed_ ? result<log_index, errc>{errc::not_leader}
                       : replica_.change_membership(changes, now, always_joint);
    }
    [[nodiscard]] result<void, errc> transfer_leadership(node_id to, time_point now) {
        return failed_ ? result<void, errc>{errc::not_leader} : replica_.transfer_leadership(to, now, out_);
    }
    void campaign(time_point now) { replica_.campaign(now, out_); }
    void wake(time_point now) { replica_.wake(now); }
    void peer_unreachable(node_id peer, time_point now) { replica_.peer_unreachable(peer, now); }

    /// Carries out all that follows from the events so far: writes, messages, commands of the machine, snapshots.
    void run(time_point now) {
        while (!failed_) {
            note_durable(now);
            replica_.flush(now, out_);
            if (out_.empty()) {
                break;
            }
            carry_out();
        }
        out_.clear();
        forwarded_.clear();
        if (replica_.quiescent()) {
            release_buffers();
        }
    }

    /// When `tick` is due.
    [[nodiscard]] time_point next_deadline() const noexcept { return failed_ ? never : replica_.next_deadline(); }

    /// Why the server has stopped for good: its log storage failed. Empty while it works.
    [[nodiscard]] std::string const& failure() const noexcept { return failure_; }
    [[nodiscard]] bool failed() const noexcept { return failed_; }

    [[nodiscard]] raft::replica const& replica() const noexcept { return replica_; }
    [[nodiscard]] Machine const& machine() const noexcept { return machine_; }
    [[nodiscard]] Storage& storage() noexcept { return storage_; }
    [[nodiscard]] Storage const& storage() const noexcept { return storage_; }
    [[nodiscard]] Transport& transport() noexcept { return transport_; }
    [[nodiscard]] Observer& observer() noexcept { return observer_; }
    [[nodiscard]] Observer const& observer() const noexcept { return observer_; }
    /// The newest entry that the machine has seen.
    [[nodiscard]] log_index applied() const noexcept { return applied_; }

  private:
    // The first byte of a snapshot: whether the machine's state follows.
    static constexpr std::byte snapshot_of_a_witness{0};
    static constexpr std::byte snapshot_of_all{1};

    struct waiting_read {
        std::uint64_t id = 0;
        log_index index = 0;
    };

    void note_durable(time_point now) {
        if (handed_out_ > durable_ && storage_.durable() > durable_) {
            durable_ = std::min<std::uint64_t>(storage_.durable(), handed_out_);
            replica_.written(durable_, now);
        }
    }

    // First all that borrows from the replica's log, then what calls the replica.
    void carry_out() {
        if (!out_.write.empty()) {
            handed_out_ = out_.write.number;
            if (!check(storage_.write(out_.write))) {
                return;
            }
        }
        for (message const& m : out_.messages.items()) {
            transport_.send(m);
        }
        for (log_index i = out_.committed_first; i != 0 && i <= out_.committed_last && !failed_; ++i) {
            apply(i);
        }
        for (read_outcome const& r : out_.reads.items()) {
            if (r.confirmed) {
                reads_.push_back({r.id, r.index});
            } else {
                observer_.read_ready(r.id, false);
            }
        }
        serve_reads();
        for (fetch const& f : out_.fetches.items()) {
            answer(f);
        }
        for (snapshot_read_request const& r : out_.snapshot_reads.items()) {
            answer(r);
        }
        out_.clear();
        take_snapshot();
    }

    void apply(log_index index) {
        if (replica_.log().holds(index)) {
            apply(replica_.log().at(index));
            return;
        }
        if (auto const stored = storage_.read(index, 1, 0)) {
            apply(stored->entries.front());
        } else {
            (void)check(error{"entry " + std::to_string(index) + " is committed and cannot be read back from the log"});
        }
    }

    void apply(entry const& e) {
        HPCSCHED_ASSERT(e.index == applied_ + 1);
        reply_.clear();
        if (e.kind == entry_kind::command) {
            machine_.apply(e.index, e.payload, reply_);
        }
        whole_ = whole_ && e.kind != entry_kind::omitted;
        applied_ = e.index;
        applied_term_ = e.term;
        if (e.kind == entry_kind::membership) {
            if (auto const members = membership_codec::decode(e.payload)) {
                applied_members_ = *members;
                check_part();
            }
        }
        observer_.applied(e, reply_);
    }

    // What a witness has omitted is not to be had from it later.
    void check_part() {
        member const* const own = applied_members_.find(replica_.id());
        if (!whole_ && own != nullptr && !own->witness) {
            (void)check(
                error{"this server was a witness and lacks commands: to be more, it must begin with an empty log"});
        }
    }

    void serve_reads() {
        auto const waiting = std::ranges::partition(reads_, [&](waiting_read const& r) { return r.index > applied_; });
        for (waiting_read const& r : waiting) {
            observer_.read_ready(r.id, whole_);
        }
        reads_.erase(waiting.begin(), waiting.end());
    }

    // What a fetch or a chunk makes is sent at once: it borrows from the storage's last answer.
    void answer(fetch const& f) {
        if (auto const stored = storage_.read(f.first_index, f.count_max, f.bytes_max)) {
            replica_.fetched(f.peer, stored->previous_term, stored->entries, side_);
        } else {
            replica_.fetch_failed(f.peer);
        }
        send_side();
    }

    void answer(snapshot_read_request const& r) {
        snapshot_info const info = storage_.snapshot();
        if (info.index == 0) {
            return; // entries were gone for no snapshot's sake: nothing to offer until there is one
        }
        std::uint64_t const offset = r.last_index == info.index ? r.offset : 0;
        auto const members = membership_codec::encode(info.members);
        auto const bytes = storage_.read_snapshot(offset, r.bytes_max);
        replica_.snapshot_read(r.peer,
                               {.last_index = info.index,
                                .last_term = info.term,
                                .offset = offset,
                                .last = offset + bytes.size() >= info.size,
                                .members = {members.data(), members.size()},
                                .bytes = bytes},
                               side_);
        send_side();
    }

    void send_side() {
        for (message const& m : side_.messages.items()) {
            transport_.send(m);
        }
        side_.clear();
    }

    void store(snapshot_store_request const& r, time_point now) {
        auto const progress = storage_.store_chunk(r.chunk);
        if (!progress) {
            (void)check(result<void>{progress.error()});
            return;
        }
        if (progress->complete) {
            snapshot_info const info = storage_.snapshot();
            replica_.snapshot_restored(info.index, info.term, info.members, now);
            applied_ = info.index;
            restore_machine();
            observer_.restored(info.index);
        }
        replica_.snapshot_stored(r.from, r.chunk.last_index, progress->next_offset, out_);
    }

    void restore_machine() {
        snapshot_info const info = storage_.snapshot();
        HPCSCHED_ASSERT(info.index == applied_);
        auto const bytes = storage_.read_snapshot(0, static_cast<std::size_t>(info.size));
        whole_ = !bytes.empty() && bytes.front() == snapshot_of_all;
        if (whole_ && !machine_.restore(bytes.subspan(1))) {
            (void)check(error{"the snapshot at index " + std::to_string(info.index) +
                              " was not written by this kind of state machine"});
        }
        applied_term_ = info.term;
        applied_members_ = info.members;
    }

    // Only of what is durable here: the storage must not hold a snapshot of entries that it could still lose.
    void take_snapshot() {
        if (failed_ || snapshots_.every == 0 || applied_ < storage_.snapshot().index + snapshots_.every ||
            replica_.durable() < applied_) {
            return;
        }
        saved_.assign(1, whole_ ? snapshot_of_all : snapshot_of_a_witness);
        if (whole_) {
            machine_.save(saved_);
        }
        log_index const keep_from = applied_ - std::min(applied_, snapshots_.trailing) + 1;
        snapshot_info const info{applied_, applied_term_, applied_members_, saved_.size()};
        (void)check(storage_.save_snapshot(info, saved_, keep_from));
    }

    // A group at rest keeps what it must remember, and nothing to work with.
    void release_buffers() noexcept {
        out_.release();
        side_.release();
        forwarded_ = std::vector<byte_buffer>{};
        reads_.shrink_to_fit();
        reply_ = byte_buffer{};
        saved_ = byte_buffer{};
    }

    [[nodiscard]] bool check(result<void> const& outcome) {
        if (!outcome) {
            failed_ = true;
            failure_ = outcome.error().message;
        }
        return !failed_;
    }

    Machine machine_;
    Storage storage_;
    Transport transport_;
    Observer observer_;
    snapshot_policy snapshots_;
    raft::replica replica_;
    ready out_;
    ready side_; // what answers make, sent at once
    log_index applied_ = 0;
    log_term applied_term_ = 0;
    membership applied_members_ = storage_.stored().members;
    std::vector<waiting_read> reads_;
    std::vector<byte_buffer> forwarded_;
    byte_buffer reply_;
    byte_buffer saved_;
    std::uint64_t handed_out_ = 0;
    std::uint64_t durable_ = 0;
    bool whole_ = true; // the machine has seen every command
    bool failed_ = false;
    std::string failure_;
};

} // namespace hpcsched::raft

#endif
