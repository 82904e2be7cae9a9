// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_SIM_HPP
#define HPCSCHED_RAFT_SIM_HPP

/// \file
/// All of hpcsched::raft_sim; a program that is built often includes what it uses instead.

#include <hpcsched/raft_sim/cluster.hpp>
#include <hpcsched/raft_sim/dice.hpp>
#include <hpcsched/raft_sim/invariants.hpp>
#include <hpcsched/raft_sim/linearizability.hpp>
#include <hpcsched/raft_sim/owned_message.hpp>
#include <hpcsched/raft_sim/register_machine.hpp>
#include <hpcsched/raft_sim/simulated_disk.hpp>
#include <hpcsched/raft_sim/torture.hpp>

#endif
