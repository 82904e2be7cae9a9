// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/notebook_trace_file.hpp>
#include <hpcsched/experiment/results_io.hpp>
#include <hpcsched/notebook/notebookos.hpp>
#include <hpcsched/notebook/predictive.hpp>
#include <hpcsched/notebook_sim/cluster.hpp>
#include <hpcsched/notebook_sim/forecast_check.hpp>
#include <hpcsched/workload/notebook_generator.hpp>

#include <boost/json.hpp>

#include "commands.hpp"
#include "values.hpp"

#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iomanip>
#include <iostream>
#include <limits>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::cli {
namespace {

namespace json = boost::json;
using notebook_sim::forecast;
using notebook_sim::forecast_check_config;
using notebook_sim::reliability_bin;

constexpr char const* details =
    R"(A trace of notebook cells is replayed on a simulated cluster, and every few minutes a forecaster that learns as
it goes is asked about every session: will its next cell come within the horizon, would it have to wait, will its cell
have ended, will all its hosts be busy? Each is then compared with what came. Without a trace one is generated.

Examples:
  hpcsched predict cluster idlt_june.csv                   a real month, under NotebookOS's policies
  hpcsched predict cluster idlt_june.csv --policy predictive --horizon 5min
  hpcsched predict cluster --out forecast.json --page forecast.html

"foretold" is the mean of the forecasts in a bin, "came" the share of them that came true, "+-" how far chance alone
could take that share (95 %, if forecasts of one session had nothing to do with each other); "off" is the mean distance,
the bins weighed by their forecasts. Under "waits" are the cells that came.

Exit status: 0 success, 1 failure, 2 wrong command line, 3 a trace that cannot be read.)";

/// One thing that is foretold.
struct subject {
    char const* name;
    char const* words;
    std::vector<double> foretold{};
    std::vector<std::uint8_t> came{};

    void add(double probability, bool happened) {
        foretold.push_back(probability);
        came.push_back(happened ? 1 : 0);
    }
};

duration time_of(arguments const& given, char const* option, duration otherwise) {
    if (!given.has(option)) {
        return otherwise;
    }
    duration const d = or_fail(parse_duration(given.one(option)), exit_code::usage, std::string{option} + ": ");
    if (d <= duration{0}) {
        throw failure{exit_code::usage, std::string{option} + ": give a time above 0"};
    }
    return d;
}

template <class Scheduler>
std::vector<forecast> replay(Scheduler scheduler, notebook_sim::kernel_protocol protocol,
                             workload::notebook_trace const& trace, forecast_check_config const& config) {
    std::vector<forecast> out;
    notebook_sim::cluster cluster{notebook_sim::forecast_check<Scheduler>{std::move(scheduler), config, out}, protocol,
                                  notebook_sim::cluster_config{.seed = config.seed}};
    (void)cluster.run(trace, std::chrono::hours{1});
    return out;
}

std::array<subject, 4> sort_out(std::vector<forecast> const& all) {
    std::array<subject, 4> subjects{
        subject{.name = "waits", .words = "the session's next cell waits, if it comes within the horizon"},
        subject{.name = "comes", .words = "the session's next cell comes within the horizon"},
        subject{.name = "ends", .words = "the cell that runs ends within the horizon"},
        subject{.name = "all_busy", .words = "none of the session's hosts has room at the horizon"}};
    for (forecast const& f : all) {
        if (!f.over) {
            continue;
        }
        if (f.running) {
            subjects[2].add(f.ends, f.ended);
            continue;
        }
        subjects[1].add(f.comes, f.came);
        subjects[3].add(f.all_busy, f.was_busy);
        if (f.came) {
            subjects[0].add(f.waits, f.waited);
        }
    }
    return subjects;
}

