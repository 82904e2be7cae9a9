// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_DETAIL_PAIRING_HEAP_HPP
#define HPCSCHED_CPU_DETAIL_PAIRING_HEAP_HPP

#include <hpcsched/core/assert.hpp>

#include <utility>

namespace hpcsched::cpu::detail {

/// What a node of a `pairing_heap` derives from.
template <class Node>
class pairing_hook {
  public:
    pairing_hook() = default;
    pairing_hook(pairing_hook const&) = delete;
    pairing_hook& operator=(pairing_hook const&) = delete;

    [[nodiscard]] bool in_heap() const noexcept { return before_ != nullptr; }

  private:
    template <class, class>
    friend class pairing_heap;

    Node* child_ = nullptr;
    Node* sibling_ = nullptr; ///< the following
    Node* before_ = nullptr;  ///< sibling, or parent of a first child, or itself for the root; null: in no heap
};

/// A priority queue of borrowed nodes that never allocates.
///
/// `Less` is a total order, so the order of `pop` does not depend on the shape, which depends on the history.
/// \complexity O(1) to push and to look at the first; O(log n) amortised to pop and to erase
/// \source Fredman, Sedgewick, Sleator, Tarjan: "The pairing heap: a new form of self-adjusting heap" (1986), two-pass
template <class Node, class Less>
class pairing_heap {
  public:
    pairing_heap() = default;
    pairing_heap(pairing_heap&& other) noexcept : root_{std::exchange(other.root_, nullptr)} {}
    pairing_heap& operator=(pairing_heap&& other) noexcept {
        HPCSCHED_ASSERT(root_ == nullptr);
        root_ = std::exchange(other.root_, nullptr);
        return *this;
    }
    ~pairing_heap() = default;

    [[nodiscard]] bool empty() const noexcept { return root_ == nullptr; }

    /// The first in order, or null.
    [[nodiscard]] Node* top() const noexcept { return root_; }

    /// \pre !node.in_heap()
    void push(Node& node) noexcept {
        HPCSCHED_ASSERT(!node.in_heap());
        set_root(root_ == nullptr ? &node : merge(root_, &node));
    }

    /// Takes the first out.
    /// \pre !empty()
    void pop() noexcept {
        HPCSCHED_ASSERT(root_ != nullptr);
        Node* const first = root_;
        set_root(merge_children(*first));
        first->before_ = nullptr;
    }

    /// \pre node is in this heap
    void erase(Node& node) noexcept {
        HPCSCHED_ASSERT(node.in_heap());
        if (&node == root_) {
            pop();
            return;
        }
        cut(node);
        if (Node* const orphans = merge_children(node)) {
            set_root(merge(root_, orphans));
        }
        node.before_ = nullptr;
    }

    /// The first in order among those that satisfy `wanted`, or null.
    /// \complexity O(n); the nodes below one that satisfies it are not looked at
    template <class Predicate>
    [[nodiscard]] Node* first_if(Predicate&& wanted) const {
        Node* best = nullptr;
        Node* at = root_;
        while (at != nullptr) {
            bool const too_late = best != nullptr && !Less{}(*at, *best);
            bool const hit = !too_late && wanted(std::as_const(*at));
            best = hit ? at : best;
            at = !too_late && !hit && at->child_ != nullptr ? at->child_ : after_subtree(at);
        }
        return best;
    }

  private:
    void set_root(Node* node) noexcept {
        root_ = node;
        if (node != nullptr) {
            node->before_ = node;
            node->sibling_ = nullptr;
        }
    }

    /// Joins two trees; the result's own sibling links are the caller's business.
    static Node* merge(Node* a, Node* b) noexcept {
        if (Less{}(*b, *a)) {
            std::swap(a, b);
        }
        b->sibling_ = a->child_;
        if (a->child_ != nullptr) {
            a->child_->before_ = b;
        }
        b->before_ = a;
        a->child_ = b;
        return a;
    }

    /// Joins the children of `parent` into one tree, which becomes parentless; null if there are none.
    static Node* merge_children(Node& parent) noexcept {
        Node* rest = std::exchange(parent.child_, nullptr);
        Node* pairs = nullptr; // trees of two, the last first
        while (rest != nullptr) {
            Node* const first = rest;
            Node* const second = first->sibling_;
            rest = second == nullptr ? nullptr : second->sibling_;
            Node* const pair = second == nullptr ? first : merge(first, second);
            pair->sibling_ = pairs;
            pairs = pair;
        }
        if (pairs == nullptr) {
            return nullptr;
        }
        Node* whole = pairs;
        for (Node* pair = whole->sibling_; pair != nullptr;) {
            Node* const following = pair->sibling_;
            whole = merge(whole, pair);
            pair = following;
        }
        return whole;
    }

    /// Takes `node`, not the root, with all below it out of its siblings.
    static void cut(Node& node) noexcept {
        Node* const before = node.before_;
        (before->child_ == &node ? before->child_ : before->sibling_) = node.sibling_;
        if (node.sibling_ != nullptr) {
            node.sibling_->before_ = before;
        }
    }

    /// The node that follows `at` and everything below it when parents come before children; null: none.
    static Node* after_subtree(Node* at) noexcept {
        while (at->sibling_ == nullptr) {
            while (at->before_ != at && at->before_->child_ != at) {
                at = at->before_;
            }
            if (at->before_ == at) {
                return nullptr;
            }
            at = at->before_;
        }
        return at->sibling_;
    }

    Node* root_ = nullptr;
};

} // namespace hpcsched::cpu::detail

#endif
