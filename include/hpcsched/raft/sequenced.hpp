// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_SEQUENCED_HPP
#define HPCSCHED_RAFT_SEQUENCED_HPP

#include <hpcsched/core/bytes.hpp>
#include <hpcsched/raft/state_machine.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <utility>

namespace hpcsched::raft {

/// What stands before a payload in the log: who wrote it, and where among this writer's it comes.
struct sequence_header {
    std::uint64_t writer = 0;       ///< what `sequenced` answered when the writer was opened; 0 opens one
    std::uint64_t sequence = 0;     ///< counted up by one from 1; where a writer is opened, its nonce
    std::uint64_t acknowledged = 0; ///< all up to this one the writer has seen applied

    static constexpr std::size_t size = 24; ///< bytes of its encoding: three little-endian 64-bit words
};

/// What became of a command; the first byte of an answer.
enum class sequenced_reply : std::uint8_t {
    applied = 0,   ///< carried out; the inner machine's answer follows
    duplicate = 1, ///< carried out before, by an earlier copy in the log
    gap = 2,       ///< not carried out: one of the writer's before it is missing, and must be sent first
    expired = 3,   ///< no such writer any more: neither this one nor a later one of it is ever carried out
    opened = 4,    ///< a writer was opened; its number is the index of this entry
    malformed = 5, ///< shorter than a header
};

/// Wraps a state machine so that each writer's commands are carried out in its order and once each, although copies of
/// them may be in the log in any order and number. In contrast to `sessions`, a writer need not wait for one answer
/// before it sends its next command.
///
/// The table of writers is part of the state, so all servers agree on it, and of snapshots. Of each command that the
/// writer has not acknowledged it says the index, so that one which a snapshot jumped over can still be told of. Beyond
/// `writers_max` the writer whose last command is oldest is forgotten.
///
/// \complexity O(log writers) per command; memory for each command that was applied and not acknowledged
template <state_machine Machine>
class sequenced {
  public:
    explicit sequenced(Machine machine, std::size_t writers_max = 10'000)
        : machine_{std::move(machine)}, writers_max_{writers_max} {}

    static void encode(sequence_header const& header, std::span<std::byte const> payload, byte_buffer& out) {
        put_word(out, header.writer);
        put_word(out, header.sequence);
        put_word(out, header.acknowledged);
        out.insert(out.end(), payload.begin(), payload.end());
    }

    void apply(log_index index, std::span<std::byte const> command, byte_buffer& reply) {
        byte_reader in{command};
        sequence_header const header{in.word(), in.word(), in.word()};
        sequenced_reply const outcome = in.good() ? take(index, header) : sequenced_reply::malformed;
        reply.push_back(static_cast<std::byte>(outcome));
        if (outcome == sequenced_reply::applied) {
            answer_.clear();
            machine_.apply(index, in.rest(), answer_);
            reply.insert(reply.end(), answer_.begin(), answer_.end());
        }
    }

    void save(byte_buffer& out) const {
        put_word(out, writers_.size());
        for (auto const& [number, w] : writers_) {
            put_word(out, number);
            put_word(out, w.next);
            put_word(out, w.used);
            put_word(out, w.places.size());
            for (log_index const place : w.places) {
                put_word(out, place);
            }
        }
        machine_.save(out);
    }

    [[nodiscard]] bool restore(std::span<std::byte const> saved) {
        writers_.clear();
        by_age_.clear();
        byte_reader in{saved};
        std::uint64_t const count = in.word();
        for (std::uint64_t i = 0; i < count && in.good(); ++i) {
            std::uint64_t const number = in.word();
            writer w{.next = in.word(), .used = in.word(), .places = {}};
            std::uint64_t const places = in.word();
            for (std::uint64_t k = 0; k < places && in.good(); ++k) {
                w.places.push_back(in.word());
            }
            if (w.places.size() >= w.next) {
                return false;
            }
            by_age_.emplace(w.used, number);
            writers_.insert_or_assign(number, std::move(w));
        }
        return in.good() && writers_.size() == count && by_age_.size() == count && machine_.restore(in.rest());
    }

    /// What a writer's next command must have as its sequence; nothing where there is no such writer.
    [[nodiscard]] std::optional<std::uint64_t> next(std::uint64_t number) const {
        auto const at = writers_.find(number);
        return at == writers_.end() ? std::nullopt : std::optional{at->second.next};
    }
    /// Where a command that was applied and not acknowledged is in the log.
    [[nodiscard]] std::optional<log_index> place(std::uint64_t number, std::uint64_t sequence) const {
        auto const at = writers_.find(number);
        if (at == writers_.end() || sequence >= at->second.next || sequence < at->second.first()) {
            return std::nullopt;
        }
        return at->second.places[static_cast<std::size_t>(sequence - at->second.first())];
    }

    [[nodiscard]] Machine const& machine() const noexcept { return machine_; }
    [[nodiscard]] std::size_t writer_count() const noexcept { return writers_.size(); }

  private:
    struct writer {
        std::uint64_t next = 1;
        log_index used = 0;             // of its newest command
        std::deque<log_index> places{}; // of its newest commands, up to next - 1

        [[nodiscard]] std::uint64_t first() const noexcept { return next - places.size(); }
    };

    [[nodiscard]] sequenced_reply take(log_index index, sequence_header const& header) {
        if (header.writer == 0) {
            open(index);
            return sequenced_reply::opened;
        }
        auto const at = writers_.find(header.writer);
        if (at == writers_.end()) {
            return sequenced_reply::expired;
        }
        writer& w = at->second;
        while (!w.places.empty() && w.first() <= header.acknowledged) {
            w.places.pop_front();
        }
        if (header.sequence != w.next) {
            return header.sequence < w.next ? sequenced_reply::duplicate : sequenced_reply::gap;
        }
        by_age_.erase(w.used);
        by_age_.emplace(index, header.writer);
        w.used = index;
        w.places.push_back(index);
        ++w.next;
        return sequenced_reply::applied;
    }

    // The index of the entry that opens a writer is nobody else's.
    void open(log_index index) {
        while (!writers_.empty() && writers_.size() >= writers_max_) {
            writers_.erase(by_age_.begin()->second);
            by_age_.erase(by_age_.begin());
        }
        writers_.emplace(index, writer{.next = 1, .used = index, .places = {}});
        by_age_.emplace(index, index);
    }

    Machine machine_;
    std::size_t writers_max_;
    std::map<std::uint64_t, writer> writers_; // ordered: a snapshot is the same on every server
    std::map<log_index, std::uint64_t> by_age_;
    byte_buffer answer_;
};

} // namespace hpcsched::raft

#endif
