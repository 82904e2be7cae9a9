// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_CLUSTER_NOISE_HPP
#define HPCSCHED_NOTEBOOK_CLUSTER_NOISE_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/random.hpp>
#include <hpcsched/notebook/cluster_world.hpp>
#include <hpcsched/predict/noise.hpp>

#include <boost/random/exponential_distribution.hpp>
#include <boost/random/normal_distribution.hpp>
#include <boost/random/uniform_01.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <string_view>

namespace hpcsched::notebook {

/// What a forecaster of a cluster does not know: how eager each session's user is and how long its cells tend to take,
/// which the posteriors bound; when exactly they come and end; and how many devices they ask for.
class cluster_noise {
  public:
    enum source : std::size_t { eagerness, return_time, length, end_time, demand, source_count };
    static constexpr std::array<std::string_view, source_count> source_names{"eagerness", "return time", "length",
                                                                             "end time", "demand"};
    using streams = predict::noise_streams<source_count>;

    /// What is seen of a cluster is exact; what is believed of its users is drawn when it first matters.
    static void perceive(cluster_outlook&, streams&) noexcept {}

    void disturb(cluster_world::run& r, streams& d) const {
        for (cluster_world::plan& p : r.plans()) {
            session_outlook const& seen = r.seen(p.session);
            if (r.is_running(p.session)) {
                decide(r.end_factor(p.session), seen.ends, length, d);
                p.amount = last(spread_[end_time], d[end_time]);
                continue;
            }
            decide(r.return_factor(p.session), seen.returns, eagerness, d);
            p.amount = last(spread_[return_time], d[return_time]);
            if (spread_[demand] > 0) {
                boost::random::uniform_01<double> uniform;
                bool const drawn = uniform(d[demand]) < spread_[demand];
                double const size = uniform(d[demand]);
                p.size = drawn ? size : -1;
            }
        }
    }

    [[nodiscard]] cluster_noise scaled(std::size_t which, double factor) const noexcept {
        HPCSCHED_ASSERT(which < source_count);
        cluster_noise other = *this;
        other.spread_[which] *= factor;
        return other;
    }

  private:
    // The same mean, the deviation times the spread.
    void decide(double& factor, gamma_belief const& g, source from, streams& d) const {
        if (factor < 0) {
            double const narrower = spread_[from] == 0 ? 0 : 1 / (spread_[from] * spread_[from]);
            factor = narrower == 0 ? g.mean() : gamma(g.shape * narrower, d[from]) / (g.rate * narrower);
        }
    }
    /// A Gamma distribution of a shape and of rate 1. Most of a future's time is spent drawing, so it is worth its own.
    /// \source Marsaglia, Tsang, "A simple method for generating gamma variables", TOMS 2000; below a shape of 1 by
    /// that
    ///         of one more, as there
    static double gamma(double shape, light_stream& bits) {
        boost::random::uniform_01<double> uniform;
        if (shape < 1) {
            double const more = gamma(shape + 1, bits);
            return more * std::pow(1 - uniform(bits), 1 / shape);
        }
        double const d = shape - 1.0 / 3;
        double const c = 1 / std::sqrt(9 * d);
        boost::random::normal_distribution<double> normal;
        for (;;) {
            double const x = normal(bits);
            double const v = (1 + c * x) * (1 + c * x) * (1 + c * x);
            double const u = 1 - uniform(bits);
            if (v > 0 && std::log(u) < 0.5 * x * x + d * (1 - v + std::log(v))) {
                return d * v;
            }
        }
    }
    // An exponential of mean 1, its logarithm drawn towards that of the median.
    static double last(double spread, light_stream& bits) {
        if (spread == 0) {
            return std::numbers::ln2;
        }
        double const amount = boost::random::exponential_distribution<double>{1}(bits);
        return spread == 1 ? amount : std::numbers::ln2 * std::pow(amount / std::numbers::ln2, spread);
    }

    std::array<double, source_count> spread_{1, 1, 1, 1, 1};
};
static_assert(predict::noise_model<cluster_noise, cluster_world>);

} // namespace hpcsched::notebook

#endif
