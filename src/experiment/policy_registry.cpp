// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/assert.hpp>
#include <hpcsched/experiment/policy_registry.hpp>

#include "policies.hpp"

#include <algorithm>
#include <utility>

namespace hpcsched::experiment {

void policy_registry::add(policy added) {
    HPCSCHED_ASSERT(!added.name.empty());
    HPCSCHED_ASSERT(added.run != nullptr);
    auto const same =
        std::find_if(policies_.begin(), policies_.end(), [&added](policy const& p) { return p.name == added.name; });
    if (same != policies_.end()) {
        *same = std::move(added);
    } else {
        policies_.push_back(std::move(added));
    }
}

void policy_registry::add(std::string name, std::string description, cell_runner run) {
    add(policy{.name = std::move(name),
               .description = std::move(description),
               .kernel = {},
               .agent = {},
               .run = std::move(run),
               .idealised = false});
}

policy const* policy_registry::find(std::string_view name) const noexcept {
    auto const found =
        std::find_if(policies_.begin(), policies_.end(), [name](policy const& p) { return p.name == name; });
    return found == policies_.end() ? nullptr : &*found;
}

policy_registry shipped_policies() {
    policy_registry policies;
    add_kernel_policies(policies);
    add_sfs_policies(policies);
    add_alps_policies(policies);
    add_alps_trainer_policies(policies);
    add_serpt_policies(policies);
    add_hybrid_policies(policies);
    add_textbook_policies(policies);
    return policies;
}

} // namespace hpcsched::experiment
