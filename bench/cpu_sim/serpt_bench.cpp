// SPDX-License-Identifier: Apache-2.0
// serpt beside the oracle, the kernel left to itself, sfs and alps: SFS's mix of Table I with +-25 % within a function,
// 12 CPUs, 10,000 invocations, five seeds. And its tail beside the kernel's: ALPS's Azure mix on 2 CPUs.

#include <hpcsched/core/percentiles.hpp>
#include <hpcsched/cpu/alps.hpp>
#include <hpcsched/cpu/cfs.hpp>
#include <hpcsched/cpu/eevdf.hpp>
#include <hpcsched/cpu/rt.hpp>
#include <hpcsched/cpu/serpt.hpp>
#include <hpcsched/cpu/sfs.hpp>
#include <hpcsched/cpu/srpt.hpp>
#include <hpcsched/cpu_sim/machine.hpp>
#include <hpcsched/workload/generator.hpp>

#include <figure.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

namespace {

using namespace hpcsched;

constexpr std::uint32_t cpus = 12;
constexpr double variation = 0.25;

struct tail {
    double mean = 0; // seconds, as all
    double p99 = 0;
    double p999 = 0;
};

struct turnarounds : cpu_sim::silent {
    std::vector<duration> all;

    void on_exit(cpu_sim::task_record const& record, time_point) { all.push_back(record.turnaround()); }

    [[nodiscard]] tail summary() {
        std::sort(all.begin(), all.end());
        std::span<duration const> const sorted{all};
        double sum = 0;
        for (duration const t : all) {
            sum += to_seconds(t);
        }
        return {sum / static_cast<double>(all.size()), to_seconds(percentile(sorted, p99)),
                to_seconds(percentile(sorted, p999))};
    }
};

workload::generator source(double load, double cv, std::uint64_t seed, std::uint64_t count) {
    workload::generator_config config;
    config.from = workload::preset::sfs_table1;
    config.count = count;
    config.seed = seed;
    config.load = load;
    config.cpu_count = cpus;
    config.variation = variation;
    config.arrivals = workload::arrival_kind::bursty;
    config.cv = cv;
    if (cv == 1) {
        config.arrivals = workload::arrival_kind::exponential;
        config.cv.reset();
    }
    return workload::make_generator(config).value();
}

/// By function, of the workload that runs now.
std::vector<double> mean_services;

/// The expected remaining time of a task under the true distribution of its function's service times, in nanoseconds:
/// the Gittins index, as the distribution is uniform. Nobody can know more of a task before it is done.
struct expected_remaining_time {
    [[nodiscard]] duration operator()(cpu::task_info const& task) const noexcept {
        double const mean = mean_services[task.function.value];
        auto const attained = static_cast<double>(task.cpu_time.count());
        double const left =
            attained < (1 - variation) * mean ? mean - attained : ((1 + variation) * mean - attained) / 2;
        return duration{std::max<std::int64_t>(static_cast<std::int64_t>(left), 1)};
    }
};

using shortest_expected = cpu::basic_shortest_first<expected_remaining_time, true>;

void look_up_mean_services(workload::generator jobs) {
    mean_services.clear();
    for (workload::invocation each; jobs.next(each).value();) {
        if (each.function.value == mean_services.size()) { // numbered in order of first appearance
            mean_services.push_back(
                static_cast<double>(jobs.functions()[jobs.rank(each.function)].mean_service.count()));
        }
    }
}

struct setting {
    double load = 1;
    double cv = 1;
    bench::effort how_much = bench::effort::full;
};

/// Mean over the seeds of each statistic.
template <class Machine, class Agent>
tail measure(Machine const& machine, setting const& s) {
    std::uint64_t const seeds = s.how_much == bench::effort::full ? 5 : 1;
    std::uint64_t const count = s.how_much == bench::effort::full ? 10'000 : 500;
    tail sum;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        auto jobs = source(s.load, s.cv, seed, count);
        look_up_mean_services(jobs);
        Agent agent;
        turnarounds seen;
        (void)machine.run(jobs, agent, seen).value();
        tail const t = seen.summary();
        sum.mean += t.mean / static_cast<double>(seeds);
        sum.p99 += t.p99 / static_cast<double>(seeds);
        sum.p999 += t.p999 / static_cast<double>(seeds);
    }
    return sum;
}

template <class Agent>
tail on_linux(setting const& s) {
    using linux_machine = cpu_sim::machine<cpu::rt, cpu::eevdf>;
    return measure<linux_machine, Agent>(linux_machine{{cpu_sim::machine_config::with_cpus(cpus),
                                                        {cpu::rt::config{}, cpu::eevdf::config::for_cpus(cpus)}}},
                                         s);
}

tail of_alps(setting const& s) {
    using alps_machine = cpu_sim::machine<cpu::rt, cpu::ranked_cfs>;
    auto hardware = cpu_sim::machine_config::with_cpus(cpus);
    hardware.fair_server.enabled = false;
    return measure<alps_machine, cpu::alps>(
        alps_machine{{hardware, {cpu::rt::config::throttled(), cpu::cfs_config::for_cpus(cpus)}}}, s);
}

