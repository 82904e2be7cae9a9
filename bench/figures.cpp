// SPDX-License-Identifier: Apache-2.0

// What bench/run.sh runs once all is built: finds the figures in the benchmark programs, runs those that were asked
// for one after the other, and judges them in one table.
#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace json = boost::json;

struct figure_case {
    std::string program; // path
    std::string name;
    std::string issue;
    std::string what;
};

std::string quoted(std::string const& word) {
    return '\'' + std::regex_replace(word, std::regex{"'"}, "'\\''") + '\'';
}

/// Runs a command and hands its standard output on, line by line.
/// \return whether it ended with success
bool run(std::string const& command, std::function<void(std::string const&)> const& each_line) {
    std::FILE* const out = popen(command.c_str(), "r");
    if (out == nullptr) {
        return false;
    }
    std::string line;
    for (int c = std::getc(out); c != EOF; c = std::getc(out)) {
        if (c == '\n') {
            each_line(line);
            line.clear();
        } else {
            line.push_back(static_cast<char>(c));
        }
    }
    if (!line.empty()) {
        each_line(line);
    }
    return pclose(out) == 0;
}

std::vector<figure_case> cases_of(std::string const& program) {
    std::vector<figure_case> found;
    bool const listed = run(quoted(program) + " --list-figures", [&](std::string const& line) {
        std::istringstream in{line};
        figure_case each{program, {}, {}, {}};
        std::getline(in, each.name, '\t');
        std::getline(in, each.issue, '\t');
        std::getline(in, each.what);
        found.push_back(each);
    });
    if (!listed) {
        throw std::runtime_error{program + " --list-figures failed"};
    }
    return found;
}

std::vector<figure_case> cases_named(std::string const& programs, std::string const& filter) {
    std::ifstream in{programs};
    if (!in) {
        throw std::runtime_error{"cannot read the list of programs " + programs};
    }
    std::regex const wanted{filter, std::regex::icase};
    std::vector<figure_case> chosen;
    for (std::string program; std::getline(in, program);) {
        for (figure_case& each : cases_of(program)) {
            if (std::regex_search(each.name, wanted)) {
                chosen.push_back(std::move(each));
            }
        }
    }
    std::ranges::sort(chosen, {}, &figure_case::name);
    return chosen;
}

/// Four significant digits, and no more.
std::string number(json::value const& value) {
    if (value.is_null()) {
        return "";
    }
    double const real = value.to_number<double>();
    std::ostringstream out;
    double const size = std::abs(real);
    int const digits = size == 0 ? 0 : std::clamp(3 - static_cast<int>(std::floor(std::log10(size))), 0, 6);
    out << std::fixed << std::setprecision(digits) << real;
    return out.str();
}

std::string with_unit(json::value const& value, json::value const& unit) {
    std::string const text = number(value);
    std::string const suffix{unit.as_string()};
    return text.empty() || suffix.empty() ? text : text + ' ' + suffix;
}

using row = std::array<std::string, 6>;

