// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_PREDICT_NOISY_SIMULATION_HPP
#define HPCSCHED_PREDICT_NOISY_SIMULATION_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/predict/executor.hpp>
#include <hpcsched/predict/noise.hpp>
#include <hpcsched/predict/precision.hpp>
#include <hpcsched/predict/question.hpp>
#include <hpcsched/predict/tally.hpp>
#include <hpcsched/predict/world.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::predict {

/// An answer, and what it cost.
template <class Answer>
struct prediction {
    Answer answer;
    std::uint64_t worlds = 0;    ///< played out
    std::uint64_t steps = 0;     ///< of all of them
    std::uint64_t diverged = 0;  ///< worlds that left what can be represented: no outcome
    std::uint64_t cut_short = 0; ///< worlds that were not decided after `steps_max` steps: no outcome
    bool precise_enough = false; ///< else `worlds_max` ended it
};

/// One world that was played out.
template <class Outcome>
struct future {
    enum class ending : std::uint8_t { decided, diverged, cut_short };

    Outcome outcome{}; ///< where it was decided
    ending ended = ending::cut_short;
    std::uint64_t steps = 0;
};

/// Plays one world out: perceives, then disturbs and steps until the question is settled or the world is finished.
///
/// \param at_step  called with the run after each step, and once before the first: for pictures
template <world World, class Noise, class Question, class AtStep>
    requires noise_model<Noise, World> && question<Question, World>
[[nodiscard]] future<outcome_of<Question, World>>
play(World const& world, Noise const& noise, Question const& question, typename World::state& state,
     typename World::run& run, noise_streams_of<Noise>& streams, std::uint64_t steps_max, AtStep const& at_step) {
    using outcome = future<outcome_of<Question, World>>;
    noise.perceive(state, streams);
    world.begin(run, state);
    at_step(std::as_const(run));
    for (std::uint64_t steps = 1; steps <= steps_max; ++steps) {
        noise.disturb(run, streams);
        progress const stands = world.step(run);
        at_step(std::as_const(run));
        if (stands == progress::diverged) {
            return {.ended = outcome::ending::diverged, .steps = steps};
        }
        if (stands == progress::finished || question.settled(std::as_const(run))) {
            return {.outcome = question.outcome(std::as_const(run)), .ended = outcome::ending::decided, .steps = steps};
        }
    }
    return {.ended = outcome::ending::cut_short, .steps = steps_max};
}

/// Prediction by many noisy simulations: perturb what is seen, perturb what happens, play it out, count.
///
/// Equal worlds, states and seeds give equal answers to the bit, with any executor: world number n draws from streams
/// of its own, outcomes are summed up in the order of their numbers, and whether to go on is asked after numbers that
/// do not depend on how many cores there are.
///
/// \source the intuitive physics engine: Battaglia, Hamrick, Tenenbaum, PNAS 2013; Wang et al., CogSci 2024. Deviation:
///   theirs plays a fixed, small number of worlds; this one goes on until an interval that may be watched is narrow.
/// \thread_safety one call at a time; the executor's threads are inside it
template <world World, class Noise, class Question>
    requires noise_model<Noise, World> && question<Question, World>
class noisy_simulation {
  public:
    using state = typename World::state;
    using outcome = outcome_of<Question, World>;
    using answer = typename tally<outcome>::answer_type;

    noisy_simulation(World world, Noise noise, Question question)
        : world_{std::move(world)}, noise_{std::move(noise)}, question_{std::move(question)} {}

    [[nodiscard]] World const& get_world() const noexcept { return world_; }
    [[nodiscard]] Noise const& noise() const noexcept { return noise_; }
    [[nodiscard]] Question const& get_question() const noexcept { return question_; }

    /// What the futures of `seen` say, as precisely as asked.
    ///
    /// \error a precision that is out of range; no world at all came to an outcome
    /// \complexity worlds x steps; memory for one run and state of each worker, and an outcome of each world
    template <executor Executor = in_order>
    [[nodiscard]] result<prediction<answer>> ask(state const& seen, std::uint64_t seed, precision const& how = {},
                                                 Executor&& on = Executor{}) {
        if (auto const fine = validate(how); fine.has_error()) {
            return fine.error();
        }
        tally<outcome> sum;
        prediction<answer> p{};
        while (!p.precise_enough && p.worlds < how.worlds_max) {
            // The first batch is the least that is asked for; later ones grow, so that few worlds are played in vain.
            std::uint64_t const batch = std::min(std::max(how.worlds_min, p.worlds / 4), how.worlds_max - p.worlds);
            for (future<outcome> const& f : futures(seen, noise_, seed, p.worlds, batch, how.steps_max, on)) {
                add(f, sum, p);
            }
            p.worlds += batch;
            p.precise_enough =
                how.half_width > 0 || how.relative_half_width > 0 || how.against ? sum.enough(how) : false;
        }
        p.precise_enough = p.precise_enough || sum.enough(how);
        if (sum.known() == 0) {
            return error{"no outcome: of " + std::to_string(p.worlds) + " worlds " + std::to_string(p.diverged) +
                         " diverged and " + std::to_string(p.cut_short) + " were undecided after " +
                         std::to_string(how.steps_max) +
                         " steps; less noise or a shorter step may help the first, a "
                         "larger steps_max the second"};
        }
        p.answer = sum.answer(how.error);
        return p;
    }

    /// The worlds numbered `first` to `first + count - 1` with another noise, in order.
    template <executor Executor>
    [[nodiscard]] std::vector<future<outcome>> futures(state const& seen, Noise const& noise, std::uint64_t seed,
                                                       std::uint64_t first, std::uint64_t count,
                                                       std::uint64_t steps_max, Executor& on) {
        std::vector<future<outcome>> out(count);
        while (benches_.size() < on.worker_count()) {
            benches_.push_back({seen, world_.make_run()});
        }
        on.for_each(count, [&](std::size_t index, std::size_t worker) {
            bench& at = benches_[worker];
            noise_streams_of<Noise> streams{seed, first + index};
            at.seen = seen;
            out[index] = play(world_, noise, question_, at.seen, at.run, streams, steps_max, [](auto const&) {});
        });
        return out;
    }

  private:
    /// What one worker plays in, kept from world to world.
    struct bench {
        state seen;
        typename World::run run;
    };

    static void add(future<outcome> const& f, tally<outcome>& sum, prediction<answer>& p) {
        p.steps += f.steps;
        bool const decided = f.ended == future<outcome>::ending::decided;
        if (decided && sum.add(f.outcome)) {
            return;
        }
        sum.add_unknown();
        (f.ended == future<outcome>::ending::cut_short ? p.cut_short : p.diverged) += 1;
    }

    World world_;
    Noise noise_;
    Question question_;
    std::vector<bench> benches_;
};

} // namespace hpcsched::predict

#endif
