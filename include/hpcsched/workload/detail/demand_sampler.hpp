// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_WORKLOAD_DETAIL_DEMAND_SAMPLER_HPP
#define HPCSCHED_WORKLOAD_DETAIL_DEMAND_SAMPLER_HPP

#include <hpcsched/core/random.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/workload/generator_config.hpp>
#include <hpcsched/workload/invocation.hpp>
#include <hpcsched/workload/memory_mix.hpp>

#include <boost/random/discrete_distribution.hpp>
#include <boost/random/uniform_01.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hpcsched::workload::detail {

/// Draws what an invocation needs, once its function is known.
class demand_sampler {
  public:
    /// \pre config is valid
    explicit demand_sampler(generator_config const& config)
        : variation_{config.variation.value_or(info_of(config.from).variation)}, io_share_{config.io_share},
          io_min_{config.io_min}, io_range_ns_{static_cast<double>((config.io_max - config.io_min).count())},
          has_memory_{config.has_memory}, service_bits_{config.seed, "service"},
          blocking_bits_{config.seed, "blocking"}, memory_bits_{config.seed, "memory"} {
        std::vector<double> shares;
        for (memory_share const& size : memory_mix) {
            shares.push_back(size.share);
        }
        memory_.param(memory_distribution::param_type{shares});
    }

    void sample(duration mean_service, invocation& out) {
        out.service = service(mean_service);
        out.memory_mb = has_memory_ ? memory_mix[memory_(memory_bits_)].memory_mb : 0;
        out.blocking.clear();
        if (io_share_ > 0) {
            // Two draws for each invocation, blocking or not: another share changes who blocks, not for how long.
            bool const blocks = uniform(blocking_bits_) < io_share_;
            double const extra_ns = uniform(blocking_bits_) * io_range_ns_;
            if (blocks) {
                out.blocking.push_back({duration{}, io_min_ + duration{static_cast<std::int64_t>(extra_ns + 0.5)}});
            }
        }
    }

  private:
    using memory_distribution = boost::random::discrete_distribution<std::size_t, double>;

    static double uniform(random_stream& bits) { return boost::random::uniform_01<double>{}(bits); }

    duration service(duration mean) {
        if (variation_ == 0) {
            return mean;
        }
        double const factor = 1.0 + variation_ * (2.0 * uniform(service_bits_) - 1.0);
        auto const ns = static_cast<std::int64_t>(static_cast<double>(mean.count()) * factor + 0.5);
        return duration{std::max<std::int64_t>(ns, 1)};
    }

    double variation_;
    double io_share_;
    duration io_min_;
    double io_range_ns_;
    bool has_memory_;
    memory_distribution memory_;
    random_stream service_bits_;
    random_stream blocking_bits_;
    random_stream memory_bits_;
};

} // namespace hpcsched::workload::detail

#endif
