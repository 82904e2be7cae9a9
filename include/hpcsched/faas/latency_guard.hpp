// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_LATENCY_GUARD_HPP
#define HPCSCHED_FAAS_LATENCY_GUARD_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/service_time_posterior.hpp>
#include <hpcsched/faas/arrival_rate.hpp>
#include <hpcsched/faas/latency_question.hpp>
#include <hpcsched/faas/node.hpp>
#include <hpcsched/faas/node_noise.hpp>
#include <hpcsched/predict/noisy_simulation.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace hpcsched::faas {

struct latency_guard_config {
    double cpus = 1;                                           ///< of the node; a quota may be no whole number
    double risk_level = 0.05;                                  ///< above it something is turned away; in (0, 1)
    duration horizon = std::chrono::minutes{1};                ///< invocations that come within it are asked about
    double arrivals_max = 150;                                 ///< it is so near that no more than these are expected
    std::uint64_t worlds_min = 48;                             ///< played for a question that is clear
    std::uint64_t worlds_max = 96;                             ///< for one that is not
    duration review_interval = std::chrono::milliseconds{100}; ///< between two looks, at least
    duration pause_per_step = std::chrono::microseconds{5};    ///< beside it: a look of so many steps is followed by
                                                               ///< so long a pause; at 100 ns a step, 2 % of a CPU
    arrival_rate_config rate{};
    std::uint64_t seed = 1;
};

/// \error what is out of range, and which range it has
[[nodiscard]] inline result<void> validate(latency_guard_config const& c) {
    if (!(c.risk_level > 0 && c.risk_level < 1)) {
        return error{"the level of the latency risk is above 0 and below 1, such as 0.05"};
    }
    if (!(c.cpus > 0) || c.horizon <= duration{} || !(c.arrivals_max >= 1)) {
        return error{"a latency guard needs CPUs, a horizon and arrivals above 0"};
    }
    if (c.worlds_min < 1 || c.worlds_min > c.worlds_max) {
        return error{"worlds_min of a latency guard is 1 or more and at most worlds_max"};
    }
    return {};
}

/// A function that is guarded, from itself too.
struct guarded_function {
    std::size_t concurrency = 10;
    std::size_t queue_capacity = 100;
    bool keeps_workers = true;           ///< false: each invocation has a new one, whose start is part of its service
    duration latency_target = unlimited; ///< from arrival to end; `unlimited`: none
    double share_above = 0.01;           ///< of its invocations that may take longer
};

/// What a guard thinks of one function.
struct guarded_function_figures {
    double offered = 0;            ///< invocations per second, turned away or not
    std::optional<double> limit{}; ///< admitted per second; nothing: all
    double mean_service = 0;       ///< seconds, on an idle node
    std::uint64_t turned_away = 0;
};

/// What a guard thinks of its node.
struct latency_guard_figures {
    predict::probability_answer offered{};  ///< the risk, were all admitted that is offered
    predict::probability_answer admitted{}; ///< the risk with what is admitted
    std::uint64_t reviews = 0;
    std::uint64_t steps = 0; ///< of all of them
};

/// Admits invocations of a node's functions so that latency targets are kept: now and then it plays out what would come
/// of admitting all that is offered, and where the risk that a target is broken is above a level, it limits the rates
/// of those functions that use the most CPU time, to one and the same amount, which is the largest that keeps the risk
/// below the level, and at least a quarter of a fair share. So a function that asks for little is never limited on
/// account of one that asks for much, and a flood gets what the others leave. What is slow on an idle node too is held
/// against nobody.
///
/// Events in, decisions out: it holds no clock; equal events give equal decisions to the bit.
///
/// \thread_safety none; a plain value
/// \source max-min fairness: Bertsekas, Gallager, "Data Networks", 2nd ed., section 6.5.2; the criterion is this
///   library's
class latency_guard {
  public:
    /// \pre validate(config)
    explicit latency_guard(latency_guard_config const& config) : config_{config} {
        HPCSCHED_ASSERT(validate(config).has_value());
        seen_.cpus = config.cpus;
        seen_.horizon = to_seconds(config.horizon);
        seen_.arrivals_max = config.arrivals_max;
        seen_.forgives_own = true;
    }

