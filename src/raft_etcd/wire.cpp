// SPDX-License-Identifier: Apache-2.0
#include "wire.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <string>
#include <utility>

namespace hpcsched::raft_etcd::detail {

namespace json = boost::json;

namespace {

std::string padded(std::uint64_t number, std::size_t digits) {
    std::string const plain = std::to_string(number);
    return std::string(digits - std::min(digits, plain.size()), '0') + plain;
}

template <class Number>
bool to_number(std::string_view text, Number& out) {
    auto const read = std::from_chars(text.data(), text.data() + text.size(), out);
    return read.ec == std::errc{} && read.ptr == text.data() + text.size();
}

std::string quoted_key(char const* name, std::string_view key) {
    return "\"" + std::string{name} + "\":\"" + to_base64(key) + "\"";
}

// etcd writes 64-bit numbers as strings, and leaves out what is 0, false or empty.
std::uint64_t number_in(json::object const& in, char const* name) {
    json::value const* const found = in.if_contains(name);
    std::uint64_t out = 0;
    if (found != nullptr && found->is_string()) {
        (void)to_number(std::string_view{found->get_string()}, out);
    }
    return out;
}
bool truth_in(json::object const& in, char const* name) {
    json::value const* const found = in.if_contains(name);
    return found != nullptr && found->is_bool() && found->get_bool();
}
std::string_view text_in(json::object const& in, char const* name) {
    json::value const* const found = in.if_contains(name);
    return found != nullptr && found->is_string() ? std::string_view{found->get_string()} : std::string_view{};
}
json::object const* object_in(json::object const& in, char const* name) {
    json::value const* const found = in.if_contains(name);
    return found != nullptr ? found->if_object() : nullptr;
}
json::array const* array_in(json::object const& in, char const* name) {
    json::value const* const found = in.if_contains(name);
    return found != nullptr ? found->if_array() : nullptr;
}

result<json::value> read_object(std::string_view text) {
    boost::system::error_code failed;
    json::value value = json::parse({text.data(), text.size()}, failed);
    if (failed || !value.is_object()) {
        return error{"etcd's answer is not a JSON object: " + std::string{text.substr(0, 100)}};
    }
    return value;
}

std::optional<key_value> read_key_value(json::object const& in) {
    auto const key = from_base64(text_in(in, "key"));
    auto value = from_base64(text_in(in, "value"));
    if (!key || !value) {
        return std::nullopt;
    }
    key_value out{{}, std::move(*value)};
    for (std::byte const b : *key) {
        out.key.push_back(static_cast<char>(b));
    }
    return out;
}

std::optional<range_answer> read_range(json::object const& in) {
    range_answer out;
    out.count = number_in(in, "count");
    out.more = truth_in(in, "more");
    if (json::array const* const items = array_in(in, "kvs")) {
        out.items.reserve(items->size());
        for (json::value const& v : *items) {
            auto item = v.is_object() ? read_key_value(v.get_object()) : std::nullopt;
            if (!item) {
                return std::nullopt;
            }
            out.items.push_back(std::move(*item));
        }
    }
    return out;
}

void list(std::string& out, char const* name, std::vector<std::string> const& items) {
    out += std::string{out.size() > 1 ? "," : ""} + "\"" + name + "\":[";
    for (std::size_t i = 0; i < items.size(); ++i) {
        out += (i > 0 ? "," : "") + items[i];
    }
    out += "]";
}

// The words of `text`, which must be as many as `out` is long; the numbers among them.
template <std::size_t Count>
bool words(std::string_view text, std::array<std::uint64_t, Count>& out) {
    for (std::size_t i = 0; i < Count; ++i) {
        std::size_t const end = std::min(text.find(' '), text.size());
        if (!to_number(text.substr(0, end), out[i]) || (end == text.size()) != (i + 1 == Count)) {
            return false;
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return true;
}

error other_version(std::string_view what, std::uint64_t version) {
    return error{std::string{what} + " has format version " + std::to_string(version) + ", and this program reads " +
                 std::to_string(format_version) + ": use the release that wrote it, or another prefix"};
}
error nonsense(std::string_view what, std::string_view text) {
    return error{std::string{what} + " in etcd makes no sense (\"" + std::string{text.substr(0, 60)} +
                 "\"): somebody else writes below this prefix; use another"};
}

} // namespace

std::string to_base64(std::span<std::byte const> bytes) {
    std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0'); // and a zero, which OpenSSL writes behind
    int const size =
        ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                          reinterpret_cast<unsigned char const*>(bytes.data()), static_cast<int>(bytes.size()));
    out.resize(static_cast<std::size_t>(size));
    return out;
}
std::string to_base64(std::string_view text) {
    return to_base64(std::as_bytes(std::span{text}));
}

std::optional<raft::byte_buffer> from_base64(std::string_view text) {
    if (text.size() % 4 != 0 || text.size() > std::size_t{1} << 30U) {
        return std::nullopt;
    }
    raft::byte_buffer out(text.size() / 4 * 3);
    if (text.empty()) {
        return out;
    }
    int const size =
        ::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                          reinterpret_cast<unsigned char const*>(text.data()), static_cast<int>(text.size()));
    if (size < 0 || static_cast<std::size_t>(size) != out.size()) {
        return std::nullopt;
    }
    out.resize(out.size() - (text.ends_with("==") ? 2U : (text.ends_with('=') ? 1U : 0U)));
    return out;
}

std::string key_names::entry(raft::log_index index) const {
    return prefix_ + "/log/" + padded(index, 20);
}
std::string key_names::piece(std::string_view folder, std::uint64_t number) const {
    return snapshot(folder) + "/" + padded(number, 6);
}
std::optional<raft::log_index> key_names::index_of(std::string_view key) const {
    std::string const before = prefix_ + "/log/";
    raft::log_index index = 0;
    if (!key.starts_with(before) || !to_number(key.substr(before.size()), index)) {
        return std::nullopt;
    }
    return index;
}

std::string put(std::string_view key, std::span<std::byte const> value) {
    return "{\"request_put\":{" + quoted_key("key", key) + ",\"value\":\"" + to_base64(value) + "\"}}";
}
std::string put(std::string_view key, std::string_view value) {
    return put(key, std::as_bytes(std::span{value}));
}
std::string get(std::string_view key) {
    return "{\"request_range\":{" + quoted_key("key", key) + "}}";
}
std::string get_range(std::string_view first, std::string_view end, std::uint64_t limit) {
    return "{\"request_range\":{" + quoted_key("key", first) + "," + quoted_key("range_end", end) + ",\"limit\":\"" +
           std::to_string(limit) + "\"}}";
}
std::string get_oldest(std::string_view first, std::string_view end, std::uint64_t limit) {
    return "{\"request_range\":{" + quoted_key("key", first) + "," + quoted_key("range_end", end) + ",\"limit\":\"" +
           std::to_string(limit) + R"(","sort_order":"ASCEND","sort_target":"MOD"}})";
}
std::string erase(std::string_view key) {
    return "{\"request_delete_range\":{" + quoted_key("key", key) + "}}";
}
std::string erase_range(std::string_view first, std::string_view end) {
    return "{\"request_delete_range\":{" + quoted_key("key", first) + "," + quoted_key("range_end", end) + "}}";
}
std::string is_equal(std::string_view key, std::string_view value) {
    std::string const head = "{" + quoted_key("key", key) + ",\"result\":\"EQUAL\",";
    return value.empty() ? head + R"("target":"CREATE","create_revision":"0"})"
                         : head + "\"target\":\"VALUE\"," + quoted_key("value", value) + "}";
}

