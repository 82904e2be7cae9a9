// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/random.hpp>
#include <hpcsched/core/task_map.hpp>

#include <boost/random/uniform_int_distribution.hpp>
#include <doctest/doctest.h>

#include "death.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace hpcsched {
namespace {

using entry = std::pair<task_id, int>;

std::vector<entry> entries_of(task_map<int>& map) {
    std::vector<entry> all;
    map.for_each([&](task_id id, int& value) { all.emplace_back(id, value); });
    return all;
}

} // namespace

TEST_CASE("task_map: an entry is found by index and generation together") {
    task_map<int> map;
    map.insert({3, 1}, 31);
    CHECK(map.contains({3, 1}));
    CHECK_FALSE(map.contains({3, 0}));
    CHECK_FALSE(map.contains({3, 2}));
    CHECK_FALSE(map.contains({2, 1}));
    CHECK(map.find({3, 2}) == nullptr);
    CHECK(map.find({1000, 0}) == nullptr);
    CHECK(*map.find({3, 1}) == 31);
    CHECK(std::as_const(map).at({3, 1}) == 31);
}

TEST_CASE("task_map: a task that takes over an index takes over the entry") {
    task_map<int> map;
    map.insert({3, 1}, 31);
    map.insert({3, 2}, 32);
    CHECK(map.size() == 1);
    CHECK_FALSE(map.contains({3, 1}));
    map.erase({3, 1});
    CHECK(map.at({3, 2}) == 32);
}

TEST_CASE("task_map: an erased entry gives its resources back at once") {
    task_map<std::shared_ptr<int>> map;
    auto const shared = std::make_shared<int>(5);
    map.insert({0, 0}, shared);
    CHECK(shared.use_count() == 2);
    map.erase({0, 0});
    CHECK(shared.use_count() == 1);
    CHECK(map.empty());
}

TEST_CASE("task_map: agrees with a sorted map over random operations") {
    random_stream bits{1, "task_map"};
    boost::random::uniform_int_distribution<std::uint32_t> draw_index{0, 30};
    boost::random::uniform_int_distribution<std::uint32_t> draw_generation{0, 2};
    boost::random::uniform_int_distribution<int> draw_operation{0, 2};
    task_map<int> map;
    std::map<std::uint32_t, entry> oracle; // by index; at most one generation lives
    for (int step = 0; step < 20'000; ++step) {
        task_id const id{draw_index(bits), draw_generation(bits)};
        auto const place = oracle.find(id.index);
        bool const present = place != oracle.end() && place->second.first == id;
        switch (draw_operation(bits)) {
        case 0:
            map.insert(id, step);
            oracle[id.index] = {id, step};
            break;
        case 1:
            map.erase(id);
            if (present) {
                oracle.erase(place);
            }
            break;
        default:
            REQUIRE(map.contains(id) == present);
            REQUIRE((map.find(id) != nullptr) == present);
            if (present) {
                REQUIRE(map.at(id) == place->second.second);
            }
        }
        REQUIRE(map.size() == oracle.size());
    }
    std::vector<entry> expected;
    for (auto const& [index, each] : oracle) {
        expected.push_back(each);
    }
    CHECK(entries_of(map) == expected);
}

TEST_CASE("task_map: asking for a task that is not there breaks a contract") {
    CHECK(test::run_apart([] { (void)task_map<int>{}.at({0, 0}); }).aborted);
}

} // namespace hpcsched
