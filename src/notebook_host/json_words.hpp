// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_NOTEBOOK_HOST_JSON_WORDS_HPP
#define HPCSCHED_SRC_NOTEBOOK_HOST_JSON_WORDS_HPP

#include <boost/json.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace hpcsched::notebook_host {

/// The object that a text holds; an empty one where it holds none: what comes from outside may be anything.
[[nodiscard]] inline boost::json::object parse_object(std::string_view text) {
    boost::system::error_code failed;
    boost::json::value parsed = boost::json::parse({text.data(), text.size()}, failed);
    return !failed && parsed.is_object() ? std::move(parsed.get_object()) : boost::json::object{};
}

/// A text of an object; empty where it has none of that name.
[[nodiscard]] inline std::string text_of(boost::json::object const& from, std::string_view name) {
    boost::json::value const* const at = from.if_contains(name);
    return at != nullptr && at->is_string() ? std::string{at->get_string()} : std::string{};
}

[[nodiscard]] inline bool flag_of(boost::json::object const& from, std::string_view name, bool otherwise = false) {
    boost::json::value const* const at = from.if_contains(name);
    return at != nullptr && at->is_bool() ? at->get_bool() : otherwise;
}

} // namespace hpcsched::notebook_host

#endif
