// SPDX-License-Identifier: Apache-2.0
#include "predict_physics_study.hpp"

#include <hpcsched/predict_bullet/agreement.hpp>
#include <hpcsched/predict_bullet/forecast.hpp>

#include "failure.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <iomanip>
#include <optional>
#include <ostream>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace hpcsched::cli {

namespace {

using namespace predict_bullet;
using numbers = std::vector<double>;

constexpr std::array<std::size_t, 4> fitted_sources{0, 2, 4, 6}; // position, push direction, collision turn, properties

/// What is known of each stimulus of the half that is tested.
struct judged {
    family kind{};
    double people = 0;
    double count = 0;
    double model = 0;
    double noiseless = 0;
    double features = 0;
    bool contact = false;
};

std::string figure(double value, int digits = 3) {
    std::ostringstream text;
    text << std::fixed << std::setprecision(digits) << value;
    return std::isfinite(value) ? text.str() : "-";
}

/// How well people's shares would agree with those of as many other people: one less the share of their variance that
/// drawing a finite number of people explains.
double reliability(std::span<judged const> of) {
    double mean = 0;
    double noise = 0;
    double squares = 0;
    auto const n = static_cast<double>(of.size());
    for (judged const& j : of) {
        mean += j.people / n;
        noise += j.people * (1 - j.people) / std::max(1.0, j.count - 1) / n;
    }
    for (judged const& j : of) {
        squares += (j.people - mean) * (j.people - mean) / n;
    }
    return squares > 0 ? std::max(0.0, 1 - noise / squares) : 0;
}

numbers column(std::span<judged const> of, double judged::* what) {
    numbers out;
    for (judged const& j : of) {
        out.push_back(j.*what);
    }
    return out;
}

void write_row(std::ostream& out, std::string_view name, std::span<judged const> of) {
    numbers const people = column(of, &judged::people);
    numbers const model = column(of, &judged::model);
    auto const r = [&](double judged::* what) {
        auto const found = correlation(column(of, what), people);
        return found ? figure(*found) : std::string{"-"};
    };
    auto const within = bootstrap_correlation(model, people);
    double right_people = 0;
    double right_model = 0;
    auto const n = static_cast<double>(of.size());
    for (judged const& j : of) {
        right_people += (j.contact ? j.people : 1 - j.people) / n;
        right_model += (j.contact ? j.model : 1 - j.model) / n;
    }
    out << std::left << std::setw(10) << name << std::right << std::setw(5) << of.size() << std::setw(8)
        << r(&judged::model) << "  [" << figure(within.low) << ", " << figure(within.high) << ']' << std::setw(10)
        << r(&judged::noiseless) << std::setw(10) << r(&judged::features) << std::setw(9) << figure(reliability(of))
        << std::setw(10) << figure(right_people) << std::setw(8) << figure(right_model) << '\n';
}

void write_agreement(std::span<recorded_scene const> scenes, std::vector<bool> const& noiseless, std::ostream& out) {
    std::array<int, family_count> right{};
    std::array<int, family_count> all{};
    for (std::size_t n = 0; n < scenes.size(); ++n) {
        auto const f = static_cast<std::size_t>(scenes[n].seen.kind);
        ++all[f];
        right[f] += noiseless[n] == scenes[n].contact ? 1 : 0;
    }
    out << "Without noise, against what happened:\n";
    int sum_right = 0;
    int sum = 0;
    for (std::size_t f = 0; f < family_count; ++f) {
        sum_right += right[f];
        sum += all[f];
        if (all[f] > 0) {
            out << "  " << std::left << std::setw(10) << name_of(static_cast<family>(f)) << std::right << right[f]
                << " of " << all[f] << "  " << figure(static_cast<double>(right[f]) / all[f]) << '\n';
        }
    }
    out << "  all       " << sum_right << " of " << sum << "  " << figure(static_cast<double>(sum_right) / sum)
        << "\n\n";
}

/// Fits on what `use` names of the first half, a number of each family.
noise_fit fit_on(std::span<recorded_scene const> scenes, std::vector<std::size_t> const& half,
                 std::vector<family> const& use, physics_study_config const& config, predict_threads::thread_team& team,
                 std::ostream& progress) {
    std::vector<scene> seen;
    std::vector<predict::observed_answers> observed;
    std::array<std::size_t, family_count> taken{};
    for (std::size_t const n : half) {
        recorded_scene const& s = scenes[n];
        auto const f = static_cast<std::size_t>(s.seen.kind);
        if (std::find(use.begin(), use.end(), s.seen.kind) == use.end() || taken[f] == config.fit_scenes) {
            continue;
        }
        ++taken[f];
        seen.push_back(s.seen);
        observed.push_back({.yes = s.people->yes * s.people->count, .asked = s.people->count});
    }
    forecast_config how = config.how;
    how.worlds = config.fit_worlds;
    predict_fit::fit_config search{.evaluations = config.evaluations, .global_share = 4, .floor = 0.02};
    search.progress = [&](std::size_t evaluations, double likelihood) {
        progress << "hpcsched: fit on " << seen.size() << " scenes: " << evaluations << " evaluations, log-likelihood "
                 << figure(likelihood, 1) << std::endl;
        return true;
    };
    return or_fail(fit_noise(seen, observed, how, config.how.noise, fitted_sources, search, team), exit_code::failure);
}

void write_noise(std::string_view what, noise_fit const& found, std::ostream& out) {
    out << what << ": log-likelihood " << figure(found.fit.log_likelihood, 1) << ", lapse "
        << figure(found.fit.response.lapse) << ", bias " << figure(found.fit.response.bias) << '\n';
    for (std::size_t n = 0; n < physics_noise::source_count; ++n) {
        auto const at = std::find(fitted_sources.begin(), fitted_sources.end(), n);
        out << "  " << std::left << std::setw(16) << physics_noise::source_names[n] << std::right
            << figure(found.noise.spread[n], 4);
        if (at == fitted_sources.end()) {
            out << " (not fitted)\n";
        } else {
            auto const k = static_cast<std::size_t>(at - fitted_sources.begin());
            out << " +- " << figure(found.fit.standard_errors[k], 4) << '\n';
        }
    }
    out << '\n';
}

logistic_regression train_on_features(std::span<recorded_scene const> scenes, std::vector<std::size_t> const& half) {
    std::vector<numbers> rows;
    numbers shares;
    for (std::size_t const n : half) {
        numbers row = scene_features(scenes[n].seen);
        for (std::size_t f = 1; f < family_count; ++f) {
            row.push_back(static_cast<std::size_t>(scenes[n].seen.kind) == f ? 1 : 0);
        }
        rows.push_back(row);
        shares.push_back(scenes[n].people->yes);
    }
    return or_fail(logistic_regression::fit(rows, shares), exit_code::failure);
}

/// Noises compared on stimuli that nothing was fitted on.
struct comparison {
    std::span<recorded_scene const> scenes;
    std::vector<std::size_t> const& train;
    std::vector<std::size_t> const& test;
    std::vector<bool> const& noiseless; // whether they touch without noise, of all scenes
    physics_study_config const& config;
    predict_threads::thread_team& team;
    std::ostream& out;

