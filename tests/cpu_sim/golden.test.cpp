// SPDX-License-Identifier: Apache-2.0
// The acceptance tests of the FaaS page that need a whole machine: the table of idealised queues, the shapes of
// ALPS's figures 6 and 7, and the bound on waiting.
#include <hpcsched/cpu/alps.hpp>
#include <hpcsched/cpu/cfs.hpp>
#include <hpcsched/cpu/eevdf.hpp>
#include <hpcsched/cpu/fcfs.hpp>
#include <hpcsched/cpu/processor_sharing.hpp>
#include <hpcsched/cpu/rt.hpp>
#include <hpcsched/cpu/serpt.hpp>
#include <hpcsched/cpu/sfs.hpp>
#include <hpcsched/cpu/srpt.hpp>
#include <hpcsched/cpu_sim/machine.hpp>
#include <hpcsched/workload/generator.hpp>

#include <doctest/doctest.h>

#include "scenario.hpp"
#include "skip.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace hpcsched::cpu_sim {
namespace {

using namespace scenario;

struct statistics : silent {
    double turnaround = 0; // seconds
    double count = 0;
    double short_turnaround = 0; // of tasks below 50 ms (ALPS's G1)
    double short_count = 0;
    std::vector<std::uint32_t> switches;

    void on_exit(task_record const& r, time_point) {
        turnaround += to_seconds(r.turnaround());
        count += 1;
        if (r.service < 50ms) {
            short_turnaround += to_seconds(r.turnaround());
            short_count += 1;
        }
        switches.push_back(r.context_switches);
    }
    [[nodiscard]] double mean() const { return turnaround / count; }
    [[nodiscard]] double short_mean() const { return short_turnaround / short_count; }
    [[nodiscard]] double mean_switches() const {
        double sum = 0;
        for (std::uint32_t const s : switches) {
            sum += s;
        }
        return sum / count;
    }
};

template <class Machine, class Agent, class Source>
statistics measure(Machine const& m, Agent agent, Source source) {
    statistics seen;
    (void)m.run(source, agent, seen).value();
    return seen;
}

/// P(an arrival waits) in M/M/c.
double erlang_c(double c, double load) {
    double const a = c * load;
    double term = 1;
    double sum = 1;
    for (int k = 1; k < static_cast<int>(c); ++k) {
        term *= a / k;
        sum += term;
    }
    term *= a / c;
    return term / (1 - load) / (sum + term / (1 - load));
}

/// The services of the trace that the SFS program ships, in ms, in its order; empty where it is not at hand.
std::vector<std::int64_t> sfs_trace_services() {
    char const* const path = std::getenv("HPCSCHED_SFS_TRACE");
    std::ifstream file{path == nullptr ? "" : path};
    constexpr std::int64_t by_n[] = {13, 14, 15, 18, 23, 30, 42, 60, 90, 140, 220, 346, 555, 886, 1425, 2344, 3708};
    std::vector<std::int64_t> services;
    std::string name;
    std::string program;
    for (std::int64_t n = 0, start = 0, id = 0; file >> name >> program >> n >> start >> id;) {
        services.push_back(by_n[n - 20]);
    }
    return services;
}

std::vector<workload::invocation> with_poisson_arrivals(std::vector<std::int64_t> const& services_ms, double cpus,
                                                        double load, std::uint64_t seed) {
    double mean = 0;
    for (std::int64_t const s : services_ms) {
        mean += static_cast<double>(s) * 1e6 / static_cast<double>(services_ms.size());
    }
    random_stream draw{seed, "arrivals"};
    boost::random::exponential_distribution<double> interval{cpus * load / mean};
    std::vector<workload::invocation> jobs;
    double at = 0;
    for (std::int64_t const s : services_ms) {
        at += interval(draw);
        jobs.push_back(job(duration{static_cast<std::int64_t>(at)}, duration{s * 1'000'000}));
    }
    return jobs;
}

} // namespace

