// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_PREDICT_HPP
#define HPCSCHED_PREDICT_HPP

/// \file
/// All of hpcsched::predict; a program that is built often includes what it uses instead.

#include <hpcsched/predict/answer.hpp>
#include <hpcsched/predict/confidence.hpp>
#include <hpcsched/predict/executor.hpp>
#include <hpcsched/predict/noise.hpp>
#include <hpcsched/predict/noisy_simulation.hpp>
#include <hpcsched/predict/precision.hpp>
#include <hpcsched/predict/question.hpp>
#include <hpcsched/predict/response.hpp>
#include <hpcsched/predict/sensitivity.hpp>
#include <hpcsched/predict/tally.hpp>
#include <hpcsched/predict/world.hpp>

#endif
