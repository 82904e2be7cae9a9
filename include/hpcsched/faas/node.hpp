// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_NODE_HPP
#define HPCSCHED_FAAS_NODE_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/faas/arrival_rate.hpp>
#include <hpcsched/predict/world.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <utility>
#include <vector>

namespace hpcsched::faas {

/// A part of a distribution of service times: `weight` observations around `seconds`, of an invocation that has a CPU
/// for itself.
struct service_atom {
    double weight = 0;
    double seconds = 0;
};

/// One function of a node, as it is seen.
struct node_function {
    rate_belief rate{};
    double rate_limit = std::numeric_limits<double>::infinity(); ///< admitted per second; what is beyond is turned away
    std::vector<service_atom> services{};                        ///< none: nothing is known, and it is left out
    double cpu_share = 1;                                        ///< of a service time; for the rest it needs no CPU
    double cold_start = 0;                                       ///< seconds until a new worker can serve
    std::size_t concurrency = 10;                                ///< workers at one time, >= 1
    std::size_t warm = 10;                                       ///< workers that there are
    std::size_t queue_capacity = 100;                            ///< invocations that wait; more are refused
    std::vector<double> running{}; ///< seconds of service that each of those that run has had
    std::size_t waiting = 0;
    double target = std::numeric_limits<double>::infinity(); ///< seconds from arrival to end; infinite: none
    double share_above = 0.01;                               ///< of its invocations that may take longer
};

/// One node, as it is seen.
struct node_state {
    double cpus = 1;               ///< > 0; a quota may be no whole number
    double horizon = 60;           ///< seconds from now in which invocations come that are asked about, > 0
    double arrivals_max = 100'000; ///< the horizon is so near that no more than these are expected within it
    bool forgives_own = false;     ///< what would be slower than its target on an idle node is not held against it
    std::vector<node_function> functions{};
};

/// A node's future while it is played out.
struct node_run {
    struct job {
        std::uint32_t function = 0;
        bool is_asked_about = false;
        double arrival = 0;
        double attained = 0; ///< of its service at the beginning of the future
        double service = 0;  ///< still to come
        double alone = 0;    ///< how long it takes on an idle node, a cold start included
    };
    struct function {
        double gap = 0; ///< mean, between two arrivals; infinite: none come
        double next_service = 0;
        double mean_service = 0;
        std::vector<service_atom> services{}; ///< weights summed up
        double cpu_share = 1;
        double cold_start = 0;
        std::size_t concurrency = 0;
        std::size_t warm = 0;
        std::size_t queue_capacity = 0;
        std::size_t running = 0;
        std::vector<std::uint32_t> queue{}; ///< jobs, the next one at `head`
        std::size_t head = 0;
        double target = 0;
        double allowed = 0; ///< invocations that may be slower than the target
        double slow = 0;    ///< that were
        double ended = 0;   ///< of those that are asked about
        double latency = 0; ///< sum over these, seconds

        [[nodiscard]] bool has_target() const noexcept { return std::isfinite(target); }
        [[nodiscard]] bool is_broken() const noexcept { return slow > allowed; }
        [[nodiscard]] std::size_t waiting() const noexcept { return queue.size() - head; }
    };
    using entry = std::pair<double, std::uint32_t>; ///< when, of which job

    double now = 0;
    double cpus = 1;
    bool forgives_own = false;
    double horizon = 0;
    double last_target = 0;       ///< the longest there is
    double received = 0;          ///< CPU time that one who was always running has received: processor sharing's clock
    std::vector<entry> on_cpu{};  ///< heap by what `received` is at its end
    std::vector<entry> off_cpu{}; ///< heap by when it needs a CPU
    std::vector<job> jobs{};
    std::vector<std::uint32_t> free_jobs{};
    std::vector<function> functions{};
    std::vector<double> next_arrivals{}; ///< of each function
    std::size_t open = 0;                ///< asked about, with a target, and not ended
    std::size_t broken = 0;              ///< functions whose target is
    std::size_t undecided = 0;           ///< functions from here ..
    std::size_t undecided_end = 0;       ///< .. to here have a next arrival that noise has not decided
    bool has_begun = false;              ///< else noise is still to decide what is left of the services of `jobs`

    /// A service time that is drawn: that of the atom in which `share` of the weight beyond `attained` lies, or, of one
    /// that has outlived all that is known, as long again.
    /// \param share  in [0, 1)
    /// \return what is left of it, seconds
    [[nodiscard]] static double service_left(function const& f, double attained, double share) noexcept {
        auto const from = std::upper_bound(f.services.begin(), f.services.end(), attained,
                                           [](double a, service_atom const& s) { return a < s.seconds; });
        if (from == f.services.end()) {
            return std::max(attained, 1e-3);
        }
        double const below = from == f.services.begin() ? 0 : std::prev(from)->weight;
        double const wanted = below + share * (f.services.back().weight - below);
        auto const at = std::upper_bound(from, f.services.end() - 1, wanted,
                                         [](double w, service_atom const& s) { return w < s.weight; });
        return at->seconds - attained;
    }
};

/// A world of `predict`: one node that serves functions. Invocations come, wait for a worker of their function where
/// all are taken, and share the CPUs alike, as the kernel's fair class lets them: with n that want a CPU each has
/// min(1, CPUs / n) of one. What a service time has that is not CPU time comes first.
///
/// A step is an event: an arrival, an end of waiting, an end of service. Without noise arrivals are evenly spaced and
/// services alike. A future ends when all who came within the horizon have ended or are late.
///
/// Times are real numbers of seconds here, for shares of a CPU are no whole nanoseconds, and all of it is chance.
/// \complexity a step: O(functions + log invocations on the node)
/// \source egalitarian processor sharing: Kleinrock, "Time-shared Systems: A Theoretical Treatment", 1967
struct node {
    using state = node_state;
    using run = node_run;

