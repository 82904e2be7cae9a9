// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/workload/notebook_generator_config.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <limits>
#include <string>

using namespace hpcsched;
using namespace hpcsched::workload;
using namespace std::chrono_literals;

namespace {

/// What `validate` says of the defaults, changed in this way.
template <class Change>
std::string fault_of(Change change) {
    notebook_generator_config config;
    change(config);
    auto const valid = validate(config);
    return valid ? "" : valid.error().message;
}

} // namespace

TEST_CASE("notebook_generator_config: the defaults are valid, and so are larger workloads") {
    CHECK(fault_of([](auto&) {}).empty());
    CHECK(fault_of([](auto& c) { c.session_count = 75'000; }).empty());
    CHECK(fault_of([](auto& c) { c.length = std::chrono::days{365}; }).empty());
    CHECK(fault_of([](auto& c) { c.length = 17h + 30min; }).empty());
    CHECK(fault_of([](auto& c) { c.sessions.gpus = {{1, 0}, {1U << 20U, 1}}; }).empty());
}

TEST_CASE("notebook_generator_config: a field that is out of place is an error that says what would be in place") {
    CHECK(fault_of([](auto& c) { c.session_count = 0; }) == "session count 0 is not between 1 and 10000000");
    CHECK(fault_of([](auto& c) { c.session_count = 10'000'001; }) ==
          "session count 10000001 is not between 1 and 10000000");
    CHECK(fault_of([](auto& c) { c.length = 1min; }) ==
          "a length of 0.000694444 days is not between an hour and 10 years");
    CHECK(fault_of([](auto& c) { c.sessions.cells_in = {}; }) ==
          "a length of 0 days is not between an hour and 10 years");
    CHECK(fault_of([](auto& c) { c.length = std::chrono::days{4'000}; }) ==
          "a length of 4000 days is not between an hour and 10 years");
    CHECK(fault_of([](auto& c) { c.sessions.long_runs = -1; }) ==
          "a number of long runs or absences of -1 is not between 0 and 1000");
    CHECK(fault_of([](auto& c) { c.sessions.absences_max = std::numeric_limits<double>::quiet_NaN(); }) ==
          "a number of long runs or absences of nan is not between 0 and 1000");
    CHECK(fault_of([](auto& c) { c.sessions.lone_long_run = 12; }) ==
          "few cells single, shortest runs or lone long run of 12 is not between 0 and 1");
    CHECK(fault_of([](auto& c) { c.sessions.busy = {{0, 0.1}, {1, 1.5}}; }) ==
          "busy shares go up to 1.5, more than 1, all of a session's life");
    CHECK(fault_of([](auto& c) { c.sessions.life = {{0, 0.1}, {1, 2}}; }) ==
          "lives go up to 2, more than 1, the whole trace");
    CHECK(fault_of([](auto& c) { c.sessions.run = {{0, 1}, {1, 1e8}}; }) ==
          "runs go up to 1e+08, more than 1e+07 minutes");
    CHECK(fault_of([](auto& c) { c.sessions.cells = {{0, 1}, {1, 2e6}}; }) ==
          "sessions have up to 2e+06 cells in that time, more than 1e+06; shorten the trace");
    CHECK(fault_of([](auto& c) {
              c.session_count = 10'000'000;
              c.length = std::chrono::days{60};
          }).starts_with("10000000 sessions have some 1."));
    CHECK(fault_of([](auto& c) { c.sessions.gpus = {}; }) ==
          "no session needs a device; name at least one number of gpus");
    CHECK(fault_of([](auto& c) { c.sessions.gpus = {{0, 1}}; }) ==
          "sessions of 0 gpus: there must be at least 1 and at most 1048576");
    CHECK(fault_of([](auto& c) { c.sessions.gpus = {{8, -1}}; }) ==
          "the weight of sessions of 8 gpus is -1, not between 0 and 1e9");
    CHECK(fault_of([](auto& c) { c.sessions.gpus = {{8, 0}}; }) ==
          "the weights of all numbers of gpus are 0; give one a weight");
}
