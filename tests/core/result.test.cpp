// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/result.hpp>

#include <doctest/doctest.h>

#include "death.hpp"

#include <type_traits>

namespace hpcsched {
namespace {

result<int> half(int number) {
    if (number % 2 != 0) {
        return error{"give an even number, not " + std::to_string(number)};
    }
    return number / 2;
}

} // namespace

TEST_CASE("result: holds a value, or what is wrong") {
    CHECK(half(8).has_value());
    CHECK(*half(8) == 4);
    CHECK(half(7).has_error());
    CHECK(half(7).error().message == "give an even number, not 7");
}

TEST_CASE("result: an operation without a value succeeds by default") {
    result<void> const done;
    CHECK(done.has_value());
    result<void> const failed = error{"no"};
    CHECK(failed.has_error());
}

TEST_CASE("result: a plain text is not taken for an error") {
    static_assert(!std::is_convertible_v<char const*, error>);
    CHECK(error{"a"} == error{"a"});
    CHECK(error{"a"} != error{"b"});
}

TEST_CASE("result: asking a failed result for its value breaks a contract, with the message") {
    test::death const seen = test::run_apart([] { (void)half(7).value(); });
    CHECK(seen.aborted);
    CHECK(seen.said.find("give an even number, not 7") != std::string::npos);
}

} // namespace hpcsched
