// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_HPP
#define HPCSCHED_NOTEBOOK_HPP

/// \file
/// All of hpcsched::notebook; a program that is built often includes what it uses instead.

#include <hpcsched/notebook/batch_cluster.hpp>
#include <hpcsched/notebook/cluster_image.hpp>
#include <hpcsched/notebook/cluster_noise.hpp>
#include <hpcsched/notebook/cluster_policies.hpp>
#include <hpcsched/notebook/cluster_questions.hpp>
#include <hpcsched/notebook/cluster_scheduler.hpp>
#include <hpcsched/notebook/cluster_state.hpp>
#include <hpcsched/notebook/cluster_world.hpp>
#include <hpcsched/notebook/foreseeing.hpp>
#include <hpcsched/notebook/kernel_entry.hpp>
#include <hpcsched/notebook/kernel_log.hpp>
#include <hpcsched/notebook/kernel_replica.hpp>
#include <hpcsched/notebook/notebookos.hpp>
#include <hpcsched/notebook/octave_hazard.hpp>
#include <hpcsched/notebook/predictive.hpp>
#include <hpcsched/notebook/replicated_cluster.hpp>
#include <hpcsched/notebook/reservation_cluster.hpp>
#include <hpcsched/notebook/room_forecaster.hpp>
#include <hpcsched/notebook/scheduler_machine.hpp>
#include <hpcsched/notebook/session_posteriors.hpp>
#include <hpcsched/notebook/standing_cluster.hpp>

#endif
