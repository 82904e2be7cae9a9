// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook_host/kernel_proxy.hpp>

#include <doctest/doctest.h>

#include "skip.hpp"
#include "temporary_folder.hpp"
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace hpcsched::notebook_host {
namespace {

/// Runs a case of conformance.py, with the Python that has Debian's packages.
void conforms(std::string const& name) {
    std::string const program = HPCSCHED_PROGRAM;
    if (program.empty()) {
        HPCSCHED_SKIP("the program hpcsched is not built");
    }
    test::temporary_folder const folder;
    std::string const says = folder / "says";
    std::string const command =
        "/usr/bin/python3 " HPCSCHED_JUPYTER_TESTS "/conformance.py " + name + " " + program + " >" + says + " 2>&1";
    int const status = std::system(command.c_str()); // NOLINT(cert-env33-c, concurrency-mt-unsafe): a test's own words
    if (WIFEXITED(status) && (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 127)) {
        HPCSCHED_SKIP(
            "Debian's Jupyter is not installed (python3-jupyter-client, python3-ipykernel, python3-nbclient)");
    }
    std::ifstream stream{says};
    std::string const said{std::istreambuf_iterator<char>{stream}, {}};
    CAPTURE(said);
    CHECK(status == 0);
}

TEST_CASE("kernel proxy: cells run, are counted, print and fail as without it, between one busy and one idle") {
    conforms("execute");
}
TEST_CASE("kernel proxy: every request that a client has is answered") {
    conforms("every_request");
}
TEST_CASE("kernel proxy: comms go both ways, with their buffers") {
    conforms("comm");
}
TEST_CASE("kernel proxy: the kernel asks for input, and gets it") {
    conforms("stdin");
}
TEST_CASE("kernel proxy: rich output and five megabytes of it arrive whole") {
    conforms("rich_output");
}
TEST_CASE("kernel proxy: a cell is interrupted by a message") {
    conforms("interrupt");
}
TEST_CASE("kernel proxy: a cell is interrupted by a signal") {
    conforms("signal");
}
TEST_CASE("kernel proxy: a restarted kernel knows nothing, and the first one is gone") {
    conforms("restart");
}
TEST_CASE("kernel proxy: after a shutdown nobody is left") {
    conforms("shutdown");
}
TEST_CASE("kernel proxy: it ends when its kernel is killed") {
    conforms("kernel_dies");
}
TEST_CASE("kernel proxy: its kernel ends when it is killed") {
    conforms("proxy_dies");
}
TEST_CASE("kernel proxy: heartbeats are answered while a cell runs") {
    conforms("heartbeat");
}
TEST_CASE("kernel proxy: strangers, replays and rubbish are turned away, and nobody else is harmed") {
    conforms("strangers");
}
TEST_CASE("kernel proxy: two clients share a kernel") {
    conforms("two_clients");
}
TEST_CASE("kernel proxy: nbclient executes a notebook with the outputs that a plain kernel gives") {
    conforms("nbclient");
}

TEST_CASE("kernel proxy: what it cannot do is said") {
    kernel_proxy_config config;
    config.front = {.shell_port = 1, .iopub_port = 2, .stdin_port = 3, .control_port = 4, .hb_port = 5, .key = "k"};
    config.front.signature_scheme = "hmac-md5";
    CHECK(run_kernel_proxy(config).error().message ==
          "signature scheme 'hmac-md5' is not known; set it to hmac-sha256");
    config.front.signature_scheme = "hmac-sha256";
    config.kernel.clear();
    CHECK(run_kernel_proxy(config).error().message ==
          "no kernel is named: give its program and arguments, with {connection_file}");
    config.kernel = {"sleep", "60"};
    config.front.ip = "203.0.113.1"; // TEST-NET-3: nobody's
    CHECK(run_kernel_proxy(config).error().message.starts_with("a socket of the connection file: "));
}

TEST_CASE("kernel proxy: a kernel that cannot be started ends it with the status that a shell would give") {
    test::temporary_folder const folder;
    kernel_proxy_config config;
    config.front = {.transport = "ipc",
                    .ip = folder / "k",
                    .shell_port = 1,
                    .iopub_port = 2,
                    .stdin_port = 3,
                    .control_port = 4,
                    .hb_port = 5,
                    .key = "k"};
    config.kernel = {"/no/such/program"};
    auto const ended = run_kernel_proxy(config);
    REQUIRE(ended.has_value());
    CHECK(ended->kernel_status == 127);
}

} // namespace
} // namespace hpcsched::notebook_host
