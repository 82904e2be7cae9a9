// SPDX-License-Identifier: Apache-2.0

// One agent type, not a line changed, on the simulated machine and on this one: SFS demotes a long task and leaves a
// short one alone. As root it steers real processes; without privileges it says so.
#include <hpcsched/cpu/eevdf.hpp>
#include <hpcsched/cpu/rt.hpp>
#include <hpcsched/cpu/sfs.hpp>
#include <hpcsched/cpu_linux/steering.hpp>
#include <hpcsched/cpu_sim/machine.hpp>
#include <hpcsched/workload/in_memory.hpp>

#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <vector>

using namespace hpcsched;
using namespace std::chrono_literals;

constexpr duration services[] = {20ms, 300ms, 20ms};

cpu::sfs agent() {
    cpu::sfs_config config;
    config.initial_slice = 50ms;
    return cpu::sfs{config};
}

struct print_exit : cpu_sim::silent {
    void on_exit(cpu_sim::task_record const& r, time_point) {
        std::printf("simulated: %3.0f ms of CPU in %3.0f ms\n", to_milliseconds(r.service),
                    to_milliseconds(r.turnaround()));
    }
};

void simulate() {
    std::vector<workload::invocation> invocations;
    for (duration const service : services) {
        invocations.push_back({.service = service});
    }
    workload::in_memory source{invocations};
    auto sfs = agent();
    print_exit observer;
    cpu_sim::machine<cpu::rt, cpu::eevdf> const machine{cpu_sim::machine_config::with_cpus(1)};
    (void)machine.run(source, sfs, observer);
}

void use_cpu(duration length) {
    timespec used{};
    while (std::chrono::seconds{used.tv_sec} + duration{used.tv_nsec} < length) {
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    }
}

// [steer]
int live() {
    auto started = cpu_linux::steering<cpu::sfs>::start(agent(), {.cpu_count = 1});
    if (started.has_error()) {
        std::printf("live: %s\n", started.error().message.c_str());
        return 0;
    }
    for (duration const service : services) {
        pid_t const process = fork();
        if (process == 0) {
            use_cpu(service);
            _exit(0);
        }
        (void)started->admit(process, function_id{0});
    }
    auto const print = [](task_id, cpu_linux::live_record const& r) {
        std::printf("live: %3.0f ms of CPU in %3.0f ms\n", to_milliseconds(r.cpu_time),
                    to_milliseconds(r.exit - r.admitted));
    };
    started->work_until(cpu_linux::now() + 30s, print, [&] { return started->task_count() == 0; });
    return static_cast<int>(started->task_count());
}
// [/steer]

int main() {
    simulate();
    std::fflush(stdout); // what is not written yet, a forked child would write again
    return live();
}
