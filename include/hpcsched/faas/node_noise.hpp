// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_NODE_NOISE_HPP
#define HPCSCHED_FAAS_NODE_NOISE_HPP

#include <hpcsched/core/random.hpp>
#include <hpcsched/faas/node.hpp>
#include <hpcsched/predict/noise.hpp>

#include <boost/random/exponential_distribution.hpp>
#include <boost/random/gamma_distribution.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string_view>

namespace hpcsched::faas {

/// What is not known of a node, and what chance does to it:
///
/// | source           | with a spread of 1                                     | silent                              |
/// |------------------|--------------------------------------------------------|-------------------------------------|
/// | `rate belief`    | each world has rates drawn from what is known of them  | the means of what is known          |
/// | `service belief` | likewise the weights of the service times' atoms       | the weights that were observed      |
/// | `arrivals`       | invocations come independently: Poisson                | evenly spaced                       |
/// | `services`       | each takes as long as one of the atoms, by its weight  | the mean; of what runs, the middle  |
///
/// Between the two, what is drawn is moved towards the silent value in proportion.
/// \source the weights: the Bayesian bootstrap, Rubin, "The Bayesian Bootstrap", 1981, with observations that fade
class node_noise {
  public:
    static constexpr std::array<std::string_view, 4> source_names{"rate belief", "service belief", "arrivals",
                                                                  "services"};

    void perceive(node_state& s, predict::noise_streams<4>& d) const;
    void disturb(node_run& r, predict::noise_streams<4>& d) const;

    [[nodiscard]] node_noise scaled(std::size_t source, double factor) const noexcept {
        node_noise other = *this;
        other.spread_[source] *= factor;
        return other;
    }

  private:
    enum origin : std::size_t { rate_belief_source, service_belief_source, arrivals_source, services_source };

    /// `mean` moved towards what was drawn; a spread above 1 goes beyond it, though not below 0.
    [[nodiscard]] double moved(origin from, double mean, double drawn) const noexcept {
        return std::max(0.0, mean + spread_[from] * (drawn - mean));
    }
    [[nodiscard]] static double uniform(light_stream& bits) noexcept {
        return static_cast<double>(bits() >> 11U) * 0x1p-53;
    }
    [[nodiscard]] static double gamma(double shape, light_stream& bits) {
        return boost::random::gamma_distribution<double>{shape, 1}(bits);
    }

    std::array<double, 4> spread_{1, 1, 1, 1};
};

inline void node_noise::perceive(node_state& s, predict::noise_streams<4>& d) const {
    for (node_function& f : s.functions) {
        if (spread_[rate_belief_source] > 0) {
            f.rate.shape = moved(rate_belief_source, f.rate.shape, gamma(f.rate.shape, d[rate_belief_source]));
        }
        if (spread_[service_belief_source] > 0) {
            double sum = 0;
            for (service_atom& a : f.services) {
                a.weight = moved(service_belief_source, a.weight, gamma(a.weight, d[service_belief_source]));
                sum += a.weight;
            }
            if (sum <= 0 && !f.services.empty()) {
                f.services.back().weight = 1; // all were too light to be drawn: the worst of what is known
            }
        }
    }
}

inline void node_noise::disturb(node_run& r, predict::noise_streams<4>& d) const {
    if (!r.has_begun && spread_[services_source] > 0) {
        for (node_run::job& j : r.jobs) {
            double const drawn =
                node_run::service_left(r.functions[j.function], j.attained, uniform(d[services_source]));
            j.service = moved(services_source, j.service, drawn);
        }
    }
    for (std::size_t i = r.undecided; i < r.undecided_end; ++i) {
        node_run::function& f = r.functions[i];
        if (!std::isfinite(f.gap)) {
            continue; // none comes
        }
        if (spread_[arrivals_source] > 0) {
            double const gap = boost::random::exponential_distribution<double>{}(d[arrivals_source]) * f.gap;
            r.next_arrivals[i] = r.now + moved(arrivals_source, f.gap, gap);
        }
        if (spread_[services_source] > 0) {
            double const drawn = node_run::service_left(f, 0, uniform(d[services_source]));
            f.next_service = moved(services_source, f.mean_service, drawn);
        }
    }
}

static_assert(predict::noise_model<node_noise, node>);

} // namespace hpcsched::faas

#endif
