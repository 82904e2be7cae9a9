// SPDX-License-Identifier: Apache-2.0

// What the guard of latency targets costs the thread that asks it, on a node of two CPUs and eight functions that is
// loaded to a half, and on one that is flooded.
#include <hpcsched/faas/latency_guard.hpp>

#include <boost/random/exponential_distribution.hpp>

#include "figure.hpp"
#include <time.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>

namespace {

using namespace hpcsched;
using namespace std::chrono_literals;

double cpu_seconds() {
    timespec t{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

struct cost {
    double share = 0;       ///< of one CPU, while the node's clock runs
    double longest = 0;     ///< seconds of one call
    double turned_away = 0; ///< share of the invocations
};

/// Eight functions of 10 ms of CPU time each: seven of them come `calm` times a second, one of them `flood` times.
/// Each invocation that is admitted ends 15 ms later.
cost play(double calm, double flood, duration length) {
    std::size_t const count = 8;
    faas::latency_guard guard{faas::latency_guard_config{.cpus = 2}};
    for (std::size_t i = 0; i < count; ++i) {
        (void)guard.add({.latency_target = 60ms}, time_point{});
    }
    light_stream bits{1, 1};
    std::array<time_point, count> next{};
    std::multimap<time_point, std::pair<std::size_t, std::uint64_t>> running;
    std::uint64_t invocations = 0;
    std::uint64_t turned_away = 0;
    cost found;
    double spent = 0;
    time_point now{};
    while (now < time_point{length}) {
        auto const soonest = static_cast<std::size_t>(std::min_element(next.begin(), next.end()) - next.begin());
        now = next[soonest];
        double const rate = soonest == 0 ? flood : calm;
        next[soonest] += from_seconds(boost::random::exponential_distribution<double>{rate}(bits));
        double const begin = cpu_seconds();
        for (; !running.empty() && running.begin()->first <= now; running.erase(running.begin())) {
            auto const& [end, what] = *running.begin();
            guard.ended(what.first, what.second, end, 10ms);
        }
        ++invocations;
        if (guard.arrived(soonest, now)) {
            ++turned_away;
        } else {
            guard.began(soonest, invocations, now);
            running.emplace(now + 15ms, std::pair{soonest, invocations});
        }
        double const took = cpu_seconds() - begin;
        spent += took;
        found.longest = std::max(found.longest, took);
    }
    found.share = spent / to_seconds(length);
    found.turned_away = static_cast<double>(turned_away) / static_cast<double>(invocations);
    return found;
}

void report_cost(std::string const& name, double calm, double flood, bench::effort how_much) {
    bool const full = how_much == bench::effort::full;
    double const infinity = std::numeric_limits<double>::infinity();
    cost least{.share = infinity, .longest = infinity};
    for (int turn = 0; turn < (full ? 3 : 1); ++turn) {
        cost const found = play(calm, flood, full ? duration{20s} : duration{200ms});
        least.share = std::min(least.share, found.share);
        least.longest = std::min(least.longest, found.longest);
        least.turned_away = found.turned_away;
    }
    bench::report({.name = name + " cpu",
                   .value = 100 * least.share,
                   .unit = "%",
                   .beside = 100 * least.turned_away,
                   .goal = "at most 4 % of a CPU (beside: how much is turned away)",
                   .holds = least.share <= 0.04});
    bench::report({.name = name + " longest",
                   .value = 1e3 * least.longest,
                   .unit = "ms",
                   .goal = "one decision takes at most 10 ms",
                   .holds = least.longest <= 0.010});
}

bench::figure_case const guard_case{"faas.guard", 7, "the latency guard of a host, while it serves",
                                    [](bench::effort e) {
                                        report_cost("faas.guard/half_loaded", 12, 16, e);
                                        report_cost("faas.guard/flooded", 12, 800, e);
                                    }};

} // namespace
