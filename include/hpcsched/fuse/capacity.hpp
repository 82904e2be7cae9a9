// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_CAPACITY_HPP
#define HPCSCHED_FUSE_CAPACITY_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse/teacher_set.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace hpcsched::fuse {

/// The numbers of parameters by which a candidate is judged before it is trained. For N tasks, in this order:
///
/// * of the whole network;
/// * N: of what each task runs through;
/// * 2^N - 1: of what exactly the tasks of one set run through, the sets by size and then as words of a dictionary:
///   {1} {2} {3} {1,2} {1,3} {2,3} {1,2,3}.
///
/// The first 1 + 2 N are those of the whole and of single tasks; the rest is shared.
/// \source GMorph's capacity vector; adapters count 0 as there
struct capacity_vector {
    std::vector<std::uint64_t> values{};
    std::size_t split = 0; ///< where the shared ones begin: 1 + 2 N

    [[nodiscard]] std::uint64_t total() const noexcept { return values.empty() ? 0 : values.front(); }
    [[nodiscard]] std::span<std::uint64_t const> own() const noexcept { return std::span{values}.first(split); }
    [[nodiscard]] std::span<std::uint64_t const> shared() const noexcept { return std::span{values}.subspan(split); }

    friend bool operator==(capacity_vector const&, capacity_vector const&) = default;
};

namespace detail {

// Whether a set of tasks comes before another of the same size, as words of a dictionary.
constexpr bool before_in_dictionary(std::uint32_t a, std::uint32_t b) noexcept {
    std::uint32_t const differ = a ^ b;
    return differ != 0 && (a & (differ & (~differ + 1))) != 0; // who has the lowest task that only one has
}

} // namespace detail

/// The sets of tasks in the order of the capacity vector.
/// \pre 1 <= tasks <= teacher_set::tasks_max
/// \complexity O(2^tasks * tasks)
[[nodiscard]] inline std::vector<task_mask> task_sets(std::size_t tasks) {
    HPCSCHED_ASSERT(tasks >= 1 && tasks <= teacher_set::tasks_max);
    std::vector<task_mask> sets;
    for (std::uint32_t set = 1; set < (1U << tasks); ++set) {
        sets.push_back(static_cast<task_mask>(set));
    }
    std::sort(sets.begin(), sets.end(), [](task_mask a, task_mask b) {
        int const by_size = std::popcount(a) - std::popcount(b);
        return by_size != 0 ? by_size < 0 : detail::before_in_dictionary(a, b);
    });
    return sets;
}

/// \complexity O(n + 2^N * N)
[[nodiscard]] inline capacity_vector capacity(teacher_set const& teachers, model_graph const& graph) {
    std::size_t const tasks = teachers.task_count();
    std::vector<std::uint64_t> of_set(std::size_t{1} << tasks, 0);
    capacity_vector made;
    made.split = 1 + 2 * tasks;
    made.values.assign(1 + tasks, 0);
    made.values.reserve(made.split + of_set.size());
    for (graph_node const& n : graph.nodes()) {
        if (n.is_adapter() || n.parent == no_node) {
            continue;
        }
        std::uint64_t const parameters = teachers.at(n.id).parameters;
        made.values[0] += parameters;
        of_set[n.tasks] += parameters;
    }
    for (std::size_t set = 1; set < of_set.size(); ++set) {
        for (std::size_t t = 0; t < tasks; ++t) {
            made.values[1 + t] += (set >> t & 1U) != 0 ? of_set[set] : 0;
        }
    }
    for (task_mask const set : task_sets(tasks)) {
        made.values.push_back(of_set[set]);
    }
    return made;
}

} // namespace hpcsched::fuse

#endif
