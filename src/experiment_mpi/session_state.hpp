// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_MPI_SESSION_STATE_HPP
#define HPCSCHED_EXPERIMENT_MPI_SESSION_STATE_HPP

#include <hpcsched/experiment_mpi/mpi_session.hpp>

#include <boost/mpi/communicator.hpp>
#include <boost/mpi/environment.hpp>

namespace hpcsched::experiment_mpi {

struct mpi_session::state {
    // Boost.MPI would abort all ranks where the stack is unwound; here ranks end together (`first_failure`), and
    // `run_grid` aborts where one fails alone.
    static constexpr bool abort_on_exception = false;
    boost::mpi::environment environment{boost::mpi::threading::funneled, abort_on_exception};
    boost::mpi::communicator world{};
};

} // namespace hpcsched::experiment_mpi

#endif
