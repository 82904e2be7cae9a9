// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_STATE_MACHINE_HPP
#define HPCSCHED_RAFT_STATE_MACHINE_HPP

#include <hpcsched/core/bytes.hpp>
#include <hpcsched/raft/types.hpp>

#include <concepts>
#include <cstddef>
#include <span>

namespace hpcsched::raft {

/// What a state machine writes: an answer, or a snapshot.
using hpcsched::byte_buffer;

namespace detail {

/// Part of state_machine: carries commands out.
template <class M>
concept applies_commands = requires(M& m, log_index index, std::span<std::byte const> command, byte_buffer& reply) {
    { m.apply(index, command, reply) } -> std::same_as<void>;
};
/// Part of state_machine: can be written down whole.
template <class M>
concept saves_its_state = requires(M const& m, byte_buffer& out) {
    { m.save(out) } -> std::same_as<void>;
};
/// Part of state_machine: can be put back to what was written down.
template <class M>
concept restores_its_state = requires(M& m, std::span<std::byte const> saved) {
    { m.restore(saved) } -> std::same_as<bool>;
};

} // namespace detail

/// What a group of servers replicates: the same commands in the same order bring every copy to the same state.
///
/// For a machine `m`, an index, a command, and buffers `reply` and `out`:
///
/// | expression                       | effect                                                             |
/// |----------------------------------|--------------------------------------------------------------------|
/// | `m.apply(index, command, reply)` | carries the command out; appends the answer to the empty `reply`    |
/// | `m.save(out)`                    | appends the whole state to `out`                                    |
/// | `m.restore(saved)`               | replaces the state by what `save` wrote; false if it wrote no such  |
///
/// Semantics (not checked by the compiler):
/// 1. Deterministic: equal states and equal commands give equal states and answers, on every server and in every
/// version
///    that runs at the same time. No clock, no randomness, no order of unordered containers.
/// 2. `index` grows from call to call; after `restore` it goes on behind the snapshot's.
/// 3. Any bytes are a command: one that makes no sense is answered so, and changes nothing.
/// 4. `restore(saved)` of what `save` wrote gives an equal state; where it returns false the state is unspecified.
/// 5. `command` and `saved` are borrowed for the call.
///
/// \thread_safety none; confine to the server's thread
///
/// Minimal model: hpcsched/testing/archetypes/state_machine.hpp.
/// Conformance: hpcsched/testing/conformance/state_machine.hpp.
template <class M>
concept state_machine =
    std::movable<M> && detail::applies_commands<M> && detail::saves_its_state<M> && detail::restores_its_state<M>;

/// A state machine that can also be asked: `m.query(question, reply)` appends the answer to the empty `reply` and
/// changes nothing. What it answers after a linearizable read (`replica::read`) is linearizable.
template <class M>
concept answers_queries =
    state_machine<M> && requires(M const& m, std::span<std::byte const> question, byte_buffer& reply) {
        { m.query(question, reply) } -> std::same_as<void>;
    };

} // namespace hpcsched::raft

#endif
