// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "tidy.hpp"

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hpcsched::house {
namespace {

std::string read(std::string const& path) {
    std::ifstream in{std::string{HPCSCHED_SOURCE_DIR} + '/' + path, std::ios::binary};
    REQUIRE_MESSAGE(in, path);
    return {std::istreambuf_iterator<char>{in}, {}};
}

// What stands between a line that ends with `open` and the next line that holds `close`.
std::optional<std::string> between(std::string_view text, std::string_view open, std::string_view close) {
    std::size_t const at = text.find(open);
    if (at == std::string_view::npos) {
        return std::nullopt;
    }
    std::size_t const from = text.find('\n', at) + 1;
    std::size_t const end = text.find(close, from);
    if (end == std::string_view::npos) {
        return std::nullopt;
    }
    std::size_t const line = text.rfind('\n', end) + 1;
    return std::string{text.substr(from, line - from)};
}

// The prose: what stands between fences of code is left out.
std::string prose_of(std::string text) {
    for (std::size_t from = text.find("\n```"); from != std::string::npos; from = text.find("\n```", from)) {
        std::size_t const end = text.find("\n```", from + 4);
        REQUIRE(end != std::string::npos);
        text.erase(from, end + 4 - from);
    }
    return text;
}

/// Every folder with a README.md, as "src/raft/"; the top is "".
std::vector<std::string> folders_with_a_readme() {
    std::vector<std::string> folders{""};
    std::filesystem::path const root{HPCSCHED_SOURCE_DIR};
    for (char const* top : {"src", "bench", "tests", "examples"}) {
        for (auto const& each : std::filesystem::recursive_directory_iterator{root / top}) {
            if (each.path().filename() == "README.md") {
                folders.push_back(each.path().parent_path().lexically_relative(root).string() + '/');
            }
        }
    }
    return folders;
}

} // namespace

// In a README.md:                                   in the file, around the lines:
//   <!-- examples/own_policy.cpp: policy -->           // [policy]
//   ```cpp                                             ...
//   ...                                                // [/policy]
//   ```
TEST_CASE("readme: every block of code that names a file is what the file holds between its markers") {
    std::size_t blocks = 0;
    constexpr std::string_view mark = "<!-- examples/";
    for (std::string const& folder : folders_with_a_readme()) {
        std::string const readme = read(folder + "README.md");
        for (std::size_t at = readme.find(mark); at != std::string::npos; at = readme.find(mark, at + 1)) {
            std::size_t const colon = readme.find(": ", at);
            std::size_t const end = readme.find(" -->", at);
            REQUIRE(colon < end);
            std::string const path = readme.substr(at + 5, colon - at - 5);
            std::string const name = readme.substr(colon + 2, end - colon - 2);
            CAPTURE(path);
            CAPTURE(name);
            auto const shown = between(std::string_view{readme}.substr(end), "```", "```");
            std::string const file = read(path);
            auto const compiled = between(file, "[" + name + "]", "[/" + name + "]");
            REQUIRE(shown.has_value());
            REQUIRE(compiled.has_value());
            CHECK(*shown == *compiled);
            ++blocks;
        }
    }
    CHECK(blocks >= 2);
}

TEST_CASE("readme: every C++ block comes from a file") {
    for (std::string const& folder : folders_with_a_readme()) {
        std::string const readme = read(folder + "README.md");
        for (std::size_t at = readme.find("```cpp\n"); at != std::string::npos; at = readme.find("```cpp\n", at + 1)) {
            std::size_t const line_before = readme.rfind('\n', at - 2) + 1;
            CHECK(readme.substr(line_before, 14) == "<!-- examples/");
        }
    }
}

TEST_CASE("readme: every path it links to is there") {
    std::size_t links = 0;
    for (std::string const& folder : folders_with_a_readme()) {
        std::string const readme = prose_of(read(folder + "README.md"));
        for (std::size_t at = readme.find("]("); at != std::string::npos; at = readme.find("](", at + 1)) {
            std::string const target = readme.substr(at + 2, readme.find_first_of(")#", at) - at - 2);
            if (target.empty() || target.starts_with("http")) {
                continue;
            }
            ++links;
            INFO(folder, "README.md: ", target);
            CHECK(std::filesystem::exists(std::filesystem::path{HPCSCHED_SOURCE_DIR} / folder / target));
        }
    }
    CHECK(links >= 20);
}

// A quotation in tests/README.md with ": " in it is the name of a test case.
TEST_CASE("readme: every test case that the paper tables name is there") {
    std::string all;
    for (source const& file : sources_below(HPCSCHED_SOURCE_DIR)) {
        all += file.path.ends_with(".test.cpp") ? file.text : std::string{};
    }
    std::string const tables = read("tests/README.md");
    std::size_t cases = 0;
    for (std::size_t at = tables.find('`'); at != std::string::npos; at = tables.find('`', at + 1)) {
        std::size_t const end = tables.find('`', at + 1);
        REQUIRE(end != std::string::npos);
        std::string const quoted = tables.substr(at + 1, end - at - 1);
        if (quoted.find(": ") != std::string::npos) {
            CHECK_MESSAGE(all.find("(\"" + quoted + "\")") != std::string::npos, quoted);
            ++cases;
        }
        at = end;
    }
    CHECK(cases >= 20);
}

} // namespace hpcsched::house
