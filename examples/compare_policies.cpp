// SPDX-License-Identifier: Apache-2.0

// Several policies on one workload, from a program: what `hpcsched simulate` does for a grid of them.
#include <hpcsched/core/percentiles.hpp>
#include <hpcsched/cpu/eevdf.hpp>
#include <hpcsched/cpu/fcfs.hpp>
#include <hpcsched/cpu/hands_off.hpp>
#include <hpcsched/cpu/rt.hpp>
#include <hpcsched/cpu/serpt.hpp>
#include <hpcsched/cpu/sfs.hpp>
#include <hpcsched/cpu/srpt.hpp>
#include <hpcsched/cpu_sim/machine.hpp>
#include <hpcsched/workload/generator.hpp>

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <span>
#include <vector>

using namespace hpcsched;

struct turnarounds : cpu_sim::silent {
    void on_exit(cpu_sim::task_record const& record, time_point) { all.push_back(record.turnaround()); }
    std::vector<duration> all;
};

template <class Machine, class Agent = cpu::hands_off>
void compare(char const* name, Machine const& machine, Agent agent = {}) {
    workload::generator_config const what{
        .from = workload::preset::sfs_test1, .count = 10'000, .load = 0.9, .variation = 0.25};
    auto source = workload::make_generator(what);
    turnarounds seen;
    if (!source || !machine.run(*source, agent, seen)) {
        std::printf("%-8s failed\n", name);
        return;
    }
    std::ranges::sort(seen.all);
    auto const sum = std::accumulate(seen.all.begin(), seen.all.end(), duration{});
    std::printf("%-8s %8.1f ms %8.1f ms\n", name, to_milliseconds(sum) / static_cast<double>(seen.all.size()),
                to_milliseconds(percentile(std::span<duration const>{seen.all}, p99)));
}

int main() {
    using machine_config = cpu_sim::machine_config;
    cpu_sim::machine<cpu::rt, cpu::eevdf> const linux_machine{machine_config::with_cpus(12)};
    std::printf("%-8s %11s %11s\n", "policy", "mean", "p99");
    compare("fcfs", cpu_sim::machine<cpu::fcfs>{machine_config::ideal(12)});
    compare("Linux", linux_machine);
    compare("sfs", linux_machine, cpu::sfs{});
    compare("serpt", linux_machine, cpu::serpt{});
    compare("oracle", cpu_sim::machine<cpu::srpt>{machine_config::ideal(12)});
}
