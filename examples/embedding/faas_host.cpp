// SPDX-License-Identifier: Apache-2.0

// A FaaS host in a program of yours: clients of AWS Lambda call it, any agent of hpcsched::cpu steers its workers.
//   faas_host 127.0.0.1:9000 &
//   curl -d '"hello"' http://127.0.0.1:9000/2015-03-31/functions/upper/invocations
#include <hpcsched/cpu/serpt.hpp>
#include <hpcsched/faas_host/host.hpp>
#include <hpcsched/faas_host/hybrid_histogram.hpp>

#include <chrono>
#include <cstdio>

using namespace hpcsched;
using namespace std::chrono_literals;

// [faas_host]
int main(int argument_count, char** arguments) {
    // A process for each invocation: the event on its standard input, the answer on its standard output.
    faas_host::function_config const upper{
        .name = "upper", .speaks = faas_host::protocol::command, .command = {"tr", "a-z", "A-Z"}};
    // A Lambda runtime, kept warm around the times at which it tends to be called.
    faas_host::function_config const resize{.name = "resize",
                                            .command = {"npx", "aws-lambda-ric", "index.handler"},
                                            .folder = "/srv/resize",
                                            .memory = 256 << 20,
                                            .timeout = 30s,
                                            .concurrency = 4,
                                            .keep_alive = faas_host::hybrid_histogram{}};
    auto host = faas_host::start_host(cpu::serpt{}, {.listen = argument_count > 1 ? arguments[1] : "127.0.0.1:9000"},
                                      {upper, resize});
    if (host.has_error()) {
        std::fprintf(stderr, "%s\n", host.error().message.c_str());
        return 1;
    }
    std::printf("http://%s\n", host->address().c_str());
    std::fflush(stdout);
    host->run(); // until SIGTERM or Ctrl-C
}
// [/faas_host]
