// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft/memory_log.hpp>
#include <hpcsched/raft/server.hpp>
#include <hpcsched/raft_asio/client.hpp>

#include <doctest/doctest.h>

#include "loopback.hpp"

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>

namespace {

using namespace hpcsched;
using namespace hpcsched::raft_asio;
using namespace hpcsched::test;
using raft::group_id;
using raft::node_id;

// Adds numbers up.
class adder {
  public:
    void apply(raft::log_index /*index*/, std::span<std::byte const> command, raft::byte_buffer& reply) {
        sum_ += command.size();
        for (char const c : std::to_string(sum_)) {
            reply.push_back(static_cast<std::byte>(c));
        }
    }
    void save(raft::byte_buffer& out) const { out.assign(static_cast<std::size_t>(sum_), {}); }
    [[nodiscard]] bool restore(std::span<std::byte const> saved) {
        sum_ = saved.size();
        return true;
    }
    [[nodiscard]] std::uint64_t sum() const { return sum_; }

  private:
    std::uint64_t sum_ = 0;
};

using token = network::client_token;

// A host of a few groups on one network, as short as it can be.
class host {
  public:
    struct observer {
        std::map<raft::log_index, std::pair<token, std::uint64_t>>* waiting;
        network* net;
        void applied(raft::entry const& e, std::span<std::byte const> reply) const {
            if (auto const at = waiting->find(e.index); at != waiting->end()) {
                net->reply(at->second.first, {.id = at->second.second, .payload = reply});
                waiting->erase(at);
            }
        }
        void read_ready(std::uint64_t /*id*/, bool /*confirmed*/) const {}
        void restored(raft::log_index /*index*/) const {}
    };
    using server = raft::server<adder, raft::memory_log, group_transport, observer>;

    host(node& on, std::size_t groups, raft::membership const& members, duration election_timeout) : node_{on} {
        for (std::size_t g = 0; g < groups; ++g) {
            raft::replica_config const config{.id = on.id(),
                                              .seed = on.id().value,
                                              .election_timeout = election_timeout,
                                              .heartbeat_interval = 10ms,
                                              .window_entries = 1024,
                                              .window_bytes = std::size_t{64} << 10U,
                                              .entry_bytes_max = 1024,
                                              .uncommitted_bytes_max = std::size_t{32} << 10U};
            servers_.push_back(
                std::make_unique<server>(config, raft::snapshot_policy{}, adder{}, raft::memory_log{members},
                                         group_transport{*on.net, group_id{static_cast<std::uint32_t>(g)}},
                                         observer{&waiting_, on.net.get()}, event_loop::now()));
        }
        on.on_message = [this](group_id group, raft::message const& m) {
            servers_.at(group.value)->receive(m, event_loop::now());
        };
        on.net->set_on_request([this](token from, request const& r) { take(from, r); });
    }

    time_point turn(time_point now) {
        time_point next = never;
        for (auto const& s : servers_) {
            if (s->next_deadline() <= now) {
                s->tick(now);
            }
            s->run(now);
            next = std::min(next, s->next_deadline());
        }
        if (node_.net) {
            node_.net->flush();
        }
        return next;
    }

    [[nodiscard]] server& group(std::size_t g) { return *servers_[g]; }

  private:
    void take(token from, request const& r) {
        server& s = *servers_.at(r.group.value);
        if (auto const index = s.propose(r.payload, event_loop::now())) {
            waiting_.insert_or_assign(*index, std::pair{from, r.id}); // one group takes requests in this test
        } else {
            node_.net->reply(from, {.id = r.id, .status = response_status::not_leader, .leader = s.replica().leader()});
        }
    }

    node& node_;
    std::vector<std::unique_ptr<server>> servers_;
    std::map<raft::log_index, std::pair<token, std::uint64_t>> waiting_;
};

TEST_SUITE("cluster") {
    TEST_CASE("cluster: three servers elect, replicate and answer a client over sockets, and outlive their leader") {
        event_loop loop;
        std::vector<std::unique_ptr<node>> nodes;
        std::array const ids{node_id{1}, node_id{2}, node_id{3}};
        for (node_id const id : ids) {
            nodes.push_back(std::make_unique<node>(loop, id.value));
        }
        introduce({nodes[0].get(), nodes[1].get(), nodes[2].get()});
        std::vector<std::unique_ptr<host>> hosts;
        for (auto const& n : nodes) {
            hosts.push_back(std::make_unique<host>(*n, 1, raft::membership{ids}, 150ms));
        }
        std::optional<std::size_t> gone;
        loop.set_on_turn([&](time_point now) {
            time_point next = never;
            for (std::size_t i = 0; i < hosts.size(); ++i) {
                next = i == gone ? next : std::min(next, hosts[i]->turn(now));
            }
            return next;
        });
        auto c = client::connect(loop, {.nodes = {nodes[0]->as_peer(), nodes[1]->as_peer(), nodes[2]->as_peer()},
                                        .cluster_id = cluster,
                                        .backoff_min = 5ms})
                     .value();
        std::uint64_t answered = 0;
        std::string newest;
        auto const ask = [&](int times) {
            for (int i = 0; i < times; ++i) {
                c.submit({.payload = bytes_of("x")}, 20s, [&](result<response> const& r) {
                    REQUIRE(r.has_value());
                    newest.assign(reinterpret_cast<char const*>(r->payload.data()), r->payload.size());
                    ++answered;
                });
            }
        };
        ask(500);
        REQUIRE(comes_true(loop, [&] { return answered == 500; }));
        CHECK(std::stoul(newest) >= 500); // more where leadership moved, as without sessions

        auto const leads = [](auto const& h) { return h->group(0).replica().role() == raft::role::leader; };
        REQUIRE(comes_true(loop, [&] { return std::ranges::any_of(hosts, leads); }));
        gone = static_cast<std::size_t>(std::ranges::find_if(hosts, leads) - hosts.begin());
        nodes[*gone]->stop();
        ask(100);
        REQUIRE(comes_true(loop, [&] { return answered == 600; }));
        CHECK(std::stoul(newest) >= 600);
        CHECK(comes_true(loop, [&] {
            return hosts[(*gone + 1) % 3]->group(0).machine().sum() == hosts[(*gone + 2) % 3]->group(0).machine().sum();
        }));
    }

    TEST_CASE("cluster: the heartbeats of two hundred groups go in one frame to each peer") {
        event_loop loop;
        node a{loop, 1};
        node b{loop, 2};
        introduce({&a, &b});
        REQUIRE(comes_true(loop, [&] { return all_connected({&a, &b}); }));
        std::array const ids{node_id{1}, node_id{2}};
        constexpr std::size_t groups = 200;
        host leader{a, groups, raft::membership{ids}, 5s};
        host follower{b, groups, raft::membership{ids}, 5s};
        loop.set_on_turn([&](time_point now) { return std::min(leader.turn(now), follower.turn(now)); });
        for (std::size_t g = 0; g < groups; ++g) {
            leader.group(g).campaign(event_loop::now());
        }
        REQUIRE(comes_true(loop, [&] {
            for (std::size_t g = 0; g < groups; ++g) {
                if (leader.group(g).replica().commit() == 0) {
                    return false;
                }
            }
            return true;
        }));
        let_pass(loop, 30ms);
        auto const before = a.net->statistics();
        auto const& after = a.net->statistics();
        auto const messages = [&] { return after.messages_sent - before.messages_sent; };
        CHECK(comes_true(loop, [&] { return messages() >= 5 * groups; }));
        CHECK(messages() > 20 * (after.frames_sent - before.frames_sent));
    }
}

} // namespace
