// SPDX-License-Identifier: Apache-2.0

// `hpcsched serve` with a function that does nothing, under wrk, beside an nginx that answers with a constant: how much
// of the machine the host takes for itself.
#include "measured_server.hpp"
#include <figure.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace hpcsched::bench;

constexpr int connections = 32;

/// The host, its workers and wrk share the CPUs; two workers are enough to keep one busy while the other answers.
std::vector<std::string> serve(std::uint16_t port, std::string const& policy) {
    return {HPCSCHED_PROGRAM,
            "serve",
            "-q",
            "--listen",
            "127.0.0.1:" + std::to_string(port),
            "--policy",
            policy,
            "--concurrency",
            "2",
            "--object",
            std::string{"object="} + HPCSCHED_NO_OP,
            "--worker",
            std::string{"runtime=_HANDLER=echo exec "} + HPCSCHED_NO_OP_WORKER};
}

std::string invocations_of(measured_server const& host, std::string const& function) {
    return host.url() + "/2015-03-31/functions/" + function + "/invocations";
}

/// In the tests: only whether it still runs, where there is a wrk.
bool is_possible(effort how_much) {
    return how_much == effort::full || std::system("command -v wrk nginx >/dev/null 2>&1") == 0;
}

void measure(effort how_much, std::string const& function, std::string const& policy) {
    if (!is_possible(how_much)) {
        return;
    }
    int const seconds = how_much == effort::full ? 10 : 1;
    std::uint16_t const port = free_port();
    measured_server host{serve(port, policy), port};
    constant_nginx const peer;
    std::string const url = invocations_of(host, function);
    (void)run_wrk(url, 1, connections, 0); // its workers are warm
    wrk_figures const beside = run_wrk(peer.url(), seconds, connections, 0);
    double const before = host.cpu_seconds();
    wrk_figures const ours = run_wrk(url, seconds, connections, 0);
    double const cost = (host.cpu_seconds() - before) / (ours.per_second * seconds);
    if (!ours.all_well) {
        throw std::runtime_error{"some invocations failed"};
    }
    std::string const name = "faas_host.no_op/" + function + " " + policy;
    report({.name = name + " throughput",
            .value = ours.per_second,
            .unit = "invocations/s",
            .beside = beside.per_second,
            .goal = "at least 15,000 on 2 cores (beside: nginx, which calls nobody)",
            .holds = ours.per_second >= 15'000});
    wrk_figures const half = run_wrk(url, seconds, connections, ours.per_second / 2);
    report({.name = name + " p99 at half of it",
            .value = half.p99,
            .unit = "ms",
            .goal = "below 10 ms",
            .holds = half.p99 < 10});
    std::printf("%s: the host itself %.1f us of CPU per invocation; at half load %.0f/s\n", name.c_str(), cost * 1e6,
                half.per_second);
}

figure_case const no_op{"faas_host.no_op", 3,
                        "a function that does nothing over HTTP keep-alive, beside nginx answering with a constant",
                        [](effort how_much) {
                            measure(how_much, "object", "none");
                            if (how_much == effort::full) {
                                measure(how_much, "runtime", "none");
                                measure(how_much, "object", "serpt");
                                measure(how_much, "runtime", "serpt");
                            }
                        }};

} // namespace
