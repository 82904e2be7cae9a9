// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_NOTEBOOK_HOST_STATUS_JSON_HPP
#define HPCSCHED_SRC_NOTEBOOK_HOST_STATUS_JSON_HPP

#include <hpcsched/notebook/cluster_scheduler.hpp>
#include <hpcsched/notebook/kernel_log.hpp>
#include <hpcsched/notebook/standing_cluster.hpp>
#include <hpcsched/raft_asio/network_config.hpp>

#include <boost/json/object.hpp>

#include "host_machine.hpp"

#include <string>

namespace hpcsched::notebook_host {

/// By which policies a cluster goes, as its status tells it.
[[nodiscard]] boost::json::object described(notebook::standing_policies const& p);

/// A host, as the cluster's log has it.
[[nodiscard]] boost::json::object described(cluster_machine const& c, raft_asio::peer const& p);

/// An open kernel, as the cluster's log has it.
[[nodiscard]] boost::json::object described(cluster_machine const& c, std::string const& name, notebook::kernel_id id);

/// Adds what the kernel's own log has.
void describe(boost::json::object& kernel, notebook::kernel_log const& log);

} // namespace hpcsched::notebook_host

#endif
