// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_RAFT_OPENED_REPLICA_HPP
#define HPCSCHED_TESTS_RAFT_OPENED_REPLICA_HPP

#include <hpcsched/raft/replica.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <tuple>

namespace hpcsched::raft::test {

// The names of private members may stand in an explicit instantiation ([temp.spec.general]/6): so the class under test
// need not know of the explorer, and the explorer sees all of its state.
struct replica_parts {
    friend constexpr auto parts_of(replica_parts);
};
template <auto... Members>
struct parts_opener {
    friend constexpr auto parts_of(replica_parts) { return std::tuple{Members...}; }
};
template struct parts_opener<&replica::hard_changed_, &replica::votes_for_itself_, &replica::voted_now_,
                             &replica::vote_write_, &replica::reported_, &replica::unwritten_, &replica::writes_,
                             &replica::last_write_, &replica::durable_write_, &replica::verified_,
                             &replica::acknowledged_, &replica::owes_acknowledgement_, &replica::members_index_,
                             &replica::committed_members_index_, &replica::peers_, &replica::first_of_term_,
                             &replica::transfer_to_, &replica::transfer_sent_, &replica::quiet_, &replica::reads_>;

/// Bytes that are equal where two states of something are.
class canonical_bytes {
  public:
    void add(std::uint64_t value) {
        if (value > 255) { // explored groups are small
            std::abort();
        }
        bytes_.push_back(static_cast<char>(value));
    }
    void add(node_id id) { add(id.value); }
    void add(entry const& e) {
        add(e.index);
        add(e.term);
        add(static_cast<std::uint64_t>(e.kind));
        add(e.payload);
    }
    void add(std::span<std::byte const> bytes) {
        add(bytes.size());
        std::ranges::for_each(bytes, [this](std::byte b) { add(static_cast<std::uint64_t>(b)); });
    }
    void add(membership const& m) {
        auto const bytes = membership_codec::encode(m);
        add(std::span<std::byte const>{bytes.data(), bytes.size()});
    }

    [[nodiscard]] std::string const& bytes() const noexcept { return bytes_; }

  private:
    std::string bytes_;
};

/// All of a replica's state that can show in what it does next, for one without leases, check-quorum and rest, which
/// are about time, and without reads. Left out are: deadlines and clocks, as a timer goes off when the explorer says
/// so; rounds of heartbeats, which confirm reads alone; what a role before this one has left behind. Numbers of writes
/// count from the last durable one. That this is enough is checked: explorer.test.cpp.
/// \pre flushed
inline void add_state(canonical_bytes& out, replica const& r) {
    auto const [hard_changed, votes_for_itself, voted_now, vote_write, reported, unwritten, writes, last_write,
                durable_write, verified, acknowledged, owes_acknowledgement, members_index, committed_members_index,
                peers, first_of_term, transfer_to, transfer_sent, quiet, reads] = parts_of(replica_parts{});
    if (r.*quiet || !(r.*reads).empty()) {
        std::abort();
    }
    out.add(static_cast<std::uint64_t>(r.role()));
    out.add(r.term());
    out.add(r.hard_state().voted_for);
    out.add(r.leader());
    out.add(r.commit());
    out.add(r.*reported);
    out.add(r.durable());
    out.add(r.*unwritten);
    out.add(r.*hard_changed);
    out.add(r.*voted_now);
    bool const vote_waits = r.*voted_now != no_node || (r.role() == role::candidate && !(r.*votes_for_itself));
    out.add(vote_waits && r.*vote_write > r.*durable_write ? r.*vote_write - r.*durable_write : 0);
    out.add(r.*last_write - r.*durable_write);
    out.add((r.*writes).size());
    for (auto const& w : r.*writes) {
        out.add(w.number - r.*durable_write);
        out.add(w.last_index);
    }
    log_window const& log = r.log();
    out.add(log.last_index() - log.first_index() + 1);
    for (log_index i = log.first_index(); i <= log.last_index(); ++i) {
        out.add(log.at(i));
    }
    out.add(r.members());
    out.add(r.*members_index);
    out.add(r.committed_members());
    out.add(r.*committed_members_index);
    if (r.role() == role::follower) {
        out.add(r.*verified);
        out.add(r.*acknowledged);
        out.add(r.*owes_acknowledgement);
    } else if (r.role() != role::leader) {
        out.add(r.*votes_for_itself);
        for (detail::progress const& p : r.*peers) {
            out.add(static_cast<std::uint64_t>(p.vote));
        }
    } else {
        out.add(r.*first_of_term);
        out.add(r.*transfer_to);
        out.add(r.*transfer_sent);
        for (detail::progress const& p : r.*peers) {
            for (std::uint64_t const word :
                 {p.match, p.next, p.probed, p.commit_sent, p.match_at_beat, p.snapshot_offset, p.snapshot_index,
                  std::uint64_t{p.stalled_beats}, static_cast<std::uint64_t>(p.state), std::uint64_t{p.paused},
                  std::uint64_t{p.fetching}}) {
                out.add(word);
            }
        }
    }
}

} // namespace hpcsched::raft::test

#endif
