// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft/memory_log.hpp>
#include <hpcsched/raft/replicated_log.hpp>

namespace hpcsched::raft {

struct untold {
    result<log_index, errc> append(std::span<std::byte const>, time_point);
};

template <replicated_log L>
void open(L&& log);

void refuse() {
    open<untold>({});
}

} // namespace hpcsched::raft
