// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_POLICIES_HPP
#define HPCSCHED_EXPERIMENT_POLICIES_HPP

#include <hpcsched/experiment/policy_registry.hpp>

namespace hpcsched::experiment {

// One function per source file, so that their simulated machines compile side by side.
void add_kernel_policies(policy_registry& policies);
void add_sfs_policies(policy_registry& policies);
void add_alps_policies(policy_registry& policies);
void add_alps_trainer_policies(policy_registry& policies);
void add_serpt_policies(policy_registry& policies);
void add_hybrid_policies(policy_registry& policies);
void add_textbook_policies(policy_registry& policies);

} // namespace hpcsched::experiment

#endif
