// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/faas_host/server.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include "running_host.hpp"

#include <csignal>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace hpcsched;
using namespace hpcsched::test;
using namespace std::chrono_literals;
using namespace std::string_literals;
namespace json = boost::json;

/// What a client is told where its function was not run.
void check_refused(http_answer const& got, int status, std::string const& type, std::string const& says) {
    CHECK(got.status == status);
    CHECK(got.field("x-amzn-ErrorType") == type);
    CHECK(got.field("Content-Type") == "application/json");
    CHECK(got.field("x-amzn-RequestId").size() == 36);
    CHECK_MESSAGE(got.body.find(says) != std::string::npos, got.body);
    json::error_code failed;
    CHECK(json::parse(got.body, failed).is_object());
}

} // namespace

TEST_CASE("server: a worker asks for an invocation, answers it, and the client has the answer") {
    running_host const host{{worker_that("echo")}};
    http_answer const got = host.invoke("f", R"({"x":1})");
    CHECK(got.status == 200);
    CHECK(got.body == R"({"x":1})");
    CHECK(got.field("X-Amz-Executed-Version") == "$LATEST");
    CHECK(got.field("X-Amz-Function-Error").empty());
    CHECK(got.field("x-amzn-RequestId").size() == 36);
    CHECK(host.figure("answered") == 1);
    CHECK(host.figure("cold_starts") == 1);
}

TEST_CASE("server: a connection serves one request after the other, and a warm worker too") {
    faas_host::function_config alone = worker_that("echo");
    alone.concurrency = 1; // a machine that is busy may take longer to ask again than the pool is patient
    alone.queue_capacity = 0;
    running_host const host{{alone}};
    http_client client{host.port()};
    for (int i = 0; i < 100; ++i) {
        std::string const event = std::to_string(i);
        CHECK(client.ask("POST", running_host::invocations_of("f"), event).body == event);
    }
    CHECK(host.figure("cold_starts") == 1);
    CHECK(host.figure("answered") == 100);
}

TEST_CASE("server: an event of megabytes goes there and back, also with Expect: 100-continue") {
    running_host const host{{worker_that("echo")}};
    std::string const event = '"' + std::string(std::size_t{5} << 20U, 'a') + '"';
    CHECK(host.invoke("f", event).body == event);
    CHECK(host.invoke("f", event, {{"Expect", "100-continue"}}).body == event);
}

TEST_CASE("server: no event is an empty object, as on AWS") {
    running_host const host{{worker_that("echo")}};
    CHECK(host.invoke("f").body == "{}");
}

TEST_CASE("server: an invocation of type Event is taken with 202, and a dry run with 204 runs nothing") {
    running_host const host{{worker_that("echo")}};
    http_answer const taken = host.invoke("f", "1", {{"X-Amz-Invocation-Type", "Event"}});
    CHECK(taken.status == 202);
    CHECK(taken.body.empty());
    CHECK(host.comes_to("answered", 1));
    http_answer const dry = host.invoke("f", "1", {{"X-Amz-Invocation-Type", "DryRun"}});
    CHECK(dry.status == 204);
    CHECK(host.figure("invocations") == 1);
}

TEST_CASE("server: the end of what the worker printed comes with the answer where it is asked for") {
    running_host const host{{worker_that("prints")}};
    CHECK(host.invoke("f", "1", {{"X-Amz-Log-Type", "Tail"}}).field("X-Amz-Log-Result") == "ZXZlbnQgMQo=");
    CHECK(host.invoke("f", "2", {{"X-Amz-Log-Type", "Tail"}}).field("X-Amz-Log-Result") == "ZXZlbnQgMgo=");
    CHECK(host.invoke("f", "3", {{"X-Amz-Log-Type", "None"}}).field("X-Amz-Log-Result").empty());
}

