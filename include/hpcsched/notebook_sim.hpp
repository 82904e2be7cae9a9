// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_SIM_HPP
#define HPCSCHED_NOTEBOOK_SIM_HPP

/// \file
/// All of hpcsched::notebook_sim; a program that is built often includes what it uses instead.

#include <hpcsched/notebook_sim/cluster.hpp>
#include <hpcsched/notebook_sim/cluster_config.hpp>
#include <hpcsched/notebook_sim/forecast_check.hpp>
#include <hpcsched/notebook_sim/run_record.hpp>

#endif
