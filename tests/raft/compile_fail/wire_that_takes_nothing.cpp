// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft/transport.hpp>

namespace hpcsched::raft {

struct cut_wire {
    void send(message&&) {}
};

template <transport T>
void connect(T wire);

void refuse() {
    connect(cut_wire{});
}

} // namespace hpcsched::raft
