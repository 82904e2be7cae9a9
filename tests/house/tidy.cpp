// SPDX-License-Identifier: Apache-2.0
#include "tidy.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>

namespace hpcsched::house {
namespace {

constexpr std::size_t longest_line = 120;    // columns
constexpr std::size_t longest_function = 70; // lines, from the one with the opening brace to the closing one
constexpr std::size_t longest_file = 800;    // lines
constexpr std::string_view licence = "SPDX-License-Identifier: Apache-2.0";

// The components that are values: no clock, randomness, I/O, threads, logging, exceptions, run-time types.
constexpr std::array pure_components{"core", "sim",     "workload", "cpu",      "gpu",      "raft",
                                     "fuse", "predict", "cpu_sim",  "raft_sim", "notebook", "notebook_sim"};

struct banned {
    char const* pattern; // of code, comments and literals left out
    char const* reason;
};

banned const banned_in_pure[] = {
    {R"(::now\s*\()", "a pure component is handed the time"},
    {R"(\b(throw|try|catch|dynamic_cast|typeid)\b)", "a pure component builds without exceptions and run-time types"},
    {R"(\bstd::(cout|cerr|clog|cin|thread|jthread|mutex|async|getenv)\b)", "a pure component does no I/O, no threads"},
    {R"(\b(fopen|getenv|printf|puts)\s*\()", "a pure component does no I/O"},
};

banned const banned_in_code[] = {
    {R"(\bstd::random_device\b)", "draw from a random_stream that was passed in"},
    {R"(\bstd::(\w+_distribution|default_random_engine|shuffle|sample)\b)",
     "differs from one standard library to the next"},
    {R"((^|[^.>\w])(rand|drand48)\s*\(\s*\))", "draw from a random_stream that was passed in"},
    {R"(\busing\s+namespace\s+(std|boost|Eigen)\s*;)", "names come one by one"},
    {R"(^\s*#\s*pragma\s+once\b)", "headers have guards"},
    {R"(^\s*#\s*if\s+0\b)", "code that is out is gone"},
};

banned const banned_in_tests[] = {
    {R"(\b(sleep_for|sleep_until|usleep|nanosleep|sleep)\s*\()", "no test waits for a real clock"},
    {R"(\b(system_clock|high_resolution_clock)\b)", "no test reads a real clock"},
};

banned const banned_in_cmake[] = {
    {R"(^\s*(FetchContent|ExternalProject)\w*\s*\()", "nothing is downloaded"},
    {R"(^\s*(include_directories|link_libraries|link_directories|add_compile_options|add_definitions)\s*\()",
     "properties belong to targets"},
    {R"(^\s*set\s*\(\s*CMAKE_CXX_FLAGS)", "flags belong to targets or presets"},
};

banned const banned_in_lists[] = {
    {R"(^\s*file\s*\(\s*GLOB)", "sources and headers are listed by name"},
};

// In every file, comments and all. Spelt in halves, so that this file passes its own test.
banned const banned_words[] = {
    {"\\b(TO"
     "DO|FIX"
     "ME|XX"
     "X|HA"
     "CK)\\b",
     "what is left open is an issue, not a comment"},
    {"(^|[^A-Za-z0-9_.$}])/(work|ho"
     "me|root|Users)/[A-Za-z]",
     "a path of one machine"},
    {"<<<<<"
     "<< |>>>>"
     ">>> ",
     "a merge that was not finished"},
};

class collector {
  public:
    explicit collector(source const& file) : file_{file} {}

    void add(std::size_t line, std::string const& rule) {
        found_.push_back(file_.path + ':' + std::to_string(line) + ": " + rule);
    }
    [[nodiscard]] std::vector<std::string> take() && { return std::move(found_); }