TEST_CASE("server: an error that the function reports is the answer, marked as one") {
    running_host const host{{worker_that("fails")}};
    http_answer const got = host.invoke("f");
    CHECK(got.status == 200);
    CHECK(got.field("X-Amz-Function-Error") == "Unhandled");
    CHECK(got.body == R"({"errorType":"Own.Error","errorMessage":"no luck"})");
    CHECK(host.figure("failed") == 1);
}

TEST_CASE("server: a worker finds in its environment what Lambda promises, and what the function sets") {
    faas_host::function_config function = worker_that("tells its environment");
    function.environment = {{"STAGE", "test"}, {"AWS_REGION", "nowhere"}};
    function.memory = std::uint64_t{256} << 20U;
    running_host const host{{function}};
    std::string const all =
        host.invoke("f", "1", {{"X-Amzn-Trace-Id", "Root=1-2-3"}, {"X-Amz-Client-Context", "e30="}}).body;
    for (std::string const expected :
         {"AWS_LAMBDA_FUNCTION_NAME=f\n", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256\n",
          "AWS_LAMBDA_RUNTIME_API=127.0.0.1:", "_HANDLER=tells its environment\n", "STAGE=test\n",
          "AWS_REGION=nowhere\n", "PATH=", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST\n", "Lambda-Runtime-Deadline-Ms: ",
          "Lambda-Runtime-Trace-Id: Root=1-2-3\r\n", "Lambda-Runtime-Client-Context: {}\r\n",
          "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:f\r\n"}) {
        CHECK_MESSAGE(all.find(expected) != std::string::npos, expected);
    }
}

TEST_CASE("server: a runtime that does not keep to the Runtime API is told so, and nothing is lost") {
    running_host const host{{worker_that("asks wrongly")}};
    CHECK(host.invoke("f").body == "HTTP/1.1 403HTTP/1.1 400HTTP/1.1 404");
}

TEST_CASE("server: a command gets the event on its standard input, and its standard output is the answer") {
    faas_host::function_config upper = command("tr a-z A-Z");
    upper.takes_json_only = false;
    running_host const host{{upper}};
    CHECK(host.invoke("f", "hello").body == "HELLO");
    std::string const large(std::size_t{1} << 20U, 'x');
    CHECK(host.invoke("f", large).body == std::string(large.size(), 'X'));
    CHECK(host.figure("cold_starts") == 2);
}

TEST_CASE("server: a command that fails is a function error, and what it said on standard error is its log") {
    running_host const host{{command("echo oh no >&2; exit 4")}};
    http_answer const got = host.invoke("f", "{}", {{"X-Amz-Log-Type", "Tail"}});
    CHECK(got.field("X-Amz-Function-Error") == "Unhandled");
    CHECK(got.body.find("exit status 4") != std::string::npos);
    CHECK(got.field("X-Amz-Log-Result") == "b2ggbm8K");
}

TEST_CASE("server: a shared object is called in a worker, and its errors and its death are the function's") {
    running_host const host{
        {{.name = "f", .speaks = faas_host::protocol::shared_object, .command = {HPCSCHED_TEST_OBJECT}}}};
    CHECK(host.invoke("f", "[1,2]").body == "[1,2]");
    CHECK(
        host.invoke("f", "[3]", {{"X-Amz-Log-Type", "Tail"}}).field("X-Amz-Log-Result").starts_with("Y2FsbGVkIGZvci"));
    CHECK(host.invoke("f", "\"fail\"").body == R"({"errorType":"Function.Error","errorMessage":"as asked"})");
    CHECK(host.figure("cold_starts") == 1);
    CHECK(host.invoke("f", "\"trap\"").body.find("Runtime exited with error: signal: ill") != std::string::npos);
    CHECK(host.invoke("f", "4").body == "4");
    CHECK(host.figure("cold_starts") == 2);
    running_host const none{{{.name = "f", .speaks = faas_host::protocol::shared_object, .command = {"/no/such.so"}}}};
    CHECK(none.invoke("f").body.find("/no/such.so: cannot open shared object file") != std::string::npos);
}

