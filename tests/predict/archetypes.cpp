// SPDX-License-Identifier: Apache-2.0

// Compiled, never linked: what compiles with the archetypes asks no more of a world than its concept does.
#include <hpcsched/predict/noisy_simulation.hpp>
#include <hpcsched/predict/sensitivity.hpp>
#include <hpcsched/testing/archetypes/prediction.hpp>

#include <cstdint>
#include <vector>

namespace hpcsched {

using testing::minimal_executor;
using testing::minimal_noise;
using testing::minimal_question;
using testing::minimal_world;

template class predict::noisy_simulation<minimal_world, minimal_noise, minimal_question>;
using minimal_simulation = predict::noisy_simulation<minimal_world, minimal_noise, minimal_question>;

result<predict::prediction<predict::probability_answer>> ask(minimal_simulation& s, minimal_world::state const& seen,
                                                             minimal_executor& on) {
    return s.ask(seen, 1, {}, on);
}
std::vector<predict::source_sensitivity> explain(minimal_simulation& s, minimal_world::state const& seen,
                                                 minimal_executor& on) {
    return predict::sensitivities(s, seen, 1, 10, 0.05, 100, on);
}

} // namespace hpcsched
