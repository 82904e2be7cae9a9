// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_PREDICT_SENSITIVITY_HPP
#define HPCSCHED_PREDICT_SENSITIVITY_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/predict/confidence.hpp>
#include <hpcsched/predict/noisy_simulation.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace hpcsched::predict {

/// What one source of noise does to an answer.
struct source_sensitivity {
    std::string_view source{};
    double changed = 0;       ///< share of the worlds whose outcome is another when this source is silent
    double shift = 0;         ///< what it adds to the mean outcome: with all sources, less without this one
    interval shift_within{};  ///< of the shift
    std::uint64_t worlds = 0; ///< that came to an outcome both ways
};

namespace detail {

/// An outcome on one axis: yes is 1, a time is in seconds, what may not happen is whether it did, a place is where it
/// is on its first axis.
[[nodiscard]] inline double on_one_axis(bool yes) noexcept {
    return yes ? 1 : 0;
}
[[nodiscard]] inline double on_one_axis(double value) noexcept {
    return value;
}
[[nodiscard]] inline double on_one_axis(duration value) noexcept {
    return to_seconds(value);
}
template <std::size_t Dimensions>
[[nodiscard]] double on_one_axis(place<Dimensions> const& where) noexcept {
    return where[0];
}
template <class Outcome>
[[nodiscard]] double on_one_axis(std::optional<Outcome> const& what) noexcept {
    return what ? 1 : 0;
}

} // namespace detail

/// How much of an answer is due to each source of noise: the same worlds once more for each, with that source silent.
/// Because a source draws from a stream of its own, all else in a world is the same both ways.
///
/// \param worlds  of each kind; fixed, so that the intervals of all sources can be compared
/// \param error   the probability that an interval does not contain the true shift
/// \return one for each of the noise's sources, in their order
/// \complexity (sources + 1) x worlds x steps
template <class World, class Noise, class Question, executor Executor = in_order>
[[nodiscard]] std::vector<source_sensitivity>
sensitivities(noisy_simulation<World, Noise, Question>& simulation, typename World::state const& seen,
              std::uint64_t seed, std::uint64_t worlds = 256, double error = 0.05,
              std::uint64_t steps_max = precision{}.steps_max, Executor&& on = Executor{}) {
    using future_type = future<outcome_of<Question, World>>;
    auto const with = simulation.futures(seen, simulation.noise(), seed, 0, worlds, steps_max, on);
    std::vector<source_sensitivity> out;
    for (std::size_t source = 0; source < Noise::source_names.size(); ++source) {
        auto const without =
            simulation.futures(seen, simulation.noise().scaled(source, 0), seed, 0, worlds, steps_max, on);
        mean_sequence shift;
        std::uint64_t changed = 0;
        for (std::size_t n = 0; n < with.size(); ++n) {
            if (with[n].ended != future_type::ending::decided || without[n].ended != future_type::ending::decided) {
                continue;
            }
            double const difference = detail::on_one_axis(with[n].outcome) - detail::on_one_axis(without[n].outcome);
            if (std::isfinite(difference)) {
                shift.add(difference);
                changed += with[n].outcome != without[n].outcome ? 1U : 0U;
            }
        }
        auto const share = shift.count() == 0 ? 0 : static_cast<double>(changed) / static_cast<double>(shift.count());
        out.push_back({.source = Noise::source_names[source],
                       .changed = share,
                       .shift = shift.mean(),
                       .shift_within = shift.within(error),
                       .worlds = shift.count()});
    }
    return out;
}

} // namespace hpcsched::predict

#endif