void print(std::array<subject, 4> const& subjects) {
    std::cout << std::fixed << std::setprecision(3);
    for (subject const& s : subjects) {
        auto const bins = notebook_sim::reliability(s.foretold, s.came);
        std::cout << s.name << ": " << s.words << "; " << s.came.size() << " forecasts, off by "
                  << notebook_sim::calibration_error(bins) << "\n  foretold";
        for (reliability_bin const& b : bins) {
            b.count > 0 ? std::cout << "  " << b.foretold : std::cout << "      -";
        }
        std::cout << "\n  came    ";
        for (reliability_bin const& b : bins) {
            b.count > 0 ? std::cout << "  " << b.observed : std::cout << "      -";
        }
        std::cout << "\n  +-      "; // by chance alone, 95 %
        for (reliability_bin const& b : bins) {
            b.count > 0 ? std::cout << "  " << b.half_width_95() : std::cout << "      -";
        }
        std::cout << "\n  of      ";
        for (reliability_bin const& b : bins) {
            std::cout << std::setw(7) << b.count;
        }
        std::cout << '\n';
    }
}

std::string to_json(std::array<subject, 4> const& subjects, arguments const& given) {
    json::object out{{"command", given.command()}};
    for (subject const& s : subjects) {
        auto const bins = notebook_sim::reliability(s.foretold, s.came);
        json::array list;
        for (reliability_bin const& b : bins) {
            list.push_back({{"foretold", b.foretold},
                            {"came", b.observed},
                            {"half_width_95", b.half_width_95()},
                            {"count", b.count}});
        }
        out[s.name] = json::object{{"meaning", s.words},
                                   {"forecasts", s.came.size()},
                                   {"calibration_error", notebook_sim::calibration_error(bins)},
                                   {"bins", std::move(list)}};
    }
    return json::serialize(out) + "\n";
}

/// A reliability diagram: what came over what was foretold, the diagonal where they agree; a dot's area is its count,
/// its bar how far chance alone could take it.
std::string diagram(subject const& s) {
    auto const bins = notebook_sim::reliability(s.foretold, s.came);
    std::ostringstream svg;
    svg << std::fixed << std::setprecision(1)
        << "<svg viewBox=\"0 0 360 380\" role=\"img\" aria-label=\"What came, over what was foretold\">"
        << "<rect x=\"40\" y=\"20\" width=\"300\" height=\"300\" fill=\"none\" stroke=\"currentColor\"/>"
        << "<line x1=\"40\" y1=\"320\" x2=\"340\" y2=\"20\" stroke=\"gray\" stroke-dasharray=\"4\"/>"
        << "<text x=\"190\" y=\"350\" text-anchor=\"middle\">foretold, 0 to 1</text>"
        << "<text x=\"20\" y=\"170\" transform=\"rotate(-90 20 170)\" text-anchor=\"middle\">came, 0 to 1</text>";
    for (reliability_bin const& b : bins) {
        if (b.count > 0) {
            double const share = static_cast<double>(b.count) / static_cast<double>(s.came.size());
            double const x = 40 + 300 * b.foretold;
            svg << "<line x1=\"" << x << "\" x2=\"" << x << "\" y1=\"" << 320 - 300 * (b.observed - b.half_width_95())
                << "\" y2=\"" << 320 - 300 * (b.observed + b.half_width_95()) << "\" stroke=\"#2a7ab8\"/>"
                << "<circle cx=\"" << 40 + 300 * b.foretold << "\" cy=\"" << 320 - 300 * b.observed << "\" r=\""
                << 3 + 14 * std::sqrt(share) << "\" fill=\"#2a7ab8\" fill-opacity=\"0.6\"><title>" << b.count
                << " forecasts</title></circle>";
        }
    }
    svg << "</svg>";
    return svg.str();
}

std::string page(std::array<subject, 4> const& subjects) {
    std::string html =
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>What was foretold, and what came</title>"
        "<style>body{font:15px sans-serif;margin:2em}main{display:flex;flex-wrap:wrap;gap:2em}figure{margin:0;"
        "width:22em}svg{width:100%;fill:currentColor}@media(prefers-color-scheme:dark){body{background:#181818;"
        "color:#ddd}}</style><h1>What was foretold, and what came</h1><main>";
    for (subject const& s : subjects) {
        std::ostringstream off;
        off << std::fixed << std::setprecision(3)
            << notebook_sim::calibration_error(notebook_sim::reliability(s.foretold, s.came));
        html += "<figure>" + diagram(s) + "<figcaption>" + s.words + ": " + std::to_string(s.came.size()) +
                " forecasts, off by " + off.str() + "</figcaption></figure>";
    }
    return html + "</main></html>\n";
}