// faas.md 9.1, item 8, for what can be known exactly: with Poisson arrivals and independent services the mean
// turnaround of processor sharing is that of M/M/c, whatever the distribution of services (insensitivity).
TEST_CASE("golden: processor sharing with Poisson arrivals has the mean of M/M/c, whatever the services") {
    for (double const load : {0.65, 0.8}) {
        double mean = 0;
        double service = 0;
        for (std::uint64_t seed = 1; seed <= 8; ++seed) {
            workload::generator_config config{.from = workload::preset::sfs_test1, .seed = seed, .count = 20'000};
            config.load = load;
            config.cpu_count = 12;
            config.arrivals = workload::arrival_kind::exponential;
            auto const seen = measure(machine<cpu::processor_sharing>{machine_config::ideal(12)}, cpu::hands_off{},
                                      workload::make_generator(config).value());
            mean += seen.mean() / 8;
            service += 0.3702 / 8;
        }
        double const expected = service * (1 + erlang_c(12, load) / (12 * (1 - load)));
        CHECK(mean == doctest::Approx(expected).epsilon(0.05));
    }
}

// faas.md 9, the table's means at loads 0.65 and 0.8. They belong to the services in the recorded order of SFS's trace,
// in which long ones come in clusters: drawn independently, processor sharing has 0.38 and 0.43 s there. The trace
// has no licence, so it is not shipped: HPCSCHED_SFS_TRACE names a copy of SFS-standalone/test1.
TEST_CASE("golden: the table of idealised queues on the order of SFS's own trace, within 10 %") {
    auto const services = sfs_trace_services();
    if (services.empty()) {
        HPCSCHED_SKIP("HPCSCHED_SFS_TRACE does not name a copy of SFS-standalone/test1 (ds2-lab/SFS)");
    }
    struct row {
        double load, sharing, oracle, sfs;
    };
    for (row const& published : {row{0.65, 0.57, 0.44, 0.60}, row{0.80, 1.05, 0.62, 1.08}}) {
        double sharing = 0;
        double oracle = 0;
        double sfs = 0;
        for (std::uint64_t seed = 1; seed <= 10; ++seed) {
            auto const jobs = with_poisson_arrivals(services, 12, published.load, seed);
            auto const ideal = machine_config::ideal(12);
            workload::in_memory const source{jobs};
            sharing += measure(machine<cpu::processor_sharing>{ideal}, cpu::hands_off{}, source).mean() / 10;
            oracle += measure(machine<cpu::srpt>{ideal}, cpu::hands_off{}, source).mean() / 10;
            sfs += measure(machine<cpu::rt, cpu::processor_sharing>{ideal}, cpu::sfs{}, source).mean() / 10;
        }
        CHECK(sharing == doctest::Approx(published.sharing).epsilon(0.10));
        CHECK(oracle == doctest::Approx(published.oracle).epsilon(0.10));
        CHECK(sfs == doctest::Approx(published.sfs).epsilon(0.10));
    }
}

// faas.md 9.1, item 10; ALPS (ATC'24) figures 6 and 7, Huawei at 90 %. Three orders of the figures do not come out and
// are left out here (README, "Where the papers' shapes come out"): alps serves the short tasks later than SFS and CFS
// do, it switches less than SRPT, and the textbook's round robin is not the worst. Why is not traced.
TEST_CASE("golden: CFS switches more than SFS, SFS more than ALPS, FIFO never, and short tasks fare best under SRPT") {
    workload::generator_config config{.from = workload::preset::alps_huawei, .seed = 3, .count = 15'000};
    config.load = 0.9;
    config.cpu_count = 24;
    auto const source = [&] { return workload::make_generator(config).value(); };
    auto hardware = machine_config::with_cpus(24);
    hardware.fair_server.enabled = false; // kernels of the paper's time
    std::tuple const old_fair{cpu::rt::config::throttled(), cpu::cfs_config::for_cpus(24)};
    auto const cfs = measure(machine<cpu::rt, cpu::cfs>{{hardware, old_fair}}, cpu::hands_off{}, source());
    auto const sfs = measure(machine<cpu::rt, cpu::cfs>{{hardware, old_fair}}, cpu::sfs{}, source());
    auto const alps = measure(machine<cpu::rt, cpu::ranked_cfs>{{hardware, old_fair}}, cpu::alps{}, source());
    auto const srpt = measure(machine<cpu::srpt>{machine_config::ideal(24)}, cpu::hands_off{}, source());
    auto const fifo = measure(machine<cpu::fcfs>{machine_config::ideal(24)}, cpu::hands_off{}, source());
    CHECK(cfs.mean_switches() > sfs.mean_switches());
    CHECK(sfs.mean_switches() > alps.mean_switches());
    CHECK(alps.mean_switches() > fifo.mean_switches());
    CHECK(srpt.mean_switches() > fifo.mean_switches());
    CHECK(fifo.mean_switches() == 0);
    CHECK(srpt.short_mean() < sfs.short_mean());
    CHECK(sfs.short_mean() < cfs.short_mean());
    CHECK(srpt.short_mean() < alps.short_mean());
}

// faas.md 9.1, item 11
TEST_CASE(
    "golden: under a flood of short jobs at 1.2 times the capacity, nobody goes without the CPU beyond the bound") {
    struct longest_gap : silent {
        std::map<std::uint64_t, time_point> last; // by task, when it last ran
        duration gap{};

        static std::uint64_t key(task_id t) { return (std::uint64_t{t.generation} << 32U) | t.index; }
        void seen(task_id t, time_point now) {
            auto const [found, is_new] = last.try_emplace(key(t), now);
            if (!is_new) {
                gap = std::max(gap, now - found->second);
                found->second = now;
            }
        }
        void on_arrival(task_id t, function_id, time_point now) { seen(t, now); }
        void on_run(cpu_id, task_id t, time_point now) { seen(t, now); }
        void on_stop(cpu_id, task_id t, switch_reason, time_point now) { last[key(t)] = now; }
        void on_exit(task_record const& r, time_point) { last.erase(key(r.task)); }
    };
    for (duration const bound : {500ms, 2000ms}) {
        for (std::uint32_t const cpus : {1U, 4U}) {
            // Every 50th job is long; short ones alone fill the machine.
            std::vector<workload::invocation> jobs;
            for (std::int64_t i = 0; i < 6'000; ++i) {
                bool const is_long = i % 50 == 7;
                jobs.push_back(
                    job(duration{i * 4'000'000 / cpus * 10 / 12}, is_long ? 100ms : 4ms, {}, is_long ? 1 : 0));
            }
            cpu::serpt_config config;
            config.ageing_bound = bound;
            cpu::serpt agent{config};
            longest_gap seen;
            workload::in_memory source{jobs};
            (void)machine<cpu::rt, cpu::eevdf>{machine_config::with_cpus(cpus)}.run(source, agent, seen).value();
            CHECK(seen.gap <= bound + 5ms); // what commands and switches take
            CHECK(seen.gap >= bound / 4);   // the flood did make somebody wait
        }
    }
}

} // namespace hpcsched::cpu_sim
