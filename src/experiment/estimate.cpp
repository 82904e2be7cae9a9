// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/assert.hpp>
#include <hpcsched/experiment/estimate.hpp>

#include <boost/math/distributions/students_t.hpp>

#include <cmath>
#include <cstddef>
#include <vector>

namespace hpcsched::experiment {

estimate estimate_of(std::span<double const> samples) {
    estimate result;
    if (samples.empty()) {
        return result;
    }
    auto const n = static_cast<double>(samples.size());
    double sum = 0;
    for (double const sample : samples) {
        sum += sample;
    }
    result.mean = sum / n;
    if (samples.size() < 2 || !std::isfinite(result.mean)) {
        return result;
    }
    double squares = 0;
    for (double const sample : samples) {
        squares += (sample - result.mean) * (sample - result.mean);
    }
    double const t = boost::math::quantile(boost::math::students_t{n - 1}, 0.975);
    double const half_width = t * std::sqrt(squares / (n - 1) / n);
    // Equal samples differ from their mean by rounding only.
    result.half_width = half_width > 1e-12 * std::fabs(result.mean) ? half_width : 0.0;
    return result;
}

estimate ratio_of(std::span<double const> numerators, std::span<double const> denominators) {
    HPCSCHED_ASSERT(numerators.size() == denominators.size());
    double const below = estimate_of(denominators).mean;
    estimate result;
    if (!(below > 0)) {
        return result;
    }
    result.mean = estimate_of(numerators).mean / below;
    std::vector<double> residuals;
    for (std::size_t i = 0; i < numerators.size(); ++i) {
        residuals.push_back((numerators[i] - result.mean * denominators[i]) / below);
    }
    double const half_width = estimate_of(residuals).half_width;
    result.half_width = half_width < 1e-12 * result.mean ? 0.0 : half_width;
    return result;
}

} // namespace hpcsched::experiment
