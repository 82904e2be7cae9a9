// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_TRANSPORT_HPP
#define HPCSCHED_RAFT_TRANSPORT_HPP

#include <hpcsched/raft/message.hpp>

#include <concepts>

namespace hpcsched::raft {

namespace detail {

/// Part of transport: takes messages.
template <class T>
concept sends_messages = requires(T& t, message const& m) {
    { t.send(m) } -> std::same_as<void>;
};

} // namespace detail

/// Carries messages between the servers of a group.
///
/// | expression  | effect                                                           |
/// |-------------|------------------------------------------------------------------|
/// | `t.send(m)` | carries `m` to `m.to`, sooner or later, once, several times or never |
///
/// Semantics (not checked by the compiler):
/// 1. A message arrives as it was sent or not at all: what a network changes on the way is found and dropped.
/// 2. `m` and what it borrows are read within the call; nothing of it is kept by reference.
/// 3. Never calls the replica back within `send`.
/// 4. Where `m` is an append_request `without_commands`, entries of kind `command` arrive as `omitted`, without
/// payload.
/// 5. Order is kept as far as possible: what overtakes is taken for lost, and sent again.
///
/// \thread_safety none; confine to the server's thread
///
/// Minimal model: hpcsched/testing/archetypes/transport.hpp.
template <class T>
concept transport = std::movable<T> && detail::sends_messages<T>;

} // namespace hpcsched::raft

#endif
