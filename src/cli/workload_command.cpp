// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/grid_workloads.hpp>
#include <hpcsched/experiment/save_workload.hpp>
#include <hpcsched/experiment/suggest.hpp>
#include <hpcsched/experiment/trace_file.hpp>
#include <hpcsched/workload/arrivals.hpp>
#include <hpcsched/workload/calibration.hpp>
#include <hpcsched/workload/calibration_io.hpp>
#include <hpcsched/workload/describe.hpp>
#include <hpcsched/workload/function_drift.hpp>
#include <hpcsched/workload/generator.hpp>
#include <hpcsched/workload/generator_config.hpp>
#include <hpcsched/workload/presets.hpp>

#include "commands.hpp"
#include "values.hpp"
#include "workload_names.hpp"
#include "workload_text.hpp"

#include <array>
#include <filesystem>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

namespace hpcsched::cli {
namespace {

constexpr std::uint64_t count_max = 1'000'000'000;
constexpr std::uint32_t default_cpu_count = 12;
constexpr std::uint64_t seed_max = std::numeric_limits<std::uint64_t>::max();

/// The value of an option, parsed; nothing where it was not given.
template <class Parse>
auto parsed(arguments const& given, char const* option, Parse parse) {
    using value = typename decltype(parse(std::string{}))::value_type;
    std::optional<value> found;
    if (given.has(option)) {
        found = or_fail(parse(given.one(option)), exit_code::usage, std::string{option} + ": ");
    }
    return found;
}

std::optional<std::uint64_t> parsed_count(arguments const& given, char const* option, std::uint64_t least,
                                          std::uint64_t most) {
    return parsed(given, option, [least, most](std::string const& text) { return parse_count(text, least, most); });
}

std::optional<double> parsed_real(arguments const& given, char const* option, double least, double most) {
    return parsed(given, option, [least, most](std::string const& text) { return parse_real(text, least, most); });
}

// --- presets -----------------------------------------------------------------------------------------------

std::vector<option_spec> generator_options(bool is_optional) {
    std::string const group = is_optional ? "Presets" : "Options";
    return {
        {"-n,--count", "N", "invocations [default: 10000]", group},
        {"-s,--seed", "N", "the same seed gives the same workload [default: 1]", group},
        {"-l,--load", "LOAD", "offered load, such as 0.8 or 80% [default: the published rate]", group},
        {"-c,--cores", "N",
         std::string{"the CPUs that the load is for [default: those of the published machine"} +
             (is_optional ? "; of a file 12]" : "]"),
         group},
        {"--arrivals", "KIND",
         "how arrivals are spaced: exponential, uniform, even, bursty or poisson25\n[default: the preset's own]", group,
         value_completion::one_of({"exponential", "uniform", "even", "bursty", "poisson25"})},
        {"--cv", "CV",
         "coefficient of variation of inter-arrival times, which are bursty then\n[default: the preset's own]", group},
        {"--length", "TIME",
         "end before the first arrival after so long, such as 10s or 5min; without --count\nthis alone ends it "
         "[default: no such end]",
         group},
        {"--functions", "N", "how many functions, where the preset leaves that open [default: its own]", group},
        {"--variation", "SHARE",
         "service times vary within this share of their function's mean, either way: 0.25\nis +-25 % [default: the "
         "preset's own]",
         group},
        {"--io-share", "SHARE", "share of invocations that block once, 10 to 100 ms [default: 0]", group},
        {"--burst-length", "N",
         "arrivals that a burst lasts on average, where the CV is above 1; 1 draws each gap\nanew [default: the "
         "preset's own, 1 or 50]",
         group},
        {"--drift", "R",
         "how the functions' shares drift: correlation of neighbouring invocations, 0 to 0.5\n[default: the preset's "
         "own, 0 or 0.035]",
         group},
        {"--drift-length", "N", "invocations that a phase of drift lasts on average [default: 250]", group},
    };
}

std::optional<std::uint32_t> cpus_of(arguments const& given) {
    auto const cpus = parsed_count(given, "--cores", 1, workload::generator_limits::max_cpu_count);
    return cpus ? std::optional{static_cast<std::uint32_t>(*cpus)} : std::nullopt;
}

workload::generator_config generator_config_of(std::string const& preset, arguments const& given) {
    workload::generator_config config;
    config.from = or_fail(workload::parse_preset(preset), exit_code::usage);
    config.count = parsed_count(given, "--count", 1, count_max).value_or(given.has("--length") ? 0 : config.count);
    config.seed = parsed_count(given, "--seed", 0, seed_max).value_or(config.seed);
    config.load = parsed(given, "--load", &parse_load);
    if (config.load == 0.0) {
        config.load.reset(); // "recorded": the published rate
    }
    config.cpu_count = cpus_of(given).value_or(0);
    config.arrivals = parsed(given, "--arrivals", &workload::parse_arrival_kind);
    config.cv = parsed(given, "--cv", &parse_arrival_cv);
    if (config.cv == 0.0) {
        config.cv.reset();
    }
    if (config.cv && !config.arrivals) {
        config.arrivals = workload::arrival_kind::bursty;
    }
    config.length = parsed(given, "--length", &parse_duration).value_or(duration{0});
    config.function_count = static_cast<std::uint32_t>(parsed_count(given, "--functions", 1, 1'000'000).value_or(0));
    config.variation = parsed_real(given, "--variation", 0, 0.99);
    config.io_share = parsed_real(given, "--io-share", 0, 1).value_or(0);
    config.burst_length = parsed_real(given, "--burst-length", 1, workload::clustered_interarrivals::max_burst_length);
    auto const drift = parsed_real(given, "--drift", 0, workload::function_drift::max_correlation);
    auto const drift_length = parsed_real(given, "--drift-length", 1, workload::function_drift::max_length);
    config.drift = or_fail(asked_drift(config.from, drift, drift_length), exit_code::usage);
    return config;
}

// --- traces ------------------------------------------------------------------------------------------------

std::vector<option_spec> trace_options_of() {
    std::string const group = "Traces";
    return {
        {"--format", "FORMAT",
         "auto (by their contents), csv, azure2019, azure2021, huawei2023, huawei2025,\nsfs, sfs-openlambda, alps "
         "[default: auto]",
         group, value_completion::one_of(trace_format_names())},
        {"--limit", "N", "read at most so many invocations [default: all]", group},
        {"--skip-malformed", "", "leave out malformed rows, and say how many", group},
    };
}

std::unique_ptr<experiment::trace_stream> open_files(std::vector<std::string> const& names, arguments const& given) {
    experiment::trace_options options;
    options.format = parsed(given, "--format", &experiment::find_trace_format).value_or(options.format);
    options.seed = parsed_count(given, "--seed", 0, seed_max).value_or(options.seed);
    if (given.has("--skip-malformed")) {
        options.rows.on_bad_row = workload::bad_rows::skip;
    }
    std::vector<std::filesystem::path> const files{names.begin(), names.end()};
    for (std::string const& name : names) {
        if (name == "-" || std::filesystem::exists(name)) {
            continue;
        }
        std::string const near = experiment::nearest_name(name, preset_names());
        throw failure{exit_code::bad_input,
                      "cannot open '" + name + "': there is no such file" +
                          (near.empty() ? std::string{} : "; did you mean the preset '" + near + "'?")};
    }
    return or_fail(experiment::open_trace(files, options), exit_code::bad_input);
}

std::string joined(std::vector<std::string> const& files) {
    std::string all;
    for (std::string const& file : files) {
        all += (all.empty() ? "" : " ") + file;
    }
    return all;
}

/// A borrowed stream up to a limit, which notes whether it ended in an error.
class head_of {
  public:
    head_of(experiment::invocation_stream& stream, std::uint64_t limit, bool* failed = nullptr)
        : stream_{stream}, left_{limit}, failed_{failed} {}

