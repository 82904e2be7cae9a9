// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_ALPS_RANDOM_FOREST_HPP
#define HPCSCHED_CPU_ALPS_RANDOM_FOREST_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/random.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/alps_trainers.hpp>

#include <boost/random/uniform_int_distribution.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace hpcsched::cpu {

/// Parameters of `random_forest_trainer`.
struct random_forest_config {
    std::uint32_t tree_count = 10; ///< >= 1; the published program's
    std::uint32_t leaf_min = 1;    ///< fewest draws in a leaf, >= 1
    std::uint32_t depth_max = 64;  ///< deepest leaf, >= 0; bounds the time where the lengths fall in a geometric series
};

/// The mean of several regression trees over the lengths numbered 1 .. n, each grown on n draws with replacement, read
/// off at n + 1.
///
/// A tree is split where the squared error of the two sides is least (at the lower position, where several are), until
/// a side would have fewer than `leaf_min` draws, all its lengths are equal or it is `depth_max` deep. As the question
/// lies to the right of all positions, only the rightmost path of each tree is grown.
///
/// \complexity O(tree_count x n x depth of the path), the depth being about log n; allocates only beyond the most
///             lengths seen so far
/// \thread_safety none; confine to the owner's thread
/// \source Breiman, "Random forests", Machine Learning 45, 2001; as one of the four learning methods of ALPS, Fu et
/// al.,
///         ATC'24, with the position as the only feature, 10 trees and fully grown ones, as in its published program.
///         Deviations: another source of random numbers; the depth is limited.
class random_forest_trainer {
  public:
    using config = random_forest_config;

    /// \pre c.tree_count >= 1, c.leaf_min >= 1
    explicit random_forest_trainer(random_stream draws, config const& c = {}) : config_{c}, draws_{draws} {
        HPCSCHED_ASSERT(c.tree_count >= 1);
        HPCSCHED_ASSERT(c.leaf_min >= 1);
    }

    [[nodiscard]] double train(std::span<duration const> lengths) noexcept {
        HPCSCHED_ASSERT(!lengths.empty());
        double sum = 0;
        for (std::uint32_t tree = 0; tree < config_.tree_count; ++tree) {
            draw(lengths.size());
            sum += rightmost_leaf(lengths);
        }
        return sum / config_.tree_count;
    }

  private:
    /// How often each length is in the sample of one tree.
    void draw(std::size_t n) noexcept {
        times_drawn_.assign(n, 0);
        boost::random::uniform_int_distribution<std::size_t> position{0, n - 1};
        for (std::size_t i = 0; i < n; ++i) {
            ++times_drawn_[position(draws_)];
        }
    }

    [[nodiscard]] double rightmost_leaf(std::span<duration const> lengths) const noexcept {
        std::size_t first = 0;
        for (std::uint32_t depth = 0; depth < config_.depth_max; ++depth) {
            std::size_t const split = best_split(lengths, first);
            if (split == first) {
                break;
            }
            first = split;
        }
        double weight = 0;
        double sum = 0;
        for (std::size_t i = first; i < lengths.size(); ++i) {
            weight += times_drawn_[i];
            sum += times_drawn_[i] * static_cast<double>(lengths[i].count());
        }
        return sum / weight;
    }

    /// Where the right side of the best split of [first, n) begins; `first`, where there is none.
    [[nodiscard]] std::size_t best_split(std::span<duration const> lengths, std::size_t first) const noexcept {
        double weight = 0;
        double sum = 0;
        double least = 0;
        double greatest = 0;
        for (std::size_t i = first; i < lengths.size(); ++i) {
            if (times_drawn_[i] != 0) {
                auto const y = static_cast<double>(lengths[i].count());
                least = weight == 0 || y < least ? y : least;
                greatest = weight == 0 || y > greatest ? y : greatest;
                weight += times_drawn_[i];
                sum += times_drawn_[i] * y;
            }
        }
        if (least == greatest) {
            return first;
        }
        // Least squared error is greatest sum of squared deviations of the two sides' means from the mean of all.
        double const mean = sum / weight;
        double best_gain = 0;
        std::size_t best = first;
        double left_weight = 0;
        double left_deviation = 0;
        for (std::size_t i = first; i < lengths.size(); ++i) {
            if (times_drawn_[i] != 0 && left_weight >= config_.leaf_min && weight - left_weight >= config_.leaf_min) {
                double const gain = left_deviation * left_deviation / (left_weight * (weight - left_weight));
                if (gain > best_gain) {
                    best_gain = gain;
                    best = i;
                }
            }
            left_weight += times_drawn_[i];
            left_deviation += times_drawn_[i] * (static_cast<double>(lengths[i].count()) - mean);
        }
        return best;
    }

    config config_;
    random_stream draws_;
    std::vector<std::uint32_t> times_drawn_;
};

static_assert(slice_trainer<random_forest_trainer>);

} // namespace hpcsched::cpu

#endif
