// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_HPP
#define HPCSCHED_WORKLOAD_HPP

/// \file
/// All of hpcsched::workload; a program that is built often includes what it uses instead.

#include <hpcsched/workload/alps_functions.hpp>
#include <hpcsched/workload/arrival_process.hpp>
#include <hpcsched/workload/arrival_sorter.hpp>
#include <hpcsched/workload/arrival_streams.hpp>
#include <hpcsched/workload/arrivals.hpp>
#include <hpcsched/workload/azure2019_functions.hpp>
#include <hpcsched/workload/azure2019_statistics.hpp>
#include <hpcsched/workload/byte_source.hpp>
#include <hpcsched/workload/calibration.hpp>
#include <hpcsched/workload/calibration_row.hpp>
#include <hpcsched/workload/csv_format.hpp>
#include <hpcsched/workload/describe.hpp>
#include <hpcsched/workload/duration_group.hpp>
#include <hpcsched/workload/duration_histogram.hpp>
#include <hpcsched/workload/duration_percentiles.hpp>
#include <hpcsched/workload/fields.hpp>
#include <hpcsched/workload/function_drift.hpp>
#include <hpcsched/workload/function_names.hpp>
#include <hpcsched/workload/function_profile.hpp>
#include <hpcsched/workload/generator.hpp>
#include <hpcsched/workload/generator_config.hpp>
#include <hpcsched/workload/in_memory.hpp>
#include <hpcsched/workload/in_memory_cells.hpp>
#include <hpcsched/workload/interval_arrivals.hpp>
#include <hpcsched/workload/invocation.hpp>
#include <hpcsched/workload/job_services.hpp>
#include <hpcsched/workload/make_notebook_trace.hpp>
#include <hpcsched/workload/memory_mix.hpp>
#include <hpcsched/workload/merge_heap.hpp>
#include <hpcsched/workload/notebook_cell.hpp>
#include <hpcsched/workload/notebook_csv_format.hpp>
#include <hpcsched/workload/notebook_generator.hpp>
#include <hpcsched/workload/notebook_generator_config.hpp>
#include <hpcsched/workload/notebook_statistics.hpp>
#include <hpcsched/workload/notebook_template.hpp>
#include <hpcsched/workload/notebook_window.hpp>
#include <hpcsched/workload/offered_work.hpp>
#include <hpcsched/workload/parse_number.hpp>
#include <hpcsched/workload/presets.hpp>
#include <hpcsched/workload/published_names.hpp>
#include <hpcsched/workload/quantile_table.hpp>
#include <hpcsched/workload/read_azure2019.hpp>
#include <hpcsched/workload/read_azure2021.hpp>
#include <hpcsched/workload/read_client_trace.hpp>
#include <hpcsched/workload/read_csv.hpp>
#include <hpcsched/workload/read_huawei2023.hpp>
#include <hpcsched/workload/read_huawei2025.hpp>
#include <hpcsched/workload/read_idlt.hpp>
#include <hpcsched/workload/read_notebook_csv.hpp>
#include <hpcsched/workload/read_sfs.hpp>
#include <hpcsched/workload/rearrived.hpp>
#include <hpcsched/workload/row_reader.hpp>
#include <hpcsched/workload/scale_to_load.hpp>
#include <hpcsched/workload/sfs_functions.hpp>
#include <hpcsched/workload/take_field.hpp>
#include <hpcsched/workload/time_unit.hpp>
#include <hpcsched/workload/write_csv.hpp>
#include <hpcsched/workload/write_notebook_csv.hpp>

#endif