    [[nodiscard]] result<bool> next(workload::invocation& out) {
        if (left_ == 0) {
            return false;
        }
        --left_;
        auto more = stream_.next(out);
        if (failed_ != nullptr && more.has_error()) {
            *failed_ = true;
        }
        return more;
    }

  private:
    experiment::invocation_stream& stream_;
    std::uint64_t left_;
    bool* failed_;
};

// --- describe ----------------------------------------------------------------------------------------------

workload_description describe_preset(std::string const& name, arguments const& given) {
    workload::generator_config const config = generator_config_of(name, given);
    workload::function_names names;
    auto generator = or_fail(workload::make_generator(config, &names), exit_code::usage);
    auto const summary = or_fail(workload::describe(generator), exit_code::failure);
    std::uint32_t const published = info_of(config.from).cpu_count;
    return {.name = name,
            .format = "preset",
            .summary = summary,
            .names = std::move(names),
            .cpu_count = config.cpu_count != 0 ? config.cpu_count
                         : published != 0      ? published
                                               : default_cpu_count};
}

workload_description describe_trace(std::vector<std::string> const& files, arguments const& given) {
    auto const limit = parsed_count(given, "--limit", 1, count_max).value_or(count_max * 1000);
    auto const trace = open_files(files, given);
    head_of head{*trace, limit};
    auto const summary = or_fail(workload::describe(head), exit_code::bad_input);
    std::string const name = joined(files);
    report_counts("hpcsched workload describe", name, trace->counts());
    return {.name = name,
            .format = std::string{name_of(trace->format())},
            .summary = summary,
            .names = trace->names(),
            .cpu_count = cpus_of(given).value_or(default_cpu_count)};
}

exit_code calibrate(std::vector<std::string> const& given_names, arguments const& given) {
    auto const names = given_names.empty() ? preset_names() : given_names;
    auto const seed = parsed_count(given, "--seed", 0, seed_max).value_or(1);
    auto const draws = parsed_count(given, "--count", workload::min_calibration_draws, workload::max_calibration_draws)
                           .value_or(workload::calibration_draws);
    std::vector<workload::calibration_report> reports;
    for (std::string const& name : names) {
        auto const preset = or_fail(workload::parse_preset(name), exit_code::usage);
        reports.push_back(or_fail(workload::calibrate(preset, seed, draws), exit_code::usage));
    }
    bool all_hold = true;
    for (workload::calibration_report const& report : reports) {
        all_hold = all_hold && report.holds();
    }
    if (given.has("--json")) {
        std::cout << calibration_json(reports);
    } else {
        for (std::size_t i = 0; i < reports.size(); ++i) {
            std::cout << (i == 0 ? "" : "\n") << to_string(reports[i]);
        }
    }
    if (!all_hold) {
        throw failure{exit_code::failure, "a preset is not calibrated: see the lines marked OFF"};
    }
    return exit_code::success;
}

exit_code describe(arguments const& given) {
    std::vector<std::string> const names = given.all("WORKLOAD");
    if (given.has("--calibrate")) {
        return calibrate(names, given);
    }
    if (names.empty()) {
        std::cout << preset_list();
        return exit_code::success;
    }
    constexpr std::array options_of_presets{"--count",        "--load",      "--arrivals",    "--cv",
                                            "--length",       "--functions", "--variation",   "--io-share",
                                            "--burst-length", "--drift",     "--drift-length"};
    check_in_use(given, names, options_of_presets);
    // Presets stand for themselves; files given together are the parts of one trace.
    std::vector<workload_description> described;
    std::vector<std::string> files;
    for (std::string const& name : names) {
        if (is_preset(name)) {
            described.push_back(describe_preset(name, given));
        } else {
            files.push_back(name);
        }
    }
    if (!files.empty()) {
        described.push_back(describe_trace(files, given));
    }
    for (std::size_t i = 0; i < described.size(); ++i) {
        std::cout << (given.has("--json") ? description_json(described[i])
                                          : (i == 0 ? "" : "\n") + description_text(described[i]));
    }
    return exit_code::success;
}

command_spec describe_command() {
    std::vector<option_spec> options{
        {"WORKLOAD", "WORKLOAD", "presets, and the file, files or folder of one trace; none: list the presets",
         "Options", value_completion::file_or(preset_names()), true},
        {"--json", "", "print JSON, one line per workload", "Options"},
        {"--calibrate", "", "print published figures beside generated ones, for all presets or those named",
         "Options"}};
    for (auto&& part : {generator_options(true), trace_options_of()}) {
        options.insert(options.end(), part.begin(), part.end());
    }
    return {.name = "describe",
            .description = "Show what a workload is like: durations, arrivals, functions, load",
            .details =
                "Examples:\n  hpcsched workload describe\n  hpcsched workload describe alps-huawei --count 100k\n"
                "  hpcsched workload describe trace.csv.gz --json\n"
                "  hpcsched workload describe --calibrate\n\n"
                "Files are streamed. With --calibrate the exit status is 1 where a preset misses a published\n"
                "figure by more than its tolerance.",
            .options = std::move(options),
            .run = &describe};
}

// --- generate and convert ----------------------------------------------------------------------------------

option_spec output_option() {
    return {"-o,--output", "FILE",
            "where it goes: compressed where the name ends in .gz; - is standard output\n"
            "[default: -]",
            "Options", value_completion::file()};
}

/// Says what was written, unless it went to standard output itself.
void report_written(std::string const& command, std::string const& output, std::uint64_t count) {
    if (output != "-") {
        std::cerr << command << ": " << count << (count == 1 ? " invocation" : " invocations") << " in " << output
                  << '\n';
    }
}

exit_code generate(arguments const& given) {
    workload::generator_config const config = generator_config_of(given.one("PRESET"), given);
    workload::function_names names;
    auto generator = or_fail(workload::make_generator(config, &names), exit_code::usage);
    auto const stream = experiment::make_stream(std::move(generator));
    std::string const output = given.one("--output", "-");
    auto const count = or_fail(experiment::save_workload(output, *stream, names), exit_code::failure);
    report_written("hpcsched workload generate", output, count);
    return exit_code::success;
}

command_spec generate_command() {
    std::vector<option_spec> options{{"PRESET", "PRESET", "one of the presets that `hpcsched workload describe` lists",
                                      "Options", value_completion::one_of(preset_names()), false, true},
                                     output_option()};
    auto const more = generator_options(false);
    options.insert(options.end(), more.begin(), more.end());
    return {.name = "generate",
            .description = "Write the invocations of a preset as hpcsched's own CSV",
            .details = "Examples:\n  hpcsched workload generate sfs-table1 -n 1M -o workload.csv.gz\n"
                       "  hpcsched workload generate bursty-cv2.33 --load 0.9 --cores 24 | head",
            .options = std::move(options),
            .run = &generate};
}

exit_code convert(arguments const& given) {
    auto const limit = parsed_count(given, "--limit", 1, count_max).value_or(count_max * 1000);
    std::string const output = given.one("--output", "-");
    auto const trace = open_files(given.all("FILE"), given);
    bool unreadable = false;
    auto const stream = experiment::make_stream(head_of{*trace, limit, &unreadable});
    auto saved = experiment::save_workload(output, *stream, trace->names());
    auto const count = or_fail(std::move(saved), unreadable ? exit_code::bad_input : exit_code::failure);
    report_counts("hpcsched workload convert", joined(given.all("FILE")), trace->counts());
    report_written("hpcsched workload convert", output, count);
    return exit_code::success;
}

command_spec convert_command() {
    std::vector<option_spec> options{{"FILE", "FILE", "the file, files or folder of one trace; - is standard input",
                                      "Options", value_completion::file(), true, true},
                                     output_option(),
                                     {"-s,--seed", "N",
                                      "for what the trace does not tell, such as arrivals within a minute [default: 1]",
                                      "Options"}};
    auto const more = trace_options_of();
    options.insert(options.end(), more.begin(), more.end());
    return {.name = "convert",
            .description = "Write the invocations of a trace as hpcsched's own CSV",
            .details = "Examples:\n  hpcsched workload convert azure2021.txt -o azure2021.csv.gz\n"
                       "  hpcsched workload convert invocations.csv durations.csv memory.csv -o day1.csv\n"
                       "  zstdcat trace.zst | hpcsched workload convert - -o trace.csv\n\n"
                       "Rows are streamed. The output appears when it is complete.",
            .options = std::move(options),
            .run = &convert};
}

} // namespace

command_spec workload_command() {
    return {.name = "workload",
            .description = "Describe, generate and convert workloads",
            .commands = {describe_command(), generate_command(), convert_command()}};
}

} // namespace hpcsched::cli
