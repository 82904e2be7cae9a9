// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/workload/alps_functions.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <set>
#include <string>

namespace hpcsched::workload {
namespace {

// Those of the mix, and one that is nothing but rounding.
alps_mix const mixes[] = {
    alps_huawei_mix, alps_azure_paper_mix, alps_azure_shipped_mix, {{0.25, 0.25, 0.25, 0.25}, 1000}};

} // namespace

// ALPS, Table 1.
TEST_CASE("alps_functions: the requests of each group have the published share") {
    for (alps_mix const& mix : mixes) {
        for (std::uint32_t const function_count : {4U, 10U, 50U, 997U}) {
            CAPTURE(function_count);
            population const functions = alps_functions(mix, function_count);
            REQUIRE(functions.size() == function_count);
            group_shares shares{};
            std::set<std::string> names;
            for (function_profile const& f : functions) {
                shares[static_cast<std::size_t>(group_of(f.mean_service))] += f.share;
                names.insert(f.name);
            }
            for (std::size_t g = 0; g < duration_group_count; ++g) {
                CHECK(shares[g] == doctest::Approx(mix.shares[g]).epsilon(1e-9));
            }
            CHECK(names.size() == function_count);
        }
    }
}

TEST_CASE("alps_functions: a variation of 25 % leaves every function in its group") {
    for (alps_mix const& mix : mixes) {
        for (function_profile const& f : alps_functions(mix, 1000)) {
            auto const scaled = [&f](double factor) {
                return duration{static_cast<std::int64_t>(static_cast<double>(f.mean_service.count()) * factor)};
            };
            CHECK(group_of(scaled(1 - alps_variation)) == group_of(f.mean_service));
            CHECK(group_of(scaled(1 + alps_variation)) == group_of(f.mean_service));
            CHECK(to_milliseconds(scaled(1 - alps_variation)) >= 1);
            CHECK(to_milliseconds(scaled(1 + alps_variation)) <= mix.g4_limit_ms);
        }
    }
}

TEST_CASE("alps_functions: 50 deployments fall on the groups by their shares, and three at least on each") {
    using counts = std::array<std::uint32_t, duration_group_count>;
    CHECK(alps_functions_per_group(alps_huawei_mix.shares, 50) == counts{30, 12, 5, 3});
    CHECK(alps_functions_per_group(alps_azure_shipped_mix.shares, 50) == counts{19, 9, 12, 10});
    CHECK(alps_functions_per_group(alps_huawei_mix.shares, 4) == counts{1, 1, 1, 1});
    for (std::uint32_t n = 4; n < 300; ++n) {
        auto const count = alps_functions_per_group(alps_azure_paper_mix.shares, n);
        CHECK(std::accumulate(count.begin(), count.end(), 0U) == n);
    }
}

// ALPS, figure 6, FIFO: mean turnarounds of G4 less G1 are 4.11 - 1.353 s and 2.98 - 2.321 s.
TEST_CASE("alps_functions: the mean of G4 is what the turnarounds under FIFO imply") {
    auto const mean_of = [](alps_mix const& mix, duration_group group) {
        auto const [lower, upper] = alps_mean_range(mix, group);
        return (lower + upper) / 2;
    };
    CHECK(mean_of(alps_huawei_mix, duration_group::g4) - mean_of(alps_huawei_mix, duration_group::g1) ==
          doctest::Approx(4110 - 1353).epsilon(0.01));
    CHECK(mean_of(alps_azure_shipped_mix, duration_group::g4) - mean_of(alps_azure_shipped_mix, duration_group::g1) ==
          doctest::Approx(2980 - 2321).epsilon(0.01));
}

} // namespace hpcsched::workload
