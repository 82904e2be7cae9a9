// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_ARCHETYPES_LOG_STORAGE_HPP
#define HPCSCHED_TESTING_ARCHETYPES_LOG_STORAGE_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/raft/log_storage.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace hpcsched::testing {

/// No more than `raft::log_storage` asks for: what compiles with it uses nothing else.
///
/// To be compiled, not linked: its members are declared only.
class minimal_log_storage {
  public:
    minimal_log_storage() = delete;
    minimal_log_storage(minimal_log_storage&&) noexcept;
    minimal_log_storage& operator=(minimal_log_storage&&) noexcept;
    minimal_log_storage(minimal_log_storage const&) = delete;
    minimal_log_storage& operator=(minimal_log_storage const&) = delete;
    ~minimal_log_storage();

    raft::stored_state stored();
    template <class Visitor>
    void each_stored(Visitor&& visit) {
        visit(raft::entry{});
    }
    result<void> write(raft::log_write const&);
    std::uint64_t durable();
    std::optional<raft::stored_entries> read(raft::log_index, std::size_t, std::size_t);
    raft::snapshot_info snapshot();
    result<void> save_snapshot(raft::snapshot_info const&, std::span<std::byte const>, raft::log_index);
    std::span<std::byte const> read_snapshot(std::uint64_t, std::size_t);
    result<raft::snapshot_progress> store_chunk(raft::snapshot_chunk const&);
};

static_assert(raft::log_storage<minimal_log_storage>);

} // namespace hpcsched::testing

#endif
