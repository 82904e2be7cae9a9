// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_PREDICT_BULLET_SCENE_FILE_HPP
#define HPCSCHED_PREDICT_BULLET_SCENE_FILE_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/predict_bullet/scene.hpp>

#include <filesystem>
#include <string_view>
#include <vector>

namespace hpcsched::predict_bullet {

/// One scene of the file of real scenes: a JSON object with `stimulus`, `scenario`, `contact`, `first_contact_frame`,
/// `frames`, `commands`, and perhaps `human_correct`, `human_count` and `target`, the id of the body that is asked
/// about.
///
/// The zone is the first body. Where it is not told, the target is the next that can move. Where that one was put out
/// of sight (10 m up), the study made another body the target: the top of a tower, or one of what is contained or
/// linked, by chance. The shared file does not say which of the latter: any may be, and the one in the middle of the
/// stack is taken where one must be.
/// \error what is wrong or missing; a command that is not known; numbers that are not finite or out of range
[[nodiscard]] result<recorded_scene> read_scene(std::string_view json);

/// A scene a line; empty lines are passed over.
/// \error the same, with the number of the line
[[nodiscard]] result<std::vector<recorded_scene>> read_scenes(std::string_view lines);

/// \error the file cannot be read, or as above; the message names it
[[nodiscard]] result<std::vector<recorded_scene>> read_scenes(std::filesystem::path const& file);

} // namespace hpcsched::predict_bullet

#endif
