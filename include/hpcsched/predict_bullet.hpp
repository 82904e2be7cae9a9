// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_PREDICT_BULLET_HPP
#define HPCSCHED_PREDICT_BULLET_HPP

/// \file
/// All of hpcsched::predict_bullet; a program that is built often includes what it uses instead.

#include <hpcsched/predict_bullet/agreement.hpp>
#include <hpcsched/predict_bullet/contact_questions.hpp>
#include <hpcsched/predict_bullet/forecast.hpp>
#include <hpcsched/predict_bullet/generate_scene.hpp>
#include <hpcsched/predict_bullet/physics_noise.hpp>
#include <hpcsched/predict_bullet/physics_world.hpp>
#include <hpcsched/predict_bullet/scene.hpp>
#include <hpcsched/predict_bullet/scene_file.hpp>
#include <hpcsched/predict_bullet/scene_picture.hpp>

#endif
