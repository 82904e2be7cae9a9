// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/workload/function_names.hpp>

#include <doctest/doctest.h>

#include <map>
#include <set>
#include <string>
#include <utility>

using hpcsched::function_id;
using hpcsched::workload::function_names;

TEST_CASE("function_names: ids are dense and in order of first appearance") {
    function_names names;
    CHECK(names.empty());
    CHECK(names.intern("b") == function_id{0});
    CHECK(names.intern("a") == function_id{1});
    CHECK(names.intern("b") == function_id{0});
    CHECK(names.intern("") == function_id{2});
    CHECK(names.size() == 3);
    CHECK(names.name(function_id{1}) == "a");
    CHECK(names.find("a") == function_id{1});
    CHECK_FALSE(names.find("c").has_value());
}

TEST_CASE("function_names: a name is copied, so the text that it came from may go") {
    function_names names;
    std::string text = "thumbnail";
    names.intern(text);
    text = "something else";
    CHECK(names.name(function_id{0}) == "thumbnail");
    CHECK(names.find("thumbnail").has_value());
    CHECK_FALSE(names.find(text).has_value());
}

TEST_CASE("function_names: a copy stands on its own, a move takes everything along") {
    function_names names;
    names.intern("x");
    names.intern(std::string(200, 'y'));
    function_names copy = names;
    copy.intern("z");
    CHECK(names.size() == 2);
    CHECK(copy.size() == 3);
    function_names const moved = std::move(copy);
    CHECK(moved.find("z") == function_id{2});
    CHECK(moved.find("x") == function_id{0});
    CHECK_FALSE(moved == names);
    names = moved;
    CHECK(moved == names);
    CHECK(names.find(std::string(200, 'y')) == function_id{1});
}

TEST_CASE("function_names: agrees with a map for many names of all lengths that differ in one place") {
    function_names names;
    std::map<std::string, function_id> oracle;
    for (std::size_t length = 0; length < 140; ++length) {
        for (std::size_t place = 0; place < length; ++place) {
            std::string name(length, 'a');
            name[place] = static_cast<char>('b' + place % 7);
            function_id const next{static_cast<std::uint32_t>(oracle.size())};
            function_id const expected = oracle.emplace(name, next).first->second;
            REQUIRE(names.intern(name) == expected);
        }
    }
    CHECK(names.size() == oracle.size());
    for (auto const& [name, id] : oracle) {
        REQUIRE(names.find(name) == id);
        REQUIRE(names.name(id) == name);
    }
}

TEST_CASE("function_names: the hash tells texts apart that differ in one bit, in length, or by zeros at the end") {
    hpcsched::workload::detail::name_hash const hash;
    std::set<std::size_t> seen;
    std::size_t count = 0;
    for (std::size_t length = 0; length < 70; ++length) {
        std::string text(length, '\0');
        seen.insert(hash(text));
        ++count;
        for (std::size_t bit = 0; bit < 8 * length; ++bit) {
            text[bit / 8] = static_cast<char>(1U << (bit % 8));
            seen.insert(hash(text));
            text[bit / 8] = '\0';
            ++count;
        }
    }
    CHECK(seen.size() == count);
}
