// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_CONFORMANCE_PREDICTION_HPP
#define HPCSCHED_TESTING_CONFORMANCE_PREDICTION_HPP

#include <hpcsched/predict/executor.hpp>
#include <hpcsched/predict/noise.hpp>
#include <hpcsched/predict/noisy_simulation.hpp>
#include <hpcsched/predict/question.hpp>
#include <hpcsched/predict/world.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace hpcsched::testing {

/// How many futures a check of predictions plays, and how long they may be.
struct prediction_check_options {
    std::uint64_t worlds = 20; ///< of each state
    std::uint64_t steps_max = 100'000;
};

namespace detail {

/// What a run looked like after each step, the outcome once it was settled, and how it ended.
template <class Outcome>
struct played {
    std::vector<std::uint64_t> looks;
    std::vector<Outcome> outcomes; ///< after each step from the one that settled it
    bool unsettled = false;        ///< it was settled, and then was not

    friend bool operator==(played const&, played const&) = default;
};

/// Plays one world to its end, even past the step that settles the question.
template <class World, class Noise, class Question, class Look>
played<predict::outcome_of<Question, World>>
play_on(World const& world, Noise const& noise, Question const& question, typename World::state state,
        typename World::run& run, predict::noise_streams_of<Noise> streams, Look const& look, std::uint64_t steps_max) {
    played<predict::outcome_of<Question, World>> seen;
    noise.perceive(state, streams);
    world.begin(run, state);
    seen.looks.push_back(look(std::as_const(run)));
    for (std::uint64_t step = 0; step < steps_max; ++step) {
        noise.disturb(run, streams);
        predict::progress const stands = world.step(run);
        if (stands == predict::progress::diverged) {
            break;
        }
        seen.looks.push_back(look(std::as_const(run)));
        if (question.settled(std::as_const(run))) {
            seen.outcomes.push_back(question.outcome(std::as_const(run)));
        } else if (!seen.outcomes.empty()) {
            seen.unsettled = true;
            break;
        }
        if (stands == predict::progress::finished) {
            seen.outcomes.push_back(question.outcome(std::as_const(run)));
            break;
        }
    }
    return seen;
}

} // namespace detail

/// Plays worlds out and checks the rules of `predict::world`, `predict::noise_model` and `predict::question`:
///
/// * equal states and streams give equal runs, in a new run as in one that has played another future;
/// * with every source of noise silent a run is the one without noise;
/// * a settled question stays settled, with the outcome that it has.
///
/// \param states  what is seen, one or more; different ones find more
/// \param look    a number that tells runs apart, such as a hash of where everything is
/// \return the first rule that was broken, with the state and the world's number; empty: none
template <predict::world World, class Noise, class Question, class Look>
    requires predict::noise_model<Noise, World> && predict::question<Question, World>
[[nodiscard]] std::vector<std::string> check_prediction(World const& world, Noise const& noise,
                                                        Question const& question,
                                                        std::span<typename World::state const> states, Look const& look,
                                                        prediction_check_options const& options = {}) {
    Noise silent = noise;
    for (std::size_t source = 0; source < Noise::source_names.size(); ++source) {
        silent = silent.scaled(source, 0);
    }
    typename World::run used = world.make_run();
    for (std::size_t s = 0; s < states.size(); ++s) {
        for (std::uint64_t number = 0; number < options.worlds; ++number) {
            auto const place = "state " + std::to_string(s) + ", world " + std::to_string(number) + ": ";
            auto const play = [&](auto const& how, typename World::run& run) {
                predict::noise_streams_of<std::remove_cvref_t<decltype(how)>> streams{1, number};
                return detail::play_on(world, how, question, states[s], run, streams, look, options.steps_max);
            };
            typename World::run fresh = world.make_run();
            auto const first = play(noise, fresh);
            if (first.unsettled) {
                return {place + "a settled question was unsettled by a further step"};
            }
            if (play(noise, used) != first) {
                return {place + "a run that was used before differs from a new one"};
            }
            if (play(silent, used) != play(predict::no_noise{}, fresh)) {
                return {place + "with every source silent it is not the world that is seen"};
            }
            for (auto const& outcome : first.outcomes) {
                if (outcome != first.outcomes.front()) {
                    return {place + "the outcome of a settled question changed"};
                }
            }
        }
    }
    return {};
}

/// Calls an executor and checks the rules of `predict::executor`: each index once, the workers in range, none twice at
/// once, and all that was written can be read afterwards.
///
/// \return the first rule that was broken; empty: none
template <predict::executor Executor>
[[nodiscard]] std::vector<std::string> check_executor(Executor& on) {
    std::size_t const workers = on.worker_count();
    if (workers == 0) {
        return {"it has no worker"};
    }
    for (std::size_t const count : {0UL, 1UL, 2UL, 3UL, 64UL, 1000UL}) {
        std::vector<std::uint32_t> calls(count, 0);
        std::vector<std::uint32_t> under_way(workers + 1, 0); // only its worker writes its place, so no race is hidden
        std::vector<std::uint8_t> wrong(workers + 1, 0);
        on.for_each(count, [&](std::size_t index, std::size_t worker) {
            std::size_t const at = worker < workers ? worker : workers;
            wrong[at] |= static_cast<std::uint8_t>(at == workers || ++under_way[at] != 1 || index >= count);
            if (index < count) {
                ++calls[index];
            }
            --under_way[at];
        });
        for (std::uint8_t const w : wrong) {
            if (w != 0) {
                return {"an index or a worker out of range, or one worker in two calls at once"};
            }
        }
        for (std::uint32_t const n : calls) {
            if (n != 1) {
                return {"of " + std::to_string(count) + " indices one was called " + std::to_string(n) + " times"};
            }
        }
    }
    return {};
}

} // namespace hpcsched::testing

#endif
