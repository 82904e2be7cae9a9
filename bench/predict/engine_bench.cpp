// SPDX-License-Identifier: Apache-2.0

// What the engine of predictions costs beside the worlds that it plays, and what a second core brings. The world is a
// particle that is pushed about in a well, in as many small moves a step as make it cost about 100 ns or 1 us.
#include <hpcsched/predict/noise.hpp>
#include <hpcsched/predict/noisy_simulation.hpp>
#include <hpcsched/predict_threads/thread_team.hpp>

#include <boost/random/normal_distribution.hpp>

#include "figure.hpp"
#include <time.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>

namespace {

using namespace hpcsched;

struct particle {
    struct state {
        double x = 1;
        double v = 0;
    };
    struct run {
        double x = 0;
        double v = 0;
        double push = 0;
        int taken = 0;
    };

    int moves = 1;
    int steps = 100;

    [[nodiscard]] static run make_run() { return {}; }
    static void begin(run& r, state const& s) { r = {.x = s.x, .v = s.v}; }
    /// Not inlined, nor the noise: the engine and the loop by hand are to differ by nothing else than themselves.
    [[nodiscard, gnu::noinline]] predict::progress step(run& r) const {
        for (int i = 0; i < moves; ++i) {
            r.v += (r.push - r.x * r.x * r.x) * 0.01;
            r.x += r.v * 0.01;
        }
        r.push = 0;
        return ++r.taken == steps ? predict::progress::finished : predict::progress::running;
    }
};

struct pushes {
    static constexpr std::array<std::string_view, 2> source_names{"start", "push"};
    std::array<double, 2> spread{0.2, 5};

    static double normal(light_stream& bits) { return boost::random::normal_distribution<double>{}(bits); }
    void perceive(particle::state& s, predict::noise_streams<2>& d) const { s.x += spread[0] * normal(d[0]); }
    [[gnu::noinline]] void disturb(particle::run& r, predict::noise_streams<2>& d) const {
        r.push = spread[1] * normal(d[1]);
    }
    [[nodiscard]] pushes scaled(std::size_t source, double factor) const {
        pushes other = *this;
        other.spread[source] *= factor;
        return other;
    }
};

struct is_on_the_right {
    [[nodiscard]] static bool outcome(particle::run const& r) { return r.x > 0; }
    [[nodiscard]] static bool settled(particle::run const&) { return false; }
};

double cpu_seconds() {
    timespec t{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

/// The same worlds, with nothing around them.
std::uint64_t by_hand(particle const& world, pushes const& noise, std::uint64_t worlds) {
    std::uint64_t yes = 0;
    for (std::uint64_t number = 0; number < worlds; ++number) {
        predict::noise_streams<2> streams{1, number};
        particle::state s;
        particle::run r;
        noise.perceive(s, streams);
        particle::begin(r, s);
        do {
            noise.disturb(r, streams);
        } while (world.step(r) == predict::progress::running);
        yes += r.x > 0 ? 1U : 0U;
    }
    return yes;
}

void report_overhead(std::string const& name, particle const& world, bench::effort how_much) {
    bool const full = how_much == bench::effort::full;
    std::uint64_t const worlds = full ? 200'000 / static_cast<std::uint64_t>(world.steps * (world.moves / 8 + 1)) : 20;
    predict::noisy_simulation simulation{world, pushes{}, is_on_the_right{}};
    double engine = std::numeric_limits<double>::infinity();
    double bare = engine;
    for (int turn = 0; turn < (full ? 200 : 1); ++turn) {
        double const begin = cpu_seconds();
        auto const told = simulation.ask({}, 1, predict::precision::exactly(worlds));
        double const middle = cpu_seconds();
        std::uint64_t const yes = by_hand(world, pushes{}, worlds);
        double const end = cpu_seconds();
        if (!told || told->answer.yes != yes) {
            std::abort(); // they must have played the same worlds
        }
        engine = std::min(engine, middle - begin);
        bare = std::min(bare, end - middle);
    }
    double const per_step = 1e9 / static_cast<double>(worlds * static_cast<std::uint64_t>(world.steps));
    bench::report({.name = name,
                   .value = engine * per_step,
                   .unit = "ns per step",
                   .beside = bare * per_step,
                   .goal = "at most 1.05 x the same worlds played by hand",
                   .holds = engine <= 1.05 * bare});
}

bench::figure_case const overhead{
    "predict.overhead", 7, "the engine, beside a hand-written loop over the same worlds", [](bench::effort how_much) {
        report_overhead("predict.overhead/100ns", {.moves = 8}, how_much);
        report_overhead("predict.overhead/1us", {.moves = 100}, how_much);
        report_overhead("predict.overhead/100ns_10_steps", {.moves = 8, .steps = 10}, how_much);
    }};

/// \return the least seconds of several times
template <class Executor>
double wall_time(Executor& on, predict::precision const& how, predict::probability_answer& told) {
    predict::noisy_simulation simulation{particle{.moves = 100}, pushes{}, is_on_the_right{}};
    auto const start = std::chrono::steady_clock::now();
    told = simulation.ask({}, 1, how, on).value().answer;
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void report_scaling(std::string const& name, predict::precision const& how, int turns) {
    predict::in_order alone;
    predict_threads::thread_team two{2};
    double one_core = std::numeric_limits<double>::infinity();
    double two_cores = one_core;
    for (int turn = 0; turn < turns; ++turn) {
        predict::probability_answer one;
        predict::probability_answer other;
        one_core = std::min(one_core, wall_time(alone, how, one));
        two_cores = std::min(two_cores, wall_time(two, how, other));
        if (one.yes != other.yes || one.no != other.no) {
            std::abort(); // the answer does not depend on who plays
        }
    }
    bench::report({.name = name,
                   .value = one_core * 1e3,
                   .unit = "ms",
                   .beside = two_cores * 1e3,
                   .goal = "at least 1.9 x as fast on two cores (beside)",
                   .holds = one_core >= 1.9 * two_cores});
}

bench::figure_case const scaling{
    "predict.scaling", 7, "worlds of 100 us each on one core, beside two", [](bench::effort how_much) {
        bool const full = how_much == bench::effort::full;
        std::uint64_t const worlds = full ? 64 : 4; // so short that on a busy machine it now and then has both cores
        report_scaling("predict.scaling/one_batch", predict::precision::exactly(worlds), full ? 1'000 : 1);
        report_scaling("predict.scaling/growing_batches",
                       {.half_width = 0.0001, .worlds_min = full ? 32U : 4U, .worlds_max = worlds}, full ? 1'000 : 1);
    }};

} // namespace
