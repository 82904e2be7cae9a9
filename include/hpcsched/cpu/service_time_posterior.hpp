// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CPU_SERVICE_TIME_POSTERIOR_HPP
#define HPCSCHED_CPU_SERVICE_TIME_POSTERIOR_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/time.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace hpcsched::cpu {

/// A learned distribution of service times: a histogram with eight bins per octave, each with its weight and mean,
/// in which old observations fade.
///
/// \thread_safety none; confine to the owner's thread
class service_time_posterior {
  public:
    /// One bin: `weight` observations around `mean` nanoseconds.
    struct atom {
        std::uint32_t bin = 0;
        double weight = 0;
        double mean = 0;

        /// The edges of the bin: from <= service < to.
        [[nodiscard]] double from() const noexcept { return edge(bin); }
        [[nodiscard]] double to() const noexcept { return edge(bin + 1); }
    };

    /// \param memory  observations after which an old one has faded to 1/e; >= 1
    explicit service_time_posterior(double memory = 200) : keep_{1.0 - 1.0 / memory} { HPCSCHED_ASSERT(memory >= 1); }

    /// Learns one service time.
    /// \pre service > 0
    /// \complexity O(bins in use), at most about 10 for a function of +-25 %
    void observe(duration service) {
        HPCSCHED_ASSERT(service > duration{0});
        for (atom& a : atoms_) {
            a.weight *= keep_;
        }
        std::erase_if(atoms_, [](atom const& a) { return a.weight < negligible; });
        std::uint32_t const bin = bin_of(service);
        auto const at = std::lower_bound(atoms_.begin(), atoms_.end(), bin,
                                         [](atom const& a, std::uint32_t b) { return a.bin < b; });
        auto const value = static_cast<double>(service.count());
        if (at != atoms_.end() && at->bin == bin) {
            at->mean += (value - at->mean) / (at->weight + 1);
            at->weight += 1;
        } else {
            atoms_.insert(at, atom{bin, 1, value});
        }
        weight_ = weight_ * keep_ + 1;
    }

    /// Observations remembered, faded ones in part; 0: nothing is known.
    [[nodiscard]] double weight() const noexcept { return weight_; }

    /// The bins in use, ascending in `mean`.
    [[nodiscard]] std::span<atom const> atoms() const noexcept { return atoms_; }

  private:
    static constexpr double negligible = 1e-3;

    /// (8 + eighth) * 2 ^ (octave - 3), put together from its bits: it is asked for thousands of times a second.
    [[nodiscard]] static double edge(std::uint32_t bin) noexcept {
        static_assert(std::numeric_limits<double>::is_iec559);
        constexpr std::uint64_t bias = 1023;
        return std::bit_cast<double>((bias + bin / 8U) << 52U | std::uint64_t{bin % 8U} << 49U);
    }

    /// Eight bins per octave: the position of the highest bit, and the three bits below it.
    [[nodiscard]] static std::uint32_t bin_of(duration service) noexcept {
        auto const n = static_cast<std::uint64_t>(service.count());
        auto const octave = static_cast<std::uint32_t>(std::bit_width(n)) - 1U;
        auto const eighth =
            static_cast<std::uint32_t>(octave >= 3 ? (n >> (octave - 3U)) & 7U : (n << (3U - octave)) & 7U);
        return octave * 8U + eighth;
    }

    std::vector<atom> atoms_;
    double weight_ = 0;
    double keep_;
};

namespace detail {

/// Walks the bins of a posterior that a task of a given age has not outlived. Within its bin a service time is uniform.
class survivors {
  public:
    survivors(std::span<service_time_posterior::atom const> atoms, double attained, double scale) noexcept
        : attained_{attained}, scale_{scale} {
        while (!atoms.empty() && atoms.front().to() <= attained) {
            atoms = atoms.subspan(1);
        }
        left_ = atoms;
    }

    [[nodiscard]] bool done() const noexcept { return left_.empty(); }
    void advance() noexcept { left_ = left_.subspan(1); }