TEST_CASE("server: workers run beside each other up to the limit, and one more waits") {
    faas_host::function_config slow = command("sleep 0.2; cat");
    slow.concurrency = 2;
    running_host const host{{slow}};
    std::vector<std::thread> clients;
    for (int i = 0; i < 3; ++i) {
        clients.emplace_back([&host] { CHECK(host.invoke("f", "1").body == "1"); });
    }
    CHECK(host.comes_to("waiting", 1));
    CHECK(host.figure("running") == 2);
    for (std::thread& each : clients) {
        each.join();
    }
}

TEST_CASE("server: a signal that is sent twice at once, as timeout does, lets what runs end") {
    running_host const host{{command("sleep 0.3; cat")}};
    http_client client{host.port()};
    client.send_request("POST", running_host::invocations_of("f"), "1", {});
    REQUIRE(host.comes_to("running", 1));
    ::kill(::getpid(), SIGTERM);
    ::kill(::getpid(), SIGTERM);
    CHECK(client.receive().body == "1");
}

TEST_CASE("server: a signal that comes later kills what runs") {
    running_host const host{{worker_that("hangs")}};
    http_client client{host.port()};
    client.send_request("POST", running_host::invocations_of("f"), "1", {});
    REQUIRE(host.comes_to("running", 1));
    ::kill(::getpid(), SIGTERM);
    for (int i = 0; i < 600; ++i) {
        wait_a_moment();
    }
    ::kill(::getpid(), SIGTERM);
    CHECK(client.receive().body.find("Runtime exited with error: signal: killed") != std::string::npos);
}

TEST_CASE("server: a full queue is 429 with the time to come again, for events too") {
    faas_host::function_config narrow = worker_that("hangs");
    narrow.concurrency = 1;
    narrow.queue_capacity = 0;
    narrow.timeout = 2s;
    running_host const host{{narrow}};
    http_client client{host.port()};
    client.send_request("POST", running_host::invocations_of("f"), "{}", {});
    REQUIRE(host.comes_to("running", 1));
    for (std::string const type : {"RequestResponse", "Event"}) {
        http_answer const refused = host.invoke("f", "{}", {{"X-Amz-Invocation-Type", type}});
        check_refused(refused, 429, "TooManyRequestsException", "Rate Exceeded.");
        CHECK(refused.field("Retry-After") == "1");
    }
    CHECK(host.figure("refused") == 2);
}

TEST_CASE("server: an idle worker ends when its time is up, and the next invocation starts another") {
    faas_host::function_config brief = worker_that("echo");
    brief.keep_alive = faas_host::fixed_keep_alive{50ms};
    running_host const host{{brief}};
    CHECK(host.invoke("f", "1").body == "1");
    for (int i = 0; i < 5000 && !host.figures().at("workers").as_array().empty(); ++i) {
        wait_a_moment();
    }
    CHECK(host.figures().at("workers").as_array().empty());
    CHECK(host.invoke("f", "2").body == "2");
    CHECK(host.figure("cold_starts") == 2);
}

// --- bad input ---------------------------------------------------------------------------------------------------

TEST_CASE("server: names that are none, or of nothing, are told apart") {
    running_host const host{{worker_that("echo")}};
    check_refused(host.invoke("g"), 404, "ResourceNotFoundException",
                  "Function not found: arn:aws:lambda:us-east-1:000000000000:function:g");
    check_refused(host.invoke("f%20x"), 400, "InvalidParameterValueException", "'f x' is not the name of a function");
    check_refused(host.invoke(std::string(65, 'a')), 400, "InvalidParameterValueException", "1 to 64 letters");
    check_refused(host.ask("POST", "/2015-03-31/functions/f/invocations?Qualifier=7"), 404, "ResourceNotFoundException",
                  "function:f:7");
    CHECK(host.ask("POST", "/2015-03-31/functions/f/invocations?Qualifier=%24LATEST", "5").body == "5");
    CHECK(host.invoke("000000000000%3Afunction%3Af", "6").body == "6");
    CHECK(host.invoke("arn:aws:lambda:us-east-1:000000000000:function:f", "7").body == "7");
}

