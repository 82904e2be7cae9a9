// SPDX-License-Identifier: Apache-2.0
#include "failure.hpp"
#include "launcher.hpp"
#include "ranks.hpp"

namespace hpcsched::cli {

struct ranks::state {};

ranks::ranks() {
    if (launched_as().rank_count > 1) {
        throw failure{exit_code::failure, "started as several processes, but built without MPI: start it once, or "
                                          "build it with -DHPCSCHED_WITH_MPI=ON"};
    }
}

bool ranks::is_first() const noexcept {
    return true;
}

void ranks::together(std::function<void()> const& step) {
    step();
}

result<experiment::grid_outcome> ranks::run(experiment::grid_plan const& plan,
                                            experiment::grid_options const& options) {
    return experiment::run_grid(plan, options);
}

ranks::~ranks() = default;

} // namespace hpcsched::cli
