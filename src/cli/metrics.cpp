// SPDX-License-Identifier: Apache-2.0
#include "metrics.hpp"

#include "metric_family.hpp"
#include <prometheus/collectable.h>
#include <prometheus/exposer.h>
#include <prometheus/metric_family.h>

#include <exception>
#include <mutex>
#include <utility>
#include <vector>

namespace hpcsched::cli {

namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

/// Names and units as Prometheus asks: seconds, and `_total` for what only grows.
std::vector<MetricFamily> families_of(attach_report const& report) {
    std::vector<MetricFamily> all;
    auto const of_functions = [&](char const* name, char const* help, MetricType type, auto value) {
        metric_family each{all, name, help, type};
        for (cpu_linux::function_figures const& f : report.functions) {
            each.add(value(f), f.name);
        }
    };
    using figures = cpu_linux::function_figures;
    of_functions("hpcsched_invocations_running", "Invocations that have begun and not ended", MetricType::Gauge,
                 [](figures const& f) { return static_cast<double>(f.running); });
    of_functions("hpcsched_invocations_total", "Finished invocations", MetricType::Counter,
                 [](figures const& f) { return static_cast<double>(f.finished); });
    of_functions("hpcsched_cpu_seconds_total", "CPU time of finished invocations", MetricType::Counter,
                 [](figures const& f) { return to_seconds(f.cpu_time); });
    of_functions("hpcsched_turnaround_seconds_total", "Time from first sight to the end, of finished invocations",
                 MetricType::Counter, [](figures const& f) { return to_seconds(f.turnaround); });
    of_functions("hpcsched_context_switches_total", "Context switches of finished invocations", MetricType::Counter,
                 [](figures const& f) { return static_cast<double>(f.context_switches); });
    {
        metric_family expected{all, "hpcsched_expected_seconds", "CPU time that the agent expects of an invocation",
                               MetricType::Gauge};
        for (std::size_t i = 0; i < report.functions.size(); ++i) {
            if (report.learned[i].service) {
                expected.add(to_seconds(*report.learned[i].service), report.functions[i].name);
            }
        }
    }
    auto const one = [&](char const* name, char const* help, double value) {
        metric_family{all, name, help, MetricType::Counter}.add(value);
    };
    one("hpcsched_events_total", "Events told to the agent", static_cast<double>(report.counts.events));
    one("hpcsched_commands_total", "Commands that the agent gave", static_cast<double>(report.counts.commands));
    one("hpcsched_requests_total", "Requests to the kernel", static_cast<double>(report.counts.requests));
    one("hpcsched_requests_refused_total", "Requests that the kernel refused",
        static_cast<double>(report.counts.not_allowed + report.counts.not_possible));
    one("hpcsched_lost_events_total", "Events that the kernel could not hand over",
        static_cast<double>(report.lost_events));
    one("hpcsched_own_cpu_seconds_total", "CPU time of the steering process", to_seconds(report.own_cpu_time));
    return all;
}

class last_report final : public prometheus::Collectable {
  public:
    void set(attach_report report) {
        std::scoped_lock const lock{mutex_};
        report_ = std::move(report);
    }
    [[nodiscard]] std::vector<MetricFamily> Collect() const override {
        std::scoped_lock const lock{mutex_};
        return families_of(report_);
    }

  private:
    mutable std::mutex mutex_;
    attach_report report_;
};

} // namespace

class metrics_server::state {
  public:
    explicit state(std::string const& address) : exposer{address, 1} { exposer.RegisterCollectable(report); }

    std::shared_ptr<last_report> report = std::make_shared<last_report>();
    prometheus::Exposer exposer;
};

metrics_server::metrics_server(std::unique_ptr<state> made) noexcept : state_{std::move(made)} {}
metrics_server::~metrics_server() = default;

result<std::unique_ptr<metrics_server>> metrics_server::start(std::string const& address) {
    try {
        return std::unique_ptr<metrics_server>{new metrics_server{std::make_unique<state>(address)}};
    } catch (std::exception const&) { // civetweb says only that it failed
        return error{"cannot listen on " + address + ": give ADDRESS:PORT, such as 127.0.0.1:9477, that is free"};
    }
}

void metrics_server::publish(attach_report report) {
    state_->report->set(std::move(report));
}

} // namespace hpcsched::cli
