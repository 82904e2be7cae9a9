// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_OCTAVE_HAZARD_HPP
#define HPCSCHED_NOTEBOOK_OCTAVE_HAZARD_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/time.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace hpcsched::notebook {

inline constexpr std::size_t hazard_octaves = 20;

/// How likely something that has lasted for some time ends now, as a curve over that time that is constant within each
/// octave: the first from 0 on, the next from there to twice that, and so on; the last has no end.
class hazard_curve {
  public:
    using by_octave = std::array<double, hazard_octaves>;

    hazard_curve() : hazard_curve{1, by_octave{}} {}
    /// \param first  length of the first octave, seconds, > 0
    /// \param rates  per second
    hazard_curve(double first, by_octave const& rates) : first_{first}, rates_{rates} {
        HPCSCHED_ASSERT(first > 0);
        for (std::size_t o = 1; o < hazard_octaves; ++o) {
            before_[o] = before_[o - 1] + rates_[o - 1] * (start(o) - start(o - 1));
        }
    }

    /// Per second, at `seconds`, >= 0.
    [[nodiscard]] double rate(double seconds) const noexcept { return rates_[octave(seconds)]; }
    /// Its integral from 0: what lasts has ended by then with probability 1 - exp(-cumulative).
    [[nodiscard]] double cumulative(double seconds) const noexcept {
        std::size_t const o = octave(seconds);
        return before_[o] + rates_[o] * (seconds - start(o));
    }
    /// How long after `from` the integral has grown by `amount`, seconds; infinite where it never does. With a draw of
    /// an exponential distribution of mean 1 this draws how much longer something lasts.
    [[nodiscard]] double residual(double from, double amount) const noexcept {
        double at = from;
        for (std::size_t o = octave(from); o < hazard_octaves; ++o) {
            double const end = o + 1 == hazard_octaves ? std::numeric_limits<double>::infinity() : start(o + 1);
            double const room = rates_[o] * (end - at);
            if (rates_[o] > 0 && room >= amount) {
                return at + amount / rates_[o] - from;
            }
            amount -= rates_[o] > 0 ? room : 0;
            at = end;
        }
        return std::numeric_limits<double>::infinity();
    }

    [[nodiscard]] std::size_t octave(double seconds) const noexcept {
        double const steps = std::max(0.0, seconds / first_);
        return steps < 1e15
                   ? std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(steps))),
                                           hazard_octaves - 1)
                   : hazard_octaves - 1;
    }
    [[nodiscard]] double start(std::size_t o) const noexcept {
        return o == 0 ? 0 : first_ * static_cast<double>(std::uint64_t{1} << (o - 1));
    }

  private:
    double first_;
    by_octave rates_{};
    by_octave before_{}; ///< the integral at the start of each
};

/// Learns such a curve: from how long things lasted that ended, and from how long others have lasted that have not.
///
/// A hazard in the sense of survival analysis with its maximum-likelihood estimate: in each octave the ends that were
/// seen over the time that was spent in it, by those that last still as well. What was believed before counts as four
/// ends in each octave.
class octave_hazard {
  public:
    /// What is believed before much was seen, per second, after so long.
    using prior = double (*)(duration lasted) noexcept;

    /// \param first  length of the first octave, > 0
    octave_hazard(prior before, duration first) noexcept
        : prior_{before}, first_{to_seconds(first)}, grid_{first_, {}} {}

    /// Something ended that had lasted for so long.
    void ended(duration lasted) noexcept { ended(lasted, as_all_are); }
    /// \param factor  `factor(seconds)`: after so long, how much likelier than others it was held to be to end just
    /// then;
    ///                its time counts for so much more
    template <class Factor>
    void ended(duration lasted, Factor const& factor) noexcept {
        add(lasted, factor, seconds_);
        ends_[grid_.octave(to_seconds(lasted))] += 1;
    }
    /// Something that has lasted for so long will not be seen to end.
    void lost_sight(duration lasted) noexcept { lost_sight(lasted, as_all_are); }
    template <class Factor>
    void lost_sight(duration lasted, Factor const& factor) noexcept {
        add(lasted, factor, seconds_);
    }

    /// Begins to count anew what lasts still.
    void forget_lasting() noexcept { still_.fill(0); }
    /// One of them, for so long.
    void still_lasts(duration lasted) noexcept { still_lasts(lasted, as_all_are); }
    template <class Factor>
    void still_lasts(duration lasted, Factor const& factor) noexcept {
        add(lasted, factor, still_);
    }

    /// Per second.
    [[nodiscard]] double rate(duration lasted) const noexcept {
        std::size_t const o = grid_.octave(to_seconds(lasted));
        return (ends_[o] + 4) / (seconds_[o] + still_[o] + 4 / prior_(lasted));
    }
    [[nodiscard]] hazard_curve curve() const noexcept {
        hazard_curve::by_octave rates{};
        for (std::size_t o = 0; o < hazard_octaves; ++o) {
            rates[o] = rate(from_seconds(o == 0 ? first_ / 2 : grid_.start(o) * 1.5));
        }
        return {first_, rates};
    }

  private:
    using by_octave = hazard_curve::by_octave;

    static double as_all_are(double /*seconds*/) noexcept { return 1; }

    template <class Factor>
    void add(duration lasted, Factor const& factor, by_octave& seconds) const noexcept {
        double const all = to_seconds(lasted);
        for (std::size_t o = 0; o < hazard_octaves && all > grid_.start(o); ++o) {
            double const begin = grid_.start(o);
            double const end = o + 1 == hazard_octaves ? all : std::min(all, grid_.start(o + 1));
            seconds[o] += factor((begin + end) / 2) * (end - begin);
        }
    }

    prior prior_;
    double first_;
    hazard_curve grid_; ///< for its octaves only
    by_octave ends_{};
    by_octave seconds_{};
    by_octave still_{};
};

} // namespace hpcsched::notebook

#endif
