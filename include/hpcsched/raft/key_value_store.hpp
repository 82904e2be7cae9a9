// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_KEY_VALUE_STORE_HPP
#define HPCSCHED_RAFT_KEY_VALUE_STORE_HPP

#include <hpcsched/core/bytes.hpp>
#include <hpcsched/raft/state_machine.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace hpcsched::raft {

/// A state machine to begin with: a map from strings to strings. `hpcsched raft serve` replicates it.
///
/// Commands and queries are made by the functions below; an answer is one byte, `status`, and, where a value
/// was found, its bytes. All keys and values of any bytes.
///
/// \complexity O(log n) a command; memory for every key and value
class key_value_store {
  public:
    enum class status : std::uint8_t {
        done = 0,      ///< of a `get`: the value follows; of an `add`: the sum
        absent = 1,    ///< there is no such key
        differs = 2,   ///< of a `compare_and_swap` or `add`: it holds another value, which follows; nothing has changed
        malformed = 3, ///< no command of this machine
    };

    /// What came of a command or query.
    struct answer {
        status how = status::malformed;
        std::string_view value{}; ///< borrowed from the reply
    };

    static void put(std::string_view key, std::string_view value, byte_buffer& out) {
        encode(operation::put, key, value, {}, out);
    }
    static void remove(std::string_view key, byte_buffer& out) { encode(operation::remove, key, {}, {}, out); }
    /// Puts `value` where the key holds `expected`.
    static void compare_and_swap(std::string_view key, std::string_view expected, std::string_view value,
                                 byte_buffer& out) {
        encode(operation::compare_and_swap, key, value, expected, out);
    }
    /// Adds to the decimal number that the key holds, 0 where there is none; answers the sum. What is no number, or
    /// would pass the ends of 64 bits, stays as it is and `differs`.
    static void add(std::string_view key, std::int64_t delta, byte_buffer& out) {
        encode(operation::add, key, std::to_string(delta), {}, out);
    }
    /// Reads; a query, which need not be in the log, or a command.
    static void get(std::string_view key, byte_buffer& out) { encode(operation::get, key, {}, {}, out); }

    [[nodiscard]] static answer decode(std::span<std::byte const> reply) noexcept {
        if (reply.empty() || reply.front() > static_cast<std::byte>(status::malformed)) {
            return {};
        }
        return {static_cast<status>(reply.front()), text(reply.subspan(1))};
    }

    void apply(log_index /*index*/, std::span<std::byte const> command, byte_buffer& reply) {
        auto const c = parse(command);
        if (!c || c->what == operation::get) {
            query(command, reply);
            return;
        }
        auto const at = values_.find(c->key);
        bool const there = at != values_.end();
        if (c->what == operation::put) {
            values_.insert_or_assign(std::string{c->key}, std::string{c->value});
            say(status::done, {}, reply);
        } else if (c->what == operation::add) {
            add_to(c->key, c->value, reply);
        } else if (!there) {
            say(status::absent, {}, reply);
        } else if (c->what == operation::remove) {
            values_.erase(at);
            say(status::done, {}, reply);
        } else if (at->second != c->expected) {
            say(status::differs, at->second, reply);
        } else {
            at->second = c->value;
            say(status::done, {}, reply);
        }
    }

    /// Answers a `get` without changing anything.
    void query(std::span<std::byte const> command, byte_buffer& reply) const {
        auto const c = parse(command);
        if (!c || c->what != operation::get) {
            say(status::malformed, {}, reply);
            return;
        }
        auto const at = values_.find(c->key);
        say(at == values_.end() ? status::absent : status::done,
            at == values_.end() ? std::string_view{} : std::string_view{at->second}, reply);
    }

    void save(byte_buffer& out) const {
        put_word(out, values_.size());
        for (auto const& [key, value] : values_) {
            put_bytes(out, bytes(key));
            put_bytes(out, bytes(value));
        }
    }

