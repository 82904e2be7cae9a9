// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_SIM_LINEARIZABILITY_HPP
#define HPCSCHED_RAFT_SIM_LINEARIZABILITY_HPP

#include <hpcsched/core/hash.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/raft_sim/register_machine.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

namespace hpcsched::raft_sim {

/// One operation as its client saw it.
struct observed_operation {
    operation what{};
    time_point called{};
    time_point returned = never; ///< `never`: no answer came; it may have taken effect at any time since, or not at all
    std::uint64_t answer = 0;    ///< what the register held before; only where an answer came
};

enum class verdict : std::uint8_t {
    linearizable,
    violated,
    undecided, ///< the search passed its limit
};

/// Whether one order of all operations on one register explains every answer and contradicts no client: an operation
/// that returned before another was called comes first.
///
/// \param history  of one key, in any order
/// \param limit    states to visit before it gives up
/// \complexity exponential in the operations that overlap; states already seen are not searched again
/// \source Wing and Gong, "Testing and verifying concurrent objects", 1993; the memory of states seen is Lowe's,
/// "Testing
///         for linearizability", 2017
[[nodiscard]] inline verdict check_register(std::span<observed_operation const> history,
                                            std::size_t limit = 2'000'000) {
    std::vector<observed_operation> ops;
    for (observed_operation const& o : history) {
        if (o.returned != never || o.what.what != operation::kind::read) {
            ops.push_back(o);
        }
    }
    std::ranges::sort(ops, {}, &observed_operation::called); // the verdict does not depend on the order of equals
    using bits = std::vector<bool>;
    struct frame {
        std::size_t next = 0; // the next candidate to try
        std::size_t taken = 0;
        std::uint64_t held_before = 0;
    };
    std::set<std::pair<bits, std::uint64_t>> seen;
    std::vector<frame> stack{frame{}};
    bits done(ops.size(), false);
    std::uint64_t held = 0;
    auto const open_answers = static_cast<std::size_t>(
        std::ranges::count_if(ops, [](observed_operation const& o) { return o.returned != never; }));
    std::size_t answers_left = open_answers;
    while (true) {
        if (answers_left == 0) {
            return verdict::linearizable; // those without an answer need not have happened
        }
        frame& f = stack.back();
        time_point earliest = never; // of the returns of what is not yet in order
        for (std::size_t i = 0; i < ops.size(); ++i) {
            if (!done[i]) {
                earliest = std::min(earliest, ops[i].returned);
            }
        }
        std::optional<std::size_t> taken;
        for (; f.next < ops.size() && ops[f.next].called <= earliest; ++f.next) {
            observed_operation const& o = ops[f.next];
            if (done[f.next] || (o.returned != never && o.answer != held)) {
                continue;
            }
            bool const writes = o.what.what == operation::kind::write ||
                                (o.what.what == operation::kind::compare_and_swap && held == o.what.expected);
            std::uint64_t const after = writes ? o.what.value : held;
            done[f.next] = true;
            if (seen.emplace(done, after).second) {
                taken = f.next++;
                stack.push_back({0, *taken, held});
                answers_left -= o.returned != never ? 1U : 0U;
                held = after;
                break;
            }
            done[f.next] = false;
        }
        if (taken) {
            if (seen.size() > limit) {
                return verdict::undecided;
            }
            continue;
        }
        if (stack.size() == 1) {
            return verdict::violated;
        }
        frame const back = stack.back();
        stack.pop_back();
        done[back.taken] = false;
        answers_left += ops[back.taken].returned != never ? 1U : 0U;
        held = back.held_before;
    }
}

/// The same for a history of many registers: each is checked alone, as linearizability is a local property.
/// \source Herlihy and Wing, "Linearizability: a correctness condition for concurrent objects", TOPLAS 1990,
/// section 3.2
[[nodiscard]] inline verdict check_registers(std::span<observed_operation const> history) {
    std::map<std::uint64_t, std::vector<observed_operation>> by_key;
    for (observed_operation const& o : history) {
        by_key[o.what.key].push_back(o);
    }
    verdict worst = verdict::linearizable;
    for (auto const& [key, ops] : by_key) {
        verdict const v = check_register(ops);
        if (v == verdict::violated) {
            return v;
        }
        worst = std::max(worst, v);
    }
    return worst;
}

} // namespace hpcsched::raft_sim

#endif
