// SPDX-License-Identifier: Apache-2.0
#include "tidy.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace hpcsched::house {
namespace {

std::vector<source> const& tree() {
    static std::vector<source> const all = sources_below(HPCSCHED_SOURCE_DIR);
    return all;
}

std::string joined(std::vector<std::string> const& lines) {
    std::string text;
    for (std::string const& line : lines) {
        text += '\n' + line;
    }
    return text;
}

constexpr char const* top = "// SPDX-License-Identifier: Apache-2.0\n";

// A file with one defect, and a piece of what is said of it.
struct planted {
    std::string path;
    std::string text;
    char const* finding;
};

std::string repeated(std::string const& line, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) {
        text += line;
    }
    return text;
}

std::string header(std::string const& guard, std::string const& body) {
    return top + ("#ifndef " + guard) + "\n#define " + guard + '\n' + body + "\n#endif\n";
}

std::vector<planted> planted_defects() {
    std::string const cpp = top;
    std::string const cmake = "# SPDX-License-Identifier: Apache-2.0\n";
    auto const pure = [](std::string const& line) { return header("HPCSCHED_CPU_X_HPP", line); };
    char const* const x = "include/hpcsched/cpu/x.hpp";
    char const* const test = "tests/cpu/x.test.cpp";
    return {
        {"src/cli/x.cpp", "int x;\n", ":1: does not begin with the licence line"},
        {"tests/run.sh", "#!/bin/sh\necho\n", ":2: does not begin with the licence line"},
        {"src/cli/x.cpp", cpp + "int x;", "ends without a newline"},
        {"src/cli/x.cpp", cpp + "int x; \n", ":2: ends with a blank"},
        {"src/cli/x.cpp", cpp + "int x;\r\n", ":2: ends with a blank"},
        {"src/cli/x.cpp", cpp + "int\tx;\n", ":2: holds a tab"},
        {"src/cli/x.cpp", cpp + "// " + std::string(118, 'x') + "\n", ":2: longer than 120 columns"},
        {"src/cli/x.cpp", cpp + repeated("int x();\n", 800), ":801: longer than 800 lines"},
        {"src/cli/x.cpp", cpp + "int x(int y) {\n" + repeated("    ++y;\n", 68) + "    return y;\n}\n",
         ":2: a function of 71 lines"},
        {"src/cli/x.cpp", cpp + "struct a {\n    void x() {\n" + repeated("        y();\n", 70) + "    }\n};\n",
         ":3: a function of 72 lines"},
        {"include/hpcsched/cpu/x.hpp", header("HPCSCHED_X_HPP", ""), "is not guarded by HPCSCHED_CPU_X_HPP"},
        {"include/hpcsched/cpu/detail/x.hpp", header("HPCSCHED_CPU_X_HPP", ""), "by HPCSCHED_CPU_DETAIL_X_HPP"},
        {"src/cli/x.hpp", cpp + "#pragma once\n", "headers have guards"},
        {x, pure("auto const t = std::chrono::steady_clock::now();"), "handed the time"},
        {x, pure("void x() { throw 1; }"), "without exceptions"},
        {x, pure("void x() { std::cerr << 1; }"), "no I/O"},
        {x, pure("inline std::mutex m;"), "no threads"},
        {x, pure("inline std::random_device d;"), "random_stream"},
        {x, pure("inline std::normal_distribution<> d;"), "one standard library to the next"},
        {"src/cli/x.cpp", cpp + "std::shuffle(a, b, c);\n", "one standard library to the next"},
        {"src/cli/x.cpp", cpp + "int x = rand();\n", "random_stream"},
        {"src/cli/x.cpp", cpp + "using namespace std;\n", "names come one by one"},
        {"src/cli/x.cpp", cpp + "#if 0\n#endif\n", "code that is out is gone"},
        {"src/cli/x.cpp", cpp + "// TO" + "DO later\n", "an issue, not a comment"},
        {"src/cli/x.cpp", cpp + "// see /ho" + "me/somebody\n", "a path of one machine"},
        {"README.md", "<<<<<" + std::string{"<< HEAD\n"}, "a merge that was not finished"},
        {test, cpp + "TEST_CASE(\"x: a; b\") {}\n", "one of ; *"},
        {test, cpp + "TEST_CASE(\"x: a * b\") {}\n", "one of ; *"},
        {test, cpp + "TEST_CASE(\"works\") {}\n", "a sentence"},
        {test, cpp + "TEST_CASE(\"x: works\") {}\n", "a sentence"},
        {test, cpp + "void x() { std::this_thread::sleep_for(y); }\n", "real clock"},
        {test, cpp + "auto x = std::chrono::system_clock::now();\n", "real clock"},
        {test, cpp + "#include <vector>\n#include <hpcsched/cpu/x.hpp>\n", "its own header first"},
        {"src/cli/CMakeLists.txt", cmake + "file(GLOB sources *.cpp)\n", "listed by name"},
        {"src/cli/CMakeLists.txt", cmake + "include_directories(include)\n", "belong to targets"},
        {"cmake/x.cmake", cmake + "FetchContent_Declare(x)\n", "nothing is downloaded"},
        {"cmake/x.cmake", cmake + "set(CMAKE_CXX_FLAGS -O3)\n", "flags belong"},
    };
}

