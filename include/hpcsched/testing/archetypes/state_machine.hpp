// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_ARCHETYPES_STATE_MACHINE_HPP
#define HPCSCHED_TESTING_ARCHETYPES_STATE_MACHINE_HPP

#include <hpcsched/raft/state_machine.hpp>

#include <cstddef>
#include <span>

namespace hpcsched::testing {

/// No more than `raft::state_machine` asks for: what compiles with it uses nothing else.
///
/// To be compiled, not linked: its members are declared only.
class minimal_state_machine {
  public:
    minimal_state_machine() = delete;
    minimal_state_machine(minimal_state_machine&&) noexcept;
    minimal_state_machine& operator=(minimal_state_machine&&) noexcept;
    minimal_state_machine(minimal_state_machine const&) = delete;
    minimal_state_machine& operator=(minimal_state_machine const&) = delete;
    ~minimal_state_machine();

    void apply(raft::log_index, std::span<std::byte const>, raft::byte_buffer&);
    void save(raft::byte_buffer&) const;
    bool restore(std::span<std::byte const>);
};

static_assert(raft::state_machine<minimal_state_machine>);

} // namespace hpcsched::testing

#endif
