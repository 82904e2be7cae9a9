// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "faas_host/http_client.hpp"
#include "program.hpp"
#include "serving_program.hpp"
#include "skip.hpp"

#include <string>
#include <utility>
#include <vector>

namespace hpcsched::test {

namespace {

constexpr char const* not_built =
    "the FaaS host was not built (libbpf-dev, clang-19 and libboost-url1.81-dev are needed)";

std::string const invoke_upper = "/2015-03-31/functions/upper/invocations";

void check_failure(std::vector<std::string> arguments, int status, std::string const& message,
                   std::string const& functions = {}) {
    program p;
    write_text(p / "functions.toml", functions);
    arguments.insert(arguments.begin(), "serve");
    finished_program const ended = p.hpcsched(arguments);
    CHECK(ended.err == "hpcsched serve: " + message + "\n");
    CHECK(ended.status == status);
}

} // namespace

TEST_CASE("serve: a command of the shell is a function, until SIGTERM") {
    if (!HPCSCHED_HAS_FAAS_HOST) {
        HPCSCHED_SKIP(not_built);
    }
    serving_program host{{"--function", "upper=tr a-z A-Z", "--policy", "eevdf"}};
    CHECK(host.ask("POST", invoke_upper, "\"hello\"").body == "\"HELLO\"");
    http_answer const metrics = host.ask("GET", "/metrics");
    CHECK(metrics.field("Content-Type").starts_with("text/plain"));
    CHECK(metrics.body.find("hpcsched_serve_answered_total{function=\"upper\"} 1") != std::string::npos);
    CHECK(host.ask("GET", "/status").body.find("\"policy\":\"eevdf by ") != std::string::npos);
    CHECK(host.ask("GET", "/").body.find("<title>hpcsched serve</title>") != std::string::npos);
    finished_program const ended = host.end();
    CHECK(ended.status == 0);
    CHECK(ended.out == "");
    CHECK(ended.err.starts_with("hpcsched serve: http://127.0.0.1:"));
    CHECK(ended.err.find(", 1 function, workers scheduled by eevdf by ") != std::string::npos);
}

TEST_CASE("serve: a file names functions with all that they may have, and a token") {
    if (!HPCSCHED_HAS_FAAS_HOST) {
        HPCSCHED_SKIP(not_built);
    }
    serving_program host{{"--functions", "functions.toml", "--token-file", "token", "--policy", "none"},
                         {{"token", "secret\n"}, {"functions.toml", R"toml(
[functions.upper]
kind = "command"
command = ["sh", "-c", "tr a-z A-Z; echo $STAGE $_HANDLER; pwd"]
folder = "/"
handler = "h"
environment = { STAGE = "test" }
memory = "64MiB"
processes = 10
timeout = "5s"
init_timeout = "5s"
concurrency = 2
queue = 3
keep_alive = "hybrid"
latency_target = "10s"
latency_share = "5%"
json_only = false
log = "upper.log"
)toml"}}};
    CHECK(host.ask("POST", invoke_upper, "a").status == 401);
    CHECK(host.ask("POST", invoke_upper, "a", {{"Authorization", "Bearer secret"}}).body == "Atest h\n/\n");
    std::string const status = host.ask("GET", "/status", {}, {{"Authorization", "Bearer secret"}}).body;
    CHECK(status.find("\"latency_risk\":{\"level\":5E-2,") != std::string::npos);
    CHECK(status.find("\"latency_target\":1E1,") != std::string::npos);
    CHECK(host.end().status == 0);
}

TEST_CASE("serve: what is wrong with the command line is told in a line") {
    if (!HPCSCHED_HAS_FAAS_HOST) {
        HPCSCHED_SKIP(not_built);
    }
    check_failure({}, 2,
                  "no function is given: name one, as in --function 'upper=tr a-z A-Z', or a file with --functions");
    check_failure({"--function", "upper"}, 2, "--function: 'upper' is not NAME=COMMAND");
    check_failure({"--function", "a b=cat"}, 2, "function 'a b': a name is 1 to 64 letters, digits, '-' and '_'");
    check_failure({"--function", "f=cat", "--timeout", "soon"}, 2,
                  "--timeout: 'soon' is not a time: give a number with its unit, such as 4ms or 3.5us");
    check_failure({"--function", "f=cat", "--keep-alive", "long"}, 2,
                  "--keep-alive: 'long' is not a time: give a number with its unit, such as 4ms or 3.5us, 'hybrid' or "
                  "'forever'");
    check_failure({"--function", "f=cat", "--latency-share", "100%"}, 2,
                  "--latency-share: '100%' is not a share: give one above 0 and below 1, such as 1% or 0.01");
    check_failure({"--function", "f=cat", "--latency-risk", "often"}, 2,
                  "--latency-risk: 'often' is not a share: give one above 0 and below 1, such as 1% or 0.01");
    check_failure({"--function", "f=cat", "--memory", "1MiB"}, 2,
                  "function 'f': a memory limit is at least 4 MiB, or 0 for none");
    check_failure({"--function", "f=cat", "--policy", "srpt"}, 2, "policy 'srpt' is not known; did you mean 'serpt'?");
    check_failure({"--function", "f=cat", "--policy", "none", "--backend", "nice_and_slice"}, 2,
                  "--backend is for policies that steer, and --policy none does not");
    check_failure({"--function", "f=cat", "--policy", "none", "--listen", "9000"}, 1,
                  "'9000' is not ADDRESS:PORT: give one such as 127.0.0.1:9000 or [::1]:9000");
    check_failure({"--function", "f=cat", "--max-body", "6"}, 2,
                  "--max-body: '6' has no unit of a size: write B, kB, MB, GB, KiB, MiB or GiB");
    check_failure({"--function", "f=cat", "--token-file", "none"}, 2,
                  "--token-file: 'none' cannot be read: No such file or directory");
    check_failure({"--function", "f=cat", "--token-file", "functions.toml"}, 2,
                  "--token-file: 'functions.toml' has an empty first line: write the token there");
}

TEST_CASE("serve: what is wrong with the file is told with its place") {
    if (!HPCSCHED_HAS_FAAS_HOST) {
        HPCSCHED_SKIP(not_built);
    }
    std::vector<std::string> const file{"--functions", "functions.toml"};
    check_failure({"--functions", "missing.toml"}, 2, "cannot read 'missing.toml': No such file or directory");
    check_failure(file, 2,
                  "functions.toml:1:1: 'function' is not expected: a function is a table such as [functions.resize]",
                  "function = 1\n");
    check_failure(file, 2, "functions.toml:2:1: unknown key 'comand': did you mean 'command'?",
                  "[functions.f]\ncomand = \"cat\"\n");
    check_failure(file, 2, "functions.toml:3:11: timeout: '3' has no unit: write 3ns, us, ms, s, min, h or d",
                  "[functions.f]\ncommand = \"cat\"\ntimeout = 3\n");
    check_failure(file, 2,
                  "functions.toml:2:8: kind: 'cmd' is not a kind of function: give runtime-api, command or "
                  "shared-object",
                  "[functions.f]\nkind = \"cmd\"\n");
    check_failure(file, 2, "functions.toml:1:12: function 'f': it has no command", "[functions.f]\nhandler = \"h\"\n");
    check_failure({"--functions", "functions.toml", "--queue", "3"}, 2,
                  "--queue is for functions that --function, --worker or --object name; those of a file say it there",
                  "[functions.f]\ncommand = \"cat\"\n");
}

} // namespace hpcsched::test
