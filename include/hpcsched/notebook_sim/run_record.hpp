// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_SIM_RUN_RECORD_HPP
#define HPCSCHED_NOTEBOOK_SIM_RUN_RECORD_HPP

#include <hpcsched/core/time.hpp>

#include <cstdint>
#include <vector>

namespace hpcsched::notebook_sim {

/// What became of one cell.
struct cell_record {
    std::uint32_t session = 0;
    std::uint32_t gpus = 0;
    time_point submitted{};      ///< by the user, or the end of the session's cell before, whichever is later
    time_point started = never;  ///< its code began to run; `never`: not within the run
    time_point finished = never; ///< its reply was sent
    duration run{};              ///< what it computes
    bool at_once = false;        ///< its devices were there when it was submitted
    bool moved = false;          ///< a replica had to move, or start, for it
    bool same_executor = false;  ///< as the session's cell before
    bool first = false;          ///< of its session
    std::uint32_t attempts = 0;  ///< 2 and more: its host was lost while it ran

    /// Interactivity delay: what the user waits for besides the computation itself, before it.
    [[nodiscard]] duration delay() const noexcept { return started - submitted; }
    /// Task completion time.
    [[nodiscard]] duration completion() const noexcept { return finished - submitted; }
};

/// The cluster at one moment.
struct cluster_sample {
    time_point at{};
    std::uint32_t hosts = 0;  ///< provisioned, those that come up or go included
    std::uint32_t leased = 0; ///< devices
    std::uint32_t demand = 0; ///< devices of all open sessions
    std::uint32_t running_cells = 0;
    std::uint32_t waiting_cells = 0; ///< that nothing has room for

    /// Devices of the sessions over devices of the hosts.
    [[nodiscard]] double subscription_ratio(std::uint32_t devices_per_host) const noexcept {
        return hosts == 0 ? 0 : static_cast<double>(demand) / (static_cast<double>(hosts) * devices_per_host);
    }
};

/// A whole run.
struct run_record {
    std::vector<cell_record> cells;      ///< in order of the trace
    std::vector<cluster_sample> samples; ///< at equal distances

    // Device time, in device-nanoseconds; see `hours`.
    double provisioned = 0; ///< devices of all hosts, from the order to their being gone
    double leased = 0;
    double busy = 0; ///< computing

    std::uint64_t hosts_provisioned = 0;
    std::uint64_t hosts_released = 0;
    std::uint64_t hosts_lost = 0;
    std::uint32_t hosts_peak = 0;
    std::uint64_t moves_for_cells = 0; ///< replicas that moved, or containers started, because a cell waited
    std::uint64_t moves_ahead = 0;     ///< replicas that moved while nothing waited for them
    std::uint32_t members_peak = 0;    ///< replicas on one host
    std::uint64_t events = 0;
    time_point ended{};
};

/// Device-nanoseconds in hours.
[[nodiscard]] constexpr double hours(double device_nanoseconds) noexcept {
    return device_nanoseconds / 3.6e12;
}

} // namespace hpcsched::notebook_sim

#endif
