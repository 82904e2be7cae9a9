// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/predict/noisy_simulation.hpp>
#include <hpcsched/predict/tally.hpp>
#include <hpcsched/predict_bullet/contact_questions.hpp>
#include <hpcsched/predict_bullet/forecast.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
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
        if (!s.candidates.empty()) {
            seen.target = s.candidates[n % s.candidates.size()];
        }
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

std::vector<plain_outcome> play_scenes(std::span<scene const> scenes, engine_config const& engine,
                                       predict_threads::thread_team& team) {
    physics_world const world{engine};
    std::vector<physics_run> runs = make_runs(world, team);
    std::vector<plain_outcome> out(scenes.size());
    team.for_each(scenes.size(), [&](std::size_t n, std::size_t worker) {
        physics_run& run = runs[worker];
        scene const& s = scenes[n];
        std::vector<std::size_t> const targets =
            s.candidates.empty() ? std::vector<std::size_t>{s.target} : s.candidates;
        auto const touched = [&] {
            return static_cast<std::size_t>(std::count_if(targets.begin(), targets.end(), [&](std::size_t body) {
                return run.first_contact_step_of(body).has_value();
            }));
        };
        world.begin(run, s);
        predict::progress stands = predict::progress::running;
        for (std::uint64_t step = 0; step <= s.steps && stands == predict::progress::running; ++step) {
            stands = world.step(run);
            if (touched() == targets.size()) {
                break;
            }
        }
        out[n] = {.touch = touched(),
                  .of = targets.size(),
                  .target_touches = run.first_contact_step().has_value(),
                  .unknown = stands == predict::progress::diverged && touched() < targets.size()};
    });
    return out;
}

namespace {

/// As if one more future of each kind had been seen: K futures are never sure.
double cautious_share(double yes, double known) {
    return (yes + 0.5) / (known + 1);
}

/// Fits the spreads of some sources, whatever the forecasts are held against.
template <class SharesOf>
result<noise_fit> fit_spreads(std::span<scene const> scenes, std::span<predict::observed_answers const> observed,
                              forecast_config const& config, physics_noise const& from,
                              std::span<std::size_t const> sources, predict_fit::fit_config const& how,
                              predict_threads::thread_team& team, SharesOf const& shares_of) {
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
        return shares_of(forecast_scenes(scenes, c, team));
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

/// How many of the places lie beyond a line.
std::size_t beyond(forecast const& f, std::size_t axis, double line) {
    if (!f.where) {
        return 0;
    }
    return static_cast<std::size_t>(std::count_if(f.where->all.begin(), f.where->all.end(),
                                                  [&](predict::place<2> const& p) { return p[axis] > line; }));
}

} // namespace

result<noise_fit> fit_noise(std::span<scene const> scenes, std::span<predict::observed_answers const> observed,
                            forecast_config const& config, physics_noise const& from,
                            std::span<std::size_t const> sources, predict_fit::fit_config const& how,
                            predict_threads::thread_team& team) {
    return fit_spreads(scenes, observed, config, from, sources, how, team, [](std::vector<forecast> const& said) {
        std::vector<double> out;
        for (forecast const& f : said) {
            out.push_back(
                cautious_share(static_cast<double>(f.touch.yes), static_cast<double>(f.touch.yes + f.touch.no)));
        }
        return out;
    });
}

observed_places observe_places(forecast const& said) {
    observed_places out{.asked = static_cast<double>(said.touch.yes + said.touch.no)};
    if (!said.where) {
        return out;
    }
    for (std::size_t axis = 0; axis < 2; ++axis) {
        std::vector<double> along;
        for (predict::place<2> const& p : said.where->all) {
            along.push_back(p[axis]);
        }
        auto const middle = along.begin() + static_cast<std::ptrdiff_t>(along.size() / 2);
        std::nth_element(along.begin(), middle, along.end());
        out.line[axis] = *middle;
    }
    out.beyond_x = static_cast<double>(beyond(said, 0, out.line[0]));
    out.beyond_z = static_cast<double>(beyond(said, 1, out.line[1]));
    return out;
}

result<noise_fit> fit_noise_to_places(std::span<scene const> scenes, std::span<observed_places const> observed,
                                      forecast_config const& config, physics_noise const& from,
                                      std::span<std::size_t const> sources, predict_fit::fit_config const& how,
                                      predict_threads::thread_team& team) {
    if (scenes.size() != observed.size()) {
        return error{"fit_noise_to_places: each scene needs what was observed of it"};
    }
    std::vector<predict::observed_answers> answers;
    for (observed_places const& o : observed) {
        answers.push_back({.yes = o.beyond_x, .asked = o.asked});
        answers.push_back({.yes = o.beyond_z, .asked = o.asked});
    }
    return fit_spreads(scenes, answers, config, from, sources, how, team, [&](std::vector<forecast> const& said) {
        std::vector<double> out;
        for (std::size_t n = 0; n < said.size(); ++n) {
            auto const known = static_cast<double>(said[n].touch.yes + said[n].touch.no);
            for (std::size_t axis = 0; axis < 2; ++axis) {
                out.push_back(
                    cautious_share(static_cast<double>(beyond(said[n], axis, observed[n].line[axis])), known));
            }
        }
        return out;
    });
}

} // namespace hpcsched::predict_bullet
