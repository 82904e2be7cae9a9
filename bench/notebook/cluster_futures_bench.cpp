// SPDX-License-Identifier: Apache-2.0

// Futures of ten minutes of a cluster with 100 sessions, in one thread: how many a second, and what the engine adds to
// the world's own steps and the noise's own draws.
#include <hpcsched/core/random.hpp>
#include <hpcsched/notebook/cluster_noise.hpp>
#include <hpcsched/notebook/cluster_questions.hpp>
#include <hpcsched/notebook/cluster_world.hpp>
#include <hpcsched/notebook/predictive.hpp>
#include <hpcsched/notebook/session_posteriors.hpp>
#include <hpcsched/predict/noisy_simulation.hpp>

#include <boost/random/uniform_01.hpp>
#include <boost/random/uniform_int_distribution.hpp>

#include "figure.hpp"
#include <time.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <limits>

namespace {

using namespace hpcsched;
using notebook::session_outlook;

/// 100 sessions on 30 hosts of 8 devices; a quarter of them runs, as in a month of Adobe's sessions; some were active
/// just now, others hours ago.
notebook::cluster_outlook drawn_cluster() {
    random_stream bits{1, "cluster_futures"};
    auto const below = [&](std::uint32_t count) {
        return boost::random::uniform_int_distribution<std::uint32_t>{0, count - 1}(bits);
    };
    notebook::cluster_outlook o{
        .first_return = notebook::return_hazard(&notebook::return_prior::before_any).curve(),
        .next_return = notebook::return_hazard().curve(),
        .run_end = notebook::octave_hazard{&notebook::end_of_cell_prior, std::chrono::seconds{15}}.curve()};
    o.devices.assign(30, 8);
    o.free.assign(30, 8);
    std::array<std::uint16_t, 3> const sizes{1, 4, 8};
    for (std::uint32_t n = 0; n < 100; ++n) {
        session_outlook s{.kernel = n, .had_cell = true, .host_count = 3};
        s.hosts = {static_cast<std::uint16_t>(n % 30), static_cast<std::uint16_t>((n + 7) % 30),
                   static_cast<std::uint16_t>((n + 19) % 30)};
        s.demand = {.gpus = sizes, .up_to = {0.5F, 0.7F, 1.0F}};
        s.lasted = 5 * static_cast<double>(1U << below(13));
        s.returns = {1.0 + below(50), 1.0 + below(50)};
        s.ends = {1.0 + below(50), 1.0 + below(50)};
        s.gpus = sizes[below(3)];
        if (n % 4 == 0 && o.free[s.hosts[0]] >= s.gpus) {
            s.phase = notebook::session_phase::running;
            s.host = s.hosts[0];
            o.free[s.host] = static_cast<std::uint16_t>(o.free[s.host] - s.gpus);
        }
        o.sessions.push_back(s);
    }
    return o;
}

/// Of this thread's CPU time, which others on the machine do not count in.
double seconds_of(auto const& work) {
    auto const now = [] {
        timespec t{};
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
    };
    double const start = now();
    work();
    return now() - start;
}

void measure(bench::effort how_much) {
    std::uint64_t const worlds = how_much == bench::effort::smoke ? 200 : 20'000;
    int const rounds = how_much == bench::effort::smoke ? 1 : 7;
    notebook::cluster_outlook const seen = drawn_cluster();
    notebook::cluster_world const world{};
    notebook::cluster_noise const noise{};
    notebook::share_that_waits const question{};
    predict::noisy_simulation engine{notebook::cluster_world{}, noise, question};
    double ours = std::numeric_limits<double>::infinity();
    double bare = ours;
    std::uint64_t waited = 0;
    for (int round = 0; round < rounds; ++round) {
        ours = std::min(ours, seconds_of([&] {
                            if (!engine.ask(seen, 1, predict::precision::exactly(worlds))) {
                                std::abort();
                            }
                        }));
        // The same without the engine: perceive, begin, disturb and step in a plain loop, and a count.
        bare = std::min(bare, seconds_of([&] {
                            notebook::cluster_outlook mine = seen;
                            auto run = world.make_run();
                            for (std::uint64_t n = 0; n < worlds; ++n) {
                                notebook::cluster_noise::streams streams{1, n};
                                mine = seen;
                                noise.perceive(mine, streams);
                                world.begin(run, mine);
                                do {
                                    noise.disturb(run, streams);
                                } while (world.step(run) == predict::progress::running);
                                waited += run.waits();
                            }
                        }));
    }
    if (waited == 0) {
        std::abort(); // nobody ever waits: that would be another cluster
    }
    auto const count = static_cast<double>(worlds);
    bench::report({.name = "notebook.cluster_futures",
                   .value = count / ours,
                   .unit = "futures/s",
                   .beside = count / bare,
                   .goal = "at least 20,000 a second and core (beside: a plain loop of the same steps and draws)",
                   .holds = count / ours >= 20'000});
    bench::report({.name = "notebook.cluster_futures.overhead",
                   .value = ours / count * 1e6,
                   .unit = "us per future",
                   .beside = bare / count * 1e6,
                   .goal = "below 1.05 x the plain loop",
                   .holds = ours < 1.05 * bare});
}

bench::figure_case const futures{"notebook.cluster_futures", 7,
                                 "futures of ten minutes of a cluster with 100 sessions, beside a plain loop",
                                 &measure};

} // namespace
