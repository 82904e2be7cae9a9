// SPDX-License-Identifier: Apache-2.0
#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include "program.hpp"

#include <string>

namespace hpcsched::test {

TEST_CASE("raft: torture runs seeds, finds nothing, and says what happened in them") {
    program hpcsched;
    finished_program const ended = hpcsched.hpcsched({"raft", "torture", "--seeds", "40", "--quiet"});
    CHECK(ended.status == 0);
    CHECK(ended.err == "");
    CHECK(ended.out.find("40 seeds from 1: ") == 0);
    CHECK(ended.out.find("\n0 violations\n") != std::string::npos);
}

TEST_CASE("raft: torture prints the same as JSON, and the same for the same seeds") {
    program hpcsched;
    auto const run = [&] {
        return hpcsched.hpcsched({"raft", "torture", "--seeds", "20", "--from", "100", "--json", "-q"});
    };
    finished_program const first = run();
    CHECK(first.status == 0);
    auto const document = boost::json::parse(first.out).as_object();
    CHECK(document.at("first_seed").as_int64() == 100);
    CHECK(document.at("seeds").as_int64() == 20);
    CHECK(document.at("events").as_int64() > 10'000);
    CHECK(document.at("failures").as_array().empty());
    CHECK(run().out == first.out);
}

} // namespace hpcsched::test