    [[nodiscard]] double to() const noexcept { return left_.front().to(); }
    [[nodiscard]] double weight() const noexcept { return weight_of(left_.front()); }

    /// Expected CPU time until completion of those in the current bin.
    [[nodiscard]] double residual() const noexcept {
        auto const& bin = left_.front();
        return attained_ <= bin.from() ? bin.mean - attained_ : (bin.to() - attained_) / 2;
    }

    [[nodiscard]] double weight_left() const noexcept {
        double sum = 0;
        for (auto const& bin : left_) {
            sum += weight_of(bin);
        }
        return sum;
    }

  private:
    [[nodiscard]] double weight_of(service_time_posterior::atom const& bin) const noexcept {
        double const share = attained_ <= bin.from() ? 1.0 : (bin.to() - attained_) / (bin.to() - bin.from());
        return scale_ * bin.weight * share;
    }

    std::span<service_time_posterior::atom const> left_;
    double attained_;
    double scale_;
};

} // namespace detail

/// What an `expected_completion` says of a task.
struct completion_outlook {
    duration index{};               ///< the smaller, the sooner the task should run; > 0
    duration review_at = unlimited; ///< CPU time up to which the index only falls; then look again
};

/// The Gittins index of a task that has received `attained` CPU time, as a time: the least expected service per
/// completion, over all lengths for which one could let it run from now on.
///
/// For a task whose service time is well known this is its expected remaining time; for one that is short or long,
/// nobody knows which, it is small at first and grows once the short case is ruled out; for one that has outlived all
/// that is known of its function it is that of the prior, and beyond that the CPU time it has had (a task twice as old
/// is expected to last twice as long).
///
/// \param own           what is known of the task's function
/// \param prior         what is known of all functions together
/// \param prior_weight  how many observations of the function the prior is worth; >= 0
/// \param attained      CPU time received, >= 0
/// \complexity O(bins of own and prior)
/// \source Gittins, Glazebrook, Weber, "Multi-armed Bandit Allocation Indices", 2nd ed., section 3.3 (jobs with
///         attained service); the mixture with a prior and the tail beyond it are this library's
[[nodiscard]] inline completion_outlook expected_completion(service_time_posterior const& own,
                                                            service_time_posterior const& prior, double prior_weight,
                                                            duration attained) noexcept {
    auto const a = static_cast<double>(attained.count());
    double const prior_scale = prior.weight() > 0 ? prior_weight / prior.weight() : 0;
    detail::survivors mine{own.atoms(), a, 1};
    detail::survivors others{prior_scale > 0 ? prior.atoms() : prior.atoms().first(0), a, prior_scale};
    double const alive = mine.weight_left() + others.weight_left();
    if (alive <= 0) {
        // Older than everything known: as long again. Looked at again when it has doubled.
        duration const outlived = std::max(attained, duration{1'000'000});
        return {outlived, attained + outlived};
    }

    double best = std::numeric_limits<double>::infinity();
    double quantum_end = a;
    double served = 0;   // CPU time that those who finish within the quantum take, weighted
    double finished = 0; // weight of those
    while (!mine.done() || !others.done()) {
        bool const take_mine = others.done() || (!mine.done() && mine.to() <= others.to());
        detail::survivors& next = take_mine ? mine : others;
        finished += next.weight();
        served += next.weight() * next.residual();
        double const end = next.to();
        double const per_completion = (served + std::max(alive - finished, 0.0) * (end - a)) / finished;
        if (per_completion <= best) {
            best = per_completion;
            quantum_end = end;
        }
        next.advance();
    }
    // Up to the end of the best quantum the index stays below what it was at its beginning.
    return {duration{static_cast<std::int64_t>(std::clamp(best, 1.0, 9e18))},
            duration{static_cast<std::int64_t>(std::clamp(quantum_end, a + 1, 9e18))}};
}

} // namespace hpcsched::cpu

#endif
