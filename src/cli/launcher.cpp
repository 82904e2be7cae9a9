// SPDX-License-Identifier: Apache-2.0
#include "launcher.hpp"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>

namespace hpcsched::cli {
namespace {

std::optional<unsigned> number_in(char const* variable) {
    char const* const text = std::getenv(variable);
    if (text == nullptr) {
        return std::nullopt;
    }
    unsigned value = 0;
    auto const parsed = std::from_chars(text, text + std::strlen(text), value);
    return parsed.ec == std::errc{} ? std::optional{value} : std::nullopt;
}

} // namespace

launched launched_as() {
    // Open MPI's mpirun; MPICH's and Intel's mpiexec, and srun --mpi=pmi2; srun --mpi=pmix.
    struct names {
        char const* rank;
        char const* rank_count;
    };
    static constexpr names known[] = {
        {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"}, {"PMI_RANK", "PMI_SIZE"}, {"PMIX_RANK", "SLURM_NTASKS"}};
    for (names const& launcher : known) {
        auto const rank = number_in(launcher.rank);
        auto const rank_count = number_in(launcher.rank_count);
        if (rank && rank_count && *rank_count > 1) {
            return {*rank, *rank_count};
        }
    }
    return {};
}

} // namespace hpcsched::cli
