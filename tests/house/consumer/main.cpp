// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu.hpp>
#include <hpcsched/cpu_sim.hpp>
#include <hpcsched/workload/in_memory.hpp>

#include "lcfs.hpp"

#include <chrono>
#include <cstdio>
#include <vector>

namespace {

using namespace std::chrono_literals;

struct exits : hpcsched::cpu_sim::silent {
    void on_exit(hpcsched::cpu_sim::task_record const& record, hpcsched::time_point now) {
        in_order.push_back(record.sequence);
        at.push_back(now);
    }
    std::vector<std::uint64_t> in_order;
    std::vector<hpcsched::time_point> at;
};

} // namespace

int main() {
    using hpcsched::time_point;
    std::vector<hpcsched::workload::invocation> const work{
        {.arrival = time_point{0ms}, .service = 30ms},
        {.arrival = time_point{10ms}, .service = 30ms},
        {.arrival = time_point{20ms}, .service = 30ms},
    };
    hpcsched::workload::in_memory source{work};
    hpcsched::cpu_sim::machine<lcfs> const machine{hpcsched::cpu_sim::machine_config::ideal(1)};
    exits seen;
    if (!machine.run(source, seen)) {
        std::puts("the run failed");
        return 1;
    }
    std::vector<std::uint64_t> const last_first{2, 1, 0};
    std::vector<time_point> const ends{time_point{50ms}, time_point{70ms}, time_point{90ms}};
    if (seen.in_order != last_first || seen.at != ends) {
        std::puts("not last come, first served");
        return 1;
    }
    std::puts("last come, first served: a policy of the consumer's own ran in the simulator");
    return 0;
}