    [[nodiscard]] static run make_run() { return {}; }
    static void begin(run& r, state const& s);
    static predict::progress step(run& r);

  private:
    static void begin_function(node_run::function& f, node_function const& from);
    static std::uint32_t add_job(run& r, node_run::job const& what);
    static void start_or_queue(run& r, std::uint32_t index);
    static void arrive(run& r, std::size_t index);
    static void start(run& r, std::uint32_t index);
    static void need_cpu(run& r, std::uint32_t index);
    static void end(run& r, std::uint32_t index);
    static void count(run& r, node_run::job const& j);
    static void end_all(run& r);
    static void push(std::vector<run::entry>& heap, double when, std::uint32_t job) {
        heap.emplace_back(when, job);
        std::push_heap(heap.begin(), heap.end(), std::greater<>{});
    }
    static std::uint32_t pop(std::vector<run::entry>& heap) {
        std::pop_heap(heap.begin(), heap.end(), std::greater<>{});
        std::uint32_t const job = heap.back().second;
        heap.pop_back();
        return job;
    }
};

inline void node::begin_function(node_run::function& f, node_function const& from) {
    f.services = from.services;
    double weight = 0;
    double sum = 0;
    for (service_atom& a : f.services) {
        weight += a.weight;
        sum += a.weight * a.seconds;
        a.weight = weight;
    }
    double const rate = std::min(from.rate.mean(), from.rate_limit);
    bool const comes = weight > 0 && rate > 0;
    f.gap = comes ? 1 / rate : std::numeric_limits<double>::infinity();
    f.mean_service = weight > 0 ? sum / weight : 0;
    f.next_service = f.mean_service;
    f.cpu_share = from.cpu_share;
    f.cold_start = from.cold_start;
    f.concurrency = from.concurrency;
    f.warm = std::min(std::max(from.warm, from.running.size()), from.concurrency);
    f.queue_capacity = from.queue_capacity;
    f.running = 0;
    f.queue.clear();
    f.head = 0;
    f.target = from.target;
    f.slow = 0;
    f.ended = 0;
    f.latency = 0;
}

inline void node::begin(run& r, state const& s) {
    HPCSCHED_ASSERT(s.cpus > 0 && s.horizon > 0);
    r.now = 0;
    r.cpus = s.cpus;
    r.forgives_own = s.forgives_own;
    r.received = 0;
    r.on_cpu.clear();
    r.off_cpu.clear();
    r.jobs.clear();
    r.free_jobs.clear();
    r.open = 0;
    r.broken = 0;
    r.last_target = 0;
    r.functions.resize(s.functions.size());
    r.next_arrivals.resize(s.functions.size());
    double rate = 0;
    for (std::size_t i = 0; i < s.functions.size(); ++i) {
        begin_function(r.functions[i], s.functions[i]);
        r.next_arrivals[i] = r.functions[i].gap;
        rate += 1 / r.functions[i].gap;
    }
    r.horizon = rate > 0 ? std::min(s.horizon, s.arrivals_max / rate) : s.horizon;
    for (std::size_t i = 0; i < s.functions.size(); ++i) {
        node_function const& from = s.functions[i];
        node_run::function& f = r.functions[i];
        // The first is forgiven: a share of a few is none.
        f.allowed = std::max(1.0, from.share_above * r.horizon / f.gap);
        r.last_target = f.has_target() ? std::max(r.last_target, f.target) : r.last_target;
        if (f.mean_service <= 0) {
            continue;
        }
        for (double const attained : from.running) {
            add_job(r, {.function = static_cast<std::uint32_t>(i),
                        .attained = attained,
                        .service = node_run::service_left(f, attained, 0.5)});
        }
        for (std::size_t n = 0; n < from.waiting; ++n) {
            add_job(r, {.function = static_cast<std::uint32_t>(i), .service = f.mean_service});
        }
    }
    r.undecided = 0;
    r.undecided_end = s.functions.size();
    r.has_begun = false;
}

inline std::uint32_t node::add_job(run& r, node_run::job const& what) {
    if (r.free_jobs.empty()) {
        r.jobs.push_back(what);
        return static_cast<std::uint32_t>(r.jobs.size() - 1);
    }
    std::uint32_t const index = r.free_jobs.back();
    r.free_jobs.pop_back();
    r.jobs[index] = what;
    return index;
}

inline void node::start_or_queue(run& r, std::uint32_t index) {
    node_run::function& f = r.functions[r.jobs[index].function];
    f.running < f.concurrency ? start(r, index) : f.queue.push_back(index);
}

/// A worker takes it.
inline void node::start(run& r, std::uint32_t index) {
    node_run::job& j = r.jobs[index];
    node_run::function& f = r.functions[j.function];
    double off_cpu = (1 - f.cpu_share) * j.service;
    j.alone = j.service;
    if (f.running == f.warm) {
        ++f.warm;
        off_cpu += f.cold_start;
        j.alone += f.cold_start;
    }
    ++f.running;
    off_cpu > 0 ? push(r.off_cpu, r.now + off_cpu, index) : need_cpu(r, index);
}

inline void node::need_cpu(run& r, std::uint32_t index) {
    node_run::job const& j = r.jobs[index];
    push(r.on_cpu, r.received + r.functions[j.function].cpu_share * j.service, index);
}

inline void node::arrive(run& r, std::size_t index) {
    node_run::function& f = r.functions[index];
    if (f.running < f.concurrency || f.waiting() < f.queue_capacity) {
        bool const is_asked_about = r.now <= r.horizon;
        r.open += is_asked_about && f.has_target() ? 1U : 0U;
        start_or_queue(r, add_job(r, {.function = static_cast<std::uint32_t>(index),
                                      .is_asked_about = is_asked_about,
                                      .arrival = r.now,
                                      .service = f.next_service}));
    }
    r.next_arrivals[index] = r.now + f.gap;
    f.next_service = f.mean_service;
    r.undecided = index;
    r.undecided_end = index + 1;
}

inline void node::count(run& r, node_run::job const& j) {
    node_run::function& f = r.functions[j.function];
    double const latency = r.now - j.arrival;
    f.ended += 1;
    f.latency += latency;
    if (f.has_target()) {
        --r.open;
        if (latency > f.target && !(r.forgives_own && j.alone > f.target)) {
            f.slow += 1;
            r.broken += f.slow - 1 <= f.allowed && f.is_broken() ? 1U : 0U;
        }
    }
}

inline void node::end(run& r, std::uint32_t index) {
    node_run::job const& j = r.jobs[index];
    node_run::function& f = r.functions[j.function];
    if (j.is_asked_about) {
        count(r, j);
    }
    r.free_jobs.push_back(index);
    --f.running;
    if (f.waiting() > 0) {
        std::uint32_t const next = f.queue[f.head++];
        if (f.head == f.queue.size() || f.head > 1024) { // what was taken is given back now and then
            f.queue.erase(f.queue.begin(), f.queue.begin() + static_cast<std::ptrdiff_t>(f.head));
            f.head = 0;
        }
        start(r, next);
    }
}

/// Those with a target that have not ended by now are late.
inline void node::end_all(run& r) {
    auto const late = [&](std::uint32_t index) {
        node_run::job const& j = r.jobs[index];
        if (j.is_asked_about && r.functions[j.function].has_target()) {
            count(r, j);
        }
    };
    for (auto const* heap : {&r.on_cpu, &r.off_cpu}) {
        for (auto const& [when, job] : *heap) {
            late(job);
        }
    }
    for (node_run::function const& f : r.functions) {
        std::for_each(f.queue.begin() + static_cast<std::ptrdiff_t>(f.head), f.queue.end(), late);
    }
}

inline predict::progress node::step(run& r) {
    if (!std::exchange(r.has_begun, true)) {
        for (std::uint32_t index = 0; index < r.jobs.size(); ++index) {
            start_or_queue(r, index);
        }
    }
    r.undecided = r.undecided_end;
    auto const soonest = std::min_element(r.next_arrivals.begin(), r.next_arrivals.end());
    double const arrival = soonest == r.next_arrivals.end() ? std::numeric_limits<double>::infinity() : *soonest;
    double const wanting = static_cast<double>(r.on_cpu.size());
    double const rate = wanting > r.cpus ? r.cpus / wanting : 1;
    double const end_of_service = r.on_cpu.empty() ? std::numeric_limits<double>::infinity()
                                                   : r.now + std::max(0.0, r.on_cpu.front().first - r.received) / rate;
    double const end_of_waiting = r.off_cpu.empty() ? std::numeric_limits<double>::infinity() : r.off_cpu.front().first;
    double const next = std::min({arrival, end_of_service, end_of_waiting});
    bool const none_is_open = r.open == 0 && r.last_target > 0;
    double const limit = none_is_open ? r.horizon : r.horizon + r.last_target;
    if (next > limit) {
        r.now = std::max(r.now, limit);
        end_all(r);
        return predict::progress::finished;
    }
    r.received += rate * (next - r.now);
    r.now = next;
    if (next == end_of_service) {
        r.received = r.on_cpu.front().first; // to the bit: what is over is over
        end(r, pop(r.on_cpu));
    } else if (next == end_of_waiting) {
        need_cpu(r, pop(r.off_cpu));
    } else {
        arrive(r, static_cast<std::size_t>(soonest - r.next_arrivals.begin()));
    }
    return predict::progress::running;
}

static_assert(predict::world<node>);

} // namespace hpcsched::faas

#endif
