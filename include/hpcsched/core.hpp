// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CORE_HPP
#define HPCSCHED_CORE_HPP

/// \file
/// All of hpcsched::core; a program that is built often includes what it uses instead.

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/bytes.hpp>
#include <hpcsched/core/hash.hpp>
#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/percentiles.hpp>
#include <hpcsched/core/random.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/sink.hpp>
#include <hpcsched/core/task_map.hpp>
#include <hpcsched/core/time.hpp>

#endif
