// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/notebook_host/cluster_status.hpp>

#include <boost/json.hpp>

#include "host_protocol.hpp"
#include "json_words.hpp"

#include <algorithm>
#include <chrono>
#include <iomanip>
#include <sstream>

namespace hpcsched::notebook_host {
namespace {

namespace json = boost::json;

constexpr duration patience = std::chrono::seconds{3};

[[nodiscard]] json::value const* find(json::object const& in, std::string_view name) {
    return in.if_contains(name);
}
[[nodiscard]] std::uint64_t number_of(json::object const& in, std::string_view name) {
    json::value const* const at = find(in, name);
    boost::system::error_code failed;
    auto const number = at == nullptr ? 0 : at->to_number<std::uint64_t>(failed);
    return failed ? 0 : number;
}
[[nodiscard]] std::vector<json::object> objects_of(json::object const& in, std::string_view name) {
    std::vector<json::object> all;
    json::value const* const at = find(in, name);
    if (at != nullptr && at->is_array()) {
        for (json::value const& each : at->get_array()) {
            if (each.is_object()) {
                all.push_back(each.get_object());
            }
        }
    }
    return all;
}

[[nodiscard]] host_status host_from(json::object const& told) {
    json::value const* const subscribed = find(told, "gpus_subscribed");
    return {.node = static_cast<std::uint32_t>(number_of(told, "id")),
            .address = text_of(told, "address"),
            .up = flag_of(told, "up"),
            .draining = flag_of(told, "draining"),
            .gpus = static_cast<std::uint32_t>(number_of(told, "gpus")),
            .gpus_free = static_cast<std::uint32_t>(number_of(told, "gpus_free")),
            .gpus_subscribed = subscribed != nullptr && subscribed->is_number() ? subscribed->to_number<double>() : 0};
}

[[nodiscard]] kernel_status kernel_from(json::object const& told) {
    kernel_status k{.name = text_of(told, "name"),
                    .gpus = static_cast<std::uint32_t>(number_of(told, "gpus")),
                    .cells = number_of(told, "cells"),
                    .running = text_of(told, "phase") == "running",
                    .interpreter = text_of(told, "interpreter")};
    for (json::object const& r : objects_of(told, "replicas")) {
        k.replicas.emplace_back(static_cast<std::uint32_t>(number_of(r, "host")), flag_of(r, "ready"));
    }
    json::value const* const leased = find(told, "leased_cell");
    if (leased != nullptr && leased->is_object()) {
        json::object const& cell = leased->get_object();
        k.waits = !flag_of(cell, "running");
        if (!k.waits) {
            k.leased_on = static_cast<std::uint32_t>(number_of(cell, "host"));
        }
        json::value const* const devices = find(cell, "devices");
        if (devices != nullptr && devices->is_array()) {
            for (json::value const& d : devices->get_array()) {
                k.devices.push_back(d.is_int64() ? static_cast<std::uint32_t>(d.get_int64()) : 0);
            }
        }
    }
    return k;
}

// "service-level 0.9"
std::string admission_from(json::object const& policies) {
    std::string name = text_of(policies, "admission");
    bool const by_level = name == "service-level";
    json::value const* const number = find(policies, by_level ? "service_level" : "subscription_limit");
    if (name == "everyone" || number == nullptr || !number->is_number()) {
        return name;
    }
    std::ostringstream out;
    out << name << ' ' << std::setprecision(3) << number->to_number<double>();
    return out.str();
}

// "3 replicas, placement least-loaded, admission everyone, queue fifo, patience 60 s"
std::string policies_from(json::object const& told) {
    json::value const* const said = find(told, "policies");
    if (said == nullptr || !said->is_object()) {
        return {};
    }
    json::object const& p = said->get_object();
    auto const replicas = static_cast<std::uint64_t>(number_of(p, "replicas"));
    json::value const* const in_ms = find(p, "patience_ms");
    bool const ends = in_ms != nullptr && in_ms->is_number();
    std::uint64_t const ms = number_of(p, "patience_ms");
    return std::to_string(replicas) + (replicas == 1 ? " replica" : " replicas") + ", placement " +
           text_of(p, "placement") + ", admission " + admission_from(p) + ", queue " + text_of(p, "queue") + ", " +
           (!ends            ? "patience without end"
            : ms % 1000 == 0 ? "patience " + std::to_string(ms / 1000) + " s"
                             : "patience " + std::to_string(ms) + " ms");
}

} // namespace

result<cluster_status> parse_status(std::string_view text) {
    boost::system::error_code failed;
    json::value const parsed = json::parse({text.data(), text.size()}, failed);
    if (failed || !parsed.is_object() || !parsed.get_object().contains("node")) {
        return error{"what a host said of its cluster is no status"};
    }
    json::object const& told = parsed.get_object();
    cluster_status s{.asked = static_cast<std::uint32_t>(number_of(told, "node")),
                     .leader = static_cast<std::uint32_t>(number_of(told, "leader")),
                     .policies = policies_from(told),
                     .json = std::string{text}};
    for (json::object const& each : objects_of(told, "hosts")) {
        s.hosts.push_back(host_from(each));
    }
    for (json::object const& each : objects_of(told, "kernels")) {
        s.kernels.push_back(kernel_from(each));
        for (auto const& [host, ready] : s.kernels.back().replicas) {
            auto const at = std::ranges::find(s.hosts, host, &host_status::node);
            if (at != s.hosts.end()) {
                ++at->kernels;
            }
        }
    }
    return s;
}

result<void> ask_drain(raft_asio::client_config const& cluster, std::uint32_t node, bool draining) {
    auto const at = std::ranges::find(cluster.nodes, raft::node_id{node}, &raft_asio::peer::id);
    if (at == cluster.nodes.end()) {
        return error{"the cluster has no host " + std::to_string(node)};
    }
    raft_asio::client_config one = cluster;
    one.nodes = {*at};
    auto client = raft_asio::client::connect(one);
    if (!client) {
        return client.error();
    }
    byte_buffer question;
    encode(host_request{drain_asked{draining}}, question);
    auto const answer = client->call({.kind = raft_asio::request_kind::host, .payload = question}, patience);
    if (!answer) {
        return error{"host " + std::to_string(node) + " does not answer: " + answer.error().message};
    }
    if (answer->status == raft_asio::response_status::ok) {
        return {};
    }
    std::string why;
    for (std::byte const b : answer->payload) {
        why += static_cast<char>(b);
    }
    return error{"host " + std::to_string(node) + " refuses" + (why.empty() ? "" : ": " + why)};
}

result<cluster_status> ask_status(raft_asio::client_config const& cluster) {
    byte_buffer question;
    encode(host_request{status_asked{}}, question);
    std::string why = "no host is named";
    for (raft_asio::peer const& p : cluster.nodes) {
        raft_asio::client_config one = cluster;
        one.nodes = {p};
        auto client = raft_asio::client::connect(one);
        if (!client) {
            return client.error();
        }
        auto const answer = client->call({.kind = raft_asio::request_kind::host, .payload = question}, patience);
        if (answer && answer->status == raft_asio::response_status::ok) {
            return parse_status({reinterpret_cast<char const*>(answer->payload.data()), // NOLINT(*-cast): bytes
                                 answer->payload.size()});
        }
        why = answer ? "it refuses the question" : answer.error().message;
    }
    return error{"no host of the cluster answers; the last: " + why};
}

} // namespace hpcsched::notebook_host
