// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_HPP
#define HPCSCHED_WORKLOAD_HPP

/// \file
/// All of hpcsched::workload; a program that is built often includes what it uses instead.

#include <hpcsched/workload/arrivals.hpp>
#include <hpcsched/workload/byte_source.hpp>
#include <hpcsched/workload/duration_group.hpp>
#include <hpcsched/workload/function_names.hpp>
#include <hpcsched/workload/in_memory.hpp>
#include <hpcsched/workload/invocation.hpp>
#include <hpcsched/workload/parse_number.hpp>

#endif
