// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft/memory_log.hpp>

namespace hpcsched::raft {

struct never_tells : memory_log {
    void durable() const {}
};

template <log_storage S>
void open(S&& storage);

void refuse() {
    open<never_tells>(never_tells{});
}

} // namespace hpcsched::raft
