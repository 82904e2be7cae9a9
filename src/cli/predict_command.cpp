// SPDX-License-Identifier: Apache-2.0
#include "commands.hpp"

namespace hpcsched::cli {

command_spec predict_command() {
    command_spec predict{.name = "predict",
                         .description = "Predict what will happen, and how surely, by many noisy simulations"};
#ifdef HPCSCHED_HAS_PREDICT_BULLET
    predict.commands.push_back(predict_physics_command());
#endif
    return predict;
}

} // namespace hpcsched::cli
