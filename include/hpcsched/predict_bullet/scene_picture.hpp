// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_PREDICT_BULLET_SCENE_PICTURE_HPP
#define HPCSCHED_PREDICT_BULLET_SCENE_PICTURE_HPP

#include <hpcsched/predict_bullet/forecast.hpp>
#include <hpcsched/predict_bullet/scene.hpp>

#include <string>
#include <string_view>

namespace hpcsched::predict_bullet {

/// A scene from the side and from above, with the paths that the target takes in its noisy futures and where it
/// touches the zone: one SVG element that follows the reader's dark mode.
/// \complexity worlds x steps
[[nodiscard]] std::string scene_svg(scene const& seen, forecast_config const& config, std::string_view title);

} // namespace hpcsched::predict_bullet

#endif