    /// \return its number: 0, 1, 2 ..
    std::size_t add(guarded_function const& what, time_point now);

    /// An invocation has come.
    /// \return nothing: it is admitted, and waits from now on; else it is turned away, and may come again after so long
    /// \complexity O(1), and a review where one is due: at most worlds_max + 3 x worlds_min futures of the node
    [[nodiscard]] std::optional<duration> arrived(std::size_t function, time_point now);
    /// One that waited is gone, without a worker.
    void left(std::size_t function) noexcept {
        HPCSCHED_ASSERT(functions_[function].waiting > 0);
        --functions_[function].waiting;
    }
    /// One that waited has a worker.
    /// \param invocation  its number, which no other of the function has
    void began(std::size_t function, std::uint64_t invocation, time_point now);
    /// One that had a worker has ended.
    /// \param cpu_time  that it had; nothing: not known, and taken for all that it could have had
    void ended(std::size_t function, std::uint64_t invocation, time_point now, std::optional<duration> cpu_time = {});
    /// A worker can serve, `took` after its start was asked for.
    void worker_started(std::size_t function, duration took) noexcept;
    void worker_exited(std::size_t function) noexcept {
        functions_[function].workers -= functions_[function].workers > 0 ? 1U : 0U;
    }

    [[nodiscard]] latency_guard_figures const& figures() const noexcept { return figures_; }
    [[nodiscard]] guarded_function_figures figures(std::size_t function, time_point now) const noexcept;

    /// The node as it is seen, for questions of one's own. \complexity O(functions and what is known of them)
    [[nodiscard]] node_state const& look(time_point now);

  private:
    struct running_job {
        time_point begin{};
        double received = 0; ///< what `received_` was
    };
    struct entry {
        guarded_function is;
        arrival_rate_posterior rate;
        cpu::service_time_posterior service;
        double service_sum = 0; ///< faded, seconds
        double cpu_sum = 0;     ///< of it, on a CPU
        double cold_start = 0;  ///< faded mean, seconds
        std::map<std::uint64_t, running_job> running{};
        std::size_t waiting = 0;
        std::size_t workers = 0;
        double limit = std::numeric_limits<double>::infinity(); ///< per second
        double tokens = 1;
        time_point refilled{};
        std::uint64_t turned_away = 0;

        [[nodiscard]] double cpu_share() const noexcept { return service_sum > 0 ? cpu_sum / service_sum : 1; }
    };

    void advance(time_point now) noexcept;
    void review(time_point now);
    void limit_to(double level) noexcept;
    [[nodiscard]] double risk_of(predict::probability_answer& told, std::uint64_t worlds_min);
    [[nodiscard]] static double cpu_per_invocation(node_function const& f) noexcept;
    void look_at(entry const& from, time_point now, node_function& to) const;

    latency_guard_config config_;
    std::vector<entry> functions_;
    cpu::service_time_posterior all_services_;
    predict::noisy_simulation<node, node_noise, breaks_a_target> simulation_{node{}, node_noise{}, breaks_a_target{}};
    node_state seen_;
    double received_ = 0; ///< CPU time that an invocation has received that runs since the beginning
    double wanting_ = 0;  ///< how many run
    time_point advanced_{};
    time_point next_review_{};
    bool guards_any_ = false;
    latency_guard_figures figures_;
};

inline std::size_t latency_guard::add(guarded_function const& what, time_point now) {
    HPCSCHED_ASSERT(what.concurrency >= 1);
    guards_any_ = guards_any_ || what.latency_target != unlimited;
    functions_.push_back({.is = what,
                          .rate = arrival_rate_posterior{now, config_.rate},
                          .service = cpu::service_time_posterior{},
                          .refilled = now});
    seen_.functions.emplace_back();
    return functions_.size() - 1;
}

inline std::optional<duration> latency_guard::arrived(std::size_t function, time_point now) {
    entry& e = functions_[function];
    e.rate.observe(now);
    if (guards_any_ && now >= next_review_) {
        review(now);
    }
    if (std::isfinite(e.limit)) {
        // Who was quiet may send a few at once.
        double const burst = std::max(1.0, e.limit / 10);
        double const passed = now > e.refilled ? to_seconds(now - e.refilled) : 0;
        e.tokens = std::min(burst, e.tokens + passed * e.limit);
        e.refilled = now;
        if (e.tokens < 1) {
            ++e.turned_away;
            double const seconds = std::clamp(std::ceil((1 - e.tokens) / e.limit), 1.0, 60.0);
            return from_seconds(seconds);
        }
        e.tokens -= 1;
    }
    ++e.waiting;
    return std::nullopt;
}

