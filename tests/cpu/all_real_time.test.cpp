// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/all_real_time.hpp>
#include <hpcsched/testing/conformance/scheduling_agent.hpp>

#include <doctest/doctest.h>

#include "agent_script.hpp"

#include <cstdint>
#include <string>

namespace hpcsched::cpu {

TEST_CASE("all_real_time: every task that arrives gets the policy, those alive at the end get the default back") {
    agent_script<all_real_time> script{all_real_time{{.policy = sched_policy::rr, .priority = 20}}};
    CHECK(script.start(2).empty());
    CHECK(script.arrives(0) == "set_policy 0 rr 20");
    CHECK(script.arrives(1) == "set_policy 1 rr 20");
    CHECK(script.exits(0, duration{1}).empty());
    CHECK(script.stop() == "set_policy 1 normal");
}

TEST_CASE("all_real_time: keeps the rules of an agent") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        auto const broken = testing::check_scheduling_agent([] { return all_real_time{}; },
                                                            {.seed = seed, .cpu_count = 4, .step_count = 500});
        for (std::string const& each : broken) {
            FAIL_CHECK(each);
        }
    }
}

TEST_CASE("all_real_time: a bad configuration is named") {
    CHECK(validate(all_real_time_config{}).has_value());
    auto const field_of = [](all_real_time_config const& config) { return validate(config).error().message; };
    CHECK(field_of({.policy = sched_policy::normal}).find("policy") != std::string::npos);
    CHECK(field_of({.priority = 0}).find("priority is 0") != std::string::npos);
    CHECK(field_of({.priority = 100}).find("priority is 100") != std::string::npos);
}

} // namespace hpcsched::cpu
