// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_PREDICT_THREADS_HPP
#define HPCSCHED_PREDICT_THREADS_HPP

/// \file
/// All of hpcsched::predict_threads; a program that is built often includes what it uses instead.

#include <hpcsched/predict_threads/thread_team.hpp>

#endif
