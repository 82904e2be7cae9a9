// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/faas_host/server.hpp>

#include "access_token.hpp"
#include "attached.hpp"
#include "commands.hpp"
#include "serve_functions.hpp"
#include "serve_metrics.hpp"
#include "values.hpp"
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace hpcsched::cli {
namespace {

constexpr char const* details =
    R"(A FaaS host: clients of AWS Lambda invoke functions over HTTP, worker processes serve them, a policy steers the
workers. Functions are of three kinds:
  --function NAME=COMMAND  a process for each invocation: the event on standard input, the answer on standard output
  --worker NAME=COMMAND    a runtime that asks for its invocations over the Lambda Runtime API, as npm's
                           aws-lambda-ric does; it stays warm
  --object NAME=PATH       a shared object, called in a worker process (hpcsched/faas_host/shared_function.h)
More than these say is said in a file, a table for each function:

  [functions.thumbnail]
  kind = "runtime-api"             # or "command", "shared-object"  [runtime-api]
  command = ["npx", "aws-lambda-ric", "index.handler"]   # or one text, for the shell; the path of a shared object
  folder = "/srv/thumbnail"        # where it starts, LAMBDA_TASK_ROOT  [here]
  handler = "index.handler"        # _HANDLER  [none]
  environment = { STAGE = "test" } # beside Lambda's, PATH, HOME, LANG and TZ
  memory = "256MiB"                # of a worker, 0: no limit  [512MiB]
  processes = 64                   # and threads of a worker, 0: no limit  [256]
  timeout = "30s"                  # of an invocation  [3s]
  init_timeout = "10s"             # from a worker's start to its first question for work  [10s]
  concurrency = 4                  # workers at one time  [10]
  queue = 50                       # invocations that wait; one more gets 429  [100]
  keep_alive = "hybrid"            # how long a worker stays warm: a time, forever, or learned  [10min]
  latency_target = "200ms"         # from arrival to end, see below  [none]
  latency_share = "1%"             # of its invocations that may take longer  [1%]
  json_only = false                # takes events that are no JSON  [true]
  log = "thumbnail.log"            # what workers print is appended to it  [nowhere]

Where a function has a latency target, the host plays out what would come of admitting all that is offered, and where
the risk that a target is broken within the next minute is above --latency-risk, those functions that use the most CPU
time get 429 for what is too much. Who uses less than a quarter of a fair share of the CPUs is never turned away.

Examples:
  hpcsched serve --function 'upper=tr a-z A-Z' &
  curl -d '"hello"' http://127.0.0.1:9000/2015-03-31/functions/upper/invocations
  hpcsched serve --functions functions.toml --policy serpt --token-file /run/secrets/token
  AWS_ENDPOINT_URL=http://127.0.0.1:9000 aws lambda invoke --function-name upper answer.json

GET / is a live page, /status the same as JSON, /metrics for Prometheus. Ctrl-C or SIGTERM takes no more
invocations, lets those at hand end, and ends all workers; a second one ends them at once.

Exit status: 0 ended by Ctrl-C or SIGTERM, 1 failure, 2 wrong command line or file.)";

/// The policies and backends of `hpcsched attach`, on the workers of a host.
class attached_workers final : public faas_host::worker_steering {
  public:
    explicit attached_workers(std::unique_ptr<attached> what) : attached_{std::move(what)} {}

    void begin(cpu_linux::process_id process, std::string const& function) override {
        (void)attached_->begin(process, function); // a worker that has just died is the host's to see
    }
    void end(cpu_linux::process_id process) override { attached_->end(process); }
    [[nodiscard]] int descriptor() const override { return attached_->steering_descriptor(); }
    void work() override { attached_->work(); }
    [[nodiscard]] std::string name() const override {
        attach_report const told = attached_->report();
        return told.policy + " by " + told.backend;
    }

  private:
    std::unique_ptr<attached> attached_;
};

/// A connection takes a descriptor, a worker some; the usual limit of 1,024 is soon reached.
void allow_many_descriptors() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 65536);
        (void)::setrlimit(RLIMIT_NOFILE, &limit);
    }
}

