// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_HOST_HPP
#define HPCSCHED_FAAS_HOST_HPP

/// \file
/// All of hpcsched::faas_host; a program that is built often includes what it uses instead.

#include <hpcsched/faas_host/figures.hpp>
#include <hpcsched/faas_host/function_config.hpp>
#include <hpcsched/faas_host/host.hpp>
#include <hpcsched/faas_host/hybrid_histogram.hpp>
#include <hpcsched/faas_host/keep_alive.hpp>
#include <hpcsched/faas_host/server.hpp>
#include <hpcsched/faas_host/shared_function_worker.hpp>
#include <hpcsched/faas_host/worker_pool.hpp>

#endif
