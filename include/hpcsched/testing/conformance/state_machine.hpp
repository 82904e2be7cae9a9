// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_CONFORMANCE_STATE_MACHINE_HPP
#define HPCSCHED_TESTING_CONFORMANCE_STATE_MACHINE_HPP

#include <hpcsched/raft/state_machine.hpp>

#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace hpcsched::testing {

/// Puts `commands` to machines and checks the rules of `raft::state_machine`:
///
/// * two machines give the same answers, and write down the same state;
/// * one that is restored from a snapshot, taken after any number of commands, goes on as the one that was saved;
/// * an answer depends on nothing that is left in the buffer; bytes that are no command change nothing else.
///
/// \param make  returns equal new machines
/// \return the first rule that was broken; empty: none
/// \complexity O(commands) machines of O(commands) each
template <std::invocable Make>
    requires raft::state_machine<std::invoke_result_t<Make&>>
[[nodiscard]] std::vector<std::string> check_state_machine(Make make, std::span<raft::byte_buffer const> commands) {
    auto const saved = [](auto const& machine) {
        raft::byte_buffer out;
        machine.save(out);
        return out;
    };
    auto one = make();
    std::vector<raft::byte_buffer> answers;
    std::vector<raft::byte_buffer> states{saved(one)};
    for (std::size_t i = 0; i < commands.size(); ++i) {
        one.apply(i + 1, commands[i], answers.emplace_back());
        states.push_back(saved(one));
    }
    for (std::size_t from = 0; from <= commands.size(); ++from) {
        auto other = make();
        std::string const place = from == 0 ? "an equal machine" : "one restored after " + std::to_string(from);
        if (from > 0 && !other.restore(states[from])) {
            return {place + " does not take what was saved"};
        }
        for (std::size_t i = from; i < commands.size(); ++i) {
            raft::byte_buffer answer;
            other.apply(i + 1, commands[i], answer);
            if (answer != answers[i]) {
                return {place + " answers command " + std::to_string(i) + " otherwise"};
            }
        }
        if (saved(other) != states.back()) {
            return {place + " ends in another state"};
        }
    }
    for (std::size_t cut = 0; cut < states.back().size(); ++cut) {
        auto other = make();
        (void)other.restore(std::span{states.back()}.first(cut)); // whatever it says, it must say something
    }
    return {};
}

} // namespace hpcsched::testing

#endif
