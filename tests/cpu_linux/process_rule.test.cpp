// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu_linux/process_rule.hpp>

#include <doctest/doctest.h>

#include "child.hpp"

#include <optional>
#include <string>
#include <utility>

namespace {

using namespace hpcsched;
using cpu_linux::process_facts;
using cpu_linux::process_rule;
using cpu_linux::process_rule_config;

/// A container as Docker makes it: in the root of most hierarchies, deep in one.
process_facts container() {
    return {.cgroups = {"/", "/docker/4f3a/init", "/"},
            .arguments = {"/usr/bin/python3", "worker.py", "--function=resize", "--port", "80"},
            .environment = {"PATH=/bin", "AWS_LAMBDA_FUNCTION_NAME=thumbnail:7", "EMPTY="}};
}

std::optional<std::string> name_by(process_rule_config const& config, process_facts const& facts = container()) {
    auto const rule = process_rule::make(config);
    REQUIRE(rule.has_value());
    return rule->function_of(facts);
}

std::string message_of(process_rule_config const& config) {
    auto const rule = process_rule::make(config);
    return rule.has_error() ? rule.error().message : "";
}

TEST_CASE("process rule: a function is named by its control group, its command line or its environment") {
    CHECK(name_by({.cgroup = "/docker"}) == "4f3a");
    CHECK(name_by({.cgroup = "/docker/"}) == "4f3a");
    CHECK(name_by({.cgroup = "/docker/4f3a/init"}) == "init");
    CHECK(name_by({.cgroup = "/", .function = "cgroup"}) == "docker");
    CHECK(name_by({.function = "cgroup"}) == "init");
    CHECK(name_by({.function = "cgroup=^/docker/(..)"}) == "4f");
    CHECK(name_by({}) == "python3");
    CHECK(name_by({.function = "command=port \\d+"}) == "port 80");
    CHECK(name_by({.match = "--function=(\\S+)"}) == "resize");
    CHECK(name_by({.match = "worker", .function = "command=(\\w+)\\.py"}) == "worker");
    CHECK(name_by({.cgroup = "/docker", .match = "worker"}) == "4f3a");
    CHECK(name_by({.function = "env:AWS_LAMBDA_FUNCTION_NAME"}) == "thumbnail:7");
    CHECK(name_by({.function = "env:AWS_LAMBDA_FUNCTION_NAME=^[^:]*"}) == "thumbnail");
}

TEST_CASE("process rule: who is not meant, or has no such name, has none") {
    CHECK(name_by({.cgroup = "/dock"}) == std::nullopt); // not the beginning of a name, a part of the path
    CHECK(name_by({.cgroup = "/docker/4f3a/init/deeper"}) == std::nullopt);
    CHECK(name_by({.match = "node"}) == std::nullopt);
    CHECK(name_by({.function = "env:AWS_LAMBDA"}) == std::nullopt);
    CHECK(name_by({.function = "env:EMPTY"}) == std::nullopt);
    CHECK(name_by({.function = "command=--nothing=(.*)"}) == std::nullopt);
    CHECK(name_by({}, {.cgroups = {"/"}, .arguments = {}}) == std::nullopt); // a thread of the kernel
}

TEST_CASE("process rule: an expression that a text is too hard for finds nothing, and ends") {
    process_facts facts = container();
    facts.arguments.push_back(std::string(20'000, 'a'));
    CHECK(name_by({.match = "^(a|aa|b)*c$"}, facts) == std::nullopt);
}

TEST_CASE("process rule: a mistake is told with what would do") {
    CHECK(message_of({.match = "("}).starts_with("match: (: "));
    CHECK(message_of({.function = "command=["}).starts_with("function: [: "));
    CHECK(message_of({.function = "name"}) == "function: 'name' is no source of a name: cgroup, command or env:NAME");
    CHECK(message_of({.function = "env:"}) == "function: 'env:' is no source of a name: cgroup, command or env:NAME");
    CHECK(message_of({.cgroup = "/sys/fs/cgroup/there/is/none"}).find("No such file") != std::string::npos);
    CHECK(message_of({.cgroup = "."}).find("is not in a mounted control group hierarchy") != std::string::npos);
}

TEST_CASE("process rule: a real process tells its groups, its command line and its environment") {
    auto const facts = cpu_linux::facts_of(getpid());
    REQUIRE(facts.has_value());
    CHECK_FALSE(facts->cgroups.empty());
    CHECK(facts->arguments.front().find("test_cpu_linux") != std::string::npos);
    CHECK(name_by({}, *facts) == "test_cpu_linux");
    CHECK(name_by({.cgroup = "/"}, *facts).has_value());
    test::child gone{[] {}};
    auto const process = gone.get();
    gone.wait();
    CHECK(cpu_linux::facts_of(process).has_error());
}

} // namespace
