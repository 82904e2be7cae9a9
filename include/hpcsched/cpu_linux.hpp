// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_LINUX_HPP
#define HPCSCHED_CPU_LINUX_HPP

/// \file
/// All of hpcsched::cpu_linux; a program that is built often includes what it uses instead.

#include <hpcsched/cpu_linux/attachment.hpp>
#include <hpcsched/cpu_linux/backend.hpp>
#include <hpcsched/cpu_linux/kernel_facts.hpp>
#include <hpcsched/cpu_linux/live_kernel.hpp>
#include <hpcsched/cpu_linux/process.hpp>
#include <hpcsched/cpu_linux/process_rule.hpp>
#include <hpcsched/cpu_linux/process_watch.hpp>
#include <hpcsched/cpu_linux/steering.hpp>
#include <hpcsched/cpu_linux/urgent_thread.hpp>
#include <hpcsched/cpu_linux/watchdog.hpp>

#endif
