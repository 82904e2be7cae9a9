// SPDX-License-Identifier: Apache-2.0
#include "serve_metrics.hpp"

#include "metric_family.hpp"
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <vector>

namespace hpcsched::cli {

std::string to_prometheus(faas_host::host_figures const& figures) {
    using prometheus::MetricType;
    using function = faas_host::hosted_function_figures;
    std::vector<prometheus::MetricFamily> all;
    auto const of_functions = [&](char const* name, char const* help, MetricType type, auto value) {
        metric_family each{all, name, help, type};
        for (function const& f : figures.functions) {
            each.add(static_cast<double>(value(f)), f.name);
        }
    };
    auto const counter = [&](char const* name, char const* help, std::uint64_t function::* member) {
        of_functions(name, help, MetricType::Counter, [member](function const& f) { return f.*member; });
    };
    counter("hpcsched_serve_invocations_total", "Invocations taken", &function::invocations);
    counter("hpcsched_serve_answered_total", "Invocations that a worker answered well", &function::answered);
    counter("hpcsched_serve_failed_total", "Invocations that ended with an error", &function::failed);
    counter("hpcsched_serve_timed_out_total", "Of the failed, those that took too long", &function::timed_out);
    counter("hpcsched_serve_refused_total", "Invocations not taken: the queue was full, or the host was ending",
            &function::refused);
    counter("hpcsched_serve_turned_away_total", "Of the refused, those for the sake of a latency target",
            &function::turned_away);
    counter("hpcsched_serve_abandoned_total", "Invocations whose client was gone before the answer",
            &function::abandoned);
    counter("hpcsched_serve_cold_starts_total", "Workers started", &function::cold_starts);
    counter("hpcsched_serve_lost_log_bytes_total", "Output of workers that the log file could not take",
            &function::lost_log_bytes);
    of_functions("hpcsched_serve_waiting", "Invocations in the queue", MetricType::Gauge,
                 [](function const& f) { return f.waiting; });
    of_functions("hpcsched_serve_running", "Invocations that a worker has", MetricType::Gauge,
                 [](function const& f) { return f.running; });
    of_functions("hpcsched_serve_workers", "Workers that live", MetricType::Gauge,
                 [](function const& f) { return f.workers.size(); });
    of_functions("hpcsched_serve_waited_p99_seconds", "From arrival to a worker, p99 of the last 1,024 invocations",
                 MetricType::Gauge, [](function const& f) { return to_seconds(f.waited.p99); });
    of_functions("hpcsched_serve_served_p99_seconds", "From a worker to its answer, p99 of the last 1,024 invocations",
                 MetricType::Gauge, [](function const& f) { return to_seconds(f.served.p99); });
    if (figures.latency_risk) {
        metric_family{all, "hpcsched_serve_latency_risk", "Risk that a latency target is broken, with what is admitted",
                      MetricType::Gauge}
            .add(figures.latency_risk->admitted);
    }
    auto const one = [&](char const* name, char const* help, MetricType type, std::uint64_t value) {
        metric_family{all, name, help, type}.add(static_cast<double>(value));
    };
    one("hpcsched_serve_connections", "Connections of clients", MetricType::Gauge, figures.connections);
    one("hpcsched_serve_requests_total", "HTTP requests of clients", MetricType::Counter, figures.requests);
    one("hpcsched_serve_bad_requests_total", "Of these, those at fault", MetricType::Counter, figures.bad_requests);
    return prometheus::TextSerializer{}.Serialize(all);
}

} // namespace hpcsched::cli
