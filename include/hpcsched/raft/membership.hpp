// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_MEMBERSHIP_HPP
#define HPCSCHED_RAFT_MEMBERSHIP_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/raft/types.hpp>

#include <boost/container/small_vector.hpp>
#include <boost/container/static_vector.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace hpcsched::raft {

/// The most members that a group can have, learners and those of an old configuration included.
inline constexpr std::size_t members_max = 64;

/// So many find room within a `membership`; a group with more allocates for them when it changes.
inline constexpr std::size_t members_usual = 5;

/// One server's part in a group. A member that votes in neither configuration is a learner: it is sent the log and
/// counts for nothing (thesis, section 4.2.1).
struct member {
    node_id id{};
    bool votes = true;             ///< in the configuration that is coming, or the only one
    bool voted = false;            ///< in the configuration that is going; set in a joint one only
    bool stays_as_learner = false; ///< loses its vote when the joint configuration ends, and stays
    bool witness = false;          ///< votes and stores which entries there are, not what they hold; never leads, and
                                   ///< is sent only what is durable at its leader
    std::uint8_t priority = 1;     ///< higher ones stand for election earlier

    friend bool operator==(member const&, member const&) = default;
};

/// What a membership change asks for.
struct membership_change {
    enum class action : std::uint8_t { add_voter, add_learner, add_witness, remove };

    action what = action::add_voter;
    node_id node{};
    std::uint8_t priority = 1; ///< of a voter

    friend bool operator==(membership_change const&, membership_change const&) = default;
};

/// Who belongs to a group, and what is a majority of it: one configuration, or in a change two at once, each of which
/// must agree ("joint consensus").
///
/// A value; at most `members_max` members, in ascending order of id.
/// \source Ongaro and Ousterhout, "In search of an understandable consensus algorithm", USENIX ATC 2014 (the Raft
/// paper),
///         section 6, and Ongaro's thesis, chapter 4
class membership {
  public:
    membership() = default;

    /// A group of `voters`, each with priority 1.
    /// \pre voters are distinct, none is `no_node`, at most `members_max`
    explicit membership(std::span<node_id const> voters) {
        HPCSCHED_ASSERT(voters.size() <= members_max);
        for (node_id const id : voters) {
            HPCSCHED_ASSERT(id != no_node && find(id) == nullptr);
            insert(member{.id = id});
        }
    }

    [[nodiscard]] std::span<member const> members() const noexcept { return {members_.data(), members_.size()}; }
    [[nodiscard]] bool empty() const noexcept { return members_.empty(); }

    /// The member `id`, or null.
    [[nodiscard]] member const* find(node_id id) const noexcept {
        auto const at = std::ranges::find(members_, id, &member::id);
        return at == members_.end() ? nullptr : &*at;
    }

    /// Whether `id` votes, in either configuration.
    [[nodiscard]] bool is_voter(node_id id) const noexcept {
        member const* const m = find(id);
        return m != nullptr && (m->votes || m->voted);
    }

    /// Whether two configurations are in force.
    [[nodiscard]] bool joint() const noexcept {
        return std::ranges::any_of(members_, [](member const& m) { return m.voted; });
    }

    /// Whether those for whom `agrees(position in members())` holds are a majority of every configuration in force.
    template <class Agrees>
    [[nodiscard]] bool is_quorum(Agrees&& agrees) const noexcept {
        std::size_t coming = 0;
        std::size_t coming_agree = 0;
        std::size_t going = 0;
        std::size_t going_agree = 0;
        for (std::size_t i = 0; i < members_.size(); ++i) {
            bool const yes = agrees(i);
            coming += members_[i].votes ? 1U : 0U;
            coming_agree += members_[i].votes && yes ? 1U : 0U;
            going += members_[i].voted ? 1U : 0U;
            going_agree += members_[i].voted && yes ? 1U : 0U;
        }
        return coming_agree > coming / 2 && (going == 0 || going_agree > going / 2);
    }

    /// The largest value that a majority of every configuration in force has reached, where `reached(position)` is what
    /// that member has; 0 where nobody votes.
    template <class Reached>
    [[nodiscard]] std::uint64_t quorum_value(Reached&& reached) const noexcept {
        std::uint64_t const coming = majority_value(reached, &member::votes);
        return joint() ? std::min(coming, majority_value(reached, &member::voted)) : coming;
    }

    /// The membership after `changes`: a single new configuration where at most one voter is added or removed and
    /// `always_joint` is not asked for, else a joint one, to be left by `without_old`.
    /// \error errc::invalid_change   two changes of one server; a server to remove that is no member; no voter that can
    ///                               lead would be left; as many witnesses as voters with data; too many members
    ///        errc::change_in_progress   this one is joint
    [[nodiscard]] result<membership, errc> changed(std::span<membership_change const> changes,
                                                   bool always_joint = false) const;

    /// The configuration that was coming alone.
    [[nodiscard]] membership without_old() const {
        membership next;
        for (member m : members_) {
            if (m.votes || m.stays_as_learner || !m.voted) {
                m.voted = false;
                m.stays_as_learner = false;
                next.members_.push_back(m);
            }
        }
        return next;
    }

    friend bool operator==(membership const&, membership const&) = default;

  private:
    friend class membership_codec;

    void insert(member const& m) { members_.insert(std::ranges::lower_bound(members_, m.id, {}, &member::id), m); }

