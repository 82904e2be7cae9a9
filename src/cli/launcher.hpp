// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_LAUNCHER_HPP
#define HPCSCHED_CLI_LAUNCHER_HPP

namespace hpcsched::cli {

/// What an MPI launcher says of this process, by its environment: mpirun and srun set it before MPI begins.
struct launched {
    unsigned rank = 0;
    unsigned rank_count = 1; ///< 1: started by hand, or alone
};

[[nodiscard]] launched launched_as();

} // namespace hpcsched::cli

#endif
