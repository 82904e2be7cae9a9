// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/faas_host/figures.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace hpcsched::faas_host {

namespace {

namespace json = boost::json;

char const* name_of(worker_state state) {
    switch (state) {
    case worker_state::starting:
        return "starting";
    case worker_state::idle:
        return "idle";
    case worker_state::busy:
        return "busy";
    case worker_state::resting:
        return "resting";
    case worker_state::ending:
        return "ending";
    }
    return "";
}

char const* name_of(cpu::sched_policy policy) {
    switch (policy) {
    case cpu::sched_policy::fifo:
        return "fifo";
    case cpu::sched_policy::rr:
        return "rr";
    default:
        return "normal";
    }
}

json::object to_object(latency_figures const& of) {
    return {{"count", of.count},
            {"p50", to_seconds(of.p50)},
            {"p90", to_seconds(of.p90)},
            {"p99", to_seconds(of.p99)},
            {"longest", to_seconds(of.longest)}};
}

json::object to_object(worker_figures const& of) {
    return {{"worker", of.worker.value},
            {"process", of.process},
            {"state", name_of(of.state)},
            {"age", to_seconds(of.age)},
            {"invocations", of.invocations},
            {"last_cpu", of.last_cpu},
            {"class", name_of(of.scheduling.policy)},
            {"rt_priority", of.scheduling.rt_priority},
            {"nice", of.scheduling.nice}};
}

json::object to_object(hosted_function_figures const& of) {
    json::array workers;
    for (worker_figures const& each : of.workers) {
        workers.push_back(to_object(each));
    }
    return {{"name", of.name},
            {"concurrency", of.concurrency},
            {"waiting", of.waiting},
            {"running", of.running},
            {"invocations", of.invocations},
            {"answered", of.answered},
            {"failed", of.failed},
            {"timed_out", of.timed_out},
            {"refused", of.refused},
            {"abandoned", of.abandoned},
            {"cold_starts", of.cold_starts},
            {"lost_log_bytes", of.lost_log_bytes},
            // Divided, not multiplied by a billionth: 10 s is to read 10.
            {"latency_target", of.latency_target == unlimited
                                   ? json::value{}
                                   : json::value(static_cast<double>(of.latency_target.count()) / 1e9)},
            {"turned_away", of.turned_away},
            {"offered_rate", of.offered_rate},
            {"admitted_rate", of.admitted_rate ? json::value(*of.admitted_rate) : json::value{}},
            {"waited", to_object(of.waited)},
            {"served", to_object(of.served)},
            {"workers", std::move(workers)}};
}

json::value to_value(std::optional<latency_risk_figures> const& of) {
    if (!of) {
        return {};
    }
    return {{"level", of->level},
            {"offered", of->offered},
            {"offered_low", of->offered_low},
            {"offered_high", of->offered_high},
            {"admitted", of->admitted},
            {"looks", of->looks},
            {"looked", to_seconds(of->looked)},
            {"longest_look", to_seconds(of->longest_look)}};
}

} // namespace

std::string to_json(host_figures const& figures) {
    json::array functions;
    for (hosted_function_figures const& each : figures.functions) {
        functions.push_back(to_object(each));
    }
    return json::serialize(json::object{{"policy", figures.policy},
                                        {"uptime", to_seconds(figures.uptime)},
                                        {"draining", figures.is_draining},
                                        {"connections", figures.connections},
                                        {"requests", figures.requests},
                                        {"bad_requests", figures.bad_requests},
                                        {"memory_limit", figures.memory_limit},
                                        {"process_limit", figures.process_limit},
                                        {"isolation", figures.isolation},
                                        {"latency_risk", to_value(figures.latency_risk)},
                                        {"functions", std::move(functions)}});
}

} // namespace hpcsched::faas_host
