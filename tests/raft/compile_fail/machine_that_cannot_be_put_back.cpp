// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft/sessions.hpp>

namespace hpcsched::raft {

struct one_way {
    void apply(log_index, std::span<std::byte const>, byte_buffer&) {}
    void save(byte_buffer&) const {}
};

sessions<one_way> refused{one_way{}};

} // namespace hpcsched::raft