    template <class Reached>
    [[nodiscard]] std::uint64_t majority_value(Reached& reached, bool member::* counts) const noexcept {
        std::array<std::uint64_t, members_max> values; // the first `count`, descending
        std::size_t count = 0;
        for (std::size_t i = 0; i < members_.size(); ++i) {
            if (!(members_[i].*counts)) {
                continue;
            }
            std::uint64_t const value = reached(i);
            std::size_t at = count++;
            for (; at > 0 && values[at - 1] < value; --at) {
                values[at] = values[at - 1];
            }
            values[at] = value;
        }
        return count == 0 ? 0 : values[count / 2];
    }

    boost::container::small_vector<member, members_usual> members_;
};

/// Bytes of a `membership`: its version, the count, then id (4, little endian), flags and priority of each member.
/// The form in which it stands in log entries and snapshots.
class membership_codec {
  public:
    static constexpr std::size_t bytes_max = 2 + members_max * 6;
    using bytes = boost::container::static_vector<std::byte, bytes_max>;

    [[nodiscard]] static bytes encode(membership const& m) {
        bytes out;
        out.push_back(std::byte{1});
        out.push_back(static_cast<std::byte>(m.members_.size()));
        for (member const& each : m.members_) {
            for (unsigned shift = 0; shift < 32; shift += 8) {
                out.push_back(static_cast<std::byte>(each.id.value >> shift));
            }
            unsigned const flags = (each.votes ? 1U : 0U) | (each.voted ? 2U : 0U) | (each.stays_as_learner ? 4U : 0U) |
                                   (each.witness ? 8U : 0U);
            out.push_back(static_cast<std::byte>(flags));
            out.push_back(static_cast<std::byte>(each.priority));
        }
        return out;
    }

    /// The membership that `in` encodes; nothing where it encodes none (another version, a wrong length, ids that do
    /// not ascend, unknown flags).
    [[nodiscard]] static std::optional<membership> decode(std::span<std::byte const> in) {
        if (in.size() < 2 || in[0] != std::byte{1}) {
            return std::nullopt;
        }
        auto const count = static_cast<std::size_t>(in[1]);
        if (count > members_max || in.size() != 2 + count * 6) {
            return std::nullopt;
        }
        membership out;
        for (std::size_t i = 0; i < count; ++i) {
            auto const at = in.subspan(2 + i * 6, 6);
            std::uint32_t id = 0;
            for (unsigned k = 0; k < 4; ++k) {
                id |= static_cast<std::uint32_t>(at[k]) << (8 * k);
            }
            auto const flags = static_cast<unsigned>(at[4]);
            bool const ascends = out.members_.empty() ? id > 0 : id > out.members_.back().id.value;
            if (!ascends || flags > 15) {
                return std::nullopt;
            }
            out.members_.push_back(member{.id = node_id{id},
                                          .votes = (flags & 1U) != 0,
                                          .voted = (flags & 2U) != 0,
                                          .stays_as_learner = (flags & 4U) != 0,
                                          .witness = (flags & 8U) != 0,
                                          .priority = static_cast<std::uint8_t>(at[5])});
        }
        return out;
    }
};

inline result<membership, errc> membership::changed(std::span<membership_change const> changes,
                                                    bool always_joint) const {
    using action = membership_change::action;
    if (joint()) {
        return errc::change_in_progress;
    }
    membership next = *this;
    std::size_t voters_moved = 0;
    for (std::size_t i = 0; i < changes.size(); ++i) {
        membership_change const& change = changes[i];
        bool const again = std::ranges::any_of(changes.first(i), [&](auto const& c) { return c.node == change.node; });
        auto const at = std::ranges::find(next.members_, change.node, &member::id);
        bool const known = at != next.members_.end();
        if (change.node == no_node || again || (change.what == action::remove && !known) ||
            (!known && next.members_.size() == members_max)) {
            return errc::invalid_change;
        }
        bool const will_vote = change.what == action::add_voter || change.what == action::add_witness;
        bool const did_vote = known && at->votes;
        voters_moved += will_vote != did_vote ? 1U : 0U;
        if (!known) {
            next.insert(member{.id = change.node,
                               .votes = will_vote,
                               .witness = change.what == action::add_witness,
                               .priority = change.priority});
            continue;
        }
        if (will_vote && did_vote && at->witness != (change.what == action::add_witness)) {
            return errc::invalid_change; // what a witness has left out cannot be called back in place
        }
        at->voted = did_vote; // for now as if joint; undone below
        at->votes = will_vote;
        at->stays_as_learner = did_vote && change.what == action::add_learner;
        if (change.what != action::remove) {
            at->witness = change.what == action::add_witness;
            at->priority = change.priority;
        } else if (!did_vote) {
            next.members_.erase(at);
        }
    }
    // Those with data must be a majority by themselves: else they can be stuck behind what only witnesses remember.
    auto const votes_with = [&](bool witness) {
        return std::ranges::count_if(next.members_, [=](member const& m) { return m.votes && m.witness == witness; });
    };
    if (votes_with(false) <= votes_with(true)) {
        return errc::invalid_change;
    }
    if (voters_moved <= 1 && !always_joint) {
        return next.without_old();
    }
    for (member& m : next.members_) {
        m.voted = is_voter(m.id); // of those that nobody asked to change, too
    }
    return next;
}

} // namespace hpcsched::raft

#endif