    [[nodiscard]] bool restore(std::span<std::byte const> saved) {
        values_.clear();
        byte_reader in{saved};
        std::uint64_t const count = in.word();
        for (std::uint64_t i = 0; i < count && in.good(); ++i) {
            std::string key{text(in.bytes())};
            values_.insert_or_assign(std::move(key), std::string{text(in.bytes())});
        }
        return in.good() && in.rest().empty() && values_.size() == count;
    }

    /// What `key` holds here, which may be behind; nothing where there is none. Borrowed until the next command.
    [[nodiscard]] std::optional<std::string_view> find(std::string_view key) const {
        auto const at = values_.find(key);
        return at == values_.end() ? std::nullopt : std::optional<std::string_view>{at->second};
    }
    [[nodiscard]] std::size_t size() const noexcept { return values_.size(); }

    friend bool operator==(key_value_store const&, key_value_store const&) = default;

  private:
    enum class operation : std::uint8_t { put = 1, remove = 2, compare_and_swap = 3, get = 4, add = 5 };

    struct command_view {
        operation what{};
        std::string_view key{};
        std::string_view value{};
        std::string_view expected{};
    };

    static std::span<std::byte const> bytes(std::string_view text) noexcept { return std::as_bytes(std::span{text}); }
    static std::string_view text(std::span<std::byte const> bytes) noexcept {
        // Bytes and chars may alias.
        return {reinterpret_cast<char const*>(bytes.data()), bytes.size()}; // NOLINT(*-reinterpret-cast)
    }

    static void encode(operation what, std::string_view key, std::string_view value, std::string_view expected,
                       byte_buffer& out) {
        out.push_back(static_cast<std::byte>(what));
        put_bytes(out, bytes(key));
        put_bytes(out, bytes(value));
        put_bytes(out, bytes(expected));
    }

    static std::optional<command_view> parse(std::span<std::byte const> in) noexcept {
        if (in.empty() || in.front() < static_cast<std::byte>(operation::put) ||
            in.front() > static_cast<std::byte>(operation::add)) {
            return std::nullopt;
        }
        byte_reader reader{in.subspan(1)};
        command_view c{.what = static_cast<operation>(in.front())};
        c.key = text(reader.bytes());
        c.value = text(reader.bytes());
        c.expected = text(reader.bytes());
        return reader.good() && reader.rest().empty() ? std::optional{c} : std::nullopt;
    }

    static std::optional<std::int64_t> number(std::string_view text) noexcept {
        std::int64_t parsed = 0;
        auto const [end, failure] = std::from_chars(text.data(), text.data() + text.size(), parsed);
        return failure == std::errc{} && end == text.data() + text.size() ? std::optional{parsed} : std::nullopt;
    }

    void add_to(std::string_view key, std::string_view delta, byte_buffer& reply) {
        auto const at = values_.find(key);
        std::string_view const held = at == values_.end() ? "0" : std::string_view{at->second};
        auto const before = number(held);
        auto const by = number(delta);
        constexpr auto least = std::numeric_limits<std::int64_t>::min();
        constexpr auto most = std::numeric_limits<std::int64_t>::max();
        if (!before || !by || (*by > 0 ? *before > most - *by : *before < least - *by)) {
            say(status::differs, held, reply);
            return;
        }
        std::string sum = std::to_string(*before + *by);
        say(status::done, sum, reply);
        values_.insert_or_assign(std::string{key}, std::move(sum));
    }

    static void say(status how, std::string_view value, byte_buffer& reply) {
        reply.push_back(static_cast<std::byte>(how));
        auto const more = bytes(value);
        reply.insert(reply.end(), more.begin(), more.end());
    }

    std::map<std::string, std::string, std::less<>> values_; // ordered: a snapshot is the same on every server
};
static_assert(answers_queries<key_value_store>);

} // namespace hpcsched::raft

#endif
