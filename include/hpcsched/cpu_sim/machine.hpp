// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_SIM_MACHINE_HPP
#define HPCSCHED_CPU_SIM_MACHINE_HPP
#include <hpcsched/cpu_sim/machine_config.hpp>
#include <hpcsched/cpu_sim/observer.hpp>
#endif
