// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_DETAIL_DEADLINE_TREE_HPP
#define HPCSCHED_CPU_DETAIL_DEADLINE_TREE_HPP

#include <hpcsched/core/time.hpp>

#include <algorithm>
#include <cstdint>

namespace hpcsched::cpu::detail {

/// What a node of a `deadline_tree` derives from.
template <class Node>
struct deadline_hook {
    std::int64_t vruntime = 0;  ///< decides who is eligible
    std::int64_t deadline = 0;  ///< orders the tree, then `sequence`
    std::uint64_t sequence = 0; ///< unlike that of every other node
    duration slice{};

    Node* earlier = nullptr;         ///< subtree
    Node* later = nullptr;           ///< subtree
    std::int64_t least_vruntime = 0; ///< of the subtree that begins here
    duration least_slice{};          ///< of the subtree that begins here
    std::uint64_t priority = 0;      ///< not below that of the subtrees
};

/// Borrowed nodes in order of deadline, each subtree of which knows its least vruntime: the earliest deadline among the
/// nodes that are young enough is found on one way down.
///
/// A treap: ordered by deadline, and heap-ordered by priorities that look random, which keep it balanced. What is found
/// does not depend on its shape. The first four members of a node stay as they are while it is in the tree.
/// \complexity O(log n) expected for every operation
/// \source Seidel, Aragon, "Randomized search trees" (1996). Linux keeps the same order and the same minimum in an
///         augmented red-black tree.
template <class Node>
class deadline_tree {
  public:
    [[nodiscard]] bool empty() const noexcept { return root_ == nullptr; }

    void insert(Node& n) noexcept {
        n.priority = next_priority();
        Node** link = &root_;
        while (*link != nullptr && (*link)->priority >= n.priority) {
            Node& at = **link;
            at.least_vruntime = std::min(at.least_vruntime, n.vruntime);
            at.least_slice = std::min(at.least_slice, n.slice);
            link = is_before(n, at) ? &at.earlier : &at.later;
        }
        split(*link, n, n.earlier, n.later);
        renew(n);
        *link = &n;
    }

    /// \pre n is in this tree
    void erase(Node& n) noexcept { root_ = without(root_, n); }

    /// The earliest deadline among the nodes with `is_eligible(vruntime)`; null if there is none.
    /// \pre what is eligible at one vruntime is so at every lower one
    template <class Eligible>
    [[nodiscard]] Node* earliest_if(Eligible&& is_eligible) const {
        Node* at = root_;
        while (at != nullptr) {
            if (at->earlier != nullptr && is_eligible(at->earlier->least_vruntime)) {
                at = at->earlier;
            } else if (is_eligible(at->vruntime)) {
                return at;
            } else {
                at = at->later;
            }
        }
        return nullptr;
    }

    /// The shortest slice of all nodes; `unlimited` if there is none.
    [[nodiscard]] duration least_slice() const noexcept { return root_ == nullptr ? unlimited : root_->least_slice; }

    [[nodiscard]] static bool is_before(Node const& a, Node const& b) noexcept {
        return a.deadline != b.deadline ? a.deadline < b.deadline : a.sequence < b.sequence;
    }

  private:
    /// Marsaglia, "Xorshift RNGs" (2003), with the shifts 13, 7, 17: quality matters little here.
    std::uint64_t next_priority() noexcept {
        random_ ^= random_ << 13U;
        random_ ^= random_ >> 7U;
        random_ ^= random_ << 17U;
        return random_;
    }

    static void renew(Node& n) noexcept {
        n.least_vruntime = n.vruntime;
        n.least_slice = n.slice;
        for (Node const* const below : {n.earlier, n.later}) {
            if (below != nullptr) {
                n.least_vruntime = std::min(n.least_vruntime, below->least_vruntime);
                n.least_slice = std::min(n.least_slice, below->least_slice);
            }
        }
    }

    /// Cuts the tree `at` into what comes before `n` and what comes after it.
    static void split(Node* at, Node const& n, Node*& before, Node*& after) noexcept {
        if (at == nullptr) {
            before = nullptr;
            after = nullptr;
        } else if (is_before(*at, n)) {
            before = at;
            split(at->later, n, at->later, after);
            renew(*at);
        } else {
            after = at;
            split(at->earlier, n, before, at->earlier);
            renew(*at);
        }
    }

    /// The tree of all nodes of two, the first of which ends before the second begins.
    static Node* joined(Node* before, Node* after) noexcept {
        if (before == nullptr || after == nullptr) {
            return before == nullptr ? after : before;
        }
        Node* const top = before->priority >= after->priority ? before : after;
        if (top == before) {
            before->later = joined(before->later, after);
        } else {
            after->earlier = joined(before, after->earlier);
        }
        renew(*top);
        return top;
    }

    static Node* without(Node* at, Node& n) noexcept {
        if (at == &n) {
            return joined(n.earlier, n.later);
        }
        Node*& below = is_before(n, *at) ? at->earlier : at->later;
        below = without(below, n);
        renew(*at);
        return at;
    }

    Node* root_ = nullptr;
    std::uint64_t random_ = 0x9e3779b97f4a7c15ULL;
};

} // namespace hpcsched::cpu::detail

#endif
