// SPDX-License-Identifier: Apache-2.0

// What a client gets when things go wrong, and that nothing else is harmed.
#include <hpcsched/faas_host/server.hpp>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include "running_host.hpp"
#include "skip.hpp"
#include "temporary_folder.hpp"
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace hpcsched;
using namespace hpcsched::test;
using namespace std::chrono_literals;
namespace json = boost::json;

std::vector<http_field> const with_log{{"X-Amz-Log-Type", "Tail"}};

/// The error that a function's answer tells.
struct told_error {
    std::string type;
    std::string message;
};
told_error error_in(http_answer const& got) {
    CHECK(got.status == 200);
    CHECK(got.field("X-Amz-Function-Error") == "Unhandled");
    json::value const body = json::parse(got.body);
    return {std::string{body.at("errorType").as_string()}, std::string{body.at("errorMessage").as_string()}};
}

/// Two functions: one that goes wrong, "f", and one that does not, "good".
std::vector<faas_host::function_config> beside_a_good_one(faas_host::function_config bad) {
    faas_host::function_config good = worker_that("echo");
    good.name = "good";
    return {std::move(bad), std::move(good)};
}

void check_that_the_other_is_well(running_host const& host) {
    CHECK(host.invoke("good", "1").body == "1");
}

/// Workers of this program, and what they have started, that live.
int worker_count() {
    int count = 0;
    for (auto const& each : std::filesystem::directory_iterator{"/proc"}) {
        if (read_text(each.path() / "environ").find(own_mark) != std::string::npos) {
            ++count; // a dead one has no environment
        }
    }
    return count;
}

} // namespace

TEST_CASE("faults: a worker that exits fails its invocation with its exit status, and the next gets a new worker") {
    running_host const host{beside_a_good_one(worker_that("exits"))};
    told_error const why = error_in(host.invoke("f"));
    CHECK(why.type == "Runtime.ExitError");
    CHECK(why.message.starts_with("RequestId: "));
    CHECK(why.message.ends_with(" Error: Runtime exited with error: exit status 7"));
    CHECK(error_in(host.invoke("f")).type == "Runtime.ExitError");
    CHECK(host.figure("cold_starts") == 2);
    check_that_the_other_is_well(host);
}

TEST_CASE("faults: a worker that is killed fails its invocation with the signal") {
    running_host const host{beside_a_good_one(worker_that("dies"))};
    CHECK(error_in(host.invoke("f")).message.ends_with("Runtime exited with error: signal: illegal instruction"));
    running_host const other{beside_a_good_one(worker_that("hangs"))};
    http_client client{other.port()};
    client.send_request("POST", running_host::invocations_of("f"), "{}", {});
    REQUIRE(other.comes_to("running", 1));
    auto const process = other.figures().at("workers").at(0).at("process").to_number<pid_t>();
    CHECK(::kill(process, SIGKILL) == 0);
    CHECK(error_in(client.receive()).message.ends_with("Runtime exited with error: signal: killed"));
    check_that_the_other_is_well(other);
}

TEST_CASE("faults: a worker that never answers is killed when its time is up, as on AWS") {
    faas_host::function_config slow = worker_that("hangs");
    slow.timeout = 150ms;
    running_host const host{beside_a_good_one(slow)};
    told_error const why = error_in(host.invoke("f"));
    CHECK(why.type == "Sandbox.Timedout");
    CHECK(why.message.ends_with(" Error: Task timed out after 0.15 seconds"));
    check_that_the_other_is_well(host);
    CHECK(host.figure("timed_out") == 1);
}

TEST_CASE("faults: a worker that floods its output is slowed down, and the client still gets the last 4 KiB of it") {
    faas_host::function_config loud = worker_that("floods");
    loud.timeout = 300ms;
    running_host const host{beside_a_good_one(loud)};
    http_client client{host.port()};
    client.send_request("POST", running_host::invocations_of("f"), "{}", with_log);
    for (int i = 0; i < 20; ++i) {
        check_that_the_other_is_well(host); // meanwhile
    }
    http_answer const got = client.receive();
    CHECK(error_in(got).type == "Sandbox.Timedout");
    CHECK(got.field("X-Amz-Log-Result").size() == 5464); // 4,096 bytes in base64
}

TEST_CASE("faults: a fork bomb reaches its limit of processes, and all of it ends with the worker") {
    faas_host::function_config bomb = worker_that("bombs");
    bomb.processes = 20;
    bomb.timeout = 10s;
    running_host host{beside_a_good_one(bomb)};
    std::string const limit{host.status().at("process_limit").as_string()};
    if (limit == "none") {
        HPCSCHED_SKIP("no control group of pids can be made here");
    }
    http_answer const got = host.invoke("f", "1", with_log);
    CHECK(got.body == "1");
    CHECK(got.field("X-Amz-Log-Result") == "MTkgcHJvY2Vzc2VzCg=="); // "19 processes"
    check_that_the_other_is_well(host);
    host.stop();
    CHECK(worker_count() == 0);
}

TEST_CASE("faults: a worker that wants more memory than it may have is killed, and the client is told why") {
    faas_host::function_config greedy = worker_that("uses memory");
    greedy.memory = std::uint64_t{32} << 20U;
    greedy.timeout = 20s;
    running_host const host{beside_a_good_one(greedy)};
    std::string const limit{host.status().at("memory_limit").as_string()};
    if (limit == "rlimit") {
        HPCSCHED_SKIP("no control group of memory can be made here");
    }
    told_error const why = error_in(host.invoke("f"));
    CHECK(why.type == "Runtime.OutOfMemory");
    CHECK(why.message.ends_with("Runtime exited with error: signal: killed, out of memory"));
    check_that_the_other_is_well(host);
}