std::string to_text(transaction const& t) {
    std::string out = "{";
    list(out, "compare", t.conditions);
    list(out, "success", t.then);
    list(out, "failure", t.otherwise);
    return out + "}";
}
std::string watch_request(std::string_view first, std::string_view end, std::uint64_t revision) {
    return "{\"create_request\":{" + quoted_key("key", first) + "," + quoted_key("range_end", end) +
           ",\"start_revision\":\"" + std::to_string(revision) + R"(","filters":["NODELETE"]}})";
}
std::string authenticate_request(std::string_view user, std::string_view password) {
    return json::serialize(json::object{{"name", user}, {"password", password}});
}

std::string range_answer::text() const {
    std::string out;
    if (!items.empty()) {
        for (std::byte const b : items.front().value) {
            out.push_back(static_cast<char>(b));
        }
    }
    return out;
}

result<transaction_answer> read_transaction(std::string_view text) {
    auto const value = read_object(text);
    if (!value) {
        return value.error();
    }
    json::object const& in = value->get_object();
    transaction_answer out;
    out.succeeded = truth_in(in, "succeeded");
    if (json::object const* const header = object_in(in, "header")) {
        out.revision = number_in(*header, "revision");
    }
    if (json::array const* const parts = array_in(in, "responses")) {
        for (json::value const& part : *parts) {
            json::object const* const range =
                part.is_object() ? object_in(part.get_object(), "response_range") : nullptr;
            if (range == nullptr) {
                continue;
            }
            auto read = read_range(*range);
            if (!read) {
                return error{"etcd's answer has a key or value that is not base64"};
            }
            out.ranges.push_back(std::move(*read));
        }
    }
    return out;
}

