// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_RAFT_BENCH_BARE_HPP
#define HPCSCHED_CLI_RAFT_BENCH_BARE_HPP

#include <hpcsched/core/time.hpp>

#include "raft_bench_cluster.hpp"

#include <cstddef>

namespace hpcsched::cli {

/// What this machine lets three processes do that have no Raft: one sends to two others, each of which answers at once,
/// and the first answer ends the exchange. No commit can be faster.
struct bare_exchange {
    latency_summary sleeping{}; ///< a process sleeps until it gets something
    latency_summary looking{};  ///< it looks again and again, and lets others have the CPU meanwhile
};

/// \param bytes of a message; an answer has 64
[[nodiscard]] bare_exchange measure_bare_exchange(std::size_t bytes, duration length);

} // namespace hpcsched::cli

#endif
