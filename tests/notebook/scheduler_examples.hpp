// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_NOTEBOOK_SCHEDULER_EXAMPLES_HPP
#define HPCSCHED_TESTS_NOTEBOOK_SCHEDULER_EXAMPLES_HPP

#include <hpcsched/core/bytes.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/notebook/scheduler_machine.hpp>
#include <hpcsched/notebook/standing_cluster.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

namespace hpcsched::notebook {

using standing_machine = scheduler_machine<standing_cluster>;

[[nodiscard]] inline standing_machine new_machine() {
    return standing_machine{standing_cluster{standing_policies{}}};
}

[[nodiscard]] constexpr time_point at(duration since_start) {
    return time_point{since_start};
}

// --- commands, as bytes -----------------------------------------------------------------------------------------

[[nodiscard]] inline byte_buffer joins(std::uint32_t host, gpu::host_info const& info, time_point now = {}) {
    byte_buffer out;
    standing_machine::join_host(gpu::host_id{host}, info, now, out);
    return out;
}
[[nodiscard]] inline byte_buffer loses(std::uint32_t host, time_point now = {}) {
    byte_buffer out;
    standing_machine::lose_host(gpu::host_id{host}, now, out);
    return out;
}
[[nodiscard]] inline byte_buffer drains(std::uint32_t host, bool draining = true, time_point now = {}) {
    byte_buffer out;
    standing_machine::drain_host(gpu::host_id{host}, draining, now, out);
    return out;
}
[[nodiscard]] inline byte_buffer opens(std::string_view name, std::uint32_t gpus, time_point now = {},
                                       std::string_view owner = {}) {
    byte_buffer out;
    standing_machine::open_kernel(name, gpus, now, out, owner);
    return out;
}
[[nodiscard]] inline byte_buffer closes(std::uint32_t k, std::uint64_t serial, time_point now = {}) {
    byte_buffer out;
    standing_machine::close_kernel(kernel_id{k}, serial, now, out);
    return out;
}
[[nodiscard]] inline byte_buffer submits(std::uint32_t k, std::uint64_t serial, cell_number cell, std::uint32_t gpus,
                                         time_point now = {}) {
    byte_buffer out;
    standing_machine::submit_cell(kernel_id{k}, serial, cell, gpus, now, out);
    return out;
}
[[nodiscard]] inline byte_buffer finishes(std::uint32_t k, std::uint64_t serial, cell_number cell,
                                          time_point now = {}) {
    byte_buffer out;
    standing_machine::finish_cell(kernel_id{k}, serial, cell, now, out);
    return out;
}
[[nodiscard]] inline byte_buffer readies(std::uint32_t k, std::uint64_t serial, std::uint32_t r, time_point now = {}) {
    byte_buffer out;
    standing_machine::replica_is_ready(kernel_id{k}, serial, replica_id{r}, now, out);
    return out;
}
[[nodiscard]] inline byte_buffer wakes(time_point now) {
    byte_buffer out;
    standing_machine::wake(now, out);
    return out;
}

[[nodiscard]] inline byte_buffer goes_by(standing_policies const& p, bool change = false, time_point now = {}) {
    byte_buffer saved;
    p.save(saved);
    byte_buffer out;
    standing_machine::set_policies(saved, change, now, out);
    return out;
}

// --- what a machine must keep -----------------------------------------------------------------------------------

/// Hosts have what is leased, kernels live on different hosts that are up, and cells run where they may.
inline void check_rules(standing_machine const& m) {
    cluster_state const& s = m.state();
    REQUIRE(s.ledger().check() == std::string{});
    std::int64_t leased = 0;
    for (gpu::host_load const& h : s.ledger().loads()) {
        if (h.present) {
            leased += s.ledger().host(h.host).leased.gpu_milli;
            REQUIRE(s.ledger().host(h.host).leased.gpu_milli <= s.ledger().host(h.host).capacity.gpu_milli);
        }
    }
    REQUIRE(s.leased_milli() == leased);
    for (auto const& [name, k] : m.open_kernels()) {
        kernel_view const v = m.view(k);
        REQUIRE(m.kernel(k).name == name);
        std::set<gpu::host_id> hosts;
        for (replica const& r : v.replicas) {
            host_phase const phase = s.host(r.host).phase;
            REQUIRE((phase == host_phase::up || phase == host_phase::draining));
            hosts.insert(r.host);
        }
        REQUIRE(hosts.size() == v.replicas.size());
        REQUIRE(v.founders.empty() == (s.kernel(k).replicas_made == 0));
        if (v.running) {
            replica const executor = v.replicas.at(s.kernel(k).index_of(v.executor));
            REQUIRE(executor.ready);
            REQUIRE(executor.host == v.executor_host);
            REQUIRE(s.ledger().find(v.lease)->host == v.executor_host);
            REQUIRE(gpu::device_count(v.devices) == s.kernel(k).cell_gpus);
            REQUIRE(v.generation > 0);
        }
    }
}

} // namespace hpcsched::notebook

#endif
