// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/notebook/batch_cluster.hpp>
#include <hpcsched/notebook/foreseeing.hpp>
#include <hpcsched/notebook/notebookos.hpp>
#include <hpcsched/notebook/predictive.hpp>
#include <hpcsched/notebook/reservation_cluster.hpp>
#include <hpcsched/testing/conformance/cluster_scheduler.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace hpcsched::notebook {
namespace {

using testing::check_cluster_scheduler;
using testing::cluster_conformance;

/// Several worlds, half of them with hosts that fail.
template <class Make>
void check_many(Make make) {
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
        cluster_conformance options{.seed = seed, .step_count = 1500};
        options.losses_per_10000 = seed % 2 == 0 ? 60 : 0;
        options.host_devices = seed % 3 == 0 ? 4 : 8;
        for (std::string const& broken : check_cluster_scheduler(make, options)) {
            FAIL_CHECK("seed ", seed, ", ", broken);
        }
    }
}

TEST_CASE("cluster_scheduler: reservation keeps the rules, with hosts that fail and without") {
    check_many([] { return reservation_cluster{}; });
}
TEST_CASE("cluster_scheduler: batch keeps the rules") {
    check_many([] { return batch_cluster{{.pooled = false}}; });
}
TEST_CASE("cluster_scheduler: batch with a pool keeps the rules") {
    check_many([] { return batch_cluster{{.pooled = true}}; });
}
TEST_CASE("cluster_scheduler: notebookos keeps the rules") {
    check_many([] { return notebookos_cluster{notebookos_policies{random_stream{1, "victims"}}}; });
}
TEST_CASE("cluster_scheduler: predictive keeps the rules") {
    check_many([] { return predictive_cluster{predictive_policies{}}; });
}

TEST_CASE("cluster_scheduler: foreseeing keeps the rules") {
    check_many([] { return foreseeing_cluster{foreseeing_policies{}}; });
}

TEST_CASE("cluster_scheduler: notebookos with foreseen admission and migration keeps the rules") {
    check_many([] { return notebookos_foreseen_cluster{notebookos_foreseen_policies{}}; });
}

TEST_CASE("cluster_scheduler: predictive that reclaims idle kernels, and warms by Little's law, keeps the rules") {
    struct reclaiming : predictive_policies {
        warm_by_littles_law prewarming{};
    };
    check_many([] {
        reclaiming policies;
        policies.reclaim_after = std::chrono::minutes{3};
        return replicated_cluster<reclaiming>{std::move(policies)};
    });
}

/// Runs a cell although another has its devices: what a checker must find.
class greedy : public predictive_cluster {
  public:
    greedy() : predictive_cluster{predictive_policies{}} {}

    using predictive_cluster::handle;
    void handle(cell_submitted const& e, time_point now, cluster_command_sink& out) {
        cluster_command_buffer own;
        predictive_cluster::handle(e, now, own);
        for (cluster_command c : own.items()) {
            if (auto* const run = std::get_if<run_cell>(&c)) {
                run->devices = 1;
            }
            out.append(c);
        }
    }
};

TEST_CASE("cluster_scheduler: the checker finds two cells on one device") {
    auto const found = check_cluster_scheduler([] { return greedy{}; });
    REQUIRE(!found.empty());
    CHECK(found.front().find("has one of these devices") != std::string::npos);
}

/// Never answers the loss of a host.
class heedless : public notebookos_cluster {
  public:
    heedless() : notebookos_cluster{notebookos_policies{random_stream{1, "victims"}}} {}

    using notebookos_cluster::handle;
    void handle(host_lost const&, time_point, cluster_command_sink&) {}
};

TEST_CASE("cluster_scheduler: the checker finds that a lost host goes unnoticed") {
    auto const found = check_cluster_scheduler([] { return heedless{}; }, {.losses_per_10000 = 100});
    CHECK(!found.empty());
}

} // namespace
} // namespace hpcsched::notebook
