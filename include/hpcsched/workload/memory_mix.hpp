// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_MEMORY_MIX_HPP
#define HPCSCHED_WORKLOAD_MEMORY_MIX_HPP

#include <array>
#include <cstdint>

namespace hpcsched::workload {

/// A memory size and the share of invocations that have it.
struct memory_share {
    std::uint32_t memory_mb = 0;
    double share = 0;
};

/// The memory sizes of FaaS invocations, ascending; the shares add up to 0.9996 and are renormalised.
/// \source "OS Scheduler Choice Costs Money" (arXiv 2411.08448), the mix behind its price model
inline constexpr std::array<memory_share, 4> memory_mix{{{128, 0.117}, {512, 0.831}, {1024, 0.038}, {1536, 0.0136}}};

} // namespace hpcsched::workload

#endif
