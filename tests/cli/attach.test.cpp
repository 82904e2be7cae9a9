// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>
#include <doctest/doctest.h>

#include "attached_program.hpp"
#include "program.hpp"
#include "skip.hpp"
#include <netinet/in.h>
#include <sys/stat.h>

#include <string>
#include <utility>
#include <vector>

namespace hpcsched::test {

namespace {

namespace json = boost::json;

constexpr char const* not_built = "steering real processes was not built (libbpf-dev and clang-19 are needed)";

} // namespace

TEST_CASE("attach: processes are found by their command line, shown by top, and the table tells of them at the end") {
    if (!HPCSCHED_HAS_LIVE) {
        HPCSCHED_SKIP(not_built);
    }
    attached_program attach{{"--match", "attach-test-([a-z]+)", "--policy", "serpt"}};
    program worker;
    for (int i = 0; i < 3; ++i) {
        (void)worker.run({"sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done", "attach-test-resize"});
    }
    json::value const status =
        attach.status_when([](json::value const& now) { return finished_of(now, "resize") == 3; });
    json::value const* const resize = function_named(status, "resize");
    REQUIRE(resize != nullptr);
    CHECK(resize->at("finished").as_int64() == 3);
    CHECK(resize->at("cpu_seconds").as_double() > 0);
    CHECK(resize->at("expected_seconds").as_double() > 0); // serpt has learned
    CHECK(status.at("policy").as_string() == "serpt");
    CHECK(status.at("invocations").as_array().empty());
    finished_program const ended = attach.end();
    CHECK(ended.status == 0);
    CHECK(ended.err.starts_with("hpcsched attach: serpt by "));
    CHECK(ended.out.find("\nresize ") != std::string::npos);
    struct stat found{};
    CHECK(::stat(attach.socket().c_str(), &found) != 0); // nothing is left behind
}

TEST_CASE("attach: a platform reports on the socket, line by line, and each line is answered") {
    if (!HPCSCHED_HAS_LIVE) {
        HPCSCHED_SKIP(not_built);
    }
    attached_program attach{{"--policy", "eevdf", "--backend", "nice_and_slice", "-q"}};
    program worker;
    worker.start({"sleep", "1000"});
    std::string const process = std::to_string(worker.process());
    CHECK(attach.answer(process + " thumb nail") == "ok\n");
    CHECK(function_named(attach.status(), "thumb nail")->at("running").as_int64() == 1);
    CHECK(attach.answer(process) == "ok\n");
    CHECK(attach.answer(process) == "error: process " + process + " is not steered\n");
    CHECK(function_named(attach.status(), "thumb nail")->at("finished").as_int64() == 1);
    for (std::string const nonsense : {"", "x", "-3 f", "12x f", "99999999999999 f"}) {
        CHECK(attach.answer(nonsense) == "error: expected 'PID FUNCTION', 'PID' or 'status'\n");
    }
    CHECK(attach.answer("2147483647 f").starts_with("error: process 2147483647 has exited"));
    CHECK(attach.answer(std::string(5000, 'x')) == ""); // too long: the connection ends
    worker.send(SIGKILL);
    (void)worker.wait();
    finished_program const ended = attach.end();
    CHECK(ended.status == 0);
    CHECK(ended.out == "");
    CHECK(ended.err == "");
}

TEST_CASE("attach: Prometheus reads its metrics over HTTP") {
    if (!HPCSCHED_HAS_LIVE) {
        HPCSCHED_SKIP(not_built);
    }
    attached_program attach{{"--match", "attach-test-([a-z]+)", "--metrics", "127.0.0.1:19477"}};
    sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(19477), .sin_addr = {}, .sin_zero = {}};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    std::string body;
    for (int i = 0; i < 3'000 && body.find("hpcsched_own_cpu_seconds_total") == std::string::npos; ++i) {
        wait_for_the_program(1);
        body = said_by(AF_INET, address, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                       std::string(1, '\0'));
    }
    CHECK(body.find("# TYPE hpcsched_invocations_total counter\n") != std::string::npos);
    CHECK(body.find("\nhpcsched_lost_events_total 0\n") != std::string::npos);
    CHECK(attach.end().status == 0);
}

TEST_CASE("attach: mistakes are told with what would do") {
    if (!HPCSCHED_HAS_LIVE) {
        HPCSCHED_SKIP(not_built);
    }
    program hpcsched;
    auto const told = [&](std::vector<std::string> words, int status) {
        words.insert(words.begin(), {"attach", "--socket", hpcsched / "socket"});
        finished_program const ended = hpcsched.hpcsched(words);
        CHECK(ended.status == status);
        return ended.err;
    };
    CHECK(told({"--match", "("}, 2).starts_with("hpcsched attach: --match: (: "));
    CHECK(told({"--match", "x", "--function", "name"}, 2) ==
          "hpcsched attach: --function: 'name' is no source of a name: cgroup, command or env:NAME\n");
    CHECK(told({"--function", "command"}, 2) ==
          "hpcsched attach: --function names what --cgroup or --match finds: give one of them\n");
    CHECK(told({"--cgroup", "/sys/fs/cgroup/no/such"}, 2).find("No such file") != std::string::npos);
    CHECK(told({"--policy", "srpt"}, 2).starts_with("hpcsched attach: policy 'srpt' is not known; "));
    CHECK(told({"--backend", "nice"}, 2).starts_with("hpcsched attach: backend 'nice' is not known; "));
    CHECK(told({"--metrics", "nowhere"}, 1).find("give ADDRESS:PORT") != std::string::npos);
    finished_program const alone = hpcsched.hpcsched({"top", "--socket", hpcsched / "nobody"});
    CHECK(alone.status == 1);
    CHECK(alone.err.find("nobody answers") != std::string::npos);
    CHECK(alone.err.find("start hpcsched attach") != std::string::npos);
}

TEST_CASE("attach: a second one at the same socket is refused, and one that died leaves no obstacle") {
    if (!HPCSCHED_HAS_LIVE) {
        HPCSCHED_SKIP(not_built);
    }
    program first;
    std::string const socket = first / "socket";
    std::vector<std::string> const words{"attach", "--socket", socket, "--policy", "eevdf", "-q"};
    first.start(program::hpcsched_words(words));
    struct stat found{};
    for (int i = 0; i < 20'000 && ::stat(socket.c_str(), &found) != 0; ++i) {
        wait_for_the_program(1);
    }
    program second;
    CHECK(second.hpcsched(words).err.find("somebody listens there already") != std::string::npos);
    first.send(SIGKILL);
    (void)first.wait();
    auto brief = words;
    brief.insert(brief.end(), {"--for", "100ms"});
    CHECK(second.hpcsched(brief).status == 0);
}

} // namespace hpcsched::test