  private:
    source const& file_;
    std::vector<std::string> found_;
};

std::vector<std::string> lines_of(std::string const& text) {
    std::vector<std::string> lines;
    std::istringstream in{text};
    for (std::string line; std::getline(in, line);) {
        lines.push_back(line);
    }
    return lines;
}

bool is_below(source const& file, std::string_view folder) {
    return file.path.starts_with(folder);
}

bool has_suffix(source const& file, std::string_view suffix) {
    return file.path.ends_with(suffix);
}

bool is_cpp(source const& file) {
    return has_suffix(file, ".hpp") || has_suffix(file, ".cpp");
}

bool is_cmake(source const& file) {
    return has_suffix(file, ".cmake") || has_suffix(file, "CMakeLists.txt");
}

bool is_shell(source const& file) {
    return has_suffix(file, ".sh") || file.path == ".ci/run";
}

bool is_pure(source const& file) {
    return std::ranges::any_of(pure_components, [&](std::string const& component) {
        return is_below(file, "include/hpcsched/" + component + "/");
    });
}

template <std::size_t Count>
void look_for(banned const (&rules)[Count], std::vector<std::string> const& lines, collector& out) {
    for (banned const& rule : rules) {
        std::regex const pattern{rule.pattern};
        for (std::size_t i = 0; i < lines.size(); ++i) {
            std::smatch match;
            if (std::regex_search(lines[i], match, pattern)) {
                out.add(i + 1, "'" + match.str() + "': " + rule.reason);
            }
        }
    }
}

void check_shape(source const& file, std::vector<std::string> const& lines, collector& out) {
    if (file.text.empty() || file.text.back() != '\n') {
        out.add(lines.size(), "ends without a newline");
    }
    if (lines.size() > longest_file) {
        out.add(lines.size(), "longer than " + std::to_string(longest_file) + " lines");
    }
    bool const prose = has_suffix(file, ".md");
    for (std::size_t i = 0; i < lines.size(); ++i) {
        // Columns, not bytes: a continuation byte of UTF-8 takes no column of its own.
        auto const columns = std::ranges::count_if(lines[i], [](char c) { return (c & 0xc0) != 0x80; });
        if (!prose && static_cast<std::size_t>(columns) > longest_line) {
            out.add(i + 1, "longer than " + std::to_string(longest_line) + " columns");
        }
        if (!lines[i].empty() && std::isspace(static_cast<unsigned char>(lines[i].back())) != 0) {
            out.add(i + 1, "ends with a blank");
        }
        if (lines[i].find('\t') != std::string::npos) {
            out.add(i + 1, "holds a tab");
        }
    }
    if (!prose) {
        std::size_t const first = !lines.empty() && lines[0].starts_with("#!") ? 1 : 0;
        if (first >= lines.size() || lines[first].find(licence) == std::string::npos) {
            out.add(first + 1, "does not begin with the licence line");
        }
    }
}

void check_guard(source const& file, std::vector<std::string> const& lines, collector& out) {
    constexpr std::string_view include = "include/";
    if (!is_below(file, include) || !has_suffix(file, ".hpp")) {
        return;
    }
    std::string guard = file.path.substr(include.size());
    std::ranges::transform(guard, guard.begin(), [](char c) {
        auto const byte = static_cast<unsigned char>(c);
        return std::isalnum(byte) != 0 ? static_cast<char>(std::toupper(byte)) : '_';
    });
    bool const opens = lines.size() > 3 && lines[1] == "#ifndef " + guard && lines[2] == "#define " + guard;
    if (!opens || lines.back() != "#endif") {
        out.add(2, "is not guarded by " + guard + " from the second line to the last");
    }
}

bool opens_function(std::string_view head) {
    static std::regex const not_a_function{
        R"((^|\s)(if|for|while|switch|do|else|catch|try|namespace|enum|struct|class|union|concept|TEST_SUITE)\b)"};
    static std::regex const keyword_in_signature{R"(^\s*(template\s*<|friend\s))"};
    std::string text{head};
    std::size_t const paren = text.find('(');
    if (paren == std::string::npos) {
        return false;
    }
    // Only what stands before the parameters decides: `struct pair make(int)` is a function all the same, but so
    // rare that it may pass.
    std::string before = text.substr(0, paren);
    if (std::regex_search(before, keyword_in_signature)) {
        before = std::regex_replace(before, std::regex{R"(\b(class|struct)\b)"}, "");
    }
    return !std::regex_search(before, not_a_function);
}

// Outermost bodies only: a lambda counts as part of the function it stands in. Tables in a test case may be longer.
void check_function_length(std::string const& code, collector& out) {
    std::vector<bool> is_body;
    std::size_t bodies = 0;
    std::size_t line = 1;
    std::size_t opened_at = 0;
    std::string head;
    for (char const c : code) {
        line += c == '\n' ? 1 : 0;
        if (c == '{') {
            bool const body = bodies == 0 && opens_function(head) && head.find("TEST_CASE") == std::string::npos;
            is_body.push_back(body);
            bodies += body ? 1U : 0U;
            opened_at = body ? line : opened_at;
            head.clear();
        } else if (c == '}') {
            if (!is_body.empty()) {
                if (is_body.back() && line - opened_at + 1 > longest_function) {
                    out.add(opened_at, "a function of " + std::to_string(line - opened_at + 1) + " lines, more than " +
                                           std::to_string(longest_function));
                }
                bodies -= is_body.back() ? 1U : 0U;
                is_body.pop_back();
            }
            head.clear();
        } else if (c == ';') {
            head.clear();
        } else {
            head.push_back(c);
        }
    }
}

// CTest takes `;` for the end of a name, doctest's filter takes `*`, `?` and `\` for more than themselves.
void check_test_names(source const& file, std::vector<std::string> const& lines, collector& out) {
    if (!is_below(file, "tests/")) {
        return;
    }
    static std::regex const pattern{R"re(^\s*TEST_CASE\w*\(\s*"((?:[^"\\]|\\.)*)")re"};
    for (std::size_t i = 0; i < lines.size(); ++i) {
        std::smatch match;
        if (!std::regex_search(lines[i], match, pattern)) {
            continue;
        }
        std::string const name = match[1];
        if (name.find_first_of(";*?\\[]$") != std::string::npos) {
            out.add(i + 1, "a test name with one of ; * ? \\ [ ] $, which CTest or doctest reads as something else");
        }
        std::size_t const colon = name.find(": ");
        if (colon == std::string::npos || name.find(' ', colon + 2) == std::string::npos) {
            out.add(i + 1, "a test name is \"thing: behaves so\", a sentence");
        }
    }
}

// tests/cpu/sfs.test.cpp begins with <hpcsched/cpu/sfs.hpp>, so that a header that leans on others is found out.
void check_own_header_first(source const& file, std::vector<std::string> const& lines, collector& out) {
    static std::regex const mirrored{R"(^tests/(\w+)/(\w+)\.test\.cpp$)"};
    std::smatch match;
    if (!std::regex_match(file.path, match, mirrored)) {
        return;
    }
    std::string const own = "#include <hpcsched/" + match.str(1) + '/' + match.str(2) + ".hpp>";
    auto const first =
        std::ranges::find_if(lines, [](std::string const& line) { return line.starts_with("#include"); });
    if (std::ranges::find(lines, own) != lines.end() && *first != own && !first->starts_with("#include <hpcsched/")) {
        out.add(static_cast<std::size_t>(first - lines.begin()) + 1, "does not include its own header first");
    }
}

void check_cpp(source const& file, std::vector<std::string> const& lines, collector& out) {
    std::string const code = code_of(file.text);
    std::vector<std::string> const code_lines = lines_of(code);
    look_for(banned_in_code, code_lines, out);
    if (is_pure(file)) {
        look_for(banned_in_pure, code_lines, out);
    }
    if (is_below(file, "tests/")) {
        look_for(banned_in_tests, code_lines, out);
    }
    check_guard(file, lines, out);
    check_function_length(code, out);
    check_test_names(file, lines, out);
    check_own_header_first(file, lines, out);
}

} // namespace

std::string code_of(std::string_view text) {
    std::string code{text};
    auto const blank = [&](std::size_t from, std::size_t to) {
        for (std::size_t i = from; i < std::min(to, code.size()); ++i) {
            code[i] = code[i] == '\n' ? '\n' : ' ';
        }
        return to;
    };
    auto const end_of = [&](std::string_view mark, std::size_t from) {
        std::size_t const at = text.find(mark, from);
        return at == std::string_view::npos ? text.size() : at + mark.size();
    };
    for (std::size_t i = 0; i < text.size();) {
        char const before = i == 0 ? ' ' : text[i - 1];
        if (text.substr(i, 2) == "//") {
            i = blank(i, std::min(text.find('\n', i), text.size()));
        } else if (text.substr(i, 2) == "/*") {
            i = blank(i, end_of("*/", i + 2));
        } else if (text.substr(i, 2) == "R\"") {
            std::size_t const open = text.find('(', i);
            std::string const close = ')' + std::string{text.substr(i + 2, open - i - 2)} + '"';
            i = blank(i, end_of(close, open));
        } else if (text[i] == '"' || (text[i] == '\'' && std::isalnum(static_cast<unsigned char>(before)) == 0)) {
            std::size_t end = i + 1;
            while (end < text.size() && text[end] != text[i] && text[end] != '\n') {
                end += text[end] == '\\' ? 2U : 1U;
            }
            i = blank(i, end + 1);
        } else {
            ++i;
        }
    }
    return code;
}

std::vector<std::string> findings_in(source const& file) {
    collector out{file};
    std::vector<std::string> const lines = lines_of(file.text);
    check_shape(file, lines, out);
    look_for(banned_words, lines, out);
    if (is_cpp(file)) {
        check_cpp(file, lines, out);
    }
    if (is_cmake(file)) {
        look_for(banned_in_cmake, lines, out);
    }
    if (has_suffix(file, "CMakeLists.txt")) {
        look_for(banned_in_lists, lines, out);
    }
    return std::move(out).take();
}

std::vector<source> sources_below(std::filesystem::path const& root) {
    namespace fs = std::filesystem;
    std::vector<source> found;
    auto const take = [&](fs::path const& path) {
        source file{fs::relative(path, root).generic_string(), {}};
        if (is_cpp(file) || is_cmake(file) || is_shell(file) || has_suffix(file, ".md")) {
            std::ifstream in{path, std::ios::binary};
            file.text.assign(std::istreambuf_iterator<char>{in}, {});
            found.push_back(std::move(file));
        }
    };
    for (char const* const folder : {"include", "src", "tests", "examples", "bench", "cmake", ".ci"}) {
        if (!fs::exists(root / folder)) {
            continue;
        }
        for (fs::directory_entry const& entry : fs::recursive_directory_iterator{root / folder}) {
            if (entry.is_regular_file()) {
                take(entry.path());
            }
        }
    }
    for (fs::directory_entry const& entry : fs::directory_iterator{root}) {
        if (entry.is_regular_file()) {
            take(entry.path());
        }
    }
    std::ranges::sort(found, {}, &source::path);
    return found;
}

} // namespace hpcsched::house
