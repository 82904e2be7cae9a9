// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft/key_value_store.hpp>
#include <hpcsched/raft/sessions.hpp>
#include <hpcsched/testing/conformance/state_machine.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hpcsched::raft {
namespace {

using status = key_value_store::status;

template <class... Arguments>
byte_buffer made(void (*make)(Arguments...), std::string_view key, auto... more) {
    byte_buffer out;
    make(key, more..., out);
    return out;
}

struct said {
    status how{};
    std::string value;

    friend bool operator==(said const&, said const&) = default;
};

said run(key_value_store& store, byte_buffer const& command) {
    byte_buffer reply;
    store.apply(1, command, reply);
    auto const a = key_value_store::decode(reply);
    return {a.how, std::string{a.value}};
}

said ask(key_value_store const& store, byte_buffer const& question) {
    byte_buffer reply;
    store.query(question, reply);
    auto const a = key_value_store::decode(reply);
    return {a.how, std::string{a.value}};
}

TEST_CASE("key_value_store: what was put is found, until it is removed") {
    key_value_store s;
    CHECK(ask(s, made(key_value_store::get, "k")) == said{status::absent, ""});
    CHECK(run(s, made(key_value_store::put, "k", std::string_view{"v"})) == said{status::done, ""});
    CHECK(ask(s, made(key_value_store::get, "k")) == said{status::done, "v"});
    CHECK(run(s, made(key_value_store::get, "k")) == said{status::done, "v"});
    CHECK(run(s, made(key_value_store::remove, "k")) == said{status::done, ""});
    CHECK(run(s, made(key_value_store::remove, "k")) == said{status::absent, ""});
    CHECK(s.size() == 0);
}

TEST_CASE("key_value_store: a swap is carried out where the expected value is held, and nowhere else") {
    key_value_store s;
    auto const swap = made(key_value_store::compare_and_swap, "k", std::string_view{"old"}, std::string_view{"new"});
    CHECK(run(s, swap) == said{status::absent, ""});
    CHECK(run(s, made(key_value_store::put, "k", std::string_view{"other"})).how == status::done);
    CHECK(run(s, swap) == said{status::differs, "other"});
    CHECK(run(s, made(key_value_store::put, "k", std::string_view{"old"})).how == status::done);
    CHECK(run(s, swap) == said{status::done, ""});
    CHECK(ask(s, made(key_value_store::get, "k")) == said{status::done, "new"});
}

TEST_CASE("key_value_store: numbers are added to, and what is none stays as it is") {
    key_value_store s;
    auto const add = [&](std::int64_t delta) {
        byte_buffer command;
        key_value_store::add("n", delta, command);
        return run(s, command);
    };
    CHECK(add(5) == said{status::done, "5"});
    CHECK(add(-7) == said{status::done, "-2"});
    CHECK(s.find("n") == "-2");
    CHECK(add(std::numeric_limits<std::int64_t>::min()) == said{status::differs, "-2"});
    CHECK(add(std::numeric_limits<std::int64_t>::max()) == said{status::done, "9223372036854775805"});
    CHECK(add(3).how == status::differs);
    CHECK(run(s, made(key_value_store::put, "n", std::string_view{"7 apples"})).how == status::done);
    CHECK(add(1) == said{status::differs, "7 apples"});
    CHECK(s.find("m") == std::nullopt);
}

TEST_CASE("key_value_store: it is a state machine, bytes that are no command included") {
    std::vector<byte_buffer> commands{
        made(key_value_store::put, "a", std::string_view{"1"}), made(key_value_store::put, "", std::string_view{}),
        made(key_value_store::get, "a"), made(key_value_store::remove, "a"),
        made(key_value_store::compare_and_swap, "", std::string_view{}, std::string_view{"2"})};
    key_value_store::add("sum", 12, commands.emplace_back());
    std::size_t const good = commands.size();
    for (std::size_t i = 0; i < good; ++i) {
        byte_buffer cut = commands[i];
        cut.pop_back();
        commands.push_back(cut);
        byte_buffer longer = commands[i];
        longer.push_back(std::byte{0});
        commands.push_back(longer);
    }
    commands.emplace_back();
    commands.push_back({std::byte{9}});
    key_value_store s;
    for (std::size_t i = good; i < commands.size(); ++i) {
        CHECK(run(s, commands[i]).how == status::malformed);
    }
    CHECK(s == key_value_store{});
    auto const broken = testing::check_state_machine([] { return key_value_store{}; }, commands);
    CHECK(broken == std::vector<std::string>{});
}

TEST_CASE("key_value_store: within sessions it is asked as without") {
    sessions<key_value_store> s{key_value_store{}};
    byte_buffer reply;
    s.query(made(key_value_store::get, "k"), reply);
    CHECK(key_value_store::decode(reply).how == status::absent);
    static_assert(answers_queries<sessions<key_value_store>>);
}

TEST_CASE("key_value_store: an answer of another kind is malformed") {
    CHECK(key_value_store::decode({}).how == status::malformed);
    byte_buffer const strange{std::byte{77}};
    CHECK(key_value_store::decode(strange).how == status::malformed);
}

} // namespace
} // namespace hpcsched::raft
