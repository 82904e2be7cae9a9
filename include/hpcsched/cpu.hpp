// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_HPP
#define HPCSCHED_CPU_HPP

/// \file
/// All of hpcsched::cpu; a program that is built often includes what it uses instead.

#include <hpcsched/cpu/all_real_time.hpp>
#include <hpcsched/cpu/alps.hpp>
#include <hpcsched/cpu/alps_config.hpp>
#include <hpcsched/cpu/alps_linear_regression.hpp>
#include <hpcsched/cpu/alps_random_forest.hpp>
#include <hpcsched/cpu/alps_trainers.hpp>
#include <hpcsched/cpu/cfs.hpp>
#include <hpcsched/cpu/eevdf.hpp>
#include <hpcsched/cpu/fcfs.hpp>
#include <hpcsched/cpu/hands_off.hpp>
#include <hpcsched/cpu/hybrid.hpp>
#include <hpcsched/cpu/mlfq.hpp>
#include <hpcsched/cpu/processor_sharing.hpp>
#include <hpcsched/cpu/round_robin.hpp>
#include <hpcsched/cpu/rt.hpp>
#include <hpcsched/cpu/scheduling_agent.hpp>
#include <hpcsched/cpu/scheduling_class.hpp>
#include <hpcsched/cpu/serpt.hpp>
#include <hpcsched/cpu/service_time_posterior.hpp>
#include <hpcsched/cpu/sfs.hpp>
#include <hpcsched/cpu/sfs_config.hpp>
#include <hpcsched/cpu/srpt.hpp>
#include <hpcsched/cpu/srpt_replay.hpp>
#include <hpcsched/cpu/task.hpp>
#include <hpcsched/cpu/virtual_sharing.hpp>
#include <hpcsched/cpu/weights.hpp>

#endif
