// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/cpu/alps.hpp>
#include <hpcsched/cpu/alps_linear_regression.hpp>
#include <hpcsched/cpu/alps_random_forest.hpp>
#include <hpcsched/cpu/alps_trainers.hpp>
#include <hpcsched/cpu/srpt_replay.hpp>
#include <hpcsched/experiment/linux_machines.hpp>
#include <hpcsched/experiment/simulate_on.hpp>

#include "policies.hpp"

namespace hpcsched::experiment {
namespace {

template <class Trainer, class MakeTrainer>
cell_runner alps_with(MakeTrainer make_trainer) {
    return simulate_on<linux_alps>(&old_linux_config<linux_alps>, [make_trainer](cell_inputs const& inputs) {
        return cpu::basic_alps<Trainer, cpu::srpt_replay>{cpu::alps_config{}, make_trainer(inputs)};
    });
}

} // namespace

void add_alps_trainer_policies(policy_registry& policies) {
    policies.add({.name = "alps-linear",
                  .description = "ALPS with linear regression in place of the mean",
                  .kernel = "rt, ranked_cfs (ALPS's kernel)",
                  .agent = "alps, linear regression",
                  .run = alps_with<cpu::linear_regression_trainer>(
                      [](cell_inputs const&) { return cpu::linear_regression_trainer{}; })});
    policies.add({.name = "alps-forest",
                  .description = "ALPS with a random forest in place of the mean",
                  .kernel = "rt, ranked_cfs (ALPS's kernel)",
                  .agent = "alps, random forest",
                  .run = alps_with<cpu::random_forest_trainer>([](cell_inputs const& inputs) {
                      return cpu::random_forest_trainer{random_stream{inputs.key.seed, "alps-forest"}};
                  })});
    policies.add({.name = "alps-ewma",
                  .description = "ALPS with an exponentially weighted average in place of the mean",
                  .kernel = "rt, ranked_cfs (ALPS's kernel)",
                  .agent = "alps, EWMA",
                  .run = alps_with<cpu::ewma_trainer>([](cell_inputs const&) { return cpu::ewma_trainer{}; })});
}

} // namespace hpcsched::experiment
