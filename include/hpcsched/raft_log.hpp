// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_LOG_HPP
#define HPCSCHED_RAFT_LOG_HPP

/// \file
/// All of hpcsched::raft_log; a program that is built often includes what it uses instead.

#include <hpcsched/raft_log/group_log.hpp>
#include <hpcsched/raft_log/inspect.hpp>
#include <hpcsched/raft_log/journal.hpp>

#endif
