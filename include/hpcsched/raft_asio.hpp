// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_ASIO_HPP
#define HPCSCHED_RAFT_ASIO_HPP

/// \file
/// All of hpcsched::raft_asio; a program that is built often includes what it uses instead.

#include <hpcsched/raft_asio/client.hpp>
#include <hpcsched/raft_asio/event_loop.hpp>
#include <hpcsched/raft_asio/network.hpp>
#include <hpcsched/raft_asio/network_config.hpp>
#include <hpcsched/raft_asio/node.hpp>
#include <hpcsched/raft_asio/request.hpp>

#endif