std::set<std::string> allowed_at_the_top() {
    return {"CMakeLists.txt", "CMakePresets.json", "include",   "src",         "examples", "bench", "tests",
            "cmake",          "LICENSE",           "README.md", "CHANGELOG.md"};
}

} // namespace

TEST_CASE("tidy: each planted defect is found, and only that") {
    for (planted const& each : planted_defects()) {
        CAPTURE(each.path);
        CAPTURE(each.text.substr(0, 200));
        std::vector<std::string> const found = findings_in({each.path, each.text});
        INFO(joined(found));
        CHECK(found.size() == 1);
        CHECK(std::ranges::any_of(
            found, [&](std::string const& line) { return line.find(each.finding) != std::string::npos; }));
    }
}

TEST_CASE("tidy: what only looks like a defect passes") {
    std::string const in_comments =
        top + std::string{"// ::now() throw rand() std::mutex\n/* using namespace std; */\n"};
    CHECK(joined(findings_in({"include/../src/x.cpp", in_comments})).empty());
    std::string const body = "/// never calls ::now(), never throws\ninline char const* x() { return \"throw {{\"; }\n"
                             "inline int y = 1'000'000 + '\"' + '\\'';\nvoid throw_exception_from_error();";
    CHECK(joined(findings_in({"include/hpcsched/cpu/x.hpp", header("HPCSCHED_CPU_X_HPP", body)})).empty());
    std::string const seventy = top + ("int x(int y) {\n" + repeated("    ++y;\n", 67)) + "    return y;\n}\n";
    CHECK(joined(findings_in({"src/x.cpp", seventy})).empty());
    std::string const umlauts = top + ("// " + repeated("\xc3\xa4", 117)) + "\n";
    CHECK(joined(findings_in({"src/x.cpp", umlauts})).empty());
}

TEST_CASE("tidy: code is what is left without comments and literals") {
    CHECK(code_of("a // b\nc") == "a     \nc");
    CHECK(code_of("a /* b\nc */ d") == "a     \n     d");
    CHECK(code_of("f(\"x\\\"y\", '\"', 1'000)") == "f(      ,    , 1'000)");
    CHECK(code_of("R\"x(a)\" b)x\" c") == "             c");
    CHECK(code_of("\"never closed\nx") == "             \nx");
}

TEST_CASE("tidy: the whole tree is tidy") {
    REQUIRE(tree().size() > 50);
    for (source const& file : tree()) {
        std::string const found = joined(findings_in(file));
        CHECK_MESSAGE(found.empty(), found);
    }
}

TEST_CASE("tidy: no two test cases of a component share a name") {
    static std::regex const pattern{R"re(TEST_CASE\w*\(\s*"((?:[^"\\]|\\.)*)"(?!\s*"))re"};
    std::map<std::string, std::string> first;
    for (source const& file : tree()) {
        if (!file.path.starts_with("tests/") || !file.path.ends_with(".test.cpp") ||
            file.path.starts_with("tests/house")) {
            continue;
        }
        std::string const component = file.path.substr(0, file.path.rfind('/'));
        for (std::sregex_iterator match{file.text.begin(), file.text.end(), pattern}, end; match != end; ++match) {
            auto const [place, fresh] = first.emplace(component + ' ' + (*match)[1].str(), file.path);
            CHECK_MESSAGE(fresh, file.path << " and " << place->second << " both test: " << (*match)[1].str());
        }
    }
    CHECK(first.size() > 40);
}

TEST_CASE("tidy: every test source is built") {
    std::map<std::string, std::string> lists;
    for (source const& file : tree()) {
        if (file.path.ends_with("CMakeLists.txt")) {
            lists[file.path.substr(0, file.path.size() - std::string{"CMakeLists.txt"}.size())] = file.text;
        }
    }
    for (source const& file : tree()) {
        std::size_t const slash = file.path.rfind('/');
        if (!file.path.starts_with("tests/") || !file.path.ends_with(".cpp")) {
            continue;
        }
        // Listed in its own folder's CMakeLists.txt, or by its path in one further up.
        bool listed = false;
        for (std::size_t at = slash; at != std::string::npos && !listed;
             at = at == 0 ? at : file.path.rfind('/', at - 1)) {
            auto const list = lists.find(file.path.substr(0, at + 1));
            // Without the suffix: a list may make the names in a loop.
            std::string const name = file.path.substr(at + 1, file.path.size() - at - 5);
            listed = list != lists.end() && list->second.find(name) != std::string::npos;
        }
        CHECK_MESSAGE(listed, file.path << " is in no CMakeLists.txt");
    }
}

TEST_CASE("tidy: the top level holds what the plan names and nothing else") {
    std::set<std::string> const allowed = allowed_at_the_top();
    for (auto const& entry : std::filesystem::directory_iterator{HPCSCHED_SOURCE_DIR}) {
        std::string const name = entry.path().filename().string();
        bool const built = name.starts_with("build") || name.starts_with("install"); // as .gitignore has it
        CHECK_MESSAGE((name.starts_with('.') || built || allowed.contains(name)), name);
    }
}

} // namespace hpcsched::house
