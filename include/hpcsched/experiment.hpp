// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_HPP
#define HPCSCHED_EXPERIMENT_HPP

/// \file
/// All of hpcsched::experiment; a program that is built often includes what it uses instead.

#include <hpcsched/experiment/build_identity.hpp>
#include <hpcsched/experiment/cell_pool.hpp>
#include <hpcsched/experiment/cell_result.hpp>
#include <hpcsched/experiment/estimate.hpp>
#include <hpcsched/experiment/grid.hpp>
#include <hpcsched/experiment/grid_workloads.hpp>
#include <hpcsched/experiment/invocation_stream.hpp>
#include <hpcsched/experiment/journal.hpp>
#include <hpcsched/experiment/linux_machines.hpp>
#include <hpcsched/experiment/metrics.hpp>
#include <hpcsched/experiment/notebook_policies.hpp>
#include <hpcsched/experiment/notebook_result.hpp>
#include <hpcsched/experiment/notebook_trace_file.hpp>
#include <hpcsched/experiment/perfetto_trace.hpp>
#include <hpcsched/experiment/policy_registry.hpp>
#include <hpcsched/experiment/price_model.hpp>
#include <hpcsched/experiment/report.hpp>
#include <hpcsched/experiment/save_workload.hpp>
#include <hpcsched/experiment/schedule_watcher.hpp>
#include <hpcsched/experiment/simulate_on.hpp>
#include <hpcsched/experiment/suggest.hpp>
#include <hpcsched/experiment/summary.hpp>
#include <hpcsched/experiment/svg_plot.hpp>
#include <hpcsched/experiment/trace_file.hpp>

#endif