std::size_t columns_of(std::string const& text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

/// A table that reads well in a terminal and, as Markdown, in the README.
void print_table(json::array const& figures) {
    std::vector<row> rows{{"figure", "value", "beside", "ratio", "goal", "holds"}};
    for (json::value const& each : figures) {
        rows.push_back({std::string{each.at("figure").as_string()}, with_unit(each.at("value"), each.at("unit")),
                        with_unit(each.at("beside"), each.at("unit")), number(each.at("ratio")),
                        std::string{each.at("goal").as_string()}, each.at("holds").as_bool() ? "yes" : "NO"});
    }
    std::array<std::size_t, 6> widths{};
    for (row const& each : rows) {
        for (std::size_t i = 0; i < each.size(); ++i) {
            widths[i] = std::max(widths[i], columns_of(each[i]));
        }
    }
    auto const print = [&](row const& cells) {
        for (std::size_t i = 0; i < cells.size(); ++i) {
            std::cout << "| " << cells[i] << std::string(widths[i] - columns_of(cells[i]) + 1, ' ');
        }
        std::cout << "|\n";
    };
    print(rows.front());
    for (std::size_t const width : widths) {
        std::cout << '|' << std::string(width + 2, '-');
    }
    std::cout << "|\n";
    std::for_each(rows.begin() + 1, rows.end(), print);
}

/// Runs the cases and collects their figures.
/// \return whether every program did its part
bool collect(std::vector<figure_case> const& chosen, json::array& figures) {
    constexpr std::string_view mark = "figure: ";
    bool all_ran = true;
    for (std::size_t i = 0; i < chosen.size(); ++i) {
        std::cerr << '[' << i + 1 << '/' << chosen.size() << "] " << chosen[i].name << ": " << chosen[i].what << '\n';
        std::size_t const before = figures.size();
        bool const ran =
            run(quoted(chosen[i].program) + " --figure=" + quoted(chosen[i].name), [&](std::string const& line) {
                if (line.starts_with(mark)) {
                    figures.push_back(json::parse(std::string_view{line}.substr(mark.size())));
                } else {
                    std::cout << line << '\n';
                }
            });
        if (!ran || figures.size() == before) {
            std::cerr << chosen[i].name << (ran ? ": reported no figure" : ": failed") << '\n';
            all_ran = false;
        }
    }
    return all_ran;
}

void write_json(std::string const& path, json::array const& figures) {
    std::ofstream out{path};
    out << "[\n";
    for (std::size_t i = 0; i < figures.size(); ++i) {
        out << "  " << json::serialize(figures[i]) << (i + 1 < figures.size() ? ",\n" : "\n");
    }
    out << "]\n";
    if (!out.flush()) {
        throw std::runtime_error{"cannot write " + path};
    }
}

enum status : int { all_hold = 0, some_do_not_hold = 1, could_not_run = 2 };

int judge(std::string const& programs, std::string const& filter, bool list, std::string const& json_path) {
    std::vector<figure_case> const chosen = cases_named(programs, filter);
    if (chosen.empty()) {
        std::cerr << "no figure matches '" << filter << "'; --list names them\n";
        return could_not_run;
    }
    if (list) {
        std::size_t width = 0;
        for (figure_case const& each : chosen) {
            width = std::max(width, each.name.size());
        }
        for (figure_case const& each : chosen) {
            std::cout << std::left << std::setw(static_cast<int>(width)) << each.name << "  issue " << each.issue
                      << "  " << each.what << '\n';
        }
        return all_hold;
    }
    json::array figures;
    bool const all_ran = collect(chosen, figures);
    std::cout << '\n';
    print_table(figures);
    if (!json_path.empty()) {
        write_json(json_path, figures);
    }
    auto const missed = std::ranges::count_if(figures, [](json::value const& f) { return !f.at("holds").as_bool(); });
    std::cout << '\n' << figures.size() << " figures, " << missed << " of them do not hold\n";
    return !all_ran ? could_not_run : missed > 0 ? some_do_not_hold : all_hold;
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app{"Runs the figures that the issues name, each beside its comparison in the same run."};
    std::string programs;
    std::string filter;
    std::string json_path;
    bool list = false;
    app.add_option("filter", filter, "Only the figures whose name matches this regular expression");
    app.add_flag("--list", list, "Name the figures and run none");
    app.add_option("--json", json_path, "Write the figures to this file, as a JSON array of objects");
    app.add_option("--programs", programs, "File with the paths of the benchmark programs")->required();
    try {
        app.parse(argc, argv);
        return judge(programs, filter, list, json_path);
    } catch (CLI::ParseError const& wrong) {
        return app.exit(wrong) == 0 ? 0 : could_not_run;
    } catch (std::exception const& failure) {
        std::cerr << "figures: " << failure.what() << '\n';
        return could_not_run;
    }
}
