// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_LOG_WRITER_HPP
#define HPCSCHED_RAFT_LOG_WRITER_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/bytes.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/raft/sequenced.hpp>
#include <hpcsched/raft/types.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::raft {

struct log_writer_config {
    /// Names this life of this writer: never the same again in this log, so 64 random bits drawn at each start.
    std::uint64_t nonce = 0;
    duration retry_after = std::chrono::seconds{1}; ///< with no sign of what was sent, it is sent again
    std::size_t entry_bytes_max = (std::size_t{1} << 20U) - sequence_header::size; ///< of a payload
    std::size_t waiting_bytes_max = std::size_t{16} << 20U;  ///< payloads taken and not yet in the log
    std::size_t in_flight_max = 256;                         ///< entries sent and not yet in the log
    std::size_t in_flight_bytes_max = std::size_t{1} << 20U; ///< their payloads; one is sent in any case
    std::size_t barriers_max = 4096;                         ///< waiting at one time
};

/// Sees to it that what one replica appends gets into the log of its Raft group once and in order, whoever leads: it
/// keeps each payload until it has seen it applied, and sends all that is missing again when the leader changes, when
/// one was lost on the way, and when nothing is heard. `sequenced` then carries each out once. For the host of a
/// `server<sequenced<Machine>, ...>`, which tells it what the server's observer hears:
///
///     w.append(token, payload);                    // any number
///     w.applied(e, reply, observer); w.read_ready(id, confirmed, observer); w.restored(machine, observer);
///     if (w.push(server, now)) { server.run(now); ... }
///
/// A writer that `sequenced` has forgotten opens a new one and numbers anew what the log has not yet: what was sent
/// under the old number is not carried out any more.
///
/// \complexity O(1) amortised per entry and per copy of it in the log
/// \thread_safety none
/// \source "go back n", as in the data link protocols; the numbering of writers as in Ongaro's thesis, section 6.3
class log_writer {
  public:
    explicit log_writer(log_writer_config const& config) : config_{config}, window_{config.in_flight_max} {}

    /// Takes a payload; copies it.
    /// \error entry_too_large, quota_exceeded, no_leader (it has failed)
    [[nodiscard]] result<void, errc> append(std::uint64_t token, std::span<std::byte const> payload) {
        if (!failure_.empty()) {
            return errc::no_leader;
        }
        if (payload.size() > config_.entry_bytes_max) {
            return errc::entry_too_large;
        }
        if (!entries_.empty() && bytes_ + payload.size() > config_.waiting_bytes_max) {
            return errc::quota_exceeded;
        }
        bytes_ += payload.size();
        entries_.push_back({token, {payload.begin(), payload.end()}});
        return {};
    }

    /// \error too_many_reads, no_leader (it has failed)
    [[nodiscard]] result<void, errc> barrier(std::uint64_t token) {
        if (!failure_.empty()) {
            return errc::no_leader;
        }
        if (barriers_.size() >= config_.barriers_max) {
            return errc::too_many_reads;
        }
        barriers_.push_back({token, 0});
        return {};
    }

    /// The server has applied an entry.
    template <class Observer>
    void applied(entry const& e, std::span<std::byte const> reply, Observer& observer) {
        byte_reader in{e.payload};
        sequence_header const header{in.word(), in.word(), in.word()};
        if (e.kind != entry_kind::command || reply.empty()) {
            return;
        }
        bool const own = writer_ != 0 && header.writer == writer_;
        switch (static_cast<sequenced_reply>(reply.front())) {
        case sequenced_reply::opened:
            if (writer_ == 0 && opening_ && header.sequence == config_.nonce) {
                become(e.index);
            }
            break;
        case sequenced_reply::applied:
            observer.applied(e.index, in.rest(), reply.subspan(1));
            if (own) {
                HPCSCHED_ASSERT(header.sequence == first_ && !entries_.empty());
                acknowledge(e.index, observer);
            }
            break;
        case sequenced_reply::gap:
            if (own && !went_back_) {
                send_appends_anew();
                window_ = std::max<std::size_t>(1, window_ / 2); // what overtakes on the way is not worth its room
                went_back_ = true; // copies sent after the gap make gaps too, and are no news
            }
            break;
        case sequenced_reply::expired:
            if (own) {
                become(0);
            }
            break;
        case sequenced_reply::duplicate:
        case sequenced_reply::malformed:
            break;
        }
    }

    /// The server has answered a read.
    template <class Observer>
    void read_ready(std::uint64_t id, bool confirmed, Observer& observer) {
        std::vector<std::uint64_t> done;
        for (waiting_barrier& b : barriers_) {
            if (b.read == id && confirmed) {
                done.push_back(b.token);
            } else if (b.read == id) {
                b.read = 0;
            }
        }
        if (confirmed) {
            std::erase_if(barriers_, [&](waiting_barrier const& b) { return b.read == id; });
        }
        for (std::uint64_t const token : done) {
            observer.caught_up(token);
        }
    }

    /// A snapshot has replaced the server's machine.
    template <class Machine, class Observer>
    void restored(sequenced<Machine> const& machine, Observer& observer) {
        if (writer_ == 0) {
            return;
        }
        std::optional<std::uint64_t> const next = machine.next(writer_);
        if (!next) {
            if (highest_sent_ >= first_) {
                failure_ = "the snapshot has forgotten this writer while it waited: whether its last entries are in "
                           "the log is not known; allow for more writers in `sequenced`, and open the log anew";
            }
            become(0);
            return;
        }
        while (first_ < *next) {
            acknowledge(machine.place(writer_, first_).value_or(0), observer);
        }
    }

