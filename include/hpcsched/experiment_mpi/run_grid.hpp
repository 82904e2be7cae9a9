// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_MPI_RUN_GRID_HPP
#define HPCSCHED_EXPERIMENT_MPI_RUN_GRID_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/experiment/grid.hpp>
#include <hpcsched/experiment_mpi/mpi_session.hpp>

namespace hpcsched::experiment_mpi {

/// Runs a plan on all ranks of a session, each with `options.thread_count` cells at once (0: one).
///
/// Every rank calls it with a plan of the same cells. Rank 0 hands out the cells, computes some itself, and writes the
/// journal as results come in, so that what was finished is kept whatever happens to a rank; when one dies, the
/// launcher ends the others, and a second run goes on from the journal. Only rank 0's journal, progress, watcher and
/// stop flag count. Results are the same as those of one process, `run_seconds` apart.
///
/// \return on rank 0 what came of the grid, as `experiment::run_grid`; on the others an outcome without cells
/// \error on rank 0: the journal could not be written
[[nodiscard]] result<experiment::grid_outcome> run_grid(mpi_session& session, experiment::grid_plan const& plan,
                                                        experiment::grid_options const& options);

} // namespace hpcsched::experiment_mpi

#endif
