// SPDX-License-Identifier: Apache-2.0
// Compiled, not linked: a server uses no more of its parts than their concepts grant.
#include <hpcsched/raft/server.hpp>
#include <hpcsched/raft/sessions.hpp>
#include <hpcsched/testing/archetypes/log_storage.hpp>
#include <hpcsched/testing/archetypes/state_machine.hpp>
#include <hpcsched/testing/archetypes/transport.hpp>

namespace hpcsched::raft {

template class server<testing::minimal_state_machine, testing::minimal_log_storage, testing::minimal_transport>;
template class sessions<testing::minimal_state_machine>;

} // namespace hpcsched::raft
