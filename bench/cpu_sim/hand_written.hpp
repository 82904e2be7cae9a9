// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_BENCH_CPU_SIM_HAND_WRITTEN_HPP
#define HPCSCHED_BENCH_CPU_SIM_HAND_WRITTEN_HPP

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <queue>
#include <span>
#include <vector>

/// The textbook queues as one would write them for one purpose and nothing else: an event loop over arrivals and
/// completions on two CPUs, raw integers, no costs, no observers. What the public API is measured against.
namespace hpcsched::bench::hand_written {

struct job {
    std::int64_t arrival = 0; ///< ns, ascending
    std::int64_t service = 0; ///< ns
};

inline constexpr std::int64_t forever = std::numeric_limits<std::int64_t>::max();
inline constexpr std::size_t cpu_count = 2;

/// First come, first served. Returns the sum of all turnarounds and writes each to `turnaround`.
inline std::int64_t fcfs(std::span<job const> jobs, std::span<std::int64_t> turnaround) {
    std::array<std::int64_t, cpu_count> done_at{forever, forever};
    std::array<std::size_t, cpu_count> running{};
    std::size_t next = 0;  // to arrive
    std::size_t first = 0; // waiting: jobs first .. next - 1
    std::size_t busy = 0;
    std::int64_t sum = 0;
    while (next < jobs.size() || busy > 0) {
        std::size_t const cpu = done_at[1] < done_at[0] ? 1 : 0;
        if (next < jobs.size() && jobs[next].arrival < done_at[cpu]) {
            if (busy < cpu_count) {
                std::size_t const idle = done_at[0] == forever ? 0 : 1;
                running[idle] = next;
                done_at[idle] = jobs[next].arrival + jobs[next].service;
                ++busy;
                first = next + 1;
            }
            ++next;
        } else {
            std::size_t const job = running[cpu];
            turnaround[job] = done_at[cpu] - jobs[job].arrival;
            sum += turnaround[job];
            if (first < next) {
                running[cpu] = first;
                done_at[cpu] += jobs[first].service;
                ++first;
            } else {
                done_at[cpu] = forever;
                --busy;
            }
        }
    }
    return sum;
}

/// Shortest remaining processing time, with preemption.
inline std::int64_t srpt(std::span<job const> jobs, std::span<std::int64_t> turnaround) {
    struct waiting {
        std::int64_t remaining;
        std::size_t job;
        bool operator<(waiting const& other) const {
            return remaining != other.remaining ? remaining > other.remaining : job > other.job;
        }
    };
    std::priority_queue<waiting> queue;
    std::array<std::int64_t, cpu_count> done_at{forever, forever};
    std::array<std::size_t, cpu_count> running{};
    std::size_t next = 0;
    std::size_t busy = 0;
    std::int64_t sum = 0;
    while (next < jobs.size() || busy > 0) {
        std::size_t const cpu = done_at[1] < done_at[0] ? 1 : 0;
        if (next < jobs.size() && jobs[next].arrival < done_at[cpu]) {
            std::int64_t const now = jobs[next].arrival;
            if (busy < cpu_count) {
                std::size_t const idle = done_at[0] == forever ? 0 : 1;
                running[idle] = next;
                done_at[idle] = now + jobs[next].service;
                ++busy;
            } else {
                std::size_t const last = 1 - cpu;
                if (now + jobs[next].service < done_at[last]) {
                    queue.push({done_at[last] - now, running[last]});
                    running[last] = next;
                    done_at[last] = now + jobs[next].service;
                } else {
                    queue.push({jobs[next].service, next});
                }
            }
            ++next;
        } else {
            std::size_t const job = running[cpu];
            turnaround[job] = done_at[cpu] - jobs[job].arrival;
            sum += turnaround[job];
            if (!queue.empty()) {
                running[cpu] = queue.top().job;
                done_at[cpu] += queue.top().remaining;
                queue.pop();
            } else {
                done_at[cpu] = forever;
                --busy;
            }
        }
    }
    return sum;
}

/// Processor sharing: the virtual time runs at the rate that each job is served at, and a job is done when it has
/// advanced by the job's service.
inline std::int64_t processor_sharing(std::span<job const> jobs, std::span<std::int64_t> turnaround) {
    struct served {
        double done_at; // virtual
        std::size_t job;
        bool operator<(served const& other) const {
            return done_at != other.done_at ? done_at > other.done_at : job > other.job;
        }
    };
    std::priority_queue<served> queue;
    std::size_t next = 0;
    std::int64_t sum = 0;
    double virtual_now = 0;
    double now = 0;
    while (next < jobs.size() || !queue.empty()) {
        double const rate =
            queue.size() <= cpu_count ? 1.0 : static_cast<double>(cpu_count) / static_cast<double>(queue.size());
        double const done =
            queue.empty() ? static_cast<double>(forever) : now + (queue.top().done_at - virtual_now) / rate;
        if (next < jobs.size() && static_cast<double>(jobs[next].arrival) < done) {
            virtual_now += (static_cast<double>(jobs[next].arrival) - now) * rate;
            now = static_cast<double>(jobs[next].arrival);
            queue.push({virtual_now + static_cast<double>(jobs[next].service), next});
            ++next;
        } else {
            std::size_t const job = queue.top().job;
            virtual_now = queue.top().done_at;
            now = done;
            queue.pop();
            turnaround[job] = static_cast<std::int64_t>(now) - jobs[job].arrival;
            sum += turnaround[job];
        }
    }
    return sum;
}

} // namespace hpcsched::bench::hand_written

#endif