    void write_table(std::string_view title, noise_fit const& noise) const {
        std::vector<scene> seen;
        for (std::size_t const n : test) {
            seen.push_back(scenes[n].seen);
        }
        forecast_config how = config.how;
        how.noise = noise.noise;
        auto const answers = forecast_scenes(seen, how, team);
        logistic_regression const features = train_on_features(scenes, train);
        std::vector<judged> rows;
        for (std::size_t k = 0; k < test.size(); ++k) {
            recorded_scene const& s = scenes[test[k]];
            numbers row = scene_features(s.seen);
            for (std::size_t f = 1; f < family_count; ++f) {
                row.push_back(static_cast<std::size_t>(s.seen.kind) == f ? 1 : 0);
            }
            rows.push_back({.kind = s.seen.kind,
                            .people = s.people->yes,
                            .count = s.people->count,
                            .model = noise.fit.response.share(answers[k].touch.probability),
                            .noiseless = noiseless[test[k]] ? 1.0 : 0.0,
                            .features = features.share(row),
                            .contact = s.contact});
        }
        out << title << "\n            n       r  95 % bootstrap   noiseless  features  people  people's  model's\n"
            << "                                                             reliab.  accuracy  accuracy\n";
        for (std::size_t f = 0; f < family_count; ++f) {
            std::vector<judged> of;
            std::copy_if(rows.begin(), rows.end(), std::back_inserter(of),
                         [&](judged const& j) { return static_cast<std::size_t>(j.kind) == f; });
            if (!of.empty()) {
                write_row(out, name_of(static_cast<family>(f)), of);
            }
        }
        write_row(out, "all", rows);
        out << '\n';
        out.flush();
    }
};

} // namespace

void physics_study(std::span<recorded_scene const> scenes, physics_study_config const& config,
                   predict_threads::thread_team& team, std::ostream& out, std::ostream& progress) {
    std::vector<scene> all;
    std::vector<std::size_t> train;
    std::vector<std::size_t> test;
    std::vector<family> families;
    std::size_t answered = 0;
    for (std::size_t n = 0; n < scenes.size(); ++n) {
        all.push_back(scenes[n].seen);
        if (std::find(families.begin(), families.end(), scenes[n].seen.kind) == families.end()) {
            families.push_back(scenes[n].seen.kind);
        }
        if (scenes[n].people) {
            (answered++ % 2 == 0 ? train : test).push_back(n);
        }
    }
    if (train.size() < 2 || test.size() < 2) {
        throw failure{exit_code::bad_input, "the study needs people's answers to four scenes or more"};
    }
    std::vector<bool> const noiseless = play_scenes(all, config.how.engine, team);
    write_agreement(scenes, noiseless, out);
    out.flush();

    noise_fit found{.noise = config.how.noise};
    found.fit.response = fitted_response();
    if (config.fit) {
        found = fit_on(scenes, train, families, config, team, progress);
        write_noise("Fitted on every second stimulus that people answered", found, out);
    }
    comparison const with{scenes, train, test, noiseless, config, team, out};
    with.write_table("Share of yes, correlation with people's on the stimuli that nothing was fitted on:", found);
    if (config.generalise && families.size() > 1) {
        std::vector<family> const half(families.begin(),
                                       families.begin() + static_cast<std::ptrdiff_t>(families.size() / 2));
        std::string names;
        for (family const f : half) {
            names += (names.empty() ? "" : ", ") + std::string{name_of(f)};
        }
        noise_fit const partly = fit_on(scenes, train, half, config, team, progress);
        write_noise("Fitted on " + names, partly, out);
        with.write_table("The same, where the noise was fitted on " + names + " alone:", partly);
    }
}

} // namespace hpcsched::cli
