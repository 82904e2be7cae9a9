// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_PREDICT_WALK_HPP
#define HPCSCHED_TESTS_PREDICT_WALK_HPP

#include <hpcsched/predict/noise.hpp>
#include <hpcsched/predict/question.hpp>
#include <hpcsched/predict/world.hpp>

#include <boost/random/normal_distribution.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

namespace hpcsched::predict::test {

/// Ten steps of length one along a line; beyond `edge` it diverges. Where it ends is known exactly: the start's noise
/// and ten draws of the steps' noise, all normal.
struct walk {
    struct state {
        double x = 0;
        int steps = 10; ///< 0: it never ends
    };
    struct run {
        double x = 0;
        int taken = 0;
        int steps = 0;
        double highest = 0;
        std::array<double, 16> path{}; ///< after each of the first steps
    };

    double edge = std::numeric_limits<double>::infinity();

    [[nodiscard]] static run make_run() noexcept { return {}; }
    static void begin(run& r, state const& s) noexcept { r = {.x = s.x, .steps = s.steps, .highest = s.x}; }
    [[nodiscard]] progress step(run& r) const noexcept {
        r.x += 1;
        r.highest = std::max(r.highest, r.x);
        if (static_cast<std::size_t>(r.taken) < r.path.size()) {
            r.path[static_cast<std::size_t>(r.taken)] = r.x;
        }
        ++r.taken;
        if (r.x > edge) {
            return progress::diverged;
        }
        return r.taken == r.steps ? progress::finished : progress::running;
    }
};
static_assert(world<walk>);

struct jitter {
    static constexpr std::array<std::string_view, 2> source_names{"start", "step"};

    double start = 1;
    double step = 0.5;

    void perceive(walk::state& s, noise_streams<2>& d) const { s.x += start * normal(d[0]); }
    void disturb(walk::run& r, noise_streams<2>& d) const { r.x += step * normal(d[1]); }
    [[nodiscard]] jitter scaled(std::size_t source, double factor) const noexcept {
        jitter other = *this;
        (source == 0 ? other.start : other.step) *= factor;
        return other;
    }

  private:
    static double normal(light_stream& bits) { return boost::random::normal_distribution<double>{0, 1}(bits); }
};
static_assert(noise_model<jitter, walk>);

/// Whether the end is beyond a point.
struct ends_beyond {
    double point = 10;

    [[nodiscard]] bool outcome(walk::run const& r) const noexcept { return r.x > point; }
    [[nodiscard]] static bool settled(walk::run const&) noexcept { return false; }
};
static_assert(question<ends_beyond, walk>);

/// Whether it is ever beyond a point: settled as soon as it is.
struct passes {
    double point = 5;

    [[nodiscard]] bool outcome(walk::run const& r) const noexcept { return r.highest > point; }
    [[nodiscard]] bool settled(walk::run const& r) const noexcept { return r.highest > point; }
};

struct where_it_ends {
    [[nodiscard]] static double outcome(walk::run const& r) noexcept { return r.x; }
    [[nodiscard]] static bool settled(walk::run const&) noexcept { return false; }
};

/// After how many steps it passes a point, at a second for each, if ever.
struct time_of_passing {
    double point = 5;

    [[nodiscard]] std::optional<duration> outcome(walk::run const& r) const noexcept {
        for (std::size_t n = 0; n < r.path.size() && n < static_cast<std::size_t>(r.taken); ++n) {
            if (r.path[n] > point) {
                return from_seconds(static_cast<double>(n + 1));
            }
        }
        return std::nullopt;
    }
    [[nodiscard]] bool settled(walk::run const& r) const noexcept { return outcome(r).has_value(); }
};
static_assert(question<time_of_passing, walk>);

/// The probability that a normal number is above `x`.
inline double normal_above(double x, double mean, double deviation) {
    return 0.5 * std::erfc((x - mean) / deviation / std::sqrt(2.0));
}

inline std::uint64_t look(walk::run const& r) {
    return std::bit_cast<std::uint64_t>(r.x) ^ static_cast<std::uint64_t>(r.taken);
}

} // namespace hpcsched::predict::test

#endif
