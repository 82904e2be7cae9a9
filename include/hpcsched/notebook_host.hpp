// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_HOST_HPP
#define HPCSCHED_NOTEBOOK_HOST_HPP

/// \file
/// All of hpcsched::notebook_host; a program that is built often includes what it uses instead.

#include <hpcsched/notebook_host/certificates.hpp>
#include <hpcsched/notebook_host/chunk_store.hpp>
#include <hpcsched/notebook_host/cluster_status.hpp>
#include <hpcsched/notebook_host/connection_file.hpp>
#include <hpcsched/notebook_host/jupyter_message.hpp>
#include <hpcsched/notebook_host/kernel_host.hpp>
#include <hpcsched/notebook_host/kernel_proxy.hpp>
#include <hpcsched/notebook_host/replicated_proxy.hpp>

#endif
