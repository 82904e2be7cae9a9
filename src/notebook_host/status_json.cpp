// SPDX-License-Identifier: Apache-2.0
#include "status_json.hpp"

#include <boost/json.hpp>

#include "host_protocol.hpp"

#include <utility>

namespace hpcsched::notebook_host {

namespace json = boost::json;

json::object described(notebook::standing_policies const& p) {
    duration const patience = p.queueing.chosen().patience;
    json::value const in_ms = patience == unlimited ? json::value(nullptr) : json::value(patience.count() / 1'000'000);
    return {{"replicas", p.replicas},
            {"placement", p.placement.name()},
            {"admission", p.admission.name()},
            {"service_level", p.admission.chosen().level},
            {"subscription_limit", p.admission.limit()},
            {"queue", p.queueing.name()},
            {"patience_ms", in_ms}};
}

json::object described(cluster_machine const& c, raft_asio::peer const& p) {
    gpu::host_id const id = host_of(p.id);
    gpu::ledger const& ledger = c.state().ledger();
    json::object host{{"id", p.id.value}, {"address", p.address}, {"up", ledger.contains(id)}};
    if (ledger.contains(id)) {
        gpu::host_load const& load = ledger.load(id);
        gpu::host_state const& state = ledger.host(id);
        host["draining"] = c.state().host(id).phase == notebook::host_phase::draining;
        host["gpus"] = load.device_count;
        host["gpus_free"] = load.free_count;
        host["gpus_subscribed"] = static_cast<double>(state.subscribed.gpu_milli) / gpu::whole_device;
        host["cpus"] = static_cast<double>(state.capacity.cpu_milli) / 1000;
        host["memory_mib"] = state.capacity.memory_mib;
    }
    return host;
}

json::object described(cluster_machine const& c, std::string const& name, notebook::kernel_id id) {
    auto const view = c.view(id);
    json::object kernel{{"name", name}, {"serial", view.serial}, {"gpus", view.gpus}, {"replicas", json::array{}}};
    if (std::string const& owner = c.kernel(id).owner; !owner.empty()) {
        kernel["owner"] = owner;
    }
    for (notebook::replica const& r : view.replicas) {
        kernel["replicas"].as_array().push_back({{"host", r.host.value}, {"ready", r.ready}});
    }
    if (view.cell != 0) {
        json::object cell{{"number", view.cell}, {"running", view.running}};
        if (view.running) {
            cell["host"] = view.executor_host.value;
            cell["devices"] = devices_in(view.devices);
        }
        kernel["leased_cell"] = std::move(cell);
    }
    return kernel;
}

void describe(json::object& kernel, notebook::kernel_log const& log) {
    kernel["cells"] = log.last_done().cell;
    kernel["names"] = log.names().size();
    kernel["phase"] = log.phase() == notebook::kernel_phase::running ? "running" : "idle";
}

} // namespace hpcsched::notebook_host
