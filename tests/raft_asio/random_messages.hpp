// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_RAFT_ASIO_RANDOM_MESSAGES_HPP
#define HPCSCHED_TESTS_RAFT_ASIO_RANDOM_MESSAGES_HPP

#include <hpcsched/core/random.hpp>
#include <hpcsched/raft/membership.hpp>
#include <hpcsched/raft/message.hpp>
#include <hpcsched/raft_asio/request.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <span>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

namespace hpcsched::test {

inline std::span<std::byte const> bytes_of(std::string_view text) {
    return std::as_bytes(std::span{text.data(), text.size()});
}

inline bool equal(std::span<std::byte const> a, std::span<std::byte const> b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

/// Draws messages that a replica could send, of every kind, and owns what they borrow.
class random_messages {
  public:
    explicit random_messages(std::uint64_t seed) : draw_{seed, "messages"} {}

    static constexpr std::size_t kinds = std::variant_size_v<raft::message_body>;

    raft::message make(raft::node_id from, raft::node_id to) { return make(from, to, below(kinds)); }

    raft::message make(raft::node_id from, raft::node_id to, std::size_t kind) {
        term_ = 1 + any(40);
        raft::message_body body;
        switch (kind) {
        case 0: {
            raft::log_index const at = any(61);
            body = raft::vote_request{at, at == 0 || term_ == 1 ? 0 : 1 + below(term_ - 1), coin(), coin()};
            auto& v = std::get<raft::vote_request>(body);
            v.last_index = v.last_term == 0 ? 0 : v.last_index;
            break;
        }
        case 1:
            body = raft::vote_response{coin(), coin()};
            break;
        case 2:
            body = append();
            break;
        case 3:
            body = raft::append_response{coin(), any(61), below(term_ + 1), any(61), any(61), any(64)};
            break;
        case 4:
            body = raft::heartbeat{any(61), any(64), coin()};
            break;
        case 5:
            body = raft::heartbeat_response{any(64), any(61)};
            break;
        case 6:
            body = raft::snapshot_chunk{1 + any(60), 1 + below(term_), any(61), coin(), members(), bytes(2000)};
            break;
        case 7:
            body = raft::snapshot_response{any(61), any(61)};
            break;
        case 8:
            body = raft::timeout_now{};
            break;
        case 9:
            body = raft::read_request{any(64)};
            break;
        case 10:
            body = raft::read_response{any(64), any(61)};
            break;
        default:
            body = raft::forwarded_command{bytes(500)};
        }
        return {from, to, term_, body};
    }

    std::uint64_t below(std::uint64_t limit) { return draw_() % limit; }
    bool coin() { return below(2) == 0; }

    std::span<std::byte const> bytes(std::size_t size_max) {
        auto& made = kept_.emplace_back(below(size_max + 1));
        for (std::size_t at = 0; at < made.size(); at += 8) {
            std::uint64_t const word = draw_();
            std::memcpy(made.data() + at, &word, std::min<std::size_t>(8, made.size() - at));
        }
        return made;
    }

  private:
    // Of every order of magnitude up to 2^bits - 1.
    std::uint64_t any(unsigned bits) {
        std::uint64_t const shift = 64 - bits + below(bits);
        return draw_() >> shift;
    }

    std::span<std::byte const> members() {
        std::array const ids{raft::node_id{1 + static_cast<std::uint32_t>(below(9))}, raft::node_id{77}};
        auto const made = raft::membership_codec::encode(raft::membership{ids});
        return kept_.emplace_back(made.begin(), made.end());
    }

    raft::append_request append() {
        raft::append_request m{any(60), 0, any(61), any(64), {}, coin()};
        m.previous_term = m.previous_index == 0 ? 0 : 1 + below(term_);
        auto& entries = entries_.emplace_back();
        raft::log_term last = std::max<raft::log_term>(m.previous_term, 1);
        for (std::uint64_t i = below(20); i > 0; --i) {
            last += below(term_ - last + 1);
            auto const kind = static_cast<raft::entry_kind>(below(4));
            bool const loaded = kind == raft::entry_kind::command;
            entries.push_back({m.previous_index + entries.size() + 1, last, kind,
                               kind == raft::entry_kind::membership ? members()
                               : loaded                             ? bytes(300)
                                                                    : std::span<std::byte const>{}});
        }
        m.entries = entries;
        return m;
    }

    random_stream draw_;
    raft::log_term term_ = 0;
    std::deque<std::vector<std::byte>> kept_;
    std::deque<std::vector<raft::entry>> entries_;
};

// --- equality of messages, as transport semantics 1 and 4 have it

inline bool same(raft::entry const& sent, raft::entry const& came, bool bare) {
    bool const stripped = bare && sent.kind == raft::entry_kind::command;
    return sent.index == came.index && sent.term == came.term &&
           came.kind == (stripped ? raft::entry_kind::omitted : sent.kind) &&
           (stripped ? came.payload.empty() : equal(sent.payload, came.payload));
}

inline bool same(raft::message const& sent, raft::message const& came) {
    if (sent.from != came.from || sent.to != came.to || sent.term != came.term ||
        sent.body.index() != came.body.index()) {
        return false;
    }
    return std::visit(
        [&]<class Body>(Body const& a) {
            Body const& b = std::get<Body>(came.body);
            if constexpr (std::is_same_v<Body, raft::vote_request>) {
                return a.last_index == b.last_index && a.last_term == b.last_term && a.pre_vote == b.pre_vote &&
                       a.transfer == b.transfer;
            } else if constexpr (std::is_same_v<Body, raft::vote_response>) {
                return a.pre_vote == b.pre_vote && a.granted == b.granted;
            } else if constexpr (std::is_same_v<Body, raft::append_request>) {
                return a.previous_index == b.previous_index && a.previous_term == b.previous_term &&
                       a.commit == b.commit && a.round == b.round && a.without_commands == b.without_commands &&
                       std::ranges::equal(a.entries, b.entries, [&](raft::entry const& x, raft::entry const& y) {
                           return same(x, y, a.without_commands);
                       });
            } else if constexpr (std::is_same_v<Body, raft::append_response>) {
                return a.rejected == b.rejected && a.matched == b.matched && a.hint_term == b.hint_term &&
                       a.asked == b.asked && a.commit == b.commit && a.round == b.round;
            } else if constexpr (std::is_same_v<Body, raft::heartbeat>) {
                return a.commit == b.commit && a.round == b.round && a.quiesce == b.quiesce;
            } else if constexpr (std::is_same_v<Body, raft::heartbeat_response>) {
                return a.round == b.round && a.verified == b.verified;
            } else if constexpr (std::is_same_v<Body, raft::snapshot_chunk>) {
                return a.last_index == b.last_index && a.last_term == b.last_term && a.offset == b.offset &&
                       a.last == b.last && equal(a.members, b.members) && equal(a.bytes, b.bytes);
            } else if constexpr (std::is_same_v<Body, raft::snapshot_response>) {
                return a.last_index == b.last_index && a.next_offset == b.next_offset;
            } else if constexpr (std::is_same_v<Body, raft::timeout_now>) {
                return true;
            } else if constexpr (std::is_same_v<Body, raft::read_request>) {
                return a.id == b.id;
            } else if constexpr (std::is_same_v<Body, raft::read_response>) {
                return a.id == b.id && a.index == b.index;
            } else {
                return equal(a.payload, b.payload);
            }
        },
        sent.body);
}

} // namespace hpcsched::test

#endif
