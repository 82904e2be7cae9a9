// SPDX-License-Identifier: Apache-2.0

// A world of one's own: will all customers of a bakery be served before it closes?
#include <hpcsched/predict/noisy_simulation.hpp>
#include <hpcsched/predict/sensitivity.hpp>

#include <boost/random/normal_distribution.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>

using namespace hpcsched;

/// What is seen now, and how it goes on: each step is a minute. A world holds no chance of its own.
struct bakery {
    struct state {
        double waiting = 12;           // customers in the queue
        double pace = 1, coming = 0.5; // of them served, and coming, in a minute
        int minutes = 20;              // until it closes
    };
    using run = state; // a future that is being played: here nothing more than the state
    static run make_run() { return {}; }
    static void begin(run& r, state const& s) { r = s; }
    static predict::progress step(run& r) {
        r.waiting = std::max(0.0, r.waiting + r.coming - r.pace);
        return --r.minutes == 0 ? predict::progress::finished : predict::progress::running;
    }
};

/// Two sources of noise, each with a stream of its own: how fast the baker is we only guess, and who comes is chance.
struct doubts {
    static constexpr std::array<std::string_view, 2> source_names{"pace", "arrivals"};
    std::array<double, 2> spread{0.25, 0.7};

    static double normal(light_stream& bits) { return boost::random::normal_distribution<double>{}(bits); }
    void perceive(bakery::state& s, predict::noise_streams<2>& d) const { s.pace *= 1 + spread[0] * normal(d[0]); }
    void disturb(bakery::run& r, predict::noise_streams<2>& d) const { r.waiting += spread[1] * normal(d[1]); }
    doubts scaled(std::size_t source, double by) const {
        return source == 0 ? doubts{{spread[0] * by, spread[1]}} : doubts{{spread[0], spread[1] * by}};
    }
};

struct all_are_served { // the question; more steps could always change the answer, so it is never settled early
    static bool outcome(bakery::run const& r) { return r.waiting < 0.5; }
    static bool settled(bakery::run const&) { return false; }
};

int main() {
    predict::noisy_simulation bakery_today{bakery{}, doubts{}, all_are_served{}};
    // Worlds are played until the interval is that narrow; equal seeds give equal answers, on any number of threads.
    auto const told = bakery_today.ask({.waiting = 12}, 1, {.half_width = 0.02}).value().answer;
    std::printf("all are served: %.2f (%.2f to %.2f)\n", told.probability, told.within.low, told.within.high);
    for (auto const& each : predict::sensitivities(bakery_today, {.waiting = 12}, 1, 2'000)) {
        std::printf("without noise of %s %.2f of them end otherwise\n", each.source.data(), each.changed);
    }
}
