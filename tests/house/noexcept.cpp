// SPDX-License-Identifier: Apache-2.0

// Built with -fno-exceptions -fno-rtti, beside a source per pure component that includes all its headers: a host
// without exceptions can use the policies and the simulator, and this is one.
#include <hpcsched/cpu.hpp>
#include <hpcsched/cpu_sim.hpp>
#include <hpcsched/workload.hpp>

#include <boost/throw_exception.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#if defined(__cpp_exceptions) || defined(__cpp_rtti)
#error "this source is meant to be built without exceptions and run-time types"
#endif

// What Boost asks of a program that is built so.
namespace boost {

void throw_exception(std::exception const& failure) {
    std::fprintf(stderr, "boost: %s\n", failure.what());
    std::abort();
}

void throw_exception(std::exception const& failure, source_location const&) {
    throw_exception(failure);
}

} // namespace boost

int main() {
    using namespace std::chrono_literals;
    using namespace hpcsched;
    std::vector<workload::invocation> work;
    for (int i = 0; i < 200; ++i) {
        workload::invocation const each{.arrival = time_point{i * 1ms},
                                        .function = function_id{static_cast<std::uint32_t>(i % 7)},
                                        .service = 1ms * (1 + i % 7)};
        work.push_back(each);
    }
    workload::in_memory source{work};
    cpu_sim::silent nobody;
    cpu_sim::machine<cpu::fcfs> const machine{cpu_sim::machine_config::ideal(2)};
    auto const summary = machine.run(source, nobody);
    if (!summary || summary->task_count != work.size()) {
        return 1;
    }
    std::puts("200 tasks ran without exceptions and run-time types");
    return 0;
}
