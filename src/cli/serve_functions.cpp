// SPDX-License-Identifier: Apache-2.0
#include "serve_functions.hpp"

#include <hpcsched/experiment/suggest.hpp>
#include <hpcsched/faas_host/hybrid_histogram.hpp>

#include <toml++/toml.h>

#include "values.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <string_view>
#include <utility>

namespace hpcsched::cli {

namespace {

using faas_host::function_config;
using faas_host::protocol;

constexpr std::uint64_t most_bytes = std::uint64_t{1} << 50U;
constexpr std::uint64_t most_things = 1'000'000;

result<protocol> parse_protocol(std::string const& text) {
    if (text == "runtime-api") {
        return protocol::runtime_api;
    }
    if (text == "command") {
        return protocol::command;
    }
    if (text == "shared-object") {
        return protocol::shared_object;
    }
    return error{"'" + text + "' is not a kind of function: give runtime-api, command or shared-object"};
}

/// Sets one member from text.
using setter = std::function<result<void>(function_config&, std::string const&)>;

template <class Member, class Parse>
setter set(Member function_config::* member, Parse parse) {
    return [member, parse](function_config& of, std::string const& text) -> result<void> {
        auto parsed = parse(text);
        if (parsed.has_error()) {
            return parsed.error();
        }
        of.*member = static_cast<Member>(std::move(*parsed));
        return {};
    };
}

setter set_text(std::string function_config::* member) {
    return [member](function_config& of, std::string const& text) -> result<void> {
        of.*member = text;
        return {};
    };
}

/// What a function's table may hold, besides its command and its environment.
std::map<std::string, setter> const& keys() {
    auto const count = [](std::string const& text) { return parse_count(text, 0, most_things); };
    auto const size = [](std::string const& text) { return parse_size(text, most_bytes); };
    auto const time = [](std::string const& text) { return parse_duration(text); };
    auto const share = [](std::string const& text) { return parse_share(text); };
    auto const on_or_off = [](std::string const& text) { return parse_switch(text); };
    static std::map<std::string, setter> const all{
        {"kind", set(&function_config::speaks, &parse_protocol)},
        {"folder", set_text(&function_config::folder)},
        {"handler", set_text(&function_config::handler)},
        {"log", set_text(&function_config::log_file)},
        {"memory", set(&function_config::memory, size)},
        {"processes", set(&function_config::processes, count)},
        {"timeout", set(&function_config::timeout, time)},
        {"init_timeout", set(&function_config::init_timeout, time)},
        {"concurrency", set(&function_config::concurrency, count)},
        {"queue", set(&function_config::queue_capacity, count)},
        {"keep_alive", set(&function_config::keep_alive, &parse_keep_alive)},
        {"latency_target", set(&function_config::latency_target, time)},
        {"latency_share", set(&function_config::latency_share, share)},
        {"json_only", set(&function_config::takes_json_only, on_or_off)},
    };
    return all;
}

/// A command as one text is the shell's; as an array, program and arguments.
std::vector<std::string> shell_command(std::string const& text) {
    return {"/bin/sh", "-c", text};
}

// --- the file ----------------------------------------------------------------------------------------------------

class functions_file {
  public:
    explicit functions_file(std::string path) : path_{std::move(path)} {}

    [[nodiscard]] std::vector<function_config> read() {
        std::ifstream file{path_, std::ios::binary};
        std::string const text{std::istreambuf_iterator<char>{file}, {}};
        if (!file.is_open() || file.bad()) {
            throw failure{exit_code::usage, "cannot read '" + path_ + "': " + std::strerror(errno)};
        }
        try {
            toml::table const all = toml::parse(text, path_);
            std::vector<function_config> functions;
            for (auto const& [name, node] : all) {
                toml::table const* const below = name.str() == "functions" ? node.as_table() : nullptr;
                if (below == nullptr) {
                    fail(name.source(), "'" + std::string{name.str()} +
                                            "' is not expected: a function is a table such as [functions.resize]");
                }
                for (auto const& [function, what] : *below) {
                    functions.push_back(read_function(function, what));
                }
            }
            return functions;
        } catch (toml::parse_error const& wrong) {
            fail(wrong.source(), "not TOML: " + std::string{wrong.description()});
        }
    }

  private:
    [[noreturn]] void fail(toml::source_region const& where, std::string const& what) const {
        throw failure{exit_code::usage, path_ + ":" + std::to_string(where.begin.line) + ":" +
                                            std::to_string(where.begin.column) + ": " + what};
    }

    [[nodiscard]] std::string text_of(toml::node const& node, std::string const& key) const {
        if (auto const text = node.value_exact<std::string>()) {
            return *text;
        }
        if (auto const number = node.value_exact<std::int64_t>()) {
            return std::to_string(*number);
        }
        if (auto const on = node.value_exact<bool>()) {
            return *on ? "true" : "false";
        }
        fail(node.source(), key + " is neither text, a whole number nor a boolean");
    }

