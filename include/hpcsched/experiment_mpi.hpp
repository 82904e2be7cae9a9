// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_MPI_HPP
#define HPCSCHED_EXPERIMENT_MPI_HPP

/// \file
/// All of hpcsched::experiment_mpi; a program that is built often includes what it uses instead.

#include <hpcsched/experiment_mpi/mpi_session.hpp>
#include <hpcsched/experiment_mpi/run_grid.hpp>

#endif
