// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_NOTEBOOK_HOST_HOST_MACHINE_HPP
#define HPCSCHED_SRC_NOTEBOOK_HOST_HOST_MACHINE_HPP

#include <hpcsched/core/bytes.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/notebook/kernel_log.hpp>
#include <hpcsched/notebook/scheduler_machine.hpp>
#include <hpcsched/notebook/standing_cluster.hpp>
#include <hpcsched/raft/state_machine.hpp>
#include <hpcsched/raft/types.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <variant>

namespace hpcsched::notebook_host {

using cluster_machine = notebook::scheduler_machine<notebook::standing_cluster>;

/// The group that keeps the cluster's scheduler; each kernel's log has one of its own.
inline constexpr raft::group_id cluster_group{1};
[[nodiscard]] inline raft::group_id group_of_kernel(std::uint64_t serial) noexcept {
    return raft::group_id{static_cast<std::uint32_t>(serial + 1)};
}

// A host's id in the cluster is its node's in Raft, and so is the id of a kernel's replica in the kernel's log.
[[nodiscard]] inline gpu::host_id host_of(raft::node_id node) noexcept {
    return gpu::host_id{node.value};
}
[[nodiscard]] inline raft::node_id node_of(gpu::host_id host) noexcept {
    return raft::node_id{host.value};
}

/// Times in the cluster's log are those of the wall: monotonic clocks of two machines have nothing to do with each
/// other.
[[nodiscard]] inline time_point wall_clock() {
    return time_point{std::chrono::duration_cast<duration>(std::chrono::system_clock::now().time_since_epoch())};
}

/// What a group of a host keeps: the cluster's scheduler, or a kernel's log.
class host_machine {
  public:
    explicit host_machine(cluster_machine machine) : machine_{std::move(machine)} {}
    explicit host_machine(notebook::kernel_log log) : machine_{std::move(log)} {}

    void apply(std::uint64_t index, std::span<std::byte const> command, byte_buffer& reply) {
        std::visit([&](auto& m) { m.apply(index, command, reply); }, machine_);
    }
    void query(std::span<std::byte const> question, byte_buffer& reply) const {
        std::visit([&](auto const& m) { m.query(question, reply); }, machine_);
    }
    void save(byte_buffer& out) const {
        std::visit([&](auto const& m) { m.save(out); }, machine_);
    }
    [[nodiscard]] bool restore(std::span<std::byte const> saved) {
        return std::visit([&](auto& m) { return m.restore(saved); }, machine_);
    }

    [[nodiscard]] cluster_machine const* cluster() const noexcept { return std::get_if<cluster_machine>(&machine_); }
    [[nodiscard]] notebook::kernel_log const* kernel() const noexcept {
        return std::get_if<notebook::kernel_log>(&machine_);
    }

  private:
    std::variant<cluster_machine, notebook::kernel_log> machine_;
};
static_assert(raft::answers_queries<host_machine>);

} // namespace hpcsched::notebook_host

#endif
