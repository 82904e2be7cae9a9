// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/predict/noisy_simulation.hpp>
#include <hpcsched/predict/tally.hpp>
#include <hpcsched/predict_bullet/contact_questions.hpp>
#include <hpcsched/predict_bullet/forecast.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::predict_bullet {

namespace {

/// Numbers by which a scene is known wherever it stands in a list: what differs draws differently.
std::uint64_t seed_of(scene const& s, std::uint64_t seed) {
    sequence_hash hash;
    hash.add(seed);
    hash.add(static_cast<std::uint64_t>(s.kind));
    for (body const& b : s.bodies) {
        for (double const x : {b.position.x, b.position.y, b.position.z, b.mass}) {
            hash.add(static_cast<std::uint64_t>(std::llround(x * 1e6)));
        }
    }
    return hash.value();
}

/// Runs of the workers, kept from scene to scene.
std::vector<physics_run> make_runs(physics_world const& world, predict_threads::thread_team const& team) {
    std::vector<physics_run> runs;
    for (std::size_t n = 0; n < team.worker_count(); ++n) {
        runs.push_back(world.make_run());
    }
    return runs;
}

forecast play_one(physics_world const& world, scene const& s, forecast_config const& config, physics_run& run) {
    using future = predict::future<std::optional<predict::place<2>>>;
    forecast out;
    predict::tally<bool> touch;
    predict::tally<predict::place<2>> where;
    std::uint64_t const seed = seed_of(s, config.seed);
    scene seen;
    for (std::uint64_t n = 0; n < config.worlds; ++n) {
        predict::noise_streams<physics_noise::source_count> streams{seed, n};
        seen = s;
        future const f = predict::play(world, config.noise, where_touch{}, seen, run, streams, s.steps + 1,
                                       [](physics_run const&) {});
        out.steps += f.steps;
        if (f.ended != future::ending::decided) {
            touch.add_unknown();
            continue;
        }
        touch.add(f.outcome.has_value());
        if (f.outcome) {
            where.add(*f.outcome);
        }
    }
    out.touch = touch.answer(config.error);
    if (where.known() > 0) {
        out.where = where.answer(config.error);
    }
    return out;
}

} // namespace

std::vector<forecast> forecast_scenes(std::span<scene const> scenes, forecast_config const& config,
                                      predict_threads::thread_team& team) {
    physics_world const world{config.engine};
    std::vector<physics_run> runs = make_runs(world, team);
    std::vector<forecast> out(scenes.size());
    team.for_each(scenes.size(), [&](std::size_t n, std::size_t worker) {
        out[n] = play_one(world, scenes[n], config, runs[worker]);
    });
    return out;
}

std::vector<bool> play_scenes(std::span<scene const> scenes, engine_config const& engine,
                              predict_threads::thread_team& team) {
    auto const answers = forecast_scenes(scenes, {.engine = engine, .noise = {}, .worlds = 1}, team);
    std::vector<bool> out;
    for (forecast const& f : answers) {
        out.push_back(f.touch.yes > 0);
    }
    return out;
}

result<noise_fit> fit_noise(std::span<scene const> scenes, std::span<predict::observed_answers const> observed,
                            forecast_config const& config, physics_noise const& from,
                            std::span<std::size_t const> sources, predict_fit::fit_config const& how,
                            predict_threads::thread_team& team) {
    std::vector<predict_fit::parameter> parameters;
    for (std::size_t const n : sources) {
        if (n >= physics_noise::source_count || !(from.spread[n] > 0)) {
            return error{"fit_noise: source " + std::to_string(n) + " must be one of the noise's, and start above 0"};
        }
        double const start = from.spread[n];
        parameters.push_back({.name = std::string{physics_noise::source_names[n]},
                              .low = start / 8,
                              .high = start * 8,
                              .start = start,
                              .logarithmic = true});
    }
    auto const noise_of = [&](std::span<double const> values) {
        physics_noise noise = from;
        for (std::size_t n = 0; n < sources.size(); ++n) {
            noise.spread[sources[n]] = values[n];
        }
        return noise;
    };
    predict_fit::model const shares = [&](std::span<double const> values) {
        forecast_config c = config;
        c.noise = noise_of(values);
        std::vector<double> out;
        for (forecast const& f : forecast_scenes(scenes, c, team)) {
            // As if one more future of each kind had been seen: K futures are never sure.
            auto const known = static_cast<double>(f.touch.yes + f.touch.no);
            out.push_back((static_cast<double>(f.touch.yes) + 0.5) / (known + 1));
        }
        return out;
    };
    auto fit = predict_fit::fit(parameters, shares, observed, how);
    if (fit.has_error()) {
        return fit.error();
    }
    noise_fit out;
    out.noise = noise_of(fit->values);
    out.fit = std::move(*fit);
    return out;
}

} // namespace hpcsched::predict_bullet