/// Processor sharing's clock: what those running receive. All of them are taken to want a CPU all the time. To go by
/// what is known of how much they want would be to go round in a circle: many that share a CPU, and as many that sleep
/// most of the time, look alike from what each has had, and whoever believes the second once sees it confirmed.
inline void latency_guard::advance(time_point now) noexcept {
    if (now > advanced_) {
        received_ += to_seconds(now - advanced_) * (wanting_ > config_.cpus ? config_.cpus / wanting_ : 1);
        advanced_ = now;
    }
}

inline void latency_guard::began(std::size_t function, std::uint64_t invocation, time_point now) {
    entry& e = functions_[function];
    HPCSCHED_ASSERT(e.waiting > 0);
    --e.waiting;
    advance(now);
    e.running.emplace(invocation, running_job{now, received_});
    wanting_ += 1;
}

inline void latency_guard::ended(std::size_t function, std::uint64_t invocation, time_point now,
                                 std::optional<duration> cpu_time) {
    entry& e = functions_[function];
    advance(now);
    auto const found = e.running.find(invocation);
    HPCSCHED_ASSERT(found != e.running.end());
    double const elapsed = now > found->second.begin ? to_seconds(now - found->second.begin) : 0;
    double const could_have = std::min(received_ - found->second.received, elapsed);
    e.running.erase(found);
    wanting_ -= 1;
    double cpu = could_have;
    double other = 0;
    if (cpu_time) {
        // Of the time in which it could have had more CPU than it took, it waited for something else.
        cpu = to_seconds(*cpu_time);
        other = could_have > cpu ? elapsed * (1 - cpu / could_have) : 0;
    }
    double const service = std::max(cpu + other, 1e-6);
    double const keep = 0.98;
    e.service_sum = e.service_sum * keep + service;
    e.cpu_sum = e.cpu_sum * keep + std::min(cpu, service);
    e.service.observe(from_seconds(service));
    all_services_.observe(from_seconds(service));
}

inline void latency_guard::worker_started(std::size_t function, duration took) noexcept {
    entry& e = functions_[function];
    double const seconds = std::max(0.0, to_seconds(took));
    e.cold_start = e.workers == 0 && e.cold_start <= 0 ? seconds : e.cold_start + (seconds - e.cold_start) / 8;
    ++e.workers;
}

// --- what it sees -------------------------------------------------------------------------------------------------

inline node_state const& latency_guard::look(time_point now) {
    advance(now);
    for (std::size_t i = 0; i < functions_.size(); ++i) {
        look_at(functions_[i], now, seen_.functions[i]);
    }
    return seen_;
}

inline void latency_guard::look_at(entry const& from, time_point now, node_function& to) const {
    to.rate = from.rate.at(now);
    to.rate_limit = from.limit;
    to.cpu_share = from.cpu_share();
    to.cold_start = from.is.keeps_workers ? from.cold_start : 0;
    to.concurrency = from.is.concurrency;
    to.warm = from.is.keeps_workers ? from.workers : from.is.concurrency;
    to.queue_capacity = from.is.queue_capacity;
    to.waiting = from.waiting;
    to.target = from.is.latency_target == unlimited ? std::numeric_limits<double>::infinity()
                                                    : to_seconds(from.is.latency_target);
    to.share_above = from.is.share_above;
    to.running.clear();
    for (auto const& [invocation, job] : from.running) {
        double const elapsed = now > job.begin ? to_seconds(now - job.begin) : 0;
        double const had = to.cpu_share * (received_ - job.received) + (1 - to.cpu_share) * elapsed;
        to.running.push_back(std::min(had, elapsed));
    }
    to.services.clear();
    for (auto const& a : from.service.atoms()) {
        to.services.push_back({a.weight, a.mean * 1e-9});
    }
    // Of a function that has hardly been seen, the others tell a little.
    double const prior = 2 - from.service.weight() / 10;
    if (prior > 0) {
        for (auto const& a : all_services_.atoms()) {
            to.services.push_back({a.weight * prior / all_services_.weight(), a.mean * 1e-9});
        }
        std::sort(to.services.begin(), to.services.end(), [](service_atom const& a, service_atom const& b) {
            return std::pair{a.seconds, a.weight} < std::pair{b.seconds, b.weight};
        });
    }
}

