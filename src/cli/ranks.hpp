// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_RANKS_HPP
#define HPCSCHED_CLI_RANKS_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/experiment/grid.hpp>

#include <functional>
#include <memory>

namespace hpcsched::cli {

/// The processes that run a grid together: this one alone, or those that an MPI launcher started.
class ranks {
  public:
    /// \throws failure  started by a launcher, but built without MPI
    ranks();
    ranks(ranks const&) = delete;
    ranks& operator=(ranks const&) = delete;
    ~ranks();

    /// Whether this process speaks to the user and writes the files.
    [[nodiscard]] bool is_first() const noexcept;

    /// Takes a step on every rank, and ends the program on all of them where it fails on one.
    /// \throws failure  the step's; on ranks but the first without a message
    void together(std::function<void()> const& step);

    /// Runs the plan on all ranks; the outcome is the first rank's.
    [[nodiscard]] result<experiment::grid_outcome> run(experiment::grid_plan const& plan,
                                                       experiment::grid_options const& options);

  private:
    struct state;
    std::unique_ptr<state> state_; ///< null: alone
};

} // namespace hpcsched::cli

#endif
