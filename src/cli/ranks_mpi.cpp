// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment_mpi/mpi_session.hpp>
#include <hpcsched/experiment_mpi/run_grid.hpp>

#include "failure.hpp"
#include "launcher.hpp"
#include "ranks.hpp"

#include <optional>
#include <string>

namespace hpcsched::cli {

struct ranks::state {
    experiment_mpi::mpi_session session;
};

ranks::ranks() : state_{launched_as().rank_count > 1 ? std::make_unique<state>() : nullptr} {}

bool ranks::is_first() const noexcept {
    return state_ == nullptr || state_->session.rank() == 0;
}

void ranks::together(std::function<void()> const& step) {
    std::optional<failure> mine;
    try {
        step();
    } catch (failure const& failed) {
        mine = failed;
    }
    if (state_ != nullptr) {
        // The exit code travels as the first letter of the message.
        std::optional<std::string> text;
        if (mine) {
            text = static_cast<char>(mine->code) + mine->message;
        }
        auto const first = state_->session.first_failure(text);
        if (first) {
            mine = failure{static_cast<exit_code>(first->front()), is_first() ? first->substr(1) : std::string{}};
        }
    }
    if (mine) {
        throw failure{*mine};
    }
}

result<experiment::grid_outcome> ranks::run(experiment::grid_plan const& plan,
                                            experiment::grid_options const& options) {
    if (state_ != nullptr) {
        return experiment_mpi::run_grid(state_->session, plan, options);
    }
    return experiment::run_grid(plan, options);
}

ranks::~ranks() = default;

} // namespace hpcsched::cli
