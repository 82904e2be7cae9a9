// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_FAAS_NODES_HPP
#define HPCSCHED_TESTS_FAAS_NODES_HPP

#include <hpcsched/faas/node.hpp>
#include <hpcsched/faas/node_noise.hpp>
#include <hpcsched/predict/noisy_simulation.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hpcsched::faas::test {

/// Services of one length.
inline std::vector<service_atom> always(double seconds) {
    return {{1e9, seconds}};
}

/// Exponential services, as the means of slices that are alike probable.
inline std::vector<service_atom> exponential(double mean) {
    std::size_t const slices = 400;
    std::vector<service_atom> all;
    for (std::size_t i = 0; i < slices; ++i) {
        auto const beyond = [&](std::size_t n) { // integral of x e^-x from the n-th edge on
            if (n == slices) {
                return 0.0;
            }
            double const left = 1 - static_cast<double>(n) / slices;
            return left * (1 - std::log(left));
        };
        all.push_back({1e9, mean * slices * (beyond(i) - beyond(i + 1))});
    }
    return all;
}

/// A function whose rate and services are known well.
inline node_function known(double rate, std::vector<service_atom> services) {
    node_function f;
    f.rate = {.shape = rate * 1e9, .seconds = 1e9};
    f.services = std::move(services);
    f.concurrency = 1'000'000;
    f.warm = f.concurrency;
    f.queue_capacity = f.concurrency;
    f.share_above = 1;
    return f;
}

inline node_state node_of(double cpus, double horizon, std::vector<node_function> functions) {
    return {.cpus = cpus, .horizon = horizon, .arrivals_max = 1e18, .functions = std::move(functions)};
}

/// The share of a function's invocations that are slower than its target.
struct slow_share {
    std::size_t function = 0;
    [[nodiscard]] double outcome(node_run const& r) const {
        return r.functions[function].slow / r.functions[function].ended;
    }
    [[nodiscard]] static bool settled(node_run const&) { return false; }
};

/// How many of them ended.
struct ended_count {
    [[nodiscard]] static double outcome(node_run const& r) { return r.functions[0].ended; }
    [[nodiscard]] static bool settled(node_run const&) { return false; }
};

struct estimate {
    double mean;
    double error; ///< standard, of the mean
};

template <class Question>
estimate estimated(node_state const& s, Question question, std::uint64_t worlds) {
    predict::noisy_simulation simulation{node{}, node_noise{}, question};
    auto const told = simulation.ask(s, 1, predict::precision::exactly(worlds)).value().answer;
    return {told.mean, told.standard_deviation / std::sqrt(static_cast<double>(worlds))};
}

/// What comes without any noise.
template <class Question>
auto without_noise(node_state const& s, Question question) {
    predict::noisy_simulation simulation{node{}, predict::no_noise{}, question};
    return simulation.ask(s, 1, predict::precision::exactly(1)).value().answer;
}

} // namespace hpcsched::faas::test

#endif
