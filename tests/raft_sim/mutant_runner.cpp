// SPDX-License-Identifier: Apache-2.0
// Tortures simulated groups, seed after seed, until one breaks: mutants.cmake builds it against a tree with a planted
// bug. Exit status: 0 nothing found, 1 a seed breaks; a broken contract aborts.
#include <hpcsched/raft_sim/torture.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

int main(int argument_count, char** arguments) {
    using namespace hpcsched::raft_sim;
    std::uint64_t const seeds = argument_count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 2000;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        std::printf("seed %llu", static_cast<unsigned long long>(seed));
        std::fflush(stdout);
        torture_outcome const outcome = torture{draw_plan(seed)}.run();
        if (!outcome.failure.empty()) {
            std::printf(": %s\n", outcome.failure.c_str());
            return 1;
        }
        std::printf("\n");
    }
    return 0;
}
