// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_ARCHETYPES_REPLICATED_LOG_HPP
#define HPCSCHED_TESTING_ARCHETYPES_REPLICATED_LOG_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/raft/replicated_log.hpp>
#include <hpcsched/testing/archetypes/state_machine.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace hpcsched::testing {

/// No more than `raft::log_observer` asks for: a log that compiles with it uses nothing else.
///
/// To be compiled, not linked: its members are declared only.
class minimal_log_observer {
  public:
    minimal_log_observer() = delete;
    minimal_log_observer(minimal_log_observer const&) = delete;
    minimal_log_observer& operator=(minimal_log_observer const&) = delete;
    ~minimal_log_observer();

    void applied(raft::log_index, std::span<std::byte const>, std::span<std::byte const>);
    void appended(std::uint64_t, raft::log_index);
    void caught_up(std::uint64_t);
    void restored(raft::log_index);
};

static_assert(raft::log_observer<minimal_log_observer>);

/// No more than `raft::replicated_log` asks for: what compiles with it uses nothing else.
///
/// To be compiled, not linked: its members are declared only.
class minimal_replicated_log {
  public:
    using machine_type = minimal_state_machine;

    minimal_replicated_log() = delete;
    minimal_replicated_log(minimal_replicated_log&&) noexcept;
    minimal_replicated_log& operator=(minimal_replicated_log&&) noexcept;
    minimal_replicated_log(minimal_replicated_log const&) = delete;
    minimal_replicated_log& operator=(minimal_replicated_log const&) = delete;
    ~minimal_replicated_log();

    result<void, raft::errc> append(std::uint64_t, std::span<std::byte const>, time_point);
    result<void, raft::errc> barrier(std::uint64_t, time_point);
    template <raft::log_observer Observer>
    void run(time_point, Observer& observer) {
        observer.restored(0);
    }
    [[nodiscard]] time_point next_deadline() const;
    [[nodiscard]] minimal_state_machine const& machine() const;
    [[nodiscard]] raft::log_index applied() const;
    [[nodiscard]] std::string const& failure() const;
};

static_assert(raft::replicated_log<minimal_replicated_log>);

} // namespace hpcsched::testing

#endif
