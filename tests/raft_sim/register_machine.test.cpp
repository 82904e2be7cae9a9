// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft_sim/register_machine.hpp>
#include <hpcsched/testing/conformance/state_machine.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace hpcsched::raft_sim {

TEST_CASE("register_machine: keeps the rules of a state machine") {
    std::vector<raft::byte_buffer> commands(3);
    using kind = operation::kind;
    for (operation const o : {operation{kind::write, 1, 5, 0}, operation{kind::compare_and_swap, 1, 6, 5},
                              operation{kind::compare_and_swap, 1, 7, 5}, operation{kind::write, 2, 9, 0}}) {
        register_machine::encode(o, commands.emplace_back());
    }
    CHECK(testing::check_state_machine([] { return register_machine{}; }, commands) == std::vector<std::string>{});
    register_machine m;
    for (auto const& c : commands) {
        raft::byte_buffer reply;
        m.apply(1, c, reply);
    }
    CHECK(m.value(1) == 6);
    CHECK(m.value(2) == 9);
    CHECK(m.value(3) == 0);
}

} // namespace hpcsched::raft_sim
