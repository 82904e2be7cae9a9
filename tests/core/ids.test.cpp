// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/ids.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <type_traits>

namespace hpcsched {

TEST_CASE("ids: two kinds of id do not mix, and a number is neither") {
    static_assert(!std::is_convertible_v<cpu_id, function_id>);
    static_assert(!std::is_constructible_v<cpu_id, function_id>);
    static_assert(!std::is_convertible_v<std::uint32_t, cpu_id>);
    static_assert(!std::is_convertible_v<cpu_id, std::uint32_t>);
    CHECK(cpu_id{3}.value == 3);
}

TEST_CASE("ids: an id orders by its value, a task by index and then by generation") {
    CHECK(cpu_id{1} < cpu_id{2});
    CHECK(task_id{1, 9} < task_id{2, 0});
    CHECK(task_id{1, 1} < task_id{1, 2});
    CHECK(task_id{1, 1} == task_id{1, 1});
}

TEST_CASE("ids: tasks that had the same index hash apart") {
    std::hash<task_id> const hash;
    CHECK(hash(task_id{7, 0}) != hash(task_id{7, 1}));
    CHECK(hash(task_id{7, 0}) != hash(task_id{0, 7}));
    CHECK(std::hash<function_id>{}(function_id{5}) == std::hash<function_id>{}(function_id{5}));
}

} // namespace hpcsched
