// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_ETCD_HPP
#define HPCSCHED_RAFT_ETCD_HPP

/// \file
/// All of hpcsched::raft_etcd; a program that is built often includes what it uses instead.

#include <hpcsched/raft_etcd/etcd_link.hpp>
#include <hpcsched/raft_etcd/etcd_log.hpp>
#include <hpcsched/raft_etcd/etcd_log_config.hpp>

#endif
