// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_HOST_FIGURES_HPP
#define HPCSCHED_FAAS_HOST_FIGURES_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu_linux/process.hpp>
#include <hpcsched/faas_host/worker_pool.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace hpcsched::faas_host {

/// Percentiles of the last invocations, at most 1,024; all 0 before the first.
struct latency_figures {
    std::size_t count = 0;
    duration p50{};
    duration p90{};
    duration p99{};
    duration longest{};
};

/// One worker that lives now.
struct worker_figures {
    worker_id worker{};
    cpu_linux::process_id process = 0; ///< 0: it is being started
    worker_state state{};
    duration age{};
    std::uint64_t invocations = 0; ///< that it was given
    int last_cpu = -1;             ///< on which it ran last; -1: not known
    cpu_linux::scheduling scheduling{};
};

/// What has been seen of one function.
struct hosted_function_figures {
    std::string name{};
    std::size_t concurrency = 0; ///< its limit
    std::size_t waiting = 0;
    std::size_t running = 0;
    std::uint64_t invocations = 0;         ///< taken
    std::uint64_t answered = 0;            ///< by a worker, well
    std::uint64_t failed = 0;              ///< by a worker, or for want of one
    std::uint64_t timed_out = 0;           ///< of those
    std::uint64_t refused = 0;             ///< not taken: 429 or 503
    std::uint64_t abandoned = 0;           ///< their client was gone before the answer
    std::uint64_t cold_starts = 0;         ///< workers started
    std::uint64_t lost_log_bytes = 0;      ///< printed by workers and not kept: the log file could not take them
    duration latency_target = unlimited;   ///< `unlimited`: none
    std::uint64_t turned_away = 0;         ///< of the refused: for the sake of a latency target
    double offered_rate = 0;               ///< invocations per second, as estimated; 0: no function has a target
    std::optional<double> admitted_rate{}; ///< the limit of it now; nothing: all are admitted
    latency_figures waited{};              ///< from arrival to a worker
    latency_figures served{};              ///< from a worker to its answer
    std::vector<worker_figures> workers{};
};

/// How likely a latency target is broken.
struct latency_risk_figures {
    double level = 0;       ///< above it invocations are turned away
    double offered = 0;     ///< the risk, were all admitted that is offered; at the last look
    double offered_low = 0; ///< and its interval
    double offered_high = 1;
    double admitted = 0;     ///< the risk with what is admitted
    std::uint64_t looks = 0; ///< into the future
    duration looked{};       ///< how long these took, all together
    duration longest_look{};
};

/// All that a running host tells of itself.
struct host_figures {
    std::string policy{}; ///< what steers its workers; empty: nothing does
    duration uptime{};
    bool is_draining = false;
    std::size_t connections = 0;    ///< of clients, now
    std::uint64_t requests = 0;     ///< of clients, of any kind
    std::uint64_t bad_requests = 0; ///< of these, answered with a status of 400 .. 499 other than 429
    std::string memory_limit{};     ///< how it is enforced: "cgroup v1", "cgroup v2", "rlimit"
    std::string process_limit{};    ///< likewise, or "none" where nothing can
    std::string isolation{};        ///< "pid and mount namespaces", or "process group"
    std::optional<latency_risk_figures> latency_risk{}; ///< nothing: no function has a latency target
    std::vector<hosted_function_figures> functions{};
};

/// As one line of JSON: what `GET /status` answers.
[[nodiscard]] std::string to_json(host_figures const& figures);

} // namespace hpcsched::faas_host

#endif