void beside_the_oracle(bench::effort how_much) {
    setting const s{1.0, 1.0, how_much};
    tail const ours = on_linux<cpu::serpt>(s);
    tail const oracle = measure<cpu_sim::machine<cpu::srpt>, cpu::hands_off>(
        cpu_sim::machine<cpu::srpt>{cpu_sim::machine_config::ideal(cpus)}, s);
    tail const all_known = measure<cpu_sim::machine<shortest_expected>, cpu::hands_off>(
        cpu_sim::machine<shortest_expected>{cpu_sim::machine_config::ideal(cpus)}, s);
    auto const report = [](char const* what, double value, double beside, double most, char const* goal) {
        bench::report({.name = std::string{"cpu_sim.serpt."} + what,
                       .value = value,
                       .unit = "s",
                       .beside = beside,
                       .goal = goal,
                       .holds = value <= most * beside});
    };
    report("mean", ours.mean, oracle.mean, 1.15, "at most 1.15 x the oracle's");
    report("p99", ours.p99, oracle.p99, 1.10, "at most 1.10 x the oracle's");
    report("p99.9", ours.p999, oracle.p999, 1.0, "below the oracle's");
    report("p99/functions_known", ours.p99, all_known.p99, 1.05,
           "at most 1.05 x that of a costless machine which knows every function, but no task, from the start");
}

void beside_the_others(bench::effort how_much) {
    bool const full = how_much == bench::effort::full;
    std::vector<double> const loads = full ? std::vector{0.5, 0.65, 0.8, 0.9, 1.0, 1.1, 1.2} : std::vector{1.0};
    std::vector<double> const cvs = full ? std::vector{0.2, 1.0, 2.33} : std::vector{1.0};
    double worst_mean = 0;
    double worst_tail = 0;
    for (double const load : loads) {
        for (double const cv : cvs) {
            setting const s{load, cv, how_much};
            tail const ours = on_linux<cpu::serpt>(s);
            tail const kernel = on_linux<cpu::hands_off>(s);
            double const best = std::min({kernel.mean, on_linux<cpu::sfs>(s).mean, of_alps(s).mean});
            worst_mean = std::max(worst_mean, ours.mean / best);
            worst_tail = std::max(worst_tail, ours.p999 / kernel.p999);
        }
    }
    bench::report({.name = "cpu_sim.serpt_grid.mean",
                   .value = worst_mean,
                   .beside = 1.0,
                   .goal = "below the best of hands_off, sfs and alps at every load 0.5 to 1.2 and CV 0.2, 1, 2.33",
                   .holds = worst_mean < 1});
    bench::report({.name = "cpu_sim.serpt_grid.p99.9",
                   .value = worst_tail,
                   .beside = 1.0,
                   .goal = "nowhere more than 5 % above hands_off",
                   .holds = worst_tail <= 1.05});
}

/// \param fairness  of serpt; none: the kernel left to itself
tail on_azure_mix(double load, std::uint64_t seed, std::optional<double> fairness) {
    using linux_machine = cpu_sim::machine<cpu::rt, cpu::eevdf>;
    constexpr std::uint32_t few = 2;
    workload::generator_config config;
    config.from = workload::preset::alps_azure_paper;
    config.count = 1'500;
    config.seed = seed;
    config.load = load;
    config.cpu_count = few;
    config.variation = variation;
    auto jobs = workload::make_generator(config).value();
    linux_machine const machine{
        {cpu_sim::machine_config::with_cpus(few), {cpu::rt::config{}, cpu::eevdf::config::for_cpus(few)}}};
    turnarounds seen;
    if (fairness) {
        cpu::serpt agent{{.fairness = *fairness}};
        (void)machine.run(jobs, agent, seen).value();
    } else {
        cpu::hands_off agent;
        (void)machine.run(jobs, agent, seen).value();
    }
    return seen.summary();
}

void tails(bench::effort how_much) {
    bool const full = how_much == bench::effort::full;
    std::vector<double> const loads = full ? std::vector{0.7, 0.9, 1.0} : std::vector{0.9};
    std::uint64_t const seeds = full ? 20 : 2;
    double worst_tail = 0;
    double worst_mean = 0;
    for (double const load : loads) {
        double mean = 0;
        double least_mean = 0;
        for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
            tail const ours = on_azure_mix(load, seed, cpu::serpt_config{}.fairness);
            worst_tail = std::max(worst_tail, ours.p99 / on_azure_mix(load, seed, std::nullopt).p99);
            mean += ours.mean;
            least_mean += on_azure_mix(load, seed, 0.0).mean;
        }
        worst_mean = std::max(worst_mean, mean / least_mean);
    }
    bench::report({.name = "cpu_sim.serpt_tail.p99",
                   .value = worst_tail,
                   .beside = 1.0,
                   .goal = "nowhere above hands_off's, at loads 0.7, 0.9 and 1.0, 20 seeds each",
                   .holds = worst_tail <= 1});
    bench::report({.name = "cpu_sim.serpt_tail.mean",
                   .value = worst_mean,
                   .beside = 1.0,
                   .goal = "at most 1.05 x that of serpt without fairness, at each load",
                   .holds = worst_mean <= 1.05});
}

bench::figure_case const oracle{"cpu_sim.serpt", 2, "serpt's turnarounds at load 1.0, beside the SRPT oracle's",
                                &beside_the_oracle};
bench::figure_case const others{"cpu_sim.serpt_grid", 2,
                                "serpt's largest ratio over the grid, beside the best of hands_off, sfs and alps",
                                &beside_the_others};
bench::figure_case const tail_of_the_long{
    "cpu_sim.serpt_tail", 3, "serpt's p99 beside the kernel's, and what its fairness costs in the mean", &tails};

} // namespace
