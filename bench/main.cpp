// SPDX-License-Identifier: Apache-2.0

// The main of every benchmark program: Google Benchmark's, and beside it the two options by which bench/run.sh finds
// and runs figures:
//   --list-figures           one line per case: name, issue, what, separated by tabs
//   --figure=<name>          runs one case in full; each figure is a line "figure: {...}" on standard output
//   --smoke-figures          runs every case with effort::smoke
#include <benchmark/benchmark.h>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "figure.hpp"

#include <cmath>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string_view>
#include <utility>

namespace hpcsched::bench {

std::vector<figure_case>& figure_cases() {
    static std::vector<figure_case> cases;
    return cases;
}

figure_case::figure_case(std::string name_, int issue_, std::string what_, std::function<void(effort)> run_)
    : name{std::move(name_)}, issue{issue_}, what{std::move(what_)}, run{std::move(run_)} {
    figure_cases().push_back(*this);
}

namespace {

int current_issue = 0; // of the case that is running

boost::json::value number_or_null(std::optional<double> number) {
    return number && std::isfinite(*number) ? boost::json::value(*number) : boost::json::value(nullptr);
}

void run(figure_case const& chosen, effort how_much) {
    current_issue = chosen.issue;
    chosen.run(how_much);
}

/// \return the exit status, or nothing where the arguments ask for no figure
std::optional<int> run_figures(int argc, char** argv) {
    constexpr std::string_view one = "--figure=";
    for (int i = 1; i < argc; ++i) {
        std::string_view const argument = argv[i];
        if (argument == "--list-figures") {
            for (figure_case const& each : figure_cases()) {
                std::printf("%s\t%d\t%s\n", each.name.c_str(), each.issue, each.what.c_str());
            }
            return 0;
        }
        if (argument == "--smoke-figures") {
            for (figure_case const& each : figure_cases()) {
                run(each, effort::smoke);
            }
            return 0;
        }
        if (argument.starts_with(one)) {
            for (figure_case const& each : figure_cases()) {
                if (each.name == argument.substr(one.size())) {
                    run(each, effort::full);
                    return 0;
                }
            }
            std::fprintf(stderr, "%s: no figure '%s' here; --list-figures names them\n", argv[0],
                         argument.substr(one.size()).data());
            return 2;
        }
    }
    return std::nullopt;
}

} // namespace

void report(figure const& found) {
    std::optional<double> ratio = found.ratio;
    if (!ratio && found.beside && *found.beside != 0) {
        ratio = found.value / *found.beside;
    }
    boost::json::object const line{{"figure", found.name},
                                   {"issue", current_issue},
                                   {"value", number_or_null(found.value)},
                                   {"unit", found.unit},
                                   {"beside", number_or_null(found.beside)},
                                   {"ratio", number_or_null(ratio)},
                                   {"goal", found.goal},
                                   {"holds", found.holds}};
    std::cout << "figure: " << boost::json::serialize(line) << std::endl;
}

} // namespace hpcsched::bench

int main(int argc, char** argv) {
    try {
        if (auto const status = hpcsched::bench::run_figures(argc, argv)) {
            return *status;
        }
        benchmark::Initialize(&argc, argv);
        if (benchmark::ReportUnrecognizedArguments(argc, argv)) {
            return 2;
        }
        benchmark::RunSpecifiedBenchmarks();
        benchmark::Shutdown();
        return 0;
    } catch (std::exception const& failure) {
        std::fprintf(stderr, "%s: %s\n", argv[0], failure.what());
        return 1;
    }
}