TEST_CASE("faults: a client that goes while it waits gives up its place, and one that goes while served harms nobody") {
    faas_host::function_config narrow = worker_that("hangs");
    narrow.concurrency = 1;
    narrow.queue_capacity = 1;
    narrow.timeout = 1s;
    running_host const host{beside_a_good_one(narrow)};
    http_client served{host.port()};
    served.send_request("POST", running_host::invocations_of("f"), "{}", {});
    REQUIRE(host.comes_to("running", 1));
    http_client waits{host.port()};
    waits.send_request("POST", running_host::invocations_of("f"), "{}", {});
    REQUIRE(host.comes_to("waiting", 1));
    waits.close();
    CHECK(host.comes_to("waiting", 0));
    CHECK(host.figure("abandoned") == 1);
    served.close();
    check_that_the_other_is_well(host);
    CHECK(host.comes_to("running", 0)); // it ran on until its time was up
    check_that_the_other_is_well(host);
}

TEST_CASE("faults: a full disk costs lines of the log, and nothing else") {
    if (::access("/dev/full", W_OK) != 0) {
        HPCSCHED_SKIP("no /dev/full here");
    }
    faas_host::function_config loud = worker_that("prints");
    loud.log_file = "/dev/full";
    running_host const host{beside_a_good_one(loud)};
    http_answer const got = host.invoke("f", "12", with_log);
    CHECK(got.status == 200);
    CHECK(got.body == "12");
    CHECK(got.field("X-Amz-Log-Result") == "ZXZlbnQgMTIK"); // "event 12"
    CHECK(host.figure("lost_log_bytes") == 9);
}

TEST_CASE("faults: what workers print is appended to the log file") {
    temporary_folder const folder;
    faas_host::function_config loud = worker_that("prints");
    loud.log_file = folder / "log";
    {
        running_host const host{{loud}};
        (void)host.invoke("f", "1");
        (void)host.invoke("f", "2");
    }
    CHECK(read_text(folder / "log") == "event 1\nevent 2\n");
}

TEST_CASE("faults: a function that cannot start answers each invocation with the reason") {
    running_host const exits{beside_a_good_one(worker_that("exits at start"))};
    CHECK(error_in(exits.invoke("f")).message.ends_with("Runtime exited with error: exit status 3"));

    running_host const fails{beside_a_good_one(worker_that("fails at start"))};
    told_error const own = error_in(fails.invoke("f"));
    CHECK(own.type == "Own.Start");
    CHECK(own.message == "no model");

    faas_host::function_config silent = worker_that("never asks");
    silent.init_timeout = 100ms;
    running_host const never_asks{beside_a_good_one(silent)};
    CHECK(error_in(never_asks.invoke("f")).type == "Sandbox.InitTimedout");

    faas_host::function_config nothing = worker_that("echo");
    nothing.command = {"no-such-program"};
    running_host const is_not_there{beside_a_good_one(nothing)};
    told_error const why = error_in(is_not_there.invoke("f"));
    CHECK(why.type == "Runtime.InvalidEntrypoint");
    CHECK(why.message.ends_with("'no-such-program': No such file or directory"));
    check_that_the_other_is_well(is_not_there);
}

TEST_CASE("faults: a worker that answers more than it may is told so, and so is the client") {
    faas_host::server_config config;
    config.body_limit = 65536;
    running_host const host{beside_a_good_one(worker_that("answers too much")), config};
    told_error const why = error_in(host.invoke("f"));
    CHECK(why.type == "Function.ResponseSizeTooLarge");
    CHECK(why.message == "Response payload size exceeded maximum allowed payload size (65536 bytes).");
    check_that_the_other_is_well(host);
    running_host const with_command{{command("yes")}, config};
    CHECK(error_in(with_command.invoke("f")).type == "Function.ResponseSizeTooLarge");
}

TEST_CASE("faults: when the host ends, what runs is let end, what comes is refused, and no process is left") {
    running_host host{{worker_that("echo"), [] {
                           faas_host::function_config slow = command("sleep 0.3; cat");
                           slow.name = "slow";
                           return slow;
                       }()}};
    CHECK(host.invoke("f").status == 200);
    http_client client{host.port()};
    client.send_request("POST", running_host::invocations_of("slow"), "1", {});
    http_client keeps{host.port()};
    CHECK(keeps.ask("GET", "/status").status == 200);
    for (int i = 0; i < 5000 && host.status().at("functions").at(1).at("running").to_number<int>() == 0; ++i) {
        wait_a_moment();
    }
    host.begin_to_stop();
    CHECK(keeps.is_closed()); // it had nothing under way
    CHECK(client.receive().body == "1");
    host.stop();
    CHECK(worker_count() == 0);
}

TEST_CASE("faults: when the host is killed, its workers are killed with it, and so is all that they have started") {
    if (running_host{{worker_that("echo")}}.status().at("isolation").as_string() == "process group") {
        HPCSCHED_SKIP("no namespace of PIDs can be made here");
    }
    pid_t const host = ::fork();
    if (host == 0) {
        auto opened = faas_host::server::open({.listen = "127.0.0.1:0"}, {worker_that("bombs")});
        std::thread client{[&] {
            std::string const address = opened->address();
            http_client{static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)))}.ask(
                "POST", running_host::invocations_of("f"), "{}");
            ::kill(::getpid(), SIGKILL);
        }};
        opened->run();
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(host, &status, 0);
    CHECK(WIFSIGNALED(status));
    for (int i = 0; i < 5000 && worker_count() != 0; ++i) {
        wait_a_moment(); // the kernel takes its time
    }
    CHECK(worker_count() == 0);
}
