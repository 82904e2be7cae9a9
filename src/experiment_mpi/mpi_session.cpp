// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment_mpi/mpi_session.hpp>

#include <boost/mpi/collectives/all_gather.hpp>
#include <boost/serialization/string.hpp>

#include "session_state.hpp"

#include <cstddef>
#include <vector>

namespace hpcsched::experiment_mpi {

mpi_session::mpi_session() : state_{std::make_unique<state>()} {}
mpi_session::~mpi_session() = default;

unsigned mpi_session::rank() const noexcept {
    return static_cast<unsigned>(state_->world.rank());
}
unsigned mpi_session::size() const noexcept {
    return static_cast<unsigned>(state_->world.size());
}

std::optional<std::string> mpi_session::first_failure(std::optional<std::string> const& mine) {
    // A first letter tells "nothing" from an empty message.
    std::vector<std::string> all;
    boost::mpi::all_gather(state_->world, mine ? "x" + *mine : std::string{}, all);
    for (std::size_t at = 0; at < all.size(); ++at) {
        if (!all[at].empty()) {
            return all[at].substr(1) + (at == 0 ? "" : " (on rank " + std::to_string(at) + ")");
        }
    }
    return std::nullopt;
}

} // namespace hpcsched::experiment_mpi
