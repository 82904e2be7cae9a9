// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/notebook_policies.hpp>
#include <hpcsched/experiment/notebook_result.hpp>
#include <hpcsched/experiment/notebook_trace_file.hpp>
#include <hpcsched/gpu/chosen_queueing.hpp>
#include <hpcsched/notebook/foreseeing.hpp>
#include <hpcsched/notebook/standing_cluster.hpp>
#include <hpcsched/notebook_sim/cluster.hpp>
#include <hpcsched/workload/notebook_generator.hpp>
#include <hpcsched/workload/notebook_window.hpp>

#include <doctest/doctest.h>

#include "skip.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace hpcsched::experiment {
namespace {

std::map<std::string, notebook_result> run_all(workload::notebook_trace const& trace,
                                               notebook_sim::cluster_config const& config) {
    std::map<std::string, notebook_result> results;
    for (notebook_policy const& p : shipped_notebook_policies()) {
        results[p.name] = summarize_notebooks(p.run(trace, config, std::chrono::hours{1}), 8);
    }
    return results;
}

/// What this library's own scheduler is to do better than NotebookOS, in one run.
void check_better(std::map<std::string, notebook_result> const& r) {
    auto const& own = r.at("predictive");
    auto const& theirs = r.at("notebookos");
    CHECK(own.provisioned < theirs.provisioned);
    CHECK(own.all.delay.p99 < theirs.all.delay.p99);
    CHECK(own.all.at_once > 0.965);
    CHECK(own.all.at_once > theirs.all.at_once);
    CHECK(r.at("reservation").all.delay.p50 <= own.all.delay.p50);
    // The one that asks futures: fewer GPU-hours than the subscription ratio needs, at a p99 that is no larger.
    CHECK(r.at("foreseeing").provisioned < theirs.provisioned);
    CHECK(r.at("foreseeing").all.delay.p99 <= theirs.all.delay.p99);
    // With that rule alone replaced, and everything else theirs: fewer still, and the p99 about the same.
    CHECK(r.at("notebookos-foreseen").provisioned < theirs.provisioned);
    CHECK(r.at("notebookos-foreseen").all.delay.p99 < 1.1 * theirs.all.delay.p99);
}

constexpr char const* no_data = "HPCSCHED_DATA names no folder with the real traces";

TEST_CASE("notebook traces: on the month of June the published shares come out, and predictive is better") {
    auto const file = test::shared_data("idlt_june.csv");
    if (!file) {
        HPCSCHED_SKIP(no_data);
    }
    auto const trace = read_notebook_trace(*file);
    REQUIRE(trace.has_value());
    auto const r = run_all(*trace, {});
    // The paper, on its own window: 89.6 % at once, 89.45 % on the executor of the cell before.
    CHECK(r.at("notebookos").all.at_once == doctest::Approx(0.896).epsilon(0.03));
    CHECK(r.at("notebookos").all.same_executor == doctest::Approx(0.8945).epsilon(0.06));
    // notebook.md 3.2: 155,502 GPU-hours active, 622,995 reserved.
    CHECK(r.at("predictive").busy == doctest::Approx(155'502).epsilon(0.0001));
    CHECK(r.at("reservation").leased == doctest::Approx(622'995).epsilon(0.0005));
    check_better(r);

    // At NotebookOS's own p99: room for 0.6 of the cells that are to be expected, in place of 0.9.
    notebook::foreseeing_policies policies;
    policies.scaling = notebook::basic_predictive_scaling<notebook::users_foreseen>{{.level = 0.6}};
    notebook_sim::cluster cluster{notebook::foreseeing_cluster{std::move(policies)}, {.commits_before_start = 1}, {}};
    auto const equal = summarize_notebooks(cluster.run(*trace, std::chrono::hours{1}), 8);
    CHECK(equal.all.delay.p99 == doctest::Approx(r.at("notebookos").all.delay.p99).epsilon(0.02));
    CHECK(equal.provisioned < 0.9 * r.at("notebookos").provisioned);
    CHECK(equal.all.at_once > r.at("notebookos").all.at_once);
}

TEST_CASE("notebook traces: on the busiest 17.5 hours predictive is better than notebookos") {
    auto const file = test::shared_data("idlt_june.csv");
    if (!file) {
        HPCSCHED_SKIP(no_data);
    }
    auto const trace = read_notebook_trace(*file);
    REQUIRE(trace.has_value());
    constexpr duration length = std::chrono::minutes{1050};
    workload::notebook_trace const& whole = *trace;
    notebook_sim::cluster_config config;
    config.until = time_point{length};
    check_better(run_all(
        workload::cut(whole, workload::busiest_window(whole, length), length, workload::window_sessions::held_and_idle),
        config));
}

workload::notebook_trace generated_week() {
    workload::notebook_generator_config config;
    config.seed = 5;
    config.session_count = 200;
    config.length = std::chrono::days{7};
    auto trace = workload::generate_notebooks(config);
    REQUIRE(trace.has_value());
    return std::move(*trace);
}

TEST_CASE("notebook traces: on a generated week, which nothing was tuned on, predictive is better than notebookos") {
    auto const trace = generated_week();
    check_better(run_all(trace, {}));
}

/// On hosts that stay, with this queue; by default in order of arrival.
notebook_result stand(workload::notebook_trace const& trace, std::uint32_t hosts, char const* queue,
                      duration host_lifetime = unlimited) {
    notebook::standing_policies policies;
    policies.scaling.hosts = hosts;
    policies.queueing =
        gpu::chosen_queueing{{.policy = *gpu::chosen_queueing::named(queue), .patience = std::chrono::minutes{1}}};
    notebook_sim::cluster_config config;
    config.host_lifetime = host_lifetime;
    config.until = time_point{std::chrono::days{60}}; // where hosts are missing, cells would wait for ever
    notebook_policy const p = standing_notebook_policy(policies);
    CHECK(p.name == std::string{"standing-"} + queue);
    return summarize_notebooks(p.run(trace, config, std::chrono::hours{1}), 8);
}

TEST_CASE("notebook traces: on hosts that stay nothing waits where they suffice, and queues differ where they do not") {
    auto const trace = generated_week();
    auto const enough = stand(trace, 80, "fifo");
    CHECK(enough.all.at_once > 0.99);
    CHECK(enough.hosts_peak == 80);
    auto const in_order = stand(trace, 20, "fifo");
    auto const shortest = stand(trace, 20, "shortest");
    for (auto const& r : {in_order, shortest}) {
        CHECK(r.busy == doctest::Approx(enough.busy)); // whatever waits, runs
        CHECK(r.all.at_once < enough.all.at_once);
    }
    CHECK(shortest.all.delay.p90 < 0.5 * in_order.all.delay.p90);
    CHECK(shortest.all.delay.largest > in_order.all.delay.largest); // long ones pay for it
}

TEST_CASE("notebook traces: of hosts that stay one comes in place of each that is lost, and every cell ends") {
    workload::notebook_generator_config config;
    config.session_count = 40;
    config.length = std::chrono::days{2};
    auto const trace = workload::generate_notebooks(config);
    REQUIRE(trace.has_value());
    auto const whole = stand(*trace, 12, "fair-share");
    auto const broken = stand(*trace, 12, "fair-share", std::chrono::hours{12});
    CHECK(broken.hosts_lost > 10);
    CHECK(broken.hosts_peak == 12);
    CHECK(broken.busy >= doctest::Approx(whole.busy)); // what ran where one was lost runs again
}

} // namespace
} // namespace hpcsched::experiment
