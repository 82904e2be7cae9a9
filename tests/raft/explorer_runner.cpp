// SPDX-License-Identifier: Apache-2.0
// Explorations from the command line: explorer_mutants.cmake builds it against a tree with a planted bug. Exit status:
// 0 nothing found, 1 a safety property or a contract is broken, which is printed with the way to it.
//
//   raft_explorer quick|large|<name of an exploration> [states at most, of each]
#include "exploration_plans.hpp"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

hpcsched::raft::test::explorer* running = nullptr;

extern "C" void tell_way(int /*signal*/) {
    std::printf("a broken contract\n%s", running->way().c_str());
    std::fflush(stdout);
    std::_Exit(1);
}

} // namespace

int main(int argument_count, char** arguments) {
    using namespace hpcsched::raft::test;
    std::string const wanted = argument_count > 1 ? arguments[1] : "quick";
    std::signal(SIGABRT, tell_way);
    auto plans = quick_plans();
    if (wanted != "quick") {
        plans.insert(plans.end(), large_plans().begin(), large_plans().end());
    }
    for (auto const& [name, plan] : plans) {
        if (wanted != "quick" && wanted != name && (wanted != "large" || !name.starts_with("large"))) {
            continue;
        }
        exploration what = plan;
        if (argument_count > 2) {
            what.states_max = std::strtoull(arguments[2], nullptr, 10);
        }
        auto const begin = std::chrono::steady_clock::now();
        explorer e{what};
        running = &e;
        explored const found = e.run();
        double const seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        std::printf("%s: %zu states, %zu transitions, depth %zu%s, %zu server states, %zu messages, up to %zu leaders "
                    "and %llu committed entries, %.1f s\n",
                    name.c_str(), found.states, found.transitions, found.depth, found.complete ? "" : " (not all)",
                    found.servers, found.messages, found.leaders, static_cast<unsigned long long>(found.committed),
                    seconds);
        std::fflush(stdout);
        if (!found.breach.empty()) {
            std::printf("%s\n", found.breach.c_str());
            return 1;
        }
    }
    return 0;
}
