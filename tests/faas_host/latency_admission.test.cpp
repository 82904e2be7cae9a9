// SPDX-License-Identifier: Apache-2.0

// Real hosts whose functions have latency targets. How busy the machine is decides how fast anything is here, and so
// only decisions are checked; tests/faas checks what they are good for.
#include <hpcsched/faas_host/server.hpp>

#include <doctest/doctest.h>

#include "running_host.hpp"
#include "worker_cpu_time.hpp"
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace hpcsched;
using namespace hpcsched::test;
using namespace std::chrono_literals;

faas_host::function_config burner(std::string name, std::size_t concurrency) {
    faas_host::function_config made = worker_that("burns");
    made.name = std::move(name);
    made.concurrency = concurrency;
    made.timeout = 60s;
    return made;
}

/// One that takes 20 ms and may take 150, and one without a target that may take what it gets.
std::vector<faas_host::function_config> guarded_and_greedy() {
    faas_host::function_config good = burner("good", 4);
    good.latency_target = 150ms;
    good.latency_share = 0.05;
    return {good, burner("greedy", 24)};
}

std::int64_t figure_of(running_host const& host, std::size_t function, char const* name) {
    return host.status().at("functions").at(function).at(name).to_number<std::int64_t>();
}

} // namespace

TEST_CASE("latency admission: it is off unless a function has a target") {
    running_host const host{{burner("good", 1)}};
    for (int i = 0; i < 20; ++i) {
        CHECK(host.invoke("good", "1").status == 200);
    }
    CHECK(host.status().at("latency_risk").is_null());
    CHECK(host.figures().at("latency_target").is_null());
    CHECK(host.figures().at("admitted_rate").is_null());
}

TEST_CASE("latency admission: load within the targets is admitted, a flood is turned away, and nobody else") {
    running_host const host{guarded_and_greedy(), {.cpus = 2}};
    for (int i = 0; i < 20; ++i) {
        CHECK(host.invoke("good", "20").status == 200);
        CHECK(host.invoke("greedy", "20").status == 200);
        (void)::poll(nullptr, 0, 60);
    }
    CHECK(host.status().at("latency_risk").at("looks").to_number<std::int64_t>() > 0);
    CHECK(figure_of(host, 0, "turned_away") == 0);
    CHECK(figure_of(host, 1, "turned_away") == 0);

    std::atomic<bool> stop{false};
    std::atomic<int> answered{0};
    std::vector<std::thread> flood;
    for (int i = 0; i < 24; ++i) {
        flood.emplace_back([&] {
            http_client client{host.port()};
            while (!stop) {
                auto const got = client.ask("POST", running_host::invocations_of("greedy"), "20");
                answered += got.status == 200 ? 1 : 0;
                (void)::poll(nullptr, 0, got.status == 200 ? 0 : 5);
            }
        });
    }
    http_answer refused;
    for (int i = 0; i < 300 && (refused.status != 429 || figure_of(host, 1, "turned_away") < 100); ++i) {
        CHECK(host.invoke("good", "20").status == 200);
        auto const got = host.invoke("greedy", "20");
        refused = got.status == 429 ? got : refused;
        (void)::poll(nullptr, 0, 150);
    }
    stop = true;
    for (std::thread& each : flood) {
        each.join();
    }
    CHECK(refused.status == 429);
    CHECK(refused.field("x-amzn-ErrorType") == "TooManyRequestsException");
    CHECK(std::atoi(refused.field("Retry-After").c_str()) >= 1);
    CHECK(refused.body.find("FunctionInvocationRateLimitExceeded") != std::string::npos);
    CHECK(figure_of(host, 0, "turned_away") == 0);
    CHECK(figure_of(host, 0, "refused") == 0);
    CHECK(figure_of(host, 1, "turned_away") >= 100);
    CHECK(answered > 0);
    auto const risk = host.status().at("latency_risk");
    MESSAGE("looks ", risk.at("looks").to_number<std::int64_t>(), " in ", risk.at("looked").to_number<double>(),
            " s, the longest ", risk.at("longest_look").to_number<double>() * 1e3, " ms");
}

TEST_CASE("latency admission: invocations that wait, are lost or abandoned are counted out again") {
    faas_host::function_config narrow = worker_that("hangs");
    narrow.concurrency = 1;
    narrow.queue_capacity = 1;
    narrow.timeout = 3s;
    narrow.latency_target = 10s;
    running_host const host{{narrow}};
    std::string const path = running_host::invocations_of("f");
    http_client first{host.port()};
    first.send_request("POST", path, "{}", {});
    REQUIRE(host.comes_to("running", 1));
    http_client second{host.port()};
    second.send_request("POST", path, "{}", {});
    REQUIRE(host.comes_to("waiting", 1));
    CHECK(host.invoke("f").status == 429); // the queue is full; an assertion of the guard would end the host
    second.close();
    REQUIRE(host.comes_to("abandoned", 1));
    CHECK(first.receive().body.find("Sandbox.Timedout") != std::string::npos);
    CHECK(host.invoke("f").body.find("Sandbox.Timedout") != std::string::npos);
    CHECK(host.figure("turned_away") == 0);
}

TEST_CASE("latency admission: workers that cannot start, and a host that ends, do no harm to it") {
    faas_host::function_config broken = worker_that("exits at start");
    broken.latency_target = 1s;
    running_host host{{broken}};
    for (int i = 0; i < 3; ++i) {
        CHECK(host.invoke("f").field("X-Amz-Function-Error") == "Unhandled");
    }
    CHECK(host.invoke("f", "1", {{"X-Amz-Invocation-Type", "Event"}}).status == 202);
    host.stop();
}

TEST_CASE("latency admission: a target, a share or a level that makes no sense is refused with what does") {
    faas_host::function_config f = burner("f", 1);
    f.latency_share = 1;
    CHECK(faas_host::validate(f).error().message.find("such as 0.01") != std::string::npos);
    f.latency_share = 0.01;
    f.latency_target = duration{};
    CHECK(faas_host::validate(f).error().message.find("latency target") != std::string::npos);
    f.latency_target = 1s;
    auto const opened = faas_host::server::open({.listen = "127.0.0.1:0", .latency_risk = 2}, {f});
    REQUIRE(opened.has_error());
    CHECK(opened.error().message.find("such as 0.05") != std::string::npos);
}

TEST_CASE("latency admission: the CPU time of a process is told, unless it has children or is gone") {
    using faas_host::detail::cpu_time_of;
    int ends[2]{};
    REQUIRE(::pipe(ends) == 0);
    pid_t const parent = ::fork();
    if (parent == 0) {
        for (clock_t const until = ::clock() + CLOCKS_PER_SEC / 50; ::clock() < until;) {
        }
        (void)!::write(ends[1], "x", 1);
        ::pause();
    }
    char told = 0;
    REQUIRE(::read(ends[0], &told, 1) == 1);
    auto const used = cpu_time_of(parent);
    REQUIRE(used.has_value());
    CHECK(*used >= 20ms);
    CHECK(*used < 10s);
    CHECK(!cpu_time_of(::getpid())); // it has that child
    ::kill(parent, SIGKILL);
    ::waitpid(parent, nullptr, 0);
    CHECK(!cpu_time_of(parent));
    CHECK(!cpu_time_of(0));
    ::close(ends[0]);
    ::close(ends[1]);
}
