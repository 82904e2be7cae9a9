// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/results_io.hpp>
#include <hpcsched/predict_bullet/forecast.hpp>
#include <hpcsched/predict_bullet/generate_scene.hpp>
#include <hpcsched/predict_bullet/scene_file.hpp>
#include <hpcsched/predict_bullet/scene_picture.hpp>

#include <boost/json.hpp>

#include "commands.hpp"
#include "predict_physics_study.hpp"
#include "values.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
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
using namespace predict_bullet;

constexpr char const* details =
    R"(Bodies fall, roll and hit each other: will target and zone touch, and where? Each scene is played many times by
Bullet, every time a little differently: as unsure as people are of what they see and of how things collide.

Examples:
  hpcsched predict physics --scenes contact_scenes.jsonl --out answers.json
  hpcsched predict physics --scenes contact_scenes.jsonl --families collide,drop --pictures pictures
  hpcsched predict physics --generate 20 --families dominoes --seed 7 --out answers.json
  hpcsched predict physics --scenes contact_scenes.jsonl --study --out study.json --page study.html

The study fits the noise to people's answers on one half of the stimuli and judges it on the other. Its default
settings take about a quarter of an hour on two cores. Ctrl-C ends it, and the tables so far are whole; without
--study, the answers so far are written.

An answer has the share of futures in which they touch, an interval that holds it with 95 %, the mean place, and how
many futures came to no end. The folder of --pictures gets report.html with a picture of each scene and its futures.

Exit status: 0 success, 1 failure, 2 wrong command line, 3 scenes that cannot be read, 130 interrupted.)";

struct settings {
    std::vector<recorded_scene> scenes;
    physics_study_config study;
    bool recorded = false; ///< what happened is known
};

std::uint64_t count_of(arguments const& given, char const* option, std::uint64_t most, std::uint64_t otherwise) {
    return given.has(option)
               ? or_fail(parse_count(given.one(option), 1, most), exit_code::usage, std::string{option} + ": ")
               : otherwise;
}

std::vector<family> families_of(arguments const& given) {
    std::vector<family> out;
    for (std::string const& name : split_list(given.one("--families", "all"))) {
        if (name == "all") {
            for (std::size_t f = 0; f < family_count; ++f) {
                out.push_back(static_cast<family>(f));
            }
        } else if (auto const f = family_named(name)) {
            out.push_back(*f);
        } else {
            throw failure{exit_code::usage, "--families: there is no family '" + name +
                                                "'; there are collide, contain, dominoes, drop, link, roll, support"};
        }
    }
    return out;
}

