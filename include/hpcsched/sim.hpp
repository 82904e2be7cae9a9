// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SIM_HPP
#define HPCSCHED_SIM_HPP

/// \file
/// All of hpcsched::sim; a program that is built often includes what it uses instead.

#include <hpcsched/sim/deadline_table.hpp>
#include <hpcsched/sim/event_queue.hpp>

#endif
