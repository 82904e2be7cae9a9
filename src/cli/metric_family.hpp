// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_CLI_METRIC_FAMILY_HPP
#define HPCSCHED_CLI_METRIC_FAMILY_HPP

#include <prometheus/metric_family.h>

#include <string>
#include <utility>
#include <vector>

namespace hpcsched::cli {

/// A metric of Prometheus, a counter or a gauge, with one value per function or one in all. Is added when it goes.
class metric_family {
  public:
    metric_family(std::vector<prometheus::MetricFamily>& to, char const* name, char const* help,
                  prometheus::MetricType type)
        : to_{to}, made_{name, help, type, {}} {}
    metric_family(metric_family const&) = delete;
    metric_family& operator=(metric_family const&) = delete;
    ~metric_family() { to_.push_back(std::move(made_)); }

    void add(double value, std::string const& function = {}) {
        prometheus::ClientMetric metric;
        if (!function.empty()) {
            metric.label.push_back({"function", function});
        }
        (made_.type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
        made_.metric.push_back(std::move(metric));
    }

  private:
    std::vector<prometheus::MetricFamily>& to_;
    prometheus::MetricFamily made_;
};

} // namespace hpcsched::cli

#endif
