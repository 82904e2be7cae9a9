// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/notebook/batch_cluster.hpp>
#include <hpcsched/notebook/notebookos.hpp>
#include <hpcsched/notebook/predictive.hpp>
#include <hpcsched/notebook/reservation_cluster.hpp>
#include <hpcsched/notebook_sim/cluster.hpp>

#include <doctest/doctest.h>

#include "small_traces.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <utility>

namespace hpcsched::notebook_sim {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// A world in which everything takes exactly its mean.
cluster_config exact() {
    cluster_config c;
    c.provisioning.deviation = c.releasing.deviation = duration{0};
    c.session_lead = duration{0};
    return c;
}

template <class Scheduler>
run_record replay(Scheduler scheduler, kernel_protocol protocol, workload::notebook_trace const& trace,
                  cluster_config const& config) {
    cluster simulated{std::move(scheduler), protocol, config};
    return simulated.run(trace, minutes{5});
}

notebook::notebookos_cluster notebookos() {
    return notebook::notebookos_cluster{notebook::notebookos_policies{random_stream{1, "victims"}}};
}
notebook::predictive_cluster predictive() {
    return notebook::predictive_cluster{notebook::predictive_policies{}};
}

TEST_CASE("notebook cluster: a reservation's first cell waits for host, container and device, its second for none") {
    // Cells at 0 and at 10 minutes, of 2 minutes each, on 4 devices.
    auto const trace = one_session({{seconds{0}, minutes{2}}, {minutes{10}, minutes{2}}}, 4);
    auto const r = replay(notebook::reservation_cluster{}, {.commits_before_start = 0}, trace, exact());
    REQUIRE(r.cells.size() == 2);
    CHECK(r.cells[0].delay() == seconds{15} + seconds{15} + milliseconds{100});
    CHECK(!r.cells[0].at_once);
    CHECK(r.cells[1].delay() == milliseconds{100});
    CHECK(r.cells[1].at_once);
    CHECK(r.cells[1].same_executor);
    CHECK(r.cells[1].completion() == minutes{2} + milliseconds{100});
    // One host of 8 devices from 0 to the end of the session, 12 min 0.1 s, and 10 s until it is gone.
    CHECK(r.hosts_peak == 1);
    CHECK(hours_of(r.busy) == doctest::Approx(4 * 4.0 / 60));
    CHECK(hours_of(r.leased) == doctest::Approx(4 * (12 * 60 + 0.1 - 15) / 3600));
    CHECK(hours_of(r.provisioned) == doctest::Approx(8 * (12 * 60 + 0.1) / 3600)); // the run ends with the last session
}

TEST_CASE("notebook cluster: with replicas a cell waits for one commit, or three, and a device") {
    auto const trace = one_session({{minutes{5}, minutes{1}}}, 1, seconds{0});
    auto config = exact();
    config.commit = milliseconds{7};
    auto const one = replay(predictive(), {.commits_before_start = 1}, trace, config);
    CHECK(one.cells[0].delay() == milliseconds{107});
    auto const three = replay(notebookos(), {.commits_before_start = 3, .moves_through_store = true}, trace, config);
    CHECK(three.cells[0].delay() == milliseconds{121});
    CHECK(three.cells[0].at_once);
}

TEST_CASE("notebook cluster: a cell that comes while the one before it runs waits in its session, not in the cluster") {
    auto const trace = one_session({{minutes{5}, minutes{10}}, {minutes{6}, minutes{1}}}, 1, seconds{0});
    auto const r = replay(predictive(), {.commits_before_start = 0}, trace, exact());
    CHECK(r.cells[1].submitted == r.cells[0].finished);
    CHECK(r.cells[1].delay() == milliseconds{100});
    CHECK(r.cells[1].at_once);
}

TEST_CASE("notebook cluster: a batch cell starts a container, reads the state before and writes it after") {
    auto const trace = one_session({{minutes{5}, minutes{1}}, {minutes{10}, minutes{1}}}, 1, seconds{0});
    auto const r = replay(notebook::batch_cluster{{.pooled = false}}, {.commits_before_start = 0}, trace, exact());
    for (cell_record const& c : r.cells) {
        CHECK(c.delay() > seconds{15} + milliseconds{100});
        CHECK(c.completion() > c.delay() + c.run);
        CHECK(!c.at_once);
    }
    auto const pooled = replay(notebook::batch_cluster{{.pooled = true}}, {.commits_before_start = 0}, trace, exact());
    CHECK(pooled.cells[1].delay() < r.cells[1].delay());
    CHECK(pooled.cells[1].delay() > seconds{1});
}

TEST_CASE("notebook cluster: the state store's times are exponential with the published 99th percentiles") {
    // A mean of 3.95 s / ln 100.
    workload::notebook_trace trace;
    auto const times = exact();
    trace = many_sessions(400, 1);
    auto const r = replay(notebook::batch_cluster{{.pooled = true, .pool_per_host = 64}}, {.commits_before_start = 0},
                          trace, times);
    double sum = 0;
    std::uint64_t count = 0;
    for (cell_record const& c : r.cells) {
        if (c.finished != never) {
            sum += to_seconds(c.completion() - c.delay() - c.run);
            ++count;
        }
    }
    REQUIRE(count > 300);
    CHECK(sum / static_cast<double>(count) == doctest::Approx(7.07 / std::log(100.0)).epsilon(0.15));
}

TEST_CASE("notebook cluster: every policy computes what the trace says, and leases no less and provisions no less") {
    auto const trace = many_sessions(60, 20);
    double want = 0;
    for (auto const& c : trace.cells) {
        want += to_seconds(c.run) / 3600 * c.gpus;
    }
    auto const check = [&](run_record const& r) {
        CHECK(hours_of(r.busy) == doctest::Approx(want));
        CHECK(r.leased >= r.busy);
        CHECK(r.provisioned >= r.leased);
        CHECK(std::all_of(r.cells.begin(), r.cells.end(), [](auto const& c) { return c.finished != never; }));
    };
    check(replay(notebook::reservation_cluster{}, {.commits_before_start = 0}, trace, {}));
    check(replay(notebook::batch_cluster{{.pooled = false}}, {.commits_before_start = 0}, trace, {}));
    check(replay(notebookos(), {.commits_before_start = 3}, trace, {}));
    check(replay(predictive(), {}, trace, {}));
}

TEST_CASE("notebook cluster: equal seeds give equal runs, others give others") {
    auto const trace = many_sessions(40, 20);
    cluster_config config;
    auto const one = replay(predictive(), {}, trace, config);
    auto const same = replay(predictive(), {}, trace, config);
    CHECK(one.provisioned == same.provisioned);
    CHECK(one.events == same.events);
    CHECK(std::equal(one.cells.begin(), one.cells.end(), same.cells.begin(), same.cells.end(),
                     [](auto const& a, auto const& b) { return a.started == b.started && a.finished == b.finished; }));
    config.seed = 2;
    CHECK(replay(predictive(), {}, trace, config).provisioned != one.provisioned);
}

TEST_CASE("notebook cluster: hosts that fail cost time and work, and no cell") {
    auto const trace = many_sessions(40, 20);
    cluster_config config;
    config.host_lifetime = hours{3};
    double want = 0;
    for (auto const& c : trace.cells) {
        want += to_seconds(c.run) / 3600 * c.gpus;
    }
    auto const check = [&](run_record const& r) {
        CHECK(r.hosts_lost > 10);
        CHECK(hours_of(r.busy) > want); // what was lost was computed for nothing
        CHECK(hours_of(r.busy) < 1.2 * want);
        CHECK(std::all_of(r.cells.begin(), r.cells.end(), [](auto const& c) { return c.finished != never; }));
        CHECK(std::any_of(r.cells.begin(), r.cells.end(), [](auto const& c) { return c.attempts > 1; }));
    };
    check(replay(predictive(), {}, trace, config));
    check(replay(notebookos(), {.commits_before_start = 3, .moves_through_store = true}, trace, config));
    check(replay(notebook::reservation_cluster{}, {.commits_before_start = 0}, trace, config));
    check(replay(notebook::batch_cluster{{.pooled = true}}, {.commits_before_start = 0}, trace, config));
}

TEST_CASE("notebook cluster: nothing that happens after the end counts") {
    auto const trace = one_session({{minutes{5}, hours{10}}, {hours{11}, hours{1}}}, 8, seconds{0});
    auto config = exact();
    config.until = time_point{hours{2}};
    auto const r = replay(predictive(), {.commits_before_start = 0}, trace, config);
    CHECK(r.cells[0].started == time_point{minutes{5} + milliseconds{100}});
    CHECK(r.cells[0].finished == never);
    CHECK(r.cells[1].started == never);
    CHECK(hours_of(r.busy) == doctest::Approx(8 * (115.0 * 60 - 0.1) / 3600));
    CHECK(r.ended == config.until);
}

} // namespace
} // namespace hpcsched::notebook_sim
