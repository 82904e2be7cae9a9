// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/fcfs.hpp>
#include <hpcsched/cpu/mlfq.hpp>
#include <hpcsched/cpu/processor_sharing.hpp>
#include <hpcsched/cpu/round_robin.hpp>
#include <hpcsched/cpu/serpt.hpp>
#include <hpcsched/cpu/srpt.hpp>
#include <hpcsched/cpu_sim/machine.hpp>

#include <doctest/doctest.h>

#include "linux.hpp"
#include "scenario.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <numeric>
#include <utility>
#include <vector>

// The simulated machine against the queues of the textbooks, each written here in the dumbest way that is plainly
// right.

namespace hpcsched::cpu_sim {
namespace {

using namespace scenario;

std::vector<duration> dumb_fcfs(std::vector<workload::invocation> const& jobs, std::size_t cpus) {
    std::vector<time_point> free_at(cpus);
    std::vector<duration> turnaround;
    for (auto const& j : jobs) {
        auto const first = std::min_element(free_at.begin(), free_at.end());
        *first = std::max(*first, j.arrival) + j.service;
        turnaround.push_back(*first - j.arrival);
    }
    return turnaround;
}

/// At every event the `cpus` jobs with the least left run; equal ones in order of arrival.
std::vector<duration> dumb_srpt(std::vector<workload::invocation> const& jobs, std::size_t cpus) {
    std::vector<duration> turnaround(jobs.size());
    std::vector<std::size_t> alive;
    std::vector<duration> left(jobs.size());
    time_point now{};
    std::size_t next = 0;
    while (next < jobs.size() || !alive.empty()) {
        std::ranges::sort(alive, {}, [&](std::size_t i) { return std::pair{left[i], i}; });
        std::size_t const running = std::min(cpus, alive.size());
        time_point until = next < jobs.size() ? jobs[next].arrival : never;
        for (std::size_t i = 0; i < running; ++i) {
            until = std::min(until, now + left[alive[i]]);
        }
        for (std::size_t i = 0; i < running; ++i) {
            left[alive[i]] -= until - now;
        }
        now = until;
        std::erase_if(alive, [&](std::size_t j) {
            if (left[j] == duration{0}) {
                turnaround[j] = now - jobs[j].arrival;
                return true;
            }
            return false;
        });
        while (next < jobs.size() && jobs[next].arrival == now) {
            left[next] = jobs[next].service;
            alive.push_back(next++);
        }
    }
    return turnaround;
}

/// Every job alive gets the same share, at most one CPU; in floating point.
std::vector<double> dumb_processor_sharing(std::vector<workload::invocation> const& jobs, std::size_t cpus) {
    std::vector<double> turnaround(jobs.size());
    std::vector<std::pair<double, std::size_t>> alive; // left, job
    double now = 0;
    std::size_t next = 0;
    auto const ns = [](auto t) { return static_cast<double>(t.count()); };
    while (next < jobs.size() || !alive.empty()) {
        double const rate =
            std::min(1.0, static_cast<double>(cpus) / std::max<double>(1, static_cast<double>(alive.size())));
        double until = next < jobs.size() ? ns(jobs[next].arrival.time_since_epoch()) : 1e300;
        for (auto const& [left, j] : alive) {
            until = std::min(until, now + left / rate);
        }
        for (auto& [left, j] : alive) {
            left -= (until - now) * rate;
        }
        now = until;
        std::erase_if(alive, [&](auto const& a) {
            if (a.first < 1e-3) {
                turnaround[a.second] = now - ns(jobs[a.second].arrival.time_since_epoch());
                return true;
            }
            return false;
        });
        while (next < jobs.size() && ns(jobs[next].arrival.time_since_epoch()) <= now) {
            alive.emplace_back(ns(jobs[next].service), next);
            ++next;
        }
    }
    return turnaround;
}

duration sum(std::vector<duration> const& values) {
    return std::accumulate(values.begin(), values.end(), duration{0});
}

} // namespace

TEST_CASE("machine<fcfs>: every turnaround is that of the G/G/c queue, to the nanosecond") {
    for (std::uint32_t const cpus : {1U, 2U, 5U}) {
        for (std::uint64_t seed = 1; seed <= 5; ++seed) {
            auto const jobs = random_jobs(seed, 2'000, cpus, 0.9);
            auto const [seen, summary] = run(machine<cpu::fcfs>{machine_config::ideal(cpus)}, jobs);
            CHECK(seen.turnarounds() == dumb_fcfs(jobs, cpus));
        }
    }
}

TEST_CASE("machine<srpt>: every turnaround is that of the oracle, to the nanosecond") {
    for (std::uint32_t const cpus : {1U, 2U, 5U}) {
        for (std::uint64_t seed = 1; seed <= 5; ++seed) {
            auto const jobs = random_jobs(seed, 1'000, cpus, 1.1);
            auto const [seen, summary] = run(machine<cpu::srpt>{machine_config::ideal(cpus)}, jobs);
            CHECK(seen.turnarounds() == dumb_srpt(jobs, cpus));
        }
    }
}

TEST_CASE("machine<processor_sharing>: every turnaround is that of the fluid limit, to a microsecond") {
    for (std::uint32_t const cpus : {1U, 2U, 5U}) {
        auto const jobs = random_jobs(7, 1'000, cpus, 0.95);
        auto const [seen, summary] = run(machine<cpu::processor_sharing>{machine_config::ideal(cpus)}, jobs);
        auto const expected = dumb_processor_sharing(jobs, cpus);
        auto const got = seen.turnarounds();
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            CHECK(std::abs(static_cast<double>(got[i].count()) - expected[i]) < 1'000);
        }
    }
}

// faas.md 9.1, item 9
TEST_CASE("textbook queues: on one CPU no policy has a lower mean than srpt") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        auto const jobs = random_jobs(seed, 1'000, 1, 0.95);
        auto const mean_of = [&](auto m) { return sum(run(m, jobs).first.turnarounds()); };
        auto const hardware = machine_config::ideal(1);
        duration const best = mean_of(machine<cpu::srpt>{hardware});
        CHECK(best <= mean_of(machine<cpu::fcfs>{hardware}));
        CHECK(best <= mean_of(machine<cpu::round_robin>{hardware}));
        CHECK(best <= mean_of(machine<cpu::mlfq>{hardware}));
        CHECK(best <= mean_of(machine<cpu::processor_sharing>{hardware}));
    }
}

// Friedman, Henderson, "Fairness and efficiency in web server protocols" (SIGMETRICS'03), theorem 1
TEST_CASE("serpt: with fairness 1, on one CPU and knowing each function, nobody is done later than with equal shares") {
    constexpr std::uint32_t functions = 8;
    // At the lower edge of a bin: what is expected of a function is what it takes, however old a task is.
    auto const service_of = [](std::uint32_t function) { return duration{std::int64_t{1} << (18U + function)}; };
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        auto jobs = random_jobs(seed, 2'000, 1, 0.9, 13ms); // twice the mean of the functions
        for (workload::invocation& each : jobs) {
            each.function = function_id{static_cast<std::uint32_t>(each.service.count() % functions)};
            each.service = service_of(each.function.value);
        }
        cpu::serpt agent{{.prior_weight = 0, .fairness = 1, .ageing_bound = unlimited}};
        cpu::command_buffer ignored;
        agent.handle(cpu::started{1}, time_point{}, ignored);
        for (std::uint32_t f = 0; f < functions; ++f) {
            agent.handle(cpu::task_arrived{task_id{0, f}, function_id{f}, duration{0}}, time_point{}, ignored);
            agent.handle(cpu::task_exited{task_id{0, f}, service_of(f)}, time_point{}, ignored);
        }
        auto const ours = run(linux_on(1), jobs, agent).first.turnarounds();
        auto const fair = run(machine<cpu::processor_sharing>{machine_config::ideal(1)}, jobs).first.turnarounds();
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            CHECK(ours[i] <= fair[i] + 10us);
        }
        auto const total = [](auto const& all) { return std::accumulate(all.begin(), all.end(), duration{}); };
        CHECK(total(ours) < total(fair) * 8 / 10);
    }
}

TEST_CASE("textbook queues: fcfs never preempts") {
    auto const jobs = random_jobs(3, 2'000, 2, 1.2);
    auto const [seen, summary] = run(machine<cpu::fcfs>{machine_config::ideal(2)}, jobs);
    CHECK(summary.context_switches == 0);
    CHECK(std::all_of(seen.stretches.begin(), seen.stretches.end(),
                      [](auto const& s) { return s.why == switch_reason::exited; }));
}

TEST_CASE_TEMPLATE("textbook queues: work is conserved, and without cost the last exit does not depend on the policy",
                   Class, cpu::fcfs, cpu::srpt, cpu::round_robin, cpu::mlfq, cpu::processor_sharing) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        auto const jobs = random_jobs(seed, 500, 1, 1.0);
        auto const [seen, summary] = run(machine<Class>{machine_config::ideal(1)}, jobs);
        auto const [reference, expected] = run(machine<cpu::fcfs>{machine_config::ideal(1)}, jobs);
        CHECK(summary.task_count == jobs.size());
        CHECK(summary.busy == expected.busy);
        // A fluid completion is rounded up to the nanosecond.
        CHECK(std::abs((summary.makespan - expected.makespan).count()) <= static_cast<std::int64_t>(jobs.size()));
        for (auto const& record : seen.exits) {
            CHECK(record.cpu_time == record.service);
            CHECK(record.turnaround() >= record.ideal());
        }
    }
}

TEST_CASE_TEMPLATE("textbook queues: the same seed gives the same trace, to the bit", Class, cpu::fcfs, cpu::srpt,
                   cpu::round_robin, cpu::mlfq, cpu::processor_sharing) {
    auto const hash_of = [](std::uint64_t seed) {
        auto const jobs = random_jobs(seed, 1'000, 3, 0.9);
        workload::in_memory source{jobs};
        trace_hash hash;
        (void)machine<Class>{machine_config::with_cpus(3)}.run(source, hash).value();
        return hash.value();
    };
    CHECK(hash_of(5) == hash_of(5));
    CHECK(hash_of(5) != hash_of(6));
}

TEST_CASE_TEMPLATE("textbook queues: the order in which the jobs of one instant are listed does not matter to each",
                   Class, cpu::srpt, cpu::processor_sharing) {
    // Batches of three jobs of different lengths: no tie is left to the order.
    auto jobs = random_jobs(3, 900, 2, 0.9);
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        jobs[i].arrival = jobs[i - i % 3].arrival;
        jobs[i].function = function_id{static_cast<std::uint32_t>(i)};
    }
    auto const turnaround_of_each = [](auto const& listed) {
        auto const [seen, summary] = run(machine<Class>{machine_config::ideal(2)}, listed);
        std::map<function_id, duration> of;
        for (task_record const& r : seen.exits) {
            of[r.function] = r.turnaround();
        }
        return of;
    };
    auto const before = turnaround_of_each(jobs);
    for (std::size_t i = 0; i + 2 < jobs.size(); i += 3) {
        std::swap(jobs[i], jobs[i + 2]);
    }
    CHECK(turnaround_of_each(jobs) == before);
}

} // namespace hpcsched::cpu_sim