result<watch_answer> read_watch(std::string_view line) {
    auto const value = read_object(line);
    if (!value) {
        return value.error();
    }
    json::object const* const in = object_in(value->get_object(), "result");
    if (in == nullptr) {
        return error{read_complaint(line)};
    }
    watch_answer out;
    out.canceled = truth_in(*in, "canceled");
    out.reason = text_in(*in, "cancel_reason");
    if (json::array const* const events = array_in(*in, "events")) {
        for (json::value const& event : *events) {
            json::object const* const of = event.if_object();
            json::object const* const kv = of != nullptr ? object_in(*of, "kv") : nullptr;
            if (kv == nullptr || text_in(*of, "type") == "DELETE") {
                continue;
            }
            auto item = read_key_value(*kv);
            if (!item) {
                return error{"etcd's watch has a key or value that is not base64"};
            }
            out.puts.push_back(std::move(*item));
        }
    }
    return out;
}

result<auth_token> read_token(std::string_view text) {
    auto const value = read_object(text);
    if (!value) {
        return value.error();
    }
    std::string_view const token = text_in(value->get_object(), "token");
    if (token.empty()) {
        return error{read_complaint(text)};
    }
    return auth_token{std::string{token}};
}

std::string read_complaint(std::string_view text) {
    auto const value = read_object(text);
    if (value) {
        json::object const& in = value->get_object();
        json::object const* const inner = object_in(in, "error");
        std::string_view const said = inner != nullptr ? text_in(*inner, "message") : text_in(in, "error");
        if (!said.empty()) {
            return std::string{said};
        }
    }
    return "an answer that is not etcd's: " + std::string{text.substr(0, 100)};
}

std::string last_text(raft::log_index last) {
    return std::to_string(format_version) + " " + std::to_string(last);
}
result<raft::log_index> read_last(std::string_view text) {
    std::array<std::uint64_t, 2> in{};
    if (text.empty()) {
        return raft::log_index{0};
    }
    std::uint64_t version = 0;
    if (!to_number(text.substr(0, text.find(' ')), version)) {
        return nonsense("the key \"last\"", text);
    }
    if (version != format_version) {
        return other_version("the log in etcd", version);
    }
    if (!words(text, in)) {
        return nonsense("the key \"last\"", text);
    }
    return raft::log_index{in[1]};
}

std::string note_text(writer_note const& note) {
    return std::to_string(note.first) + " " + std::to_string(note.count) + " " + std::to_string(note.index);
}
result<writer_note> read_note(std::string_view text) {
    std::array<std::uint64_t, 3> in{};
    if (text.empty()) {
        return writer_note{};
    }
    if (!words(text, in) || in[0] == 0) {
        return nonsense("a writer's note", text);
    }
    return writer_note{in[0], in[1], in[2]};
}

std::string snapshot_text(snapshot_note const& note) {
    return std::to_string(format_version) + " " + std::to_string(note.index) + " " + std::to_string(note.size) + " " +
           std::to_string(note.pieces) + " " + note.folder;
}
result<snapshot_note> read_snapshot(std::string_view text) {
    if (text.empty()) {
        return snapshot_note{};
    }
    std::size_t const folder = text.rfind(' ');
    std::array<std::uint64_t, 4> in{};
    std::uint64_t version = 0;
    if (folder == std::string_view::npos || !to_number(text.substr(0, text.find(' ')), version)) {
        return nonsense("the key \"newest_snapshot\"", text);
    }
    if (version != format_version) {
        return other_version("the snapshot in etcd", version);
    }
    if (!words(text.substr(0, folder), in) || in[1] == 0 || in[3] > 1'000'000) {
        return nonsense("the key \"newest_snapshot\"", text);
    }
    return snapshot_note{in[1], in[2], in[3], std::string{text.substr(folder + 1)}};
}

} // namespace hpcsched::raft_etcd::detail