    [[nodiscard]] function_config read_function(toml::key const& name, toml::node const& node) const {
        toml::table const* const table = node.as_table();
        if (table == nullptr) {
            fail(name.source(), "a function is a table such as [functions.resize]");
        }
        function_config made{.name = std::string{name.str()}};
        if (toml::node const* const kind = table->get("kind")) { // first, for it says what a command is
            read_key(made, "kind", kind->source(), *kind);
        }
        for (auto const& [key, value] : *table) {
            read_key(made, std::string{key.str()}, key.source(), value);
        }
        if (auto const valid = faas_host::validate(made); valid.has_error()) {
            fail(name.source(), valid.error().message);
        }
        return made;
    }

    void read_key(function_config& made, std::string const& key, toml::source_region const& where,
                  toml::node const& value) const {
        if (key == "command") {
            made.command = command_of(value, made.speaks);
        } else if (key == "environment" && value.is_table()) {
            for (auto const& [name, each] : *value.as_table()) {
                made.environment[std::string{name.str()}] = text_of(each, std::string{name.str()});
            }
        } else if (auto const known = keys().find(key); known != keys().end()) {
            auto const taken = known->second(made, text_of(value, key));
            if (taken.has_error()) {
                fail(value.source(), key + ": " + taken.error().message);
            }
        } else {
            std::vector<std::string> names{"command", "environment"};
            for (auto const& [name, each] : keys()) {
                names.push_back(name);
            }
            fail(where, "unknown key '" + key + "': " + experiment::suggestion(key, names, "keys"));
        }
    }

    [[nodiscard]] std::vector<std::string> command_of(toml::node const& node, protocol speaks) const {
        toml::array const* const words = node.as_array();
        if (words == nullptr) {
            std::string const text = text_of(node, "command");
            return speaks == protocol::shared_object ? std::vector{text} : shell_command(text);
        }
        std::vector<std::string> command;
        for (toml::node const& word : *words) {
            command.push_back(text_of(word, "command"));
        }
        return command;
    }

    std::string path_;
};

// --- the command line --------------------------------------------------------------------------------------------

/// A function given as NAME=COMMAND.
function_config one_by_one(std::string const& option, std::string const& text, protocol speaks) {
    auto const equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
        throw failure{exit_code::usage, option + ": '" + text + "' is not NAME=COMMAND"};
    }
    std::string const command = text.substr(equals + 1);
    return {.name = text.substr(0, equals),
            .speaks = speaks,
            .command = speaks == protocol::shared_object ? std::vector{command} : shell_command(command)};
}

} // namespace

result<double> parse_share(std::string const& text) {
    bool const is_percent = text.ends_with('%');
    auto const number = parse_real(is_percent ? std::string_view{text}.substr(0, text.size() - 1) : text, 0, 100);
    double const share = number.has_error() ? 0 : is_percent ? *number / 100 : *number;
    if (!(share > 0 && share < 1)) {
        return error{"'" + text + "' is not a share: give one above 0 and below 1, such as 1% or 0.01"};
    }
    return share;
}

result<faas_host::any_keep_alive> parse_keep_alive(std::string const& text) {
    if (text == "hybrid") {
        return faas_host::any_keep_alive{faas_host::hybrid_histogram{}};
    }
    if (text == "forever") {
        return faas_host::any_keep_alive{faas_host::fixed_keep_alive{unlimited}};
    }
    auto const length = parse_duration(text);
    if (length.has_error()) {
        return error{length.error().message + ", 'hybrid' or 'forever'"};
    }
    return faas_host::any_keep_alive{faas_host::fixed_keep_alive{*length}};
}

std::vector<function_config> functions_of(arguments const& given) {
    std::vector<function_config> all;
    if (given.has("--functions")) {
        all = functions_file{given.one("--functions")}.read();
    }
    std::size_t const from_file = all.size();
    for (auto const& [option, speaks] :
         {std::pair{"--function", protocol::command}, std::pair{"--worker", protocol::runtime_api},
          std::pair{"--object", protocol::shared_object}}) {
        for (std::string const& each : given.all(option)) {
            all.push_back(one_by_one(option, each, speaks));
        }
    }
    for (auto const& [option, key] :
         {std::pair{"--timeout", "timeout"}, std::pair{"--memory", "memory"}, std::pair{"--concurrency", "concurrency"},
          std::pair{"--queue", "queue"}, std::pair{"--keep-alive", "keep_alive"},
          std::pair{"--latency-target", "latency_target"}, std::pair{"--latency-share", "latency_share"}}) {
        for (std::size_t i = from_file; given.has(option) && i < all.size(); ++i) {
            or_fail(keys().at(key)(all[i], given.one(option)), exit_code::usage, std::string{option} + ": ");
        }
        if (given.has(option) && from_file == all.size()) {
            throw failure{exit_code::usage, std::string{option} + " is for functions that --function, --worker or "
                                                                  "--object name; those of a file say it there"};
        }
    }
    if (all.empty()) {
        throw failure{
            exit_code::usage,
            "no function is given: name one, as in --function 'upper=tr a-z A-Z', or a file with --functions"};
    }
    for (function_config const& each : all) {
        or_fail(faas_host::validate(each), exit_code::usage);
    }
    return all;
}

} // namespace hpcsched::cli
