// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_LINUX_HPP
#define HPCSCHED_EXPERIMENT_LINUX_HPP

/// \file
/// All of hpcsched::experiment_linux; a program that is built often includes what it uses instead.

#include <hpcsched/experiment_linux/function_command.hpp>
#include <hpcsched/experiment_linux/live_policies.hpp>
#include <hpcsched/experiment_linux/srpt_oracle.hpp>

#endif