workload::notebook_trace trace_of(arguments const& given) {
    if (given.has("trace")) {
        return or_fail(experiment::read_notebook_trace(given.one("trace")), exit_code::bad_input);
    }
    workload::notebook_generator_config config;
    if (given.has("--sessions")) {
        config.session_count = static_cast<std::uint32_t>(
            or_fail(parse_count(given.one("--sessions"), 1, 1'000'000), exit_code::usage, "--sessions: "));
    }
    config.length = time_of(given, "--length", config.length);
    return or_fail(workload::generate_notebooks(config), exit_code::usage);
}

exit_code predict(arguments const& given) {
    forecast_check_config config;
    config.every = time_of(given, "--every", config.every);
    config.horizon = time_of(given, "--horizon", config.horizon);
    if (given.has("--worlds")) {
        config.worlds = or_fail(parse_count(given.one("--worlds"), 1, 1'000'000), exit_code::usage, "--worlds: ");
    }
    if (given.has("--seed")) {
        config.seed = or_fail(parse_count(given.one("--seed"), 0, std::numeric_limits<std::uint64_t>::max()),
                              exit_code::usage, "--seed: ");
    }
    std::string const policy = given.one("--policy", "notebookos");
    if (policy != "notebookos" && policy != "predictive") {
        throw failure{exit_code::usage, "--policy: there are notebookos and predictive, not '" + policy + "'"};
    }
    workload::notebook_trace const trace = trace_of(given);
    std::cerr << "hpcsched: replaying " << trace.cells.size() << " cells, with " << config.worlds
              << " futures of each moment; a month takes a minute or two\n";
    if (trace.cells.empty()) {
        throw failure{exit_code::bad_input, "there is no cell in this trace"};
    }
    auto const all =
        policy == "notebookos"
            ? replay(notebook::notebookos_cluster{notebook::notebookos_policies{random_stream{config.seed, "victims"}}},
                     {.commits_before_start = 3, .moves_through_store = true}, trace, config)
            : replay(notebook::predictive_cluster{notebook::predictive_policies{}}, {.commits_before_start = 1}, trace,
                     config);
    auto const subjects = sort_out(all);
    print(subjects);
    if (given.has("--out")) {
        or_fail(experiment::write_file(given.one("--out"), to_json(subjects, given)), exit_code::failure);
    }
    if (given.has("--page")) {
        or_fail(experiment::write_file(given.one("--page"), page(subjects)), exit_code::failure);
    }
    return exit_code::success;
}

} // namespace

command_spec predict_cluster_command() {
    return {.name = "cluster",
            .description = "Foretell who will wait for GPUs on a replayed cluster, and hold it against what came",
            .details = details,
            .options =
                {{.name = "trace",
                  .value = "TRACE",
                  .help = "notebook cells, as `notebook simulate` reads them; none: a generated month",
                  .complete = value_completion::file()},
                 {.name = "--sessions", .value = "N", .help = "of the generated trace (339)"},
                 {.name = "--length", .value = "TIME", .help = "of the generated trace (30d)"},
                 {.name = "--policy",
                  .value = "NAME",
                  .help = "who schedules: notebookos or predictive (notebookos)",
                  .complete = value_completion::one_of({"notebookos", "predictive"})},
                 {.name = "--every", .value = "TIME", .help = "between two times of asking (10min)"},
                 {.name = "--horizon", .value = "TIME", .help = "how far ahead (10min)"},
                 {.name = "--worlds", .value = "N", .help = "futures of each moment (200)"},
                 {.name = "--seed", .value = "N", .help = "of all that is drawn (1)"},
                 {.name = "--out", .value = "FILE", .help = "the same as JSON", .complete = value_completion::file()},
                 {.name = "--page",
                  .value = "FILE",
                  .help = "a page with a reliability diagram of each",
                  .complete = value_completion::file()}},
            .run = predict};
}

} // namespace hpcsched::cli
