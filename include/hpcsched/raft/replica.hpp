// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_REPLICA_HPP
#define HPCSCHED_RAFT_REPLICA_HPP

/// \file
/// One server of a Raft group: the class is in replica_interface.hpp, its bodies, by subject, in the others.

// IWYU pragma: begin_exports
#include <hpcsched/raft/detail/replica_elections.hpp>
#include <hpcsched/raft/detail/replica_replication.hpp>
#include <hpcsched/raft/detail/replica_services.hpp>
#include <hpcsched/raft/replica_interface.hpp>
// IWYU pragma: end_exports

#endif