TEST_CASE("server: a body over the limit is 413, told before it is read") {
    faas_host::server_config config;
    config.body_limit = 1000;
    running_host const host{{worker_that("echo")}, config};
    check_refused(host.invoke("f", std::string(1001, ' ')), 413, "RequestTooLargeException",
                  "Request of 1001 bytes must be smaller than 1000 bytes");
    http_client client{host.port()};
    client.send("POST " + running_host::invocations_of("f") +
                " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n" + std::string(0x800, ' ') + "\r\n");
    check_refused(client.receive(), 413, "RequestTooLargeException", "smaller than 1000 bytes");
    CHECK(client.is_closed());
    CHECK(host.invoke("f", "1").body == "1");
}

TEST_CASE("server: events that are no JSON are 400, unless the function takes any bytes") {
    running_host const host{{worker_that("echo")}};
    for (std::string const bad : {"{", "{}x", "nil", "\"\xff\"", "[1,]", "'a'", "{\"a\":1,}"}) {
        CAPTURE(bad);
        check_refused(host.invoke("f", bad), 400, "InvalidRequestContentException",
                      "Could not parse request body into json: ");
    }
    std::string const deep(100'000, '[');
    check_refused(host.invoke("f", deep), 400, "InvalidRequestContentException", "too deep");
    faas_host::function_config any = worker_that("echo");
    any.takes_json_only = false;
    CHECK(running_host{{any}}.invoke("f", "\xff{").body == "\xff{");
}

TEST_CASE("server: types of invocations and logs that there are not are 400") {
    running_host const host{{worker_that("echo")}};
    check_refused(host.invoke("f", "{}", {{"X-Amz-Invocation-Type", "Later"}}), 400, "InvalidParameterValueException",
                  "InvocationType: 'Later' is not one of RequestResponse, Event, DryRun");
    check_refused(host.invoke("f", "{}", {{"X-Amz-Log-Type", "All"}}), 400, "InvalidParameterValueException",
                  "LogType: 'All' is not one of None, Tail");
    for (std::string const context : {"e30", "{}", "Ynll", "===="}) {
        check_refused(host.invoke("f", "{}", {{"X-Amz-Client-Context", context}}), 400,
                      "InvalidRequestContentException", "Client context must be a valid Base64-encoded JSON object.");
    }
}

TEST_CASE("server: other paths and methods are 404, and say what there is") {
    running_host const host{{worker_that("echo")}};
    for (auto const& [method, path] : std::vector<http_field>{{"GET", "/2015-03-31/functions/f/invocations"},
                                                              {"DELETE", "/2015-03-31/functions/f"},
                                                              {"POST", "/"},
                                                              {"GET", "/2015-03-31/layers"},
                                                              {"GET", "/favicon.ico"},
                                                              {"GET", "*"}}) {
        CAPTURE(path);
        check_refused(host.ask(method, path), 404, "UnknownOperationException", "invokes a function");
    }
}

TEST_CASE("server: what is no HTTP is 400 or silence, and the connection is closed") {
    running_host const host{{worker_that("echo")}};
    for (std::string const& garbage :
         {"\x16\x03\x01\x02\x00 hello\r\n\r\n"s, std::string{"GET\r\n\r\n"}, std::string(20'000, 'A'),
          std::string{"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"},
          std::string{"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"},
          "GET / HTTP/1.1\r\nX: " + std::string(20'000, 'B') + "\r\n\r\n"}) {
        http_client client{host.port()};
        client.send(garbage);
        http_answer const got = client.receive();
        CAPTURE(garbage.substr(0, 60));
        CHECK(got.status == 400);
        CHECK(client.is_closed());
    }
    http_client bad_chunk{host.port()};
    bad_chunk.send("POST " + running_host::invocations_of("f") +
                   " HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n");
    CHECK(bad_chunk.receive().status == 400);
    CHECK(bad_chunk.is_closed());
    CHECK(host.invoke("f", "1").body == "1");
}

TEST_CASE("server: who asks nothing, or half of it, is sent away when the time for that is up") {
    faas_host::server_config config;
    config.idle_limit = 100ms;
    running_host const host{{worker_that("echo")}, config};
    http_client silent{host.port()};
    CHECK(silent.is_closed());
    http_client slow{host.port()};
    slow.send("POST /2015-03-31/functions/f/invocations HTTP/1.1\r\nContent-Length: 5\r\n\r\n12");
    CHECK(slow.is_closed());
}

TEST_CASE("server: where a token is asked for, nothing but the empty page is told without it") {
    faas_host::server_config config;
    config.token = "secret";
    running_host const host{{worker_that("echo")}, config};
    check_refused(host.invoke("f"), 401, "MissingAuthenticationTokenException", "Authorization: Bearer TOKEN");
    check_refused(host.invoke("f", "1", {{"Authorization", "Bearer secres"}}), 403, "UnrecognizedClientException",
                  "not the one of this host");
    check_refused(host.ask("GET", "/status"), 401, "MissingAuthenticationTokenException", "Bearer");
    CHECK(host.ask("GET", "/").status == 200);
    CHECK(host.invoke("f", "1", {{"Authorization", "Bearer secret"}}).body == "1");
}

TEST_CASE("server: more clients than it takes wait until others go") {
    faas_host::server_config config;
    config.connection_limit = 1;
    running_host const host{{worker_that("echo")}, config};
    http_client first{host.port()};
    CHECK(first.ask("GET", "/status").status == 200);
    http_client second{host.port()};
    second.send_request("GET", "/status", "", {});
    first.close();
    CHECK(second.receive().status == 200);
}

TEST_CASE("server: it tells which functions there are") {
    running_host const host{{worker_that("echo")}};
    json::value const all = json::parse(host.ask("GET", "/2015-03-31/functions/").body);
    CHECK(all.at("Functions").at(0).at("FunctionName").as_string() == "f");
    json::value const one = json::parse(host.ask("GET", "/2015-03-31/functions/f").body);
    CHECK(one.at("Configuration").at("Timeout").to_number<int>() == 3);
    check_refused(host.ask("GET", "/2015-03-31/functions/g"), 404, "ResourceNotFoundException", "function:g");
}

TEST_CASE("server: what is misconfigured is told before anything starts") {
    auto const why = [](faas_host::server_config config, std::vector<faas_host::function_config> functions) {
        auto opened = faas_host::server::open(std::move(config), std::move(functions));
        return opened.has_error() ? opened.error().message : std::string{};
    };
    CHECK(why({.listen = "here"}, {}) == "'here' is not ADDRESS:PORT: give one such as 127.0.0.1:9000 or [::1]:9000");
    CHECK(why({.listen = "127.0.0.1:99999"}, {}).starts_with("'127.0.0.1:99999' is not ADDRESS:PORT"));
    CHECK(why({.listen = "192.0.2.1:1"}, {}) ==
          "cannot listen on 192.0.2.1:1: Cannot assign requested address: give an address of this machine, and a port "
          "that is free");
    faas_host::server_config const any{.listen = "127.0.0.1:0"};
    CHECK(why(any, {worker_that("x"), worker_that("y")}) == "function 'f' is given twice: names differ");
    CHECK(why(any, {{.name = "a b"}}) == "function 'a b': a name is 1 to 64 letters, digits, '-' and '_'");
    CHECK(why(any, {{.name = "f"}}) == "function 'f': it has no command");
    faas_host::function_config logs = worker_that("x");
    logs.log_file = "/no/such/folder/log";
    CHECK(why(any, {logs}) == "function 'f': cannot write to /no/such/folder/log: name a file that can be written to");
}