    /// Sends what is to be sent, to or by way of `server`.
    /// \return whether the server has something to carry out now
    template <class Server>
    bool push(Server& server, time_point now) {
        if (!failure_.empty()) {
            return false;
        }
        auto const& replica = server.replica();
        if (replica.term() != term_ || replica.leader() != leader_) {
            term_ = replica.term();
            leader_ = replica.leader();
            send_appends_anew();
            send_barriers_anew();
        }
        if (now >= append_retry_) {
            send_appends_anew();
        }
        if (now >= barrier_retry_) {
            send_barriers_anew();
        }
        bool const has_sent = push_appends(server, now);
        if (entries_.empty()) {
            append_retry_ = never;
        } else if (has_sent || progressed_ || append_retry_ <= now || append_retry_ == never) {
            append_retry_ = saturating_add(now, config_.retry_after);
        }
        progressed_ = false;
        bool const has_asked = push_barriers(server, now);
        return has_sent || has_asked;
    }

    /// When `push` is due, if nothing comes before.
    [[nodiscard]] time_point next_deadline() const noexcept { return std::min(append_retry_, barrier_retry_); }
    /// Why it has given up; empty while it works.
    [[nodiscard]] std::string const& failure() const noexcept { return failure_; }
    /// Entries taken and not yet seen in the log.
    [[nodiscard]] std::size_t waiting() const noexcept { return entries_.size(); }

  private:
    struct waiting_entry {
        std::uint64_t token = 0;
        byte_buffer payload;
    };
    struct waiting_barrier {
        std::uint64_t token = 0;
        std::uint64_t read = 0; // which read covers it; 0: none yet
    };

    void become(std::uint64_t writer) {
        writer_ = writer;
        first_ = 1;
        highest_sent_ = 0;
        send_appends_anew();
        progressed_ = true;
    }

    void send_appends_anew() {
        sent_ = 0;
        sent_bytes_ = 0;
        opening_sent_ = false;
        went_back_ = false;
    }
    void send_barriers_anew() {
        for (waiting_barrier& b : barriers_) {
            b.read = 0;
        }
    }

    template <class Observer>
    void acknowledge(log_index index, Observer& observer) {
        waiting_entry const done = std::move(entries_.front());
        entries_.pop_front();
        bytes_ -= done.payload.size();
        ++first_;
        if (sent_ > 0) {
            --sent_;
            sent_bytes_ -= done.payload.size();
        }
        window_ = std::min(window_ + 1, config_.in_flight_max);
        went_back_ = false;
        progressed_ = true;
        observer.appended(done.token, index);
    }

    template <class Server>
    bool offer(Server& server, sequence_header const& header, std::span<std::byte const> payload, time_point now) {
        command_.clear();
        command_.reserve(sequence_header::size + payload.size());
        put_word(command_, header.writer);
        put_word(command_, header.sequence);
        put_word(command_, header.acknowledged);
        command_.insert(command_.end(), payload.begin(), payload.end());
        if (server.replica().role() == role::leader) {
            return server.propose(command_, now).has_value();
        }
        return server.forward(command_, now).has_value();
    }

    template <class Server>
    bool push_appends(Server& server, time_point now) {
        if (entries_.empty()) {
            return false;
        }
        if (writer_ == 0) {
            if (!opening_sent_) {
                opening_sent_ = offer(server, {0, config_.nonce, 0}, {}, now);
                opening_ = opening_ || opening_sent_;
                return opening_sent_;
            }
            return false;
        }
        bool any = false;
        while (sent_ < std::min(entries_.size(), window_)) {
            waiting_entry const& next = entries_[sent_];
            if (sent_ > 0 && sent_bytes_ + next.payload.size() > config_.in_flight_bytes_max) {
                break;
            }
            if (!offer(server, {writer_, first_ + sent_, first_ - 1}, next.payload, now)) {
                break;
            }
            highest_sent_ = std::max(highest_sent_, first_ + sent_);
            ++sent_;
            sent_bytes_ += next.payload.size();
            any = true;
        }
        return any;
    }

    template <class Server>
    bool push_barriers(Server& server, time_point now) {
        bool const unasked = std::ranges::any_of(barriers_, [](waiting_barrier const& b) { return b.read == 0; });
        bool const asked = unasked && server.read(reads_ + 1, now).has_value();
        if (asked) {
            ++reads_;
            for (waiting_barrier& b : barriers_) {
                b.read = b.read == 0 ? reads_ : b.read;
            }
        }
        if (barriers_.empty()) {
            barrier_retry_ = never;
        } else if (asked || barrier_retry_ <= now || barrier_retry_ == never) {
            barrier_retry_ = saturating_add(now, config_.retry_after);
        }
        return asked;
    }

    log_writer_config config_;
    std::deque<waiting_entry> entries_; // in order, from `first_` on
    std::size_t bytes_ = 0;             // of their payloads
    std::uint64_t writer_ = 0;          // this writer's number; 0: not open
    std::uint64_t first_ = 1;           // sequence of the first of `entries_`
    std::uint64_t highest_sent_ = 0;    // under this number
    std::size_t sent_ = 0;              // of `entries_`, how many are on their way
    std::size_t sent_bytes_ = 0;
    std::size_t window_;        // how many may be: fewer after a gap, one more for each that gets in
    bool opening_ = false;      // in this life a writer was asked for
    bool opening_sent_ = false; // and is on its way
    bool went_back_ = false;    // for a gap, and nothing was applied since
    bool progressed_ = false;
    std::vector<waiting_barrier> barriers_;
    std::uint64_t reads_ = 0;
    log_term term_ = 0;
    node_id leader_ = no_node;
    time_point append_retry_ = never;
    time_point barrier_retry_ = never;
    std::string failure_;
    byte_buffer command_;
};

} // namespace hpcsched::raft

#endif
