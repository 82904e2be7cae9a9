// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook_host/kernel_proxy.hpp>

#include <doctest/doctest.h>

#include "run_conformance.hpp"
#include "temporary_folder.hpp"

#include <string>

namespace hpcsched::notebook_host {
namespace {

using test::conforms;

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
TEST_CASE("kernel proxy: both end with the server that started it, however that ends") {
    conforms("server_dies");
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
