// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_SIM_HPP
#define HPCSCHED_CPU_SIM_HPP

/// \file
/// All of hpcsched::cpu_sim; a program that is built often includes what it uses instead.

#include <hpcsched/cpu_sim/machine.hpp>
#include <hpcsched/cpu_sim/machine_config.hpp>
#include <hpcsched/cpu_sim/observer.hpp>
#include <hpcsched/cpu_sim/run_summary.hpp>

#endif
