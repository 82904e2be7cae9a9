// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/testing/archetypes/cluster_scheduler.hpp>
#include <hpcsched/testing/conformance/cluster_scheduler.hpp>

#include <string>
#include <vector>

namespace hpcsched::testing {

minimal_cluster_scheduler make();

std::vector<std::string> check_minimal() {
    return check_cluster_scheduler(&make);
}

} // namespace hpcsched::testing
