// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_HPP
#define HPCSCHED_FAAS_HPP

/// \file
/// All of hpcsched::faas; a program that is built often includes what it uses instead.

#include <hpcsched/faas/arrival_rate.hpp>
#include <hpcsched/faas/latency_guard.hpp>
#include <hpcsched/faas/latency_question.hpp>
#include <hpcsched/faas/node.hpp>
#include <hpcsched/faas/node_noise.hpp>

#endif