exit_code run(arguments const& given) {
    std::vector<faas_host::function_config> functions = functions_of(given);
    std::size_t const count = functions.size();
    constexpr std::uint64_t most = std::uint64_t{1} << 31U;
    std::string const policy = given.one("--policy", "serpt");
    std::string const backend = given.one("--backend");
    faas_host::server_config config{.listen = given.one("--listen", "127.0.0.1:9000"), .token = token_of(given)};
    if (given.has("--max-body")) {
        config.body_limit = or_fail(parse_size(given.one("--max-body"), most), exit_code::usage, "--max-body: ");
    }
    if (given.has("--drain")) {
        config.drain_limit = or_fail(parse_duration(given.one("--drain")), exit_code::usage, "--drain: ");
    }
    if (given.has("--latency-risk")) {
        config.latency_risk = or_fail(parse_share(given.one("--latency-risk")), exit_code::usage, "--latency-risk: ");
    }
    std::unique_ptr<faas_host::worker_steering> steering;
    if (policy != "none") {
        or_fail(check_names(policy, backend), exit_code::usage);
        auto attached = attach(policy, backend, {});
        if (attached.has_error()) {
            throw failure{exit_code::failure, attached.error().message + " (--policy none serves without steering)"};
        }
        steering = std::make_unique<attached_workers>(std::move(*attached));
    } else if (given.has("--backend")) {
        throw failure{exit_code::usage, "--backend is for policies that steer, and --policy none does not"};
    }
    std::string const by = steering ? steering->name() : std::string{"the kernel alone"};
    std::optional<faas_host::server> host;
    config.pages["/metrics"] = [&host] {
        return faas_host::page{"text/plain; version=0.0.4", to_prometheus(host->figures())};
    };
    host.emplace(or_fail(faas_host::server::open(std::move(config), std::move(functions), std::move(steering)),
                         exit_code::failure, {}));
    if (!given.has("--quiet")) {
        std::cerr << "hpcsched serve: http://" << host->address() << ", " << count
                  << (count == 1 ? " function" : " functions") << ", workers scheduled by " << by
                  << "; Ctrl-C ends it\n";
    }
    allow_many_descriptors();
    host->run();
    return exit_code::success;
}

std::vector<std::string> policies() {
    std::vector<std::string> names = attachable_policies();
    names.push_back("none");
    return names;
}

} // namespace

command_spec serve_command() {
    std::string const what = "Functions";
    std::string const each = "Of the functions that the command line names";
    std::string const how = "How";
    std::vector<option_spec> options{
        {"--functions", "FILE", "a TOML file of functions, see below", what, value_completion::file()},
        {"--function", "NAME=COMMAND", "a process for each invocation; may be given several times", what, {}, true},
        {"--worker", "NAME=COMMAND", "a runtime that speaks the Lambda Runtime API; several times too", what, {}, true},
        {"--object", "NAME=PATH", "a shared object; several times too", what, {}, true},
        {"--timeout", "DURATION", "of an invocation [default: 3s]", each},
        {"--memory", "SIZE", "of a worker, 0: no limit [default: 512MiB]", each},
        {"--concurrency", "N", "workers at one time, of each function [default: 10]", each},
        {"--queue", "N", "invocations that wait, of each function; one more gets 429 [default: 100]", each},
        {"--keep-alive", "DURATION",
         "how long a worker stays warm; also 'forever' or 'hybrid', which learns it\n"
         "[default: 10min]",
         each, value_completion::one_of({"hybrid", "forever"})},
        {"--latency-target", "DURATION", "from an invocation's arrival to its end, see below [default: none]", each},
        {"--latency-share", "SHARE", "of a function's invocations that may take longer [default: 1%]", each},
        {"--listen", "ADDRESS:PORT", "where clients come [default: 127.0.0.1:9000, this machine only]", how}};
    append_token_options(options, how);
    options.insert(
        options.end(),
        {{"--max-body", "SIZE", "of an event or an answer [default: 6MiB]", how},
         {"-p,--policy", "NAME", "serpt, sfs, alps, alps-nice, eevdf: leave all alone, or none [default: serpt]", how,
          value_completion::one_of(policies())},
         {"--backend", "NAME",
          "realtime_bands, sched_ext, nice_and_slice or cgroup_weights; alps needs sched_ext\n[default: the best that "
          "works here]",
          how, value_completion::one_of(attachable_backends())},
         {"--latency-risk", "SHARE", "that a latency target is broken; above it invocations get 429 [default: 5%]",
          how},
         {"--drain", "DURATION", "how long what runs at the end may take, before it is killed [default: 30s]", how},
         {"-q,--quiet", "", "do not print the line at the start", how}});
    return {.name = "serve",
            .description = "Serve functions to clients of AWS Lambda, with workers that a policy steers",
            .details = details,
            .options = std::move(options),
            .run = run};
}

} // namespace hpcsched::cli
