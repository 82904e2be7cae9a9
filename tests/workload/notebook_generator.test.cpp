// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/hash.hpp>
#include <hpcsched/testing/conformance/cell_source.hpp>
#include <hpcsched/workload/in_memory_cells.hpp>
#include <hpcsched/workload/notebook_generator.hpp>
#include <hpcsched/workload/notebook_statistics.hpp>
#include <hpcsched/workload/notebook_template.hpp>
#include <hpcsched/workload/notebook_window.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

using namespace hpcsched;
using namespace hpcsched::workload;
using namespace std::chrono_literals;

namespace {

double minutes(duration length) {
    return to_seconds(length) / 60;
}

notebook_trace generated(std::uint64_t seed, std::uint32_t session_count = 339) {
    notebook_generator_config config;
    config.seed = seed;
    config.session_count = session_count;
    return generate_notebooks(config).value();
}

std::uint64_t hash_of(notebook_trace const& trace) {
    sequence_hash hash;
    for (notebook_cell const& c : trace.cells) {
        hash.add(static_cast<std::uint64_t>(c.submit.time_since_epoch().count()));
        hash.add(std::uint64_t{c.session.value});
        hash.add(static_cast<std::uint64_t>(c.run.count()));
        hash.add(std::uint64_t{c.gpus});
    }
    return hash.value();
}

/// A published figure, what is generated, and how often one may be more than the other.
struct figure {
    std::string name;
    double published;
    double generated;
    double factor;
};

std::vector<figure> figures_of(notebook_trace const& trace) {
    notebook_statistics const s = measure_notebooks(trace);
    auto const share = [&](std::size_t i) {
        return static_cast<double>(s.gpu_counts.at(i).cell_count) / static_cast<double>(s.cell_count);
    };
    time_point const busiest = busiest_window(trace, 1'050min, 1h);
    return {
        {"cells", 30'909, static_cast<double>(s.cell_count), 1.15},
        {"span, days", 30, to_seconds(s.span()) / 86'400, 1.1},
        {"run p25, min", 3, minutes(s.run.p25), 1.25},
        {"run p50, min", 5, minutes(s.run.p50), 1.35},
        {"run p75, min", 11, minutes(s.run.p75), 1.25},
        {"run p90, min", 32, minutes(s.run.p90), 1.25},
        {"run p95, min", 95, minutes(s.run.p95), 1.5},
        {"run p99, min", 1'021, minutes(s.run.p99), 1.6},
        {"run max, min", 26'458, minutes(s.run.max), 1.65},
        {"interarrival p25, min", 7, minutes(s.interarrival.p25), 1.25},
        {"interarrival p50, min", 11, minutes(s.interarrival.p50), 1.25},
        {"interarrival p75, min", 23, minutes(s.interarrival.p75), 1.3},
        {"interarrival p90, min", 98, minutes(s.interarrival.p90), 1.25},
        {"interarrival p95, min", 551, minutes(s.interarrival.p95), 1.9},
        {"gap p50, min", 3, minutes(s.gap.p50), 1.1},
        {"gap p75, min", 7, minutes(s.gap.p75), 1.1},
        {"gap p90, min", 35, minutes(s.gap.p90), 1.5},
        {"cells per session p50", 17, static_cast<double>(s.cells_per_session.p50), 1.1},
        {"cells per session p75", 77, static_cast<double>(s.cells_per_session.p75), 1.1},
        {"cells per session p90", 207, static_cast<double>(s.cells_per_session.p90), 1.2},
        {"cells per session max", 2'693, static_cast<double>(s.cells_per_session.max), 1.5},
        {"share of cells with 1 gpu", 0.492, share(0), 1.25},
        {"share of cells with 4 gpus", 0.200, share(1), 1.35},
        {"share of cells with 8 gpus", 0.307, share(2), 1.4},
        {"active GPU-h", 155'502, s.active.hours(), 1.2},
        {"reserved GPU-h", 622'995, s.reserved.hours(), 1.1},
        {"active share", 0.25, s.active_share(), 1.2},
        {"busy p10", 0.004, s.busy.p10, 3.3},
        {"busy p25", 0.022, s.busy.p25, 1.8},
        {"busy p50", 0.164, s.busy.p50, 1.2},
        {"busy p75", 0.453, s.busy.p75, 1.2},
        {"peak gpus", 372, static_cast<double>(s.peak_gpus), 1.3},
        {"mean gpus", 216, s.mean_gpus(), 1.2},
        {"share of cells up to 15 min", 0.81, s.short_cell_share(), 1.05},
        {"their share of GPU-h", 0.061, s.short_active_share(), 1.4},
        {"cells in the busiest 17.5 h", 1'325, static_cast<double>(cut(trace, busiest, 1'050min).cells.size()), 1.4},
    };
}

} // namespace

// notebook.md 3.2, the column of the trace of June.
TEST_CASE("notebook_generator: what it generates is as what is published of the trace, whatever the seed") {
    for (std::uint64_t const seed : {1U, 2U, 3U, 4U, 5U, 6U, 7U, 8U, 9U, 10U}) {
        CAPTURE(seed);
        for (figure const& f : figures_of(generated(seed))) {
            CAPTURE(f.name);
            CHECK(f.generated <= f.published * f.factor);
            CHECK(f.generated >= f.published / f.factor);
        }
    }
}

// Golden: a change of this changes what every user generates from a seed, and belongs into the changelog.
TEST_CASE("notebook_generator: a config names one trace for ever") {
    CHECK(hash_of(generated(42)) == 4350732359025176849ULL);
    notebook_generator_config config;
    config.seed = 42;
    config.session_count = 20;
    config.length = std::chrono::days{7};
    CHECK(hash_of(generate_notebooks(config).value()) == 12477209930571236009ULL);
    CHECK(hash_of(generate_notebooks(notebook_template_config{.seed = 42}).value()) == 10421257377909680354ULL);
}

TEST_CASE("notebook_generator: keeps the rules of a trace of notebooks") {
    for (std::uint64_t const seed : {1U, 2U}) {
        notebook_trace const trace = generated(seed);
        CHECK(testing::check_cell_source([&] { return in_memory_cells{trace.cells}; }) == std::vector<std::string>{});
        CHECK(make_notebook_trace(trace.cells) == trace);
        CHECK(trace.sessions.size() == 339);
        CHECK(trace.cells.back().submit < time_point{std::chrono::days{30}});
    }
}

TEST_CASE("notebook_generator: devices in use are proportional to the sessions") {
    notebook_statistics const s = measure_notebooks(generated(1, 3'390));
    CHECK(s.mean_gpus() == doctest::Approx(2'160).epsilon(0.12));
    CHECK(s.reserved.hours() == doctest::Approx(6'229'950).epsilon(0.1));
    CHECK(s.peak_gpus < 3'720); // relatively less than of few sessions
}

TEST_CASE("notebook_generator: a trace of another length has the same runs and the same devices in use") {
    for (auto const length : {std::chrono::days{7}, std::chrono::days{60}}) {
        notebook_generator_config config;
        config.session_count = 2'000;
        config.length = length;
        notebook_trace const trace = generate_notebooks(config).value();
        notebook_statistics const s = measure_notebooks(trace);
        CHECK(trace.cells.back().submit < time_point{length});
        CHECK(minutes(s.run.p50) == doctest::Approx(5).epsilon(0.25));
        CHECK(minutes(s.run.p75) == doctest::Approx(11).epsilon(0.35));
        CHECK(s.mean_gpus() == doctest::Approx(216 * 2'000 / 339.0).epsilon(0.15));
    }
}

TEST_CASE("notebook_generator: more sessions leave the first as they are") {
    notebook_trace const few = generated(7, 50);
    notebook_trace const many = generated(7, 60);
    CHECK(generated(8, 50) != few);
    std::size_t found = 0;
    std::size_t position = 0; // sessions of both stand in order of their first submission
    for (notebook_session const& s : few.sessions) {
        while (position < many.sessions.size() && !(many.sessions[position] == s)) {
            ++position;
        }
        found += position < many.sessions.size() ? 1U : 0U;
    }
    CHECK(found == 50);
}

TEST_CASE("notebook_generator: the profile decides what sessions are like") {
    notebook_generator_config config;
    config.session_count = 100;
    config.sessions.gpus = {{2, 1}};
    config.sessions.trials = {{0, 1e-9}, {1, 1e-9}};
    config.sessions.few_cells = 0;
    config.sessions.cells = {{0, 10}, {1, 10}};
    config.sessions.life = {{0, 0.5}, {1, 0.5}};
    config.sessions.busy = {{0, 0.25}, {1, 0.25}};
    notebook_statistics const s = measure_notebooks(generate_notebooks(config).value());
    CHECK(s.cells_per_session.min == 10);
    CHECK(s.cells_per_session.max == 10);
    REQUIRE(s.gpu_counts.size() == 1);
    CHECK(s.gpu_counts[0].gpus == 2);
    CHECK(s.busy.min == doctest::Approx(0.25).epsilon(1e-6));
    CHECK(s.busy.max == doctest::Approx(0.25).epsilon(1e-6));
    CHECK(s.reserved.hours() == doctest::Approx(100 * 2 * 15 * 24).epsilon(1e-6));
}

TEST_CASE("notebook_generator: a config that is not valid is the error of validate") {
    notebook_generator_config config;
    config.session_count = 0;
    CHECK(generate_notebooks(config).error().message == "session count 0 is not between 1 and 10000000");
}