inline double latency_guard::cpu_per_invocation(node_function const& f) noexcept {
    double weight = 0;
    double sum = 0;
    for (service_atom const& a : f.services) {
        weight += a.weight;
        sum += a.weight * a.seconds;
    }
    return weight > 0 ? f.cpu_share * sum / weight : 0;
}

inline guarded_function_figures latency_guard::figures(std::size_t function, time_point now) const noexcept {
    entry const& e = functions_[function];
    double weight = 0;
    double sum = 0;
    for (auto const& a : e.service.atoms()) {
        weight += a.weight;
        sum += a.weight * a.mean * 1e-9;
    }
    return {.offered = e.rate.at(now).mean(),
            .limit = std::isfinite(e.limit) ? std::optional{e.limit} : std::nullopt,
            .mean_service = weight > 0 ? sum / weight : 0,
            .turned_away = e.turned_away};
}

// --- what it decides ----------------------------------------------------------------------------------------------

inline double latency_guard::risk_of(predict::probability_answer& told, std::uint64_t worlds_min) {
    auto const asked =
        simulation_.ask(seen_, config_.seed + figures_.reviews,
                        {.half_width = 0,
                         .error = 0.2,
                         .against = config_.risk_level,
                         .worlds_min = worlds_min,
                         .worlds_max = worlds_min == config_.worlds_min ? config_.worlds_max : worlds_min,
                         .steps_max = 100'000});
    if (asked.has_error()) { // each world was cut short: nothing can be said for it
        told = {.probability = 1};
        return 1;
    }
    figures_.steps += asked->steps;
    told = asked->answer;
    return told.probability;
}

/// Each function may use so many CPUs.
inline void latency_guard::limit_to(double level) noexcept {
    for (node_function& f : seen_.functions) {
        double const cpu = cpu_per_invocation(f);
        bool const uses_more = cpu > 0 && f.rate.mean() * cpu > level;
        f.rate_limit = uses_more ? level / cpu : std::numeric_limits<double>::infinity();
    }
}

inline void latency_guard::review(time_point now) {
    std::uint64_t const steps_before = figures_.steps;
    ++figures_.reviews;
    (void)look(now);
    limit_to(std::numeric_limits<double>::infinity());
    double users = 0;
    double most = 0;
    if (risk_of(figures_.offered, config_.worlds_min) > config_.risk_level) {
        for (node_function const& f : seen_.functions) {
            double const used = f.rate.mean() * cpu_per_invocation(f);
            users += used > config_.cpus / 1000 ? 1 : 0;
            most = std::max(most, used);
        }
        most = std::min(most, config_.cpus);
    }
    double const least = config_.cpus / (4 * std::max(users, 1.0));
    figures_.admitted = figures_.offered;
    if (most > least) {
        double fine = least;
        std::uint64_t const few = (config_.worlds_min + 1) / 2; // the next look corrects what these get wrong
        for (int step = 0; step < 5; ++step) {
            double const middle = std::sqrt(fine * most);
            limit_to(middle);
            predict::probability_answer told;
            if (risk_of(told, few) > config_.risk_level) {
                most = middle;
            } else {
                fine = middle;
                figures_.admitted = told;
            }
        }
        limit_to(fine);
        if (fine == least) { // what is there already takes its time: as little as possible comes to it
            (void)risk_of(figures_.admitted, few);
        }
    }
    for (std::size_t i = 0; i < functions_.size(); ++i) {
        functions_[i].limit = seen_.functions[i].rate_limit;
    }
    auto const steps = static_cast<std::int64_t>(figures_.steps - steps_before);
    next_review_ = saturating_add(now, std::max(config_.review_interval, config_.pause_per_step * steps));
}

} // namespace hpcsched::faas

#endif
