// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/cpu/alps.hpp>
#include <hpcsched/cpu/alps_linear_regression.hpp>
#include <hpcsched/cpu/alps_random_forest.hpp>
#include <hpcsched/testing/conformance/scheduling_agent.hpp>

#include <doctest/doctest.h>

#include "agent_script.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <utility>

// ALPS, ATC'24. The worked example is jobs A (20 ms at 0), B (5 at 3) and C (30 at 4) on one CPU under SRPT with a
// quantum of 8 ms: runs A [8, 12], B [5], C [30], first-run waits 0, 5 and 21 ms.
namespace hpcsched::cpu {

using namespace std::chrono_literals;

namespace {

constexpr function_id a{0};
constexpr function_id b{1};
constexpr function_id c{2};

agent_script<alps> script_of(alps_config const& config, std::uint32_t cpu_count) {
    agent_script<alps> script{alps{config}};
    script.start(cpu_count);
    return script;
}

alps_config with_quantum(duration quantum, alps_tuning const& tuning = {}) {
    return {.min_quantum = quantum, .tuning = tuning};
}

/// Jobs A, B and C pass; then the window ends with a CPU utilisation of that percentage.
template <class Script>
std::string pass_example(Script& script, int percent, duration window = 5s) {
    script.at(0ms).arrives(0, 0);
    script.at(3ms).arrives(1, 1);
    script.at(4ms).arrives(2, 2);
    script.at(13ms).exits(1, 5ms);
    script.at(25ms).exits(0, 20ms);
    script.at(55ms).exits(2, 30ms);
    return script.at(window).timer(0, window * percent / 100);
}

/// The published program, but with jobs of true size and nothing left out of the sample.
alps_config repository(double alpha) {
    alps_config config = alps_config::repository();
    config.sample_every = 1;
    config.quirks.job_size_percent = 100;
    config.tuning.alpha = alpha;
    return config;
}

struct slices {
    duration of_a, of_b, of_c;
    friend bool operator==(slices const&, slices const&) = default;
};

slices learned(agent_script<alps> const& script) {
    return {script.agent().slice(a), script.agent().slice(b), script.agent().slice(c)};
}

/// What the published program makes of the example at that CPU utilisation.
slices learned_by_repository(double alpha, int percent, bool tune_overload = true) {
    alps_config config = repository(alpha);
    config.tuning.for_overload = tune_overload;
    auto script = script_of(config, 1);
    pass_example(script, percent, 12s);
    return learned(script);
}

} // namespace

TEST_SUITE("alps: tuning") {
    TEST_CASE("alps: p is 1 below theta and falls above it") {
        CHECK(alps_tuning{}.overload_factor(49) == 1);
        CHECK(alps_tuning{}.overload_factor(50) == 1);
        CHECK(alps_tuning{}.overload_factor(90) == doctest::Approx(0.6));
        CHECK(alps_tuning{}.overload_factor(100) == doctest::Approx(0.5));
        CHECK(alps_tuning{.gamma = 2}.overload_factor(90) == doctest::Approx(0.3));
        CHECK(alps_tuning{.gamma = 2}.overload_factor(49.99) == 1);
        CHECK(alps_tuning{.gamma = 2}.overload_factor(50) == 0.5);
    }

    TEST_CASE("alps: a p above 1 does not lengthen a slice") {
        alps_config const config{.tuning = {.gamma = 0.1}};
        CHECK(config.tuning.overload_factor(90) == doctest::Approx(6));
        CHECK(detail::tuned_slice(config, 10e6, 2e6, 90, 0ns) == 18ms);
    }

    TEST_CASE("alps: a slice that unpredictability would make negative is 0, the kernel's own") {
        CHECK(detail::tuned_slice({}, 10e6, 19.9e6, 0, 0ns) == 100us);
        CHECK(detail::tuned_slice({}, 10e6, 20e6, 0, 0ns) == 0ns);
        CHECK(detail::tuned_slice({}, 10e6, 30e6, 90, 0ns) == 0ns);
        CHECK(detail::tuned_slice({}, -5e6, 0, 0, 0ns) == 0ns); // a falling line
    }

    TEST_CASE("alps: each tuning can be left out") {
        alps_config const neither{.tuning = {.for_unpredictability = false, .for_overload = false}};
        CHECK(detail::tuned_slice(neither, 10e6, 2e6, 90, 0ns) == 10ms);
        alps_config const overload_only{.tuning = {.for_unpredictability = false}};
        CHECK(detail::tuned_slice(overload_only, 10e6, 2e6, 90, 0ns) == 6ms);
        alps_config const unpredictability_only{.tuning = {.for_overload = false}};
        CHECK(detail::tuned_slice(unpredictability_only, 10e6, 2e6, 90, 0ns) == 18ms);
    }

    TEST_CASE("alps: ranks spread evenly over the nice values") {
        CHECK(detail::nice_of_rank(0, 40) == -20);
        for (int rank = 1; rank <= 40; ++rank) {
            CHECK(detail::nice_of_rank(rank, 40) == rank - 21);
        }
        CHECK(detail::nice_of_rank(1, 1) == -20);
        CHECK(detail::nice_of_rank(2, 2) == 19);
        CHECK(detail::nice_of_rank(2, 3) == 0); // -0.5
        CHECK(detail::nice_of_rank(std::numeric_limits<std::int32_t>::max(),
                                   std::numeric_limits<std::int32_t>::max()) == 19);
    }
}

TEST_SUITE("alps: learning") {
    TEST_CASE("alps: the window's timer is armed at the start and after each window") {
        agent_script<alps> script;
        CHECK(script.at(1s).start(1) == "arm_timer 0 at 6s");
        CHECK(script.at(6s).timer(0) == "arm_timer 0 at 11s");
        CHECK(script.at(11500ms).timer(0) == "arm_timer 0 at 16500ms"); // noticed late
    }

    TEST_CASE("alps: ranks follow the simulated wait, slices the runs") {
        auto script = script_of(with_quantum(8ms), 1);
        pass_example(script, 40);
        CHECK(script.agent().rank(a) == 1);
        CHECK(script.agent().rank(b) == 2);
        CHECK(script.agent().rank(c) == 3);
        CHECK(learned(script) == slices{18ms, 10ms, 60ms});
    }

    TEST_CASE("alps: at 90 % utilisation the slices shrink to 0.6") {
        auto script = script_of(with_quantum(8ms), 1);
        pass_example(script, 90);
        CHECK(learned(script) == slices{10800us, 6ms, 36ms});
    }

    TEST_CASE("alps: under ideal SRPT neither A nor B waits, so they share the first rank") {
        auto script = script_of({}, 1);
        pass_example(script, 40);
        CHECK(script.agent().rank(a) == 1);
        CHECK(script.agent().rank(b) == 1);
        CHECK(script.agent().rank(c) == 2);
        // Runs of A: [3, 17], mean 10, deviation 7.
        CHECK(learned(script) == slices{13ms, 10ms, 60ms});
    }

    TEST_CASE("alps: the rank goes by the mean wait, not by the sum of waits") {
        auto script = script_of({}, 1);
        std::uint32_t task = 0;
        auto const wait_behind = [&](std::uint32_t function, duration wait) {
            script.after(100ms).arrives(task, 2);
            script.arrives(task + 1, function);
            script.exits(task, wait);
            script.exits(task + 1, wait + 1ms);
            task += 2;
        };
        wait_behind(0, 10ms);
        wait_behind(0, 10ms);
        wait_behind(1, 15ms);
        script.at(5s).timer(0, 0s);
        CHECK(script.agent().rank(c) == 1);
        CHECK(script.agent().rank(a) == 2);
        CHECK(script.agent().rank(b) == 3);
    }

    TEST_CASE("alps: a task has what was learned of its function when it arrives") {
        auto script = script_of(with_quantum(8ms), 1);
        CHECK(script.arrives(7, 0).empty());
        script.exits(7, 0ns);
        script = script_of(with_quantum(8ms), 1);
        pass_example(script, 90);
        CHECK(script.arrives(5, 0) == "set_rank 5 1; set_slice 5 10800us");
        CHECK(script.arrives(6, 2) == "set_rank 6 3; set_slice 6 36ms");
    }

    TEST_CASE("alps: an unknown function is not ranked and has the kernel's slice") {
        auto script = script_of(with_quantum(8ms), 1);
        pass_example(script, 90);
        CHECK(script.agent().rank(function_id{3}) == 0);
        CHECK(script.agent().slice(function_id{3}) == 0ns);
        CHECK(script.arrives(5, 3).empty());
    }

    TEST_CASE("alps: a window changes the tasks alive whose functions changed, and only those") {
        auto script = script_of(with_quantum(8ms), 1);
        script.at(0ms).arrives(10, 0);
        script.at(0ms).arrives(11, 9); // a function that nothing is learned of
        CHECK(pass_example(script, 90) == "arm_timer 0 at 10s; set_rank 10 1; set_slice 10 10800us");
        CHECK(script.at(10s).timer(0, 9s) == "arm_timer 0 at 15s");                     // 90 % again
        CHECK(script.at(15s).timer(0, 11s) == "arm_timer 0 at 20s; set_slice 10 18ms"); // 40 %
    }

    TEST_CASE("alps: the log is emptied with each window, but what was learned is kept") {
        auto script = script_of(with_quantum(8ms), 1);
        pass_example(script, 40);
        script.arrives(0, 1);
        script.exits(0, 50ms);
        script.at(10s).timer(0, 2s);
        CHECK(learned(script) == slices{18ms, 100ms, 60ms}); // B is now 50 ms long and did not wait
        CHECK(script.agent().rank(a) == 1);
        CHECK(script.agent().rank(b) == 1);
        CHECK(script.agent().rank(c) == 2);
    }

    TEST_CASE("alps: the utilisation is that of all CPUs in the last window") {
        auto script = script_of(with_quantum(8ms), 2);
        script.at(0ms).arrives(0, 0);
        script.at(0ms).arrives(1, 0);
        script.at(10ms).exits(0, 10ms);
        script.at(10ms).exits(1, 10ms);
        script.at(5s).timer(0, 10s); // 100 %
        CHECK(script.agent().slice(a) == 10ms);
        script.at(10s).timer(0, 19s); // 90 %
        CHECK(script.agent().slice(a) == 12ms);
        script.at(20s).timer(0, 24s); // late: 5 s of 2 x 10 s
        CHECK(script.agent().slice(a) == 20ms);
    }

    TEST_CASE("alps: every finished request of the window is replayed, or every c-th on c CPUs where so configured") {
        for (bool const all : {true, false}) {
            auto script = script_of({.all_samples = all}, 3);
            for (std::uint32_t i = 0; i < 9; ++i) {
                script.at(i * 100ms).arrives(i, i);
                script.exits(i, 1ms);
            }
            script.at(5s).timer(0, 0s);
            for (std::uint32_t i = 0; i < 9; ++i) {
                CHECK(script.agent().rank(function_id{i}) == (all || i % 3 == 2 ? 1 : 0));
            }
        }
    }

    TEST_CASE("alps: a request is replayed only with those of its own sample") {
        // Two CPUs, so two samples: of the requests that finish first, third .. and of the others. Requests of 10 and
        // 20 ms in the first, of 30 and 40 ms in the second, all at once.
        auto script = script_of({}, 2);
        for (std::uint32_t const i : {0U, 1U, 2U, 3U}) {
            script.at(0ms).arrives(i, i);
        }
        script.at(100ms).exits(0, 10ms);
        script.exits(2, 30ms);
        script.exits(1, 20ms);
        script.exits(3, 40ms);
        script.at(5s).timer(0, 0s);
        CHECK(script.agent().rank(a) == 1);              // nobody waits for it
        CHECK(script.agent().rank(b) == 2);              // 10 ms
        CHECK(script.agent().rank(c) == 1);              // it does not wait for the 10 and 20 ms of the other sample
        CHECK(script.agent().rank(function_id{3}) == 3); // 30 ms
    }

    TEST_CASE("alps: a function's runs are in order of time, whatever their sample") {
        basic_alps<linear_regression_trainer, srpt_replay> agent{alps_config{.tuning = {.alpha = 1, .beta = 0}}};
        agent_script<basic_alps<linear_regression_trainer, srpt_replay>> script{agent};
        script.start(2);
        for (std::uint32_t i = 0; i < 4; ++i) {
            script.at(i * 100ms).arrives(0, 0);
            script.exits(0, 10ms * (i + 1));
        }
        script.at(5s).timer(0, 0s);
        CHECK(script.agent().slice(a) == 50ms); // 10, 20, 30, 40
    }

    TEST_CASE("alps: a request from before the window competes with what the window has, not with an empty CPU") {
        for (bool const early : {false, true}) {
            alps_config config;
            config.quirks.early_arrivals = early;
            auto script = script_of(config, 1);
            script.at(4s).arrives(0, 0); // 2 s long, ends in the next window
            script.at(5s).timer(0, 1s);
            script.at(5s).arrives(1, 1);
            script.at(5500ms).exits(1, 100ms);
            script.at(6100ms).exits(0, 2s);
            script.at(10s).timer(0, 2100ms);
            CHECK(script.agent().rank(b) == 1);
            CHECK(script.agent().rank(a) == (early ? 1 : 2));
        }
    }

    TEST_CASE("alps: of too many requests those of latest arrival are replayed") {
        for (std::uint32_t const count : {11U, 25U, 1000U}) {
            auto script = script_of({.sample_max = 10}, 1);
            for (std::uint32_t i = 0; i < count; ++i) {
                script.at(i * 1ms).arrives(i, i);
            }
            for (std::uint32_t i = count; i-- > 0;) {
                script.exits(i, 1us);
            }
            script.at(5s).timer(0, 0s);
            for (std::uint32_t i = 0; i < count; ++i) {
                CHECK(script.agent().rank(function_id{i}) == (i + 10 >= count ? 1 : 0));
            }
        }
    }

    TEST_CASE("alps: a task that had run before the agent came arrived that much earlier") {
        auto script = script_of({}, 1);
        // Seen from its true arrival, the long one was there first and had 10 ms left when the short one came.
        script.at(90ms).arrives(0, 0, 90ms);
        script.at(90ms).arrives(1, 1);
        script.at(150ms).exits(0, 100ms);
        script.at(150ms).exits(1, 20ms);
        script.at(5s).timer(0, 0s);
        CHECK(script.agent().slice(a) == 200ms); // one run of 100 ms
        CHECK(script.agent().rank(b) == 2);      // waited for 10 ms
    }

    TEST_CASE("alps: on a stock kernel ranks are nice values") {
        alps_config config = with_quantum(8ms);
        config.actuator = alps_actuator::nice_levels;
        auto script = script_of(config, 1);
        CHECK(script.arrives(10, 9).empty());
        CHECK(pass_example(script, 90) == "arm_timer 0 at 10s; set_nice 10 -20"); // unknown: before all ranks
        CHECK(script.arrives(5, 0) == "set_nice 5 -20; set_slice 5 10800us");
        CHECK(script.arrives(6, 1) == "set_slice 6 6ms"); // the middle of three
        CHECK(script.arrives(7, 2) == "set_nice 7 19; set_slice 7 36ms");
        CHECK(script.stop() == "set_nice 5 0; set_slice 5 0ns; set_slice 6 0ns; set_nice 7 0; set_slice 7 0ns; "
                               "set_nice 10 0");
    }

    TEST_CASE("alps: what it changed is restored when it stops") {
        auto script = script_of(with_quantum(8ms), 1);
        pass_example(script, 90);
        script.arrives(5, 0);
        script.arrives(6, 9);
        script.arrives(7, 2);
        script.exits(7, 1ms);
        CHECK(script.stop() == "set_rank 5 0; set_slice 5 0ns");
    }

    TEST_CASE("alps: trainers other than the mean forecast the slices") {
        auto const slice_of_a = [](auto trainer) {
            agent_script<basic_alps<decltype(trainer), srpt_replay>> script{
                basic_alps<decltype(trainer), srpt_replay>{with_quantum(8ms), std::move(trainer)}};
            script.start(1);
            pass_example(script, 40);
            return script.agent().slice(a);
        };
        CHECK(slice_of_a(linear_regression_trainer{}) == 30ms);                                 // 2 x 16 - 2
        CHECK(slice_of_a(ewma_trainer{}) == duration{18'444'444});                              // 2 x 10.22 - 2
        duration const forest = slice_of_a(random_forest_trainer{random_stream{42, "forest"}}); // 8 .. 12
        CHECK(forest > 14ms);
        CHECK(forest < 22ms);
    }
}

TEST_SUITE("alps: the published program") {
    TEST_CASE("alps repository: the cap and p shrink slices along the order, long functions to 0") {
        CHECK(learned_by_repository(1, 90) == slices{1ms, 3ms, 0ms});
        CHECK(learned_by_repository(2, 90) == slices{3ms, 6ms, 1ms});
        CHECK(learned_by_repository(2, 100) == slices{2ms, 5ms, 1ms});
    }

    TEST_CASE("alps repository: below theta every function inherits the shortest slice") {
        CHECK(learned_by_repository(1, 40) == slices{5ms, 5ms, 5ms});
        CHECK(learned_by_repository(2, 40) == slices{10ms, 10ms, 10ms});
        CHECK(learned_by_repository(2, 90, false) == slices{10ms, 10ms, 10ms});
    }

    TEST_CASE("alps repository: functions are ordered by slice, and the ranks are discarded") {
        auto script = script_of(repository(2), 1);
        pass_example(script, 90, 12s);
        CHECK(script.agent().rank(b) == 1);
        CHECK(script.agent().rank(a) == 2);
        CHECK(script.agent().rank(c) == 3);
        CHECK(script.arrives(5, 0) == "set_slice 5 3ms");
    }

    TEST_CASE("alps repository: beta is in p as well, and no slice is stretched beyond 200 ms") {
        alps_config config = alps_config::repository();
        config.tuning = {.alpha = 2, .beta = 0.5};
        CHECK(detail::tuned_slice(config, 150e6, 0, 40, 0ns) == 200ms);
        CHECK(detail::tuned_slice(config, 20e6, 8e6, 90, 0ns) == 10ms); // (40 - 4) x 0.3 = 10.8, truncated
        config.quirks.beta_in_overload_factor = false;
        CHECK(detail::tuned_slice(config, 20e6, 8e6, 90, 0ns) == 21ms);
    }

    TEST_CASE("alps repository: a job is 0.69 of its function's mean, in whole milliseconds") {
        alps_config config = alps_config::repository();
        config.sample_every = 1;
        config.tuning = {.alpha = 1, .beta = 0};
        auto script = script_of(config, 1);
        script.at(0ms).arrives(0, 0);
        script.at(1s).arrives(1, 0);
        script.exits(0, 20ms);
        script.exits(1, 25ms);
        script.at(12s).timer(0, 0s);
        CHECK(script.agent().slice(a) == 15ms); // 0.69 x 22.5 = 15.5
    }

    TEST_CASE("alps repository: one in 24 requests is sampled, and a function that none shows is forgotten") {
        auto script = script_of(alps::config::repository(), 24);
        for (std::uint32_t window = 1; window <= 2; ++window) {
            for (std::uint32_t i = 0; i < 24; ++i) {
                script.after(1ms).arrives(0, i == 23 ? window : 0);
                script.exits(0, 100ms);
            }
            script.at(window * 12s).timer(0, 0s);
            CHECK(script.agent().slice(a) == 0ns);
            CHECK(script.agent().slice(function_id{1}) == (window == 1 ? 69ms : 0ms));
            CHECK(script.agent().slice(function_id{2}) == (window == 2 ? 69ms : 0ms));
        }
    }
}

TEST_CASE("alps: keeps the rules of an agent, whatever its options") {
    alps_config nice{.window = 100ms, .actuator = alps_actuator::nice_levels};
    alps_config repository = alps_config::repository();
    repository.window = 100ms;
    repository.sample_every = 2;
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        for (std::uint32_t const cpus : {1U, 3U, 24U}) {
            for (alps_config const& config :
                 {alps_config{.window = 100ms}, alps_config{.window = 100ms, .all_samples = false}, nice, repository}) {
                for (std::string const& each : testing::check_scheduling_agent(
                         [&] { return alps{config}; }, {.seed = seed, .cpu_count = cpus, .step_count = 1000})) {
                    FAIL_CHECK(each);
                }
            }
        }
    }
}

TEST_CASE("alps: a bad configuration is named") {
    CHECK(validate(alps_config{}).has_value());
    CHECK(validate(alps_config::repository()).has_value());
    double const nan = std::numeric_limits<double>::quiet_NaN();
    struct bad {
        alps_config config;
        char const* field;
    };
    for (bad const& each : {bad{{.window = 0ns}, "window"}, bad{{.sample_max = 0}, "sample_max"},
                            bad{{.min_quantum = -1ns}, "min_quantum"}, bad{{.tuning = {.alpha = -1}}, "alpha"},
                            bad{{.tuning = {.beta = nan}}, "beta"}, bad{{.tuning = {.gamma = 0}}, "gamma"},
                            bad{{.tuning = {.theta = 101}}, "theta is 101"}}) {
        auto const checked = validate(each.config);
        REQUIRE(checked.has_error());
        CHECK(checked.error().message.find(each.field) != std::string::npos);
    }
}

} // namespace hpcsched::cpu
