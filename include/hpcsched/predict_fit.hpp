// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_PREDICT_FIT_HPP
#define HPCSCHED_PREDICT_FIT_HPP

/// \file
/// All of hpcsched::predict_fit; a program that is built often includes what it uses instead.

#include <hpcsched/predict_fit/fit.hpp>

#endif
