// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/workload/function_profile.hpp>

#include <doctest/doctest.h>

namespace hpcsched::workload {

using namespace std::chrono_literals;

TEST_CASE("function_profile: the mean service time weighs the functions by their shares") {
    CHECK(mean_service_ns({}) == 0);
    CHECK(mean_service_ns({{"a", 0.25, 8ms}, {"b", 0.75, 4ms}}) == doctest::Approx(5e6));
}

} // namespace hpcsched::workload
