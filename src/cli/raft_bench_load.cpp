// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/bytes.hpp>
#include <hpcsched/raft/key_value_store.hpp>
#include <hpcsched/raft/sessions.hpp>
#include <hpcsched/raft_asio/client.hpp>
#include <hpcsched/raft_asio/node.hpp>

#include "failure.hpp"
#include "raft_bench.hpp"
#include "raft_bench_cluster.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::cli {
namespace {

using namespace std::chrono_literals;
using raft_asio::event_loop;
using machine = raft::sessions<raft::key_value_store>;
using machine_node = raft_asio::node<machine>;

constexpr raft::group_id measured_group{1};

/// Where a command goes, and comes back from: this process's node, or a cluster over sockets.
using on_reply = std::function<void(bool done, std::span<std::byte const> reply)>;
using send_command = std::function<void(std::span<std::byte const> command, on_reply)>;

/// Clients that each ask, wait for the answer, and ask again.
class closed_loop {
  public:
    closed_loop(std::size_t clients, std::size_t bytes, send_command send) : send_{std::move(send)}, clients_(clients) {
        for (std::size_t i = 0; i < clients; ++i) {
            raft::byte_buffer empty;
            raft::key_value_store::put(key(i), {}, empty);
            constexpr std::size_t session = 16;
            std::size_t const overhead = empty.size() + session;
            raft::key_value_store::put(key(i), std::string(bytes > overhead ? bytes - overhead : 0, 'v'),
                                       clients_[i].put);
        }
    }

    void start() {
        for (std::size_t i = 0; i < clients_.size(); ++i) {
            open(i);
        }
    }
    void measure(bool on) { measuring_ = on; }
    /// No more is asked from now on.
    void stop() { stopped_ = true; }

    [[nodiscard]] std::vector<std::int64_t>& latencies() noexcept { return latencies_; }
    [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }
    /// Whether each has its session.
    [[nodiscard]] bool ready() const noexcept { return opened_ == clients_.size(); }
    [[nodiscard]] bool idle() const noexcept { return waiting_ == 0; }

  private:
    struct one_client {
        std::uint64_t session = 0;
        std::uint64_t sequence = 0;
        raft::byte_buffer put;
        raft::byte_buffer command;
        time_point asked{};
    };

    static std::string key(std::size_t i) { return "client-" + std::to_string(i); }

    void open(std::size_t i) {
        raft::byte_buffer opening;
        machine::encode({}, {}, opening);
        ++waiting_;
        send_(opening, [this, i](bool done, std::span<std::byte const> reply) {
            --waiting_;
            if (!done || reply.size() != 9) {
                open(i);
                return;
            }
            clients_[i].session = byte_reader{reply.subspan(1)}.word();
            ++opened_;
            ask(i);
        });
    }

    void ask(std::size_t i) {
        if (stopped_) {
            return;
        }
        one_client& c = clients_[i];
        c.command.clear();
        machine::encode({c.session, ++c.sequence}, c.put, c.command);
        c.asked = event_loop::now();
        ++waiting_;
        send_(c.command, [this, i](bool done, std::span<std::byte const> /*reply*/) {
            --waiting_;
            if (done && measuring_) {
                latencies_.push_back((event_loop::now() - clients_[i].asked).count());
            }
            lost_ += done ? 0U : 1U;
            ask(i);
        });
    }

