// SPDX-License-Identifier: Apache-2.0
#include "run_functions.hpp"

#include <hpcsched/experiment/results_io.hpp>
#include <hpcsched/experiment/suggest.hpp>

#include <boost/json.hpp>

#include "failure.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <utility>

namespace hpcsched::cli {
namespace {

namespace json = boost::json;
using experiment_linux::function_command;

constexpr char const* example = "thumbnail='convert big.png -resize 100 small.png'";

std::pair<std::string, std::string> name_and_command(std::string const& given) {
    auto const equals = given.find('=');
    if (equals == std::string::npos || equals == 0 || given.find_first_not_of(' ', equals + 1) == std::string::npos) {
        throw failure{exit_code::usage,
                      "--command: '" + given + "' is not NAME=COMMAND: write for example --command " + example};
    }
    return {given.substr(0, equals), given.substr(equals + 1)};
}

std::vector<function_command> read_kept(std::string const& path) {
    std::ifstream file{path};
    std::vector<function_command> kept;
    if (!file) {
        return kept;
    }
    std::string const text{std::istreambuf_iterator<char>{file}, {}};
    try {
        json::value const document = json::parse(text);
        for (json::value const& each : document.as_array()) {
            kept.push_back({.function = std::string{each.at("function").as_string()},
                            .command = std::string{each.at("command").as_string()},
                            .cpu_time = duration{each.at("cpu_time_ns").to_number<std::int64_t>()},
                            .turnaround = duration{each.at("turnaround_ns").to_number<std::int64_t>()}});
        }
    } catch (std::exception const&) {
        throw failure{exit_code::failure, "'" + path +
                                              "' is not what this program wrote there: remove it, and the "
                                              "commands are measured again"};
    }
    return kept;
}

void write_kept(std::string const& path, std::vector<function_command> const& commands) {
    json::array all;
    for (function_command const& each : commands) {
        all.push_back({{"function", each.function},
                       {"command", each.command},
                       {"cpu_time_ns", each.cpu_time.count()},
                       {"turnaround_ns", each.turnaround.count()}});
    }
    or_fail(experiment::write_file(path, json::serialize(all) + '\n'), exit_code::failure);
}

function_command measured(std::string name, std::string command, bool quiet) {
    if (!quiet) {
        std::cerr << "hpcsched run: measuring '" << name << "' ..." << std::flush;
    }
    auto made = experiment_linux::measured_command(std::move(name), std::move(command));
    if (!quiet && made.has_value()) {
        std::cerr << std::fixed << std::setprecision(1) << ' ' << 1e3 * to_seconds(made->cpu_time) << " ms of CPU in "
                  << 1e3 * to_seconds(made->turnaround) << " ms";
    }
    if (!quiet) {
        std::cerr << '\n';
    }
    return or_fail(std::move(made), exit_code::failure);
}

} // namespace

std::vector<function_command> measured_commands(std::vector<std::string> const& given,
                                                simulate_settings const& settings) {
    std::vector<std::pair<std::string, std::string>> asked;
    for (std::string const& each : given) {
        asked.push_back(name_and_command(each));
        auto const same = std::ranges::count(asked, asked.back().first, &std::pair<std::string, std::string>::first);
        if (same > 1) {
            throw failure{exit_code::usage, "--command: function '" + asked.back().first + "' has two commands"};
        }
    }
    std::string const path = settings.out + "/commands.json";
    std::vector<function_command> const kept = settings.force ? std::vector<function_command>{} : read_kept(path);
    std::vector<function_command> commands;
    bool is_new = false;
    for (auto& [name, command] : asked) {
        auto const known = std::ranges::find_if(
            kept, [&](function_command const& k) { return k.function == name && k.command == command; });
        is_new = is_new || known == kept.end();
        commands.push_back(known == kept.end() ? measured(std::move(name), std::move(command), settings.quiet)
                                               : *known);
    }
    if (is_new) {
        std::error_code failed;
        std::filesystem::create_directories(settings.out, failed); // if it cannot be, the file cannot be written
        write_kept(path, commands);
    }
    return commands;
}

void check_functions(std::vector<function_command> const& commands,
                     std::vector<experiment::grid_workload> const& workloads, experiment::cell_key key) {
    std::vector<std::string> known;
    for (experiment::grid_workload const& workload : workloads) {
        key.workload = workload.name;
        auto const names = or_fail(workload.function_names(key), exit_code::bad_input);
        known.insert(known.end(), names.begin(), names.end());
    }
    for (function_command const& each : commands) {
        if (std::ranges::find(known, each.function) == known.end()) {
            throw failure{exit_code::usage, "--command: no workload has a function '" + each.function + "'; " +
                                                experiment::suggestion(each.function, known, "functions")};
        }
    }
}

} // namespace hpcsched::cli
