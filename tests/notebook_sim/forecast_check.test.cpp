// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/notebook/notebookos.hpp>
#include <hpcsched/notebook_sim/cluster.hpp>
#include <hpcsched/notebook_sim/forecast_check.hpp>
#include <hpcsched/workload/notebook_generator.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace hpcsched::notebook_sim {
namespace {

/// Forecasts on a generated trace under NotebookOS.
std::vector<forecast> forecasts(forecast_check_config const& config) {
    auto const trace = workload::generate_notebooks({.session_count = 80, .length = std::chrono::days{5}});
    REQUIRE(trace.has_value());
    std::vector<forecast> out;
    notebook::notebookos_cluster notebookos{notebook::notebookos_policies{random_stream{1, "victims"}}};
    cluster simulated{forecast_check<notebook::notebookos_cluster>{std::move(notebookos), config, out},
                      {.commits_before_start = 3},
                      cluster_config{}};
    (void)simulated.run(*trace, std::chrono::hours{1});
    return out;
}

} // namespace

TEST_CASE("reliability: forecasts fall into bins, each with what was foretold and what came") {
    std::vector<double> const foretold{0.05, 0.15, 0.1, 1.0, 0.95};
    std::vector<std::uint8_t> const came{0, 1, 0, 1, 1};
    auto const bins = reliability(foretold, came);
    REQUIRE(bins.size() == 10);
    CHECK(bins[0].count == 1);
    CHECK(bins[1].count == 2);
    CHECK(bins[1].foretold == doctest::Approx(0.125));
    CHECK(bins[1].observed == 0.5);
    CHECK(bins[9].count == 2);
    CHECK(bins[9].observed == 1);
    CHECK(bins[5].count == 0);
    CHECK(bins[5].half_width_95() == 0);
    CHECK(bins[1].half_width_95() == doctest::Approx(0.4053).epsilon(1e-3)); // of 1 in 2: Wilson's 0.0945 to 0.9055
    CHECK(bins[9].half_width_95() == doctest::Approx(0.3288).epsilon(1e-3)); // of 2 in 2: 0.3424 to 1
    CHECK(calibration_error(bins) == doctest::Approx((0.05 + 2 * 0.375 + 2 * 0.025) / 5));
    CHECK(calibration_error({}) == 0);
}

TEST_CASE("forecast check: on a generated trace what is foretold is what comes") {
    std::vector<forecast> const all = forecasts({.worlds = 40});
    double foretold = 0;
    double came = 0;
    double ends_foretold = 0;
    double ended = 0;
    for (forecast const& f : all) {
        if (f.over) {
            (f.running ? ends_foretold : foretold) += f.running ? f.ends : f.comes;
            (f.running ? ended : came) += f.running ? f.ended : f.came;
        }
    }
    CHECK(came > 300);
    CHECK(foretold / came == doctest::Approx(1).epsilon(0.15));
    CHECK(ended > 100);
    CHECK(ends_foretold / ended == doctest::Approx(1).epsilon(0.2));
}

TEST_CASE("forecast check: is the same again, and another with another seed") {
    auto const same = [](std::vector<forecast> const& a, std::vector<forecast> const& b) {
        bool equal = a.size() == b.size();
        for (std::size_t n = 0; equal && n < a.size(); ++n) {
            equal = a[n].comes == b[n].comes && a[n].waits == b[n].waits && a[n].all_busy == b[n].all_busy;
        }
        return equal;
    };
    auto const once = forecasts({.every = std::chrono::hours{2}, .worlds = 10});
    CHECK(same(once, forecasts({.every = std::chrono::hours{2}, .worlds = 10})));
    CHECK_FALSE(same(once, forecasts({.every = std::chrono::hours{2}, .worlds = 10, .seed = 2})));
}

} // namespace hpcsched::notebook_sim
