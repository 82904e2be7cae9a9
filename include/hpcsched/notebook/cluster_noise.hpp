// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_NOTEBOOK_CLUSTER_NOISE_HPP
#define HPCSCHED_NOTEBOOK_CLUSTER_NOISE_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/random.hpp>
#include <hpcsched/notebook/cluster_world.hpp>
#include <hpcsched/predict/noise.hpp>

#include <boost/random/exponential_distribution.hpp>
#include <boost/random/gamma_distribution.hpp>
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

    void perceive(cluster_outlook& s, streams& d) const {
        for (session_outlook& o : s.sessions) {
            o.return_factor = draw(o.returns, spread_[eagerness], d[eagerness]);
            o.end_factor = draw(o.ends, spread_[length], d[length]);
        }
    }

    void disturb(cluster_world::run& r, streams& d) const {
        for (cluster_world::plan& p : r.plans()) {
            bool const runs = r.is_running(p.session);
            std::size_t const from = runs ? end_time : return_time;
            p.amount = last(spread_[from], d[from]);
            if (!runs && spread_[demand] > 0) {
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
    static double draw(gamma_belief const& g, double spread, light_stream& bits) {
        if (spread == 0) {
            return g.mean();
        }
        double const narrower = 1 / (spread * spread);
        boost::random::gamma_distribution<double> gamma{g.shape * narrower, 1 / (g.rate * narrower)};
        return gamma(bits);
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
