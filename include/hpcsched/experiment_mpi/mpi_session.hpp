// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_MPI_MPI_SESSION_HPP
#define HPCSCHED_EXPERIMENT_MPI_MPI_SESSION_HPP

#include <memory>
#include <optional>
#include <string>

namespace hpcsched::experiment_mpi {

/// This process's part in a program that a launcher (mpirun, srun) started on several machines. There is one at a
/// time, and one in the life of a process; the constructor and the destructor wait for all ranks.
///
/// MPI is used from the thread that made the session only.
class mpi_session {
  public:
    mpi_session();
    mpi_session(mpi_session const&) = delete;
    mpi_session& operator=(mpi_session const&) = delete;
    ~mpi_session();

    [[nodiscard]] unsigned rank() const noexcept;
    [[nodiscard]] unsigned size() const noexcept;

    /// What stops any of the ranks, on all of them: the message of the lowest rank that has one, with that rank named
    /// where it is not 0. Every rank calls it, in the same order.
    [[nodiscard]] std::optional<std::string> first_failure(std::optional<std::string> const& mine);

    struct state;
    /// For this component's own sources.
    [[nodiscard]] state& internals() noexcept { return *state_; }

  private:
    std::unique_ptr<state> state_;
};

} // namespace hpcsched::experiment_mpi

#endif
