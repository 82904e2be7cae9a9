// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CORE_IDS_HPP
#define HPCSCHED_CORE_IDS_HPP

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace hpcsched {

/// A strong 32-bit index: two kinds of id never mix, and each orders by its value.
template <class Tag>
struct dense_id {
    std::uint32_t value = 0;

    friend constexpr auto operator<=>(dense_id, dense_id) = default;
};

/// A CPU of a machine: 0 .. cpu_count - 1.
using cpu_id = dense_id<struct cpu_tag>;

/// A function (in the FaaS sense) of a workload: 0 .. function_count - 1, in order of first appearance.
using function_id = dense_id<struct function_tag>;

/// A timer of an agent's own choosing; timers of one agent share one numbering.
using timer_id = dense_id<struct timer_tag>;

/// One task, from its arrival to its exit.
///
/// `index` is dense: a driver reuses the indices of tasks that exited, so the largest index is below the largest
/// number of tasks alive at one time, and per-task tables are plain arrays (`task_map`). `generation` tells two
/// tasks that had the same index apart: a command that names a task already gone is dropped by the driver.
struct task_id {
    std::uint32_t index = 0;
    std::uint32_t generation = 0;

    friend constexpr auto operator<=>(task_id const&, task_id const&) = default;
};

} // namespace hpcsched

template <class Tag>
struct std::hash<hpcsched::dense_id<Tag>> {
    std::size_t operator()(hpcsched::dense_id<Tag> id) const noexcept { return id.value; }
};

template <>
struct std::hash<hpcsched::task_id> {
    std::size_t operator()(hpcsched::task_id id) const noexcept {
        return (static_cast<std::size_t>(id.generation) << 32U) | id.index;
    }
};

#endif
