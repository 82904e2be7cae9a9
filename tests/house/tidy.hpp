// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_HOUSE_TIDY_HPP
#define HPCSCHED_TESTS_HOUSE_TIDY_HPP

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

/// The rules of the house that neither the compiler nor clang-format knows.
namespace hpcsched::house {

/// A file of the tree.
struct source {
    std::string path; ///< below the root, with slashes: "include/hpcsched/core/time.hpp"
    std::string text;
};

/// C++ with comments, character and string literals turned into blanks, so that what is left is code; the lines stay.
[[nodiscard]] std::string code_of(std::string_view text);

/// What is against a rule, one line per finding: "<path>:<line>: <rule>"; empty: the file is tidy.
[[nodiscard]] std::vector<std::string> findings_in(source const& file);

/// Every file of the project below `root`: sources, scripts, CMake files and documents, build trees left out.
[[nodiscard]] std::vector<source> sources_below(std::filesystem::path const& root);

} // namespace hpcsched::house

#endif
