// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook_host/connection_file.hpp>

#include <doctest/doctest.h>

#include <string>

namespace hpcsched::notebook_host {
namespace {

TEST_CASE("connection file: what is written is read alike") {
    connection_info const info{.transport = "ipc",
                               .ip = "/tmp/x/k",
                               .shell_port = 1,
                               .iopub_port = 2,
                               .stdin_port = 3,
                               .control_port = 4,
                               .hb_port = 65'535,
                               .key = "a \"key\"",
                               .kernel_name = "hpcsched"};
    auto const again = parse_connection(connection_json(info));
    REQUIRE(again.has_value());
    CHECK(*again == info);
    CHECK(info.address(4) == "ipc:///tmp/x/k-4");
    CHECK(connection_info{}.address(4) == "tcp://127.0.0.1:4");
}

TEST_CASE("connection file: what is wrong is said") {
    auto const why = [](std::string const& text) {
        auto const parsed = parse_connection(text);
        return parsed ? std::string{} : parsed.error().message.substr(0, parsed.error().message.find(';'));
    };
    std::string const ports = R"("shell_port":1,"iopub_port":2,"stdin_port":3,"control_port":4,"hb_port":5)";
    CHECK(why("{" + ports + "}").empty());
    CHECK(why("") == "the connection file is no JSON object");
    CHECK(why("[1]") == "the connection file is no JSON object");
    CHECK(why("{}") == "the connection file has no port as shell_port");
    CHECK(why(R"({"shell_port":65536})") == "the connection file has no port as shell_port");
    CHECK(why(R"({"shell_port":"1"})") == "the connection file has no port as shell_port");
    CHECK(why("{" + ports + R"(,"key":7})") == "the connection file has no text as key");
    CHECK(why("{" + ports + R"(,"transport":"udp"})") ==
          "the connection file has transport 'udp', which is neither tcp nor ipc");
}

} // namespace
} // namespace hpcsched::notebook_host
