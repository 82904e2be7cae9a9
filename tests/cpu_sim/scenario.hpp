// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_CPU_SIM_SCENARIO_HPP
#define HPCSCHED_TESTS_CPU_SIM_SCENARIO_HPP

#include <hpcsched/core/random.hpp>
#include <hpcsched/cpu_sim/machine.hpp>
#include <hpcsched/workload/in_memory.hpp>

#include <boost/random/exponential_distribution.hpp>
#include <boost/random/uniform_int_distribution.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::cpu_sim::scenario {

using namespace std::chrono_literals;

/// An invocation in a line: `job(at, service)`, `job(at, service, {{after, length}, ..})`.
inline workload::invocation job(duration at, duration service,
                                std::initializer_list<workload::blocking_segment> blocking = {},
                                std::uint32_t function = 0) {
    workload::invocation i{.arrival = time_point{at}, .function = function_id{function}, .service = service};
    i.blocking.assign(blocking.begin(), blocking.end());
    return i;
}

/// Random jobs: exponential arrivals, services between 1 us and `longest`, at about the given load.
inline std::vector<workload::invocation> random_jobs(std::uint64_t seed, std::size_t count, std::uint32_t cpus,
                                                     double load, duration longest = 2ms) {
    random_stream draw{seed, "random_jobs"};
    boost::random::uniform_int_distribution<std::int64_t> service{1'000, longest.count()};
    double const mean_interval = static_cast<double>(longest.count()) / 2 / (cpus * load);
    boost::random::exponential_distribution<double> interval{1 / mean_interval};
    std::vector<workload::invocation> jobs;
    std::int64_t at = 0;
    for (std::size_t i = 0; i < count; ++i) {
        at += static_cast<std::int64_t>(interval(draw));
        std::int64_t const demand = service(draw);
        jobs.push_back(job(duration{at}, duration{demand}, {}, static_cast<std::uint32_t>(demand % 7)));
    }
    return jobs;
}

/// What was seen of a run.
struct log : silent {
    struct stretch {
        cpu_id cpu{};
        std::uint32_t task = 0;
        time_point from{};
        time_point to{};
        switch_reason why{};
    };

    std::vector<task_record> exits;                      ///< in order of exit
    std::vector<stretch> stretches;                      ///< who ran where, in order of their ends
    std::vector<std::pair<task_id, time_point>> running; ///< by CPU; task_id{~0} for idle

    void on_run(cpu_id cpu, task_id task, time_point now) {
        if (cpu.value >= running.size()) {
            running.resize(cpu.value + std::size_t{1});
        }
        running[cpu.value] = {task, now};
    }
    void on_stop(cpu_id cpu, task_id task, switch_reason why, time_point now) {
        stretches.push_back({cpu, task.index, running[cpu.value].second, now, why});
    }
    void on_exit(task_record const& record, time_point) { exits.push_back(record); }

    /// Turnarounds by row of the workload.
    [[nodiscard]] std::vector<duration> turnarounds() const {
        std::vector<duration> by_row(exits.size());
        for (task_record const& r : exits) {
            by_row[r.sequence] = r.turnaround();
        }
        return by_row;
    }

    [[nodiscard]] task_record const& of(std::uint64_t row) const {
        return *std::find_if(exits.begin(), exits.end(), [row](auto const& r) { return r.sequence == row; });
    }
};

/// Runs `jobs` on a machine and gives what was seen.
template <class Machine, class Agent>
std::pair<log, run_summary> run(Machine const& m, std::vector<workload::invocation> const& jobs, Agent& agent) {
    workload::in_memory source{jobs};
    log seen;
    run_summary const summary = m.run(source, agent, seen).value();
    return {std::move(seen), summary};
}
template <class Machine>
std::pair<log, run_summary> run(Machine const& m, std::vector<workload::invocation> const& jobs) {
    cpu::hands_off agent;
    return run(m, jobs, agent);
}

/// An agent made of functions, for tests that steer by hand.
struct by_hand {
    std::function<void(cpu::task_arrived const&, time_point, cpu::command_sink&)> arrived = [](auto&&...) {};
    std::function<void(cpu::task_blocked const&, time_point, cpu::command_sink&)> blocked = [](auto&&...) {};
    std::function<void(cpu::task_woke const&, time_point, cpu::command_sink&)> woke = [](auto&&...) {};
    std::function<void(cpu::task_exited const&, time_point, cpu::command_sink&)> exited = [](auto&&...) {};
    std::function<void(cpu::timer_fired const&, time_point, cpu::command_sink&)> timer = [](auto&&...) {};
    std::function<void(cpu::cpu_timer_fired const&, time_point, cpu::command_sink&)> cpu_timer = [](auto&&...) {};
    std::vector<std::string> calls;

    void handle(cpu::started const& e, time_point, cpu::command_sink&) noexcept {
        calls.push_back("started " + std::to_string(e.cpu_count));
    }
    void handle(cpu::task_arrived const& e, time_point now, cpu::command_sink& out) noexcept {
        calls.push_back("arrived");
        arrived(e, now, out);
    }
    void handle(cpu::task_blocked const& e, time_point now, cpu::command_sink& out) noexcept {
        calls.push_back("blocked");
        blocked(e, now, out);
    }
    void handle(cpu::task_woke const& e, time_point now, cpu::command_sink& out) noexcept {
        calls.push_back("woke");
        woke(e, now, out);
    }
    void handle(cpu::task_exited const& e, time_point now, cpu::command_sink& out) noexcept {
        calls.push_back("exited");
        exited(e, now, out);
    }
    void handle(cpu::timer_fired const& e, time_point now, cpu::command_sink& out) noexcept {
        calls.push_back("timer");
        timer(e, now, out);
    }
    void handle(cpu::cpu_timer_fired const& e, time_point now, cpu::command_sink& out) noexcept {
        calls.push_back("cpu timer");
        cpu_timer(e, now, out);
    }
    void handle(cpu::stopping const&, time_point, cpu::command_sink&) noexcept { calls.push_back("stopping"); }
};

static_assert(cpu::scheduling_agent<by_hand>);

} // namespace hpcsched::cpu_sim::scenario

#endif