    send_command send_;
    std::vector<one_client> clients_;
    std::vector<std::int64_t> latencies_;
    std::uint64_t lost_ = 0;
    std::size_t opened_ = 0;
    std::size_t waiting_ = 0;
    bool measuring_ = false;
    bool stopped_ = false;
};

load_result run_load(event_loop& loop, load_settings const& s, std::size_t clients, send_command send) {
    closed_loop load{clients, s.bytes, std::move(send)};
    load.start();
    if (!loop.run_until([&] { return load.ready(); }, event_loop::now() + 20s)) {
        throw failure{exit_code::failure, "no leader has answered within 20 s"};
    }
    auto const until = [&](duration length) { (void)loop.run_until([] { return false; }, event_loop::now() + length); };
    until(s.warm_up);
    load.measure(true);
    time_point const begin = event_loop::now();
    until(s.length);
    duration const took = event_loop::now() - begin;
    load.measure(false);
    load.stop();
    (void)loop.run_until([&] { return load.idle(); }, event_loop::now() + 5s);
    load_result r{.clients = clients, .lost = load.lost()};
    r.per_second = static_cast<double>(load.latencies().size()) / to_seconds(took);
    r.latency = summarize(load.latencies());
    return r;
}

/// Waits until this node leads: whoever leads instead is asked to hand over.
void become_leader(event_loop& loop, machine_node& node, std::vector<raft_asio::peer> const& nodes) {
    time_point const limit = event_loop::now() + 20s;
    auto const leads = [&] {
        auto const& r = node.server(measured_group)->replica();
        return r.role() == raft::role::leader && r.commit() == r.log().last_index();
    };
    while (!leads()) {
        if (event_loop::now() > limit) {
            throw failure{exit_code::failure, "no leader within 20 s: see the nodes' output in the data folder"};
        }
        raft::node_id const leader = node.server(measured_group)->replica().leader();
        if (leader == raft::no_node) {
            node.campaign(measured_group);
        } else if (leader != nodes.front().id) {
            raft_asio::client_config config;
            config.nodes = {nodes.at(leader.value - 1)};
            config.cluster_id = 1;
            auto client = or_fail(raft_asio::client::connect(loop, config), exit_code::failure);
            client.submit({.kind = raft_asio::request_kind::transfer,
                           .group = measured_group,
                           .payload = raft_asio::encode_node(nodes.front().id)},
                          500ms, [](auto const& /*answer*/) {});
            (void)loop.run_until([&] { return client.pending() == 0; }, event_loop::now() + 1s);
        }
        (void)loop.run_until(leads, event_loop::now() + 300ms);
    }
}

} // namespace

std::vector<load_result> bench_in_leader(load_settings const& s) {
    scratch_folder const folder{s.folder};
    child_cluster children{3, folder.path(), s.node_options};
    raft_asio::node_config config = s.node;
    config.network.self = raft::node_id{1};
    config.network.cluster_id = 1;
    config.network.peers = children.nodes();
    config.network.listen = children.nodes().front().address;
    config.log.directory = children.data(1);
    event_loop loop;
    loop.set_spin(s.spin);
    auto const node = or_fail(
        machine_node::open(loop, config, [](raft::group_id /*group*/) { return machine{raft::key_value_store{}}; }),
        exit_code::failure);
    std::vector<raft::node_id> founders;
    for (auto const& n : children.nodes()) {
        founders.push_back(n.id);
    }
    or_fail(node->open_group(measured_group, founders), exit_code::failure);
    children.start(2);
    children.start(3);
    become_leader(loop, *node, children.nodes());
    std::vector<load_result> results;
    for (std::size_t const clients : s.clients) {
        s.progress(std::to_string(clients) + " clients in the leader's process ...");
        results.push_back(run_load(loop, s, clients, [&](std::span<std::byte const> command, on_reply done) {
            node->submit(measured_group, command,
                         [done = std::move(done)](raft_asio::outcome how, std::span<std::byte const> reply) {
                             done(how == raft_asio::outcome::applied, reply);
                         });
        }));
        if (!node->failure().empty()) {
            throw failure{exit_code::failure, node->failure()};
        }
    }
    return results;
}

std::vector<load_result> bench_from_outside(load_settings const& s) {
    scratch_folder const folder{s.folder};
    child_cluster children{3, folder.path(), s.node_options};
    for (std::uint32_t id = 1; id <= 3; ++id) {
        children.start(id);
    }
    event_loop loop;
    loop.set_spin(s.spin);
    raft_asio::client_config config;
    config.nodes = children.nodes();
    config.cluster_id = 1;
    auto client = or_fail(raft_asio::client::connect(loop, config), exit_code::failure);
    std::vector<load_result> results;
    for (std::size_t const clients : s.clients) {
        s.progress(std::to_string(clients) + " clients over one connection ...");
        results.push_back(run_load(loop, s, clients, [&](std::span<std::byte const> command, on_reply done) {
            client.submit({.group = measured_group, .payload = command}, 10s,
                          [done = std::move(done)](result<raft_asio::response> const& answer) {
                              done(answer && answer->status == raft_asio::response_status::ok,
                                   answer ? answer->payload : std::span<std::byte const>{});
                          });
        }));
    }
    return results;
}

} // namespace hpcsched::cli
