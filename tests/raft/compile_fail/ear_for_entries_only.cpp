// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft/replicated_log.hpp>

namespace hpcsched::raft {

struct half_deaf {
    void applied(log_index, std::span<std::byte const>, std::span<std::byte const>) {}
    void restored(log_index) {}
};

template <log_observer O>
void listen(O& observer);

void refuse(half_deaf& observer) {
    listen(observer);
}

} // namespace hpcsched::raft
