// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/faas_host/server.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include "running_host.hpp"

#include <string>
#include <vector>

namespace {

using namespace hpcsched;
using namespace hpcsched::test;
using namespace std::chrono_literals;
namespace json = boost::json;

TEST_CASE("server: a worker asks for an invocation, answers it, and the client has the answer") {
    running_host const host{{worker_that("echo")}};
    http_answer const got = host.invoke("f", R"({"x":1})");
    CHECK(got.status == 200);
    CHECK(got.body == R"({"x":1})");
    CHECK(got.field("X-Amz-Executed-Version") == "$latest");
    CHECK(got.field("X-Amz-Function-Error").empty());
    CHECK(got.field("x-amzn-RequestId").size() == 36);
    CHECK(host.figure("answered") == 1);
    CHECK(host.figure("cold_starts") == 1);
}

} // namespace
