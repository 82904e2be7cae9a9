// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_HPP
#define HPCSCHED_RAFT_HPP

/// \file
/// All of hpcsched::raft; a program that is built often includes what it uses instead.

#include <hpcsched/raft/groups.hpp>
#include <hpcsched/raft/key_value_store.hpp>
#include <hpcsched/raft/log_storage.hpp>
#include <hpcsched/raft/log_window.hpp>
#include <hpcsched/raft/log_writer.hpp>
#include <hpcsched/raft/membership.hpp>
#include <hpcsched/raft/memory_log.hpp>
#include <hpcsched/raft/message.hpp>
#include <hpcsched/raft/ready.hpp>
#include <hpcsched/raft/replica.hpp>
#include <hpcsched/raft/replica_config.hpp>
#include <hpcsched/raft/replica_interface.hpp>
#include <hpcsched/raft/replicated_log.hpp>
#include <hpcsched/raft/sequenced.hpp>
#include <hpcsched/raft/server.hpp>
#include <hpcsched/raft/server_log.hpp>
#include <hpcsched/raft/sessions.hpp>
#include <hpcsched/raft/state_machine.hpp>
#include <hpcsched/raft/transport.hpp>
#include <hpcsched/raft/types.hpp>

#endif