settings read_settings(arguments const& given) {
    settings s;
    std::vector<family> const families = families_of(given);
    s.study.how.worlds = count_of(given, "--worlds", 1'000'000, s.study.how.worlds);
    s.study.how.seed = count_of(given, "--seed", std::numeric_limits<std::uint64_t>::max(), 1);
    s.study.fit_scenes = count_of(given, "--fit-scenes", 10'000, s.study.fit_scenes);
    s.study.fit_worlds = count_of(given, "--fit-worlds", 10'000, s.study.fit_worlds);
    s.study.evaluations = count_of(given, "--evaluations", 100'000, s.study.evaluations);
    s.study.fit = !given.has("--no-fit");
    s.study.generalise = !given.has("--no-generalise");
    s.study.made_scenes = count_of(given, "--made-scenes", 1000, s.study.made_scenes);
    if (given.has("--scenes") == given.has("--generate")) {
        throw failure{exit_code::usage, "give either --scenes FILE or --generate N"};
    }
    if (given.has("--scenes")) {
        auto all = or_fail(read_scenes(std::filesystem::path{given.one("--scenes")}), exit_code::bad_input);
        std::copy_if(all.begin(), all.end(), std::back_inserter(s.scenes), [&](recorded_scene const& r) {
            return std::find(families.begin(), families.end(), r.seen.kind) != families.end();
        });
        s.recorded = true;
    } else {
        std::uint64_t const count = count_of(given, "--generate", 100'000, 1);
        for (family const f : families) {
            for (std::uint64_t n = 0; n < count; ++n) {
                s.scenes.push_back({.stimulus = "generated_" + std::string{name_of(f)} + '_' + std::to_string(n),
                                    .seen = or_fail(generate_scene(f, s.study.how.seed + n), exit_code::failure)});
            }
        }
    }
    if (s.scenes.empty()) {
        throw failure{exit_code::bad_input, "there is no scene of these families"};
    }
    return s;
}

json::object to_json(recorded_scene const& s, forecast const& f, bool recorded) {
    json::object out{{"stimulus", s.stimulus},
                     {"scenario", name_of(s.seen.kind)},
                     {"yes", f.touch.probability},
                     {"people_would_say_yes", fitted_response().share(f.touch.probability)},
                     {"within", json::array{f.touch.within.low, f.touch.within.high}},
                     {"worlds", f.touch.yes + f.touch.no + f.touch.unknown},
                     {"no_outcome", f.touch.unknown}};
    if (f.where) {
        out["where"] = json::array{f.where->mean[0], f.where->mean[1]};
        out["where_covariance"] = json::array{json::array{f.where->covariance[0][0], f.where->covariance[0][1]},
                                              json::array{f.where->covariance[1][0], f.where->covariance[1][1]}};
    }
    if (recorded) {
        out["contact"] = s.contact;
        if (s.people) {
            out["people_yes"] = s.people->yes;
        }
    }
    return out;
}

/// Of all scenes, or of the first ones where it was interrupted.
void write_answers(settings const& s, std::vector<forecast> const& answers, arguments const& given) {
    json::array list;
    for (std::size_t n = 0; n < answers.size(); ++n) {
        list.push_back(to_json(s.scenes[n], answers[n], s.recorded));
    }
    json::object noise;
    for (std::size_t n = 0; n < physics_noise::source_count; ++n) {
        noise[physics_noise::source_names[n]] = s.study.how.noise.spread[n];
    }
    json::object const whole{
        {"command", given.command()}, {"seed", s.study.how.seed}, {"noise", noise}, {"answers", list}};
    or_fail(experiment::write_file(given.one("--out"), json::serialize(whole) + "\n"), exit_code::failure);
}

void write_pictures(settings const& s, arguments const& given) {
    std::filesystem::path const folder = given.one("--pictures");
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    if (failed) {
        throw failure{exit_code::failure, "cannot make the folder '" + folder.string() + "': " + failed.message()};
    }
    std::size_t const count = std::min<std::size_t>(s.scenes.size(), count_of(given, "--picture-count", 10'000, 21));
    std::string page =
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Scenes and their futures</title>"
        "<style>body{font:15px sans-serif;margin:2em;max-width:60em}svg{width:100%;height:auto}"
        "@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}}</style>"
        "<h1>Scenes and their futures</h1><p>From the side, and from above. Yellow: the zone. Red: the "
        "target, and its paths where it touches the zone; blue: where it does not.</p>";
    for (std::size_t k = 0; k < count; ++k) {
        // Evenly over the list, so that all families are seen.
        recorded_scene const& scene = s.scenes[k * s.scenes.size() / count];
        std::string const title =
            scene.stimulus + (s.recorded ? scene.contact ? " (they touched)" : " (they did not touch)" : "");
        std::string const svg = scene_svg(scene.seen, s.study.how, title);
        or_fail(experiment::write_file((folder / ("scene_" + std::to_string(k) + ".svg")).string(), svg),
                exit_code::failure);
        page += "<figure>" + svg + "</figure>";
    }
    or_fail(experiment::write_file((folder / "report.html").string(), page + "</html>\n"), exit_code::failure);
    std::cout << "In " << folder.string() << ": report.html and " << count << " pictures\n";
}

exit_code study(settings const& s, predict_threads::thread_team& team, arguments const& given) {
    if (!s.recorded) {
        throw failure{exit_code::usage, "--study needs --scenes: it holds answers against what happened"};
    }
    physics_progress progress{std::cerr};
    physics_report const report = physics_study(s.scenes, s.study, team, std::cout, progress);
    if (given.has("--out")) {
        or_fail(experiment::write_file(given.one("--out"), report_json(report, given.command())), exit_code::failure);
    }
    if (given.has("--page")) {
        or_fail(experiment::write_file(given.one("--page"), report_page(report)), exit_code::failure);
    }
    return exit_code::success;
}

exit_code predict(arguments const& given) {
    settings s = read_settings(given);
    predict_threads::thread_team team{given.has("--threads") ? count_of(given, "--threads", 1024, 1) : 0};
    if (given.has("--study")) {
        return study(s, team, given);
    }
    std::vector<scene> seen;
    for (recorded_scene const& r : s.scenes) {
        seen.push_back(r.seen);
    }
    physics_progress progress{std::cerr};
    auto const answers = forecast_all(seen, s.study.how, team, progress);
    if (progress.interrupted()) {
        progress.say("interrupted after " + std::to_string(answers.size()) + " of " + std::to_string(seen.size()) +
                     " scenes");
    }
    std::uint64_t unknown = 0;
    double yes = 0;
    for (forecast const& f : answers) {
        unknown += f.touch.unknown;
        yes += f.touch.probability / static_cast<double>(answers.size());
    }
    std::cout << answers.size() << " scenes, " << s.study.how.worlds << " futures of each; they touch in " << std::fixed
              << std::setprecision(1) << 100 * yes << " % of them; " << unknown << " futures came to no end\n";
    if (given.has("--out")) {
        write_answers(s, answers, given);
    }
    if (progress.interrupted()) {
        return exit_code::interrupted;
    }
    if (given.has("--pictures")) {
        write_pictures(s, given);
    }
    return exit_code::success;
}

} // namespace

command_spec predict_physics_command() {
    std::string const study = "Study";
    return {.name = "physics",
            .description = "Will two bodies touch, and where: scenes played out by Bullet",
            .details = details,
            .options = {{.name = "--scenes",
                         .value = "FILE",
                         .help = "scenes, one JSON object a line",
                         .complete = value_completion::file()},
                        {.name = "--generate", .value = "N", .help = "N scenes of each family instead"},
                        {.name = "--families",
                         .value = "LIST",
                         .help = "only these [default: all]",
                         .complete = value_completion::list_of(
                             {"all", "collide", "contain", "dominoes", "drop", "link", "roll", "support"})},
                        {.name = "-w,--worlds", .value = "N", .help = "futures of each scene [default: 20]"},
                        {.name = "-s,--seed", .value = "N", .help = "of all that is drawn [default: 1]"},
                        {.name = "-t,--threads", .value = "N", .help = "at one time [default: one for each CPU]"},
                        {.name = "-o,--out",
                         .value = "FILE",
                         .help = "the answers, or the study, as JSON",
                         .complete = value_completion::file()},
                        {.name = "--pictures",
                         .value = "FOLDER",
                         .help = "pictures of scenes and their futures, and a page of them",
                         .complete = value_completion::folder()},
                        {.name = "--picture-count", .value = "N", .help = "how many [default: 21]"},
                        {.name = "--study",
                         .value = "",
                         .help = "hold the model against the truth and against people",
                         .group = study},
                        {.name = "--no-fit",
                         .value = "",
                         .help = "judge the shipped noise instead of fitting one",
                         .group = study},
                        {.name = "--no-generalise",
                         .value = "",
                         .help = "not from some families to the others, nor from one question to the other",
                         .group = study},
                        {.name = "--fit-scenes", .value = "N", .help = "of each family [default: 8]", .group = study},
                        {.name = "--fit-worlds", .value = "N", .help = "of each of them [default: 8]", .group = study},
                        {.name = "--evaluations", .value = "N", .help = "of a search [default: 30]", .group = study},
                        {.name = "--made-scenes",
                         .value = "N",
                         .help = "generated, of each of five families, for the other question [default: 4]",
                         .group = study},
                        {.name = "--page",
                         .value = "FILE",
                         .help = "the study's tables as a page",
                         .group = study,
                         .complete = value_completion::file()}},
            .run = &predict};
}

} // namespace hpcsched::cli
