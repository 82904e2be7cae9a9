// SPDX-License-Identifier: Apache-2.0
#include "config_file.hpp"

#include <hpcsched/experiment/suggest.hpp>

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>

namespace hpcsched::cli {
namespace {

std::string place(std::string const& path, toml::source_region const& region) {
    return path + ":" + std::to_string(region.begin.line) + ":" + std::to_string(region.begin.column);
}

std::string real_text(double value) {
    std::array<char, 32> text{};
    auto const end = std::to_chars(text.data(), text.data() + text.size(), value);
    return {text.data(), end.ptr};
}

std::string scalar_text(toml::node const& node, std::string const& where, std::string const& key) {
    if (auto const text = node.value_exact<std::string>()) {
        return *text;
    }
    if (auto const number = node.value_exact<std::int64_t>()) {
        return std::to_string(*number);
    }
    if (auto const number = node.value_exact<double>()) {
        return real_text(*number);
    }
    if (auto const on = node.value_exact<bool>()) {
        return *on ? "true" : "false";
    }
    throw failure{exit_code::usage, where + ": " + key + " is neither text, number, boolean nor an array of them"};
}

class file_reader {
  public:
    file_reader(std::string const& path, std::span<std::string const> known) : path_{path}, known_{known} {}

    void read(toml::table const& table, std::string const& prefix) {
        for (auto const& [name, node] : table) {
            std::string const key = prefix + std::string{name.str()};
            std::string const where = place(path_, name.source());
            if (toml::table const* const below = node.as_table()) {
                check_table(key, where);
                read(*below, key + ".");
                continue;
            }
            check_key(key, where);
            config_entry entry{key, {}, place(path_, node.source())};
            if (toml::array const* const elements = node.as_array()) {
                for (toml::node const& element : *elements) {
                    entry.values.push_back(scalar_text(element, place(path_, element.source()), key));
                }
            } else {
                entry.values.push_back(scalar_text(node, entry.where, key));
            }
            entries_.push_back(std::move(entry));
        }
    }

    [[nodiscard]] std::vector<config_entry> take() { return std::move(entries_); }

  private:
    void check_key(std::string const& key, std::string const& where) const {
        if (std::find(known_.begin(), known_.end(), key) == known_.end()) {
            throw failure{exit_code::usage,
                          where + ": unknown key '" + key + "': " + experiment::suggestion(key, known_, "keys")};
        }
    }

    void check_table(std::string const& name, std::string const& where) const {
        bool const is_known = std::any_of(known_.begin(), known_.end(),
                                          [&name](std::string const& key) { return key.starts_with(name + "."); });
        if (!is_known) {
            std::vector<std::string> tables;
            for (std::string const& key : known_) {
                auto const dot = key.find('.');
                if (dot != std::string::npos && (tables.empty() || tables.back() != key.substr(0, dot))) {
                    tables.push_back(key.substr(0, dot));
                }
            }
            throw failure{exit_code::usage,
                          where + ": unknown table '" + name + "': " + experiment::suggestion(name, tables, "tables")};
        }
    }

    std::string const& path_;
    std::span<std::string const> known_;
    std::vector<config_entry> entries_;
};

} // namespace

std::vector<config_entry> read_config_file(std::string const& path, std::span<std::string const> known) {
    std::ifstream file{path, std::ios::binary};
    std::string const text{std::istreambuf_iterator<char>{file}, {}};
    if (!file.is_open() || file.bad()) {
        throw failure{exit_code::usage, "cannot read '" + path + "': " + std::strerror(errno)};
    }
    try {
        file_reader reader{path, known};
        reader.read(toml::parse(text, path), "");
        return reader.take();
    } catch (toml::parse_error const& wrong) {
        throw failure{exit_code::usage,
                      place(path, wrong.source()) + ": not TOML: " + std::string{wrong.description()}};
    }
}

} // namespace hpcsched::cli
