// SPDX-License-Identifier: Apache-2.0
// Compiled, not linked: a server log uses no more of its parts and of its observer than their concepts grant.
#include <hpcsched/raft/server_log.hpp>
#include <hpcsched/testing/archetypes/log_storage.hpp>
#include <hpcsched/testing/archetypes/replicated_log.hpp>
#include <hpcsched/testing/archetypes/state_machine.hpp>
#include <hpcsched/testing/archetypes/transport.hpp>

namespace hpcsched::raft {

template class sequenced<testing::minimal_state_machine>;
template class server_log<testing::minimal_state_machine, testing::minimal_log_storage, testing::minimal_transport>;
template void server_log<testing::minimal_state_machine, testing::minimal_log_storage, testing::minimal_transport>::run(
    time_point, testing::minimal_log_observer&);

} // namespace hpcsched::raft
