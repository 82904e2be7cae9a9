// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft_asio/network.hpp>

#include <doctest/doctest.h>

#include "codec.hpp"
#include "loopback.hpp"

namespace {

using namespace hpcsched;
using namespace hpcsched::raft_asio;
using namespace hpcsched::test;
using raft::group_id;
using raft::node_id;
namespace insides = raft_asio::detail;

// Says hello as node `id` and keeps quiet from then on.
void pose_as(raw_socket const& s, std::uint32_t id, std::uint64_t incarnation = 1) {
    CHECK(s.write(insides::encode_hello({.cluster = cluster, .node = node_id{id}, .incarnation = incarnation})));
}

// Sends until a message is dropped, or far more than any socket takes was sent.
void overfill(node& from, node_id to) {
    std::vector<std::byte> const load(std::size_t{64} << 10U);
    auto const dropped = from.net->statistics().messages_dropped;
    for (int i = 0; i < 2000 && from.net->statistics().messages_dropped == dropped; ++i) {
        from.net->send(group_id{1}, {from.id(), to, 1, raft::forwarded_command{load}});
        from.net->flush();
    }
    CHECK(from.net->statistics().messages_dropped == dropped + 1);
}

TEST_SUITE("network") {
    TEST_CASE("network: messages of every kind arrive in both directions, as they were sent") {
        event_loop loop;
        node a{loop, 1};
        node b{loop, 2};
        introduce({&a, &b});
        REQUIRE(comes_true(loop, [&] { return all_connected({&a, &b}); }));

        random_messages draw{4};
        for (int round = 0; round < 20; ++round) {
            for (auto const& [from, to] : {std::pair{&a, &b}, std::pair{&b, &a}}) {
                std::vector<raft::message> sent;
                for (std::size_t kind = 0; kind < random_messages::kinds; ++kind) {
                    if (kind != 4 && kind != 5) { // those are packed, and come last
                        sent.push_back(draw.make(from->id(), to->id(), kind));
                    }
                }
                sent.push_back(draw.make(from->id(), to->id(), 4));
                sent.push_back(draw.make(from->id(), to->id(), 5));
                std::size_t next = 0;
                to->on_message = [&](group_id group, raft::message const& came) {
                    REQUIRE(next < sent.size());
                    CHECK(group == group_id{static_cast<std::uint32_t>(next)});
                    CHECK(same(sent[next], came));
                    ++next;
                };
                for (std::size_t i = 0; i < sent.size(); ++i) {
                    from->net->send(group_id{static_cast<std::uint32_t>(i)}, sent[i]);
                }
                auto const frames = from->net->statistics().frames_sent;
                from->net->flush();
                CHECK(from->net->statistics().frames_sent == frames + 1);
                CHECK(comes_true(loop, [&] { return next == sent.size(); }));
            }
        }
        CHECK(a.net->statistics().messages_dropped == 0);
        CHECK(a.net->statistics().messages_sent == b.net->statistics().messages_received);
        CHECK(b.net->statistics().messages_received == 20 * random_messages::kinds);
    }

    TEST_CASE("network: megabytes of entries arrive, in frames that are cut and sent on the way") {
        event_loop loop;
        node a{loop, 1};
        node b{loop, 2};
        introduce({&a, &b});
        REQUIRE(comes_true(loop, [&] { return all_connected({&a, &b}); }));
        random_messages draw{5};
        std::vector<raft::message> sent;
        for (std::size_t i = 0; i < 100; ++i) {
            auto m = draw.make(a.id(), b.id(), 11);
            m.body = raft::forwarded_command{draw.bytes(std::size_t{200} << 10U)};
            sent.push_back(m);
        }
        std::size_t next = 0;
        b.on_message = [&](group_id, raft::message const& came) {
            CHECK(same(sent[next], came));
            ++next;
        };
        for (raft::message const& m : sent) {
            a.net->send(group_id{1}, m);
        }
        a.net->flush();
        CHECK(comes_true(loop, [&] { return next == sent.size(); }));
        CHECK(a.net->statistics().frames_sent > 20);
    }

    TEST_CASE("network: whoever of two comes back, they are connected again, and it is said who was lost") {
        event_loop loop;
        node a{loop, 1};
        node b{loop, 2};
        introduce({&a, &b});
        REQUIRE(comes_true(loop, [&] { return all_connected({&a, &b}); }));
        for (auto const& [stays, goes] : {std::pair{&a, &b}, std::pair{&b, &a}}) {
            stays->unreachable.clear();
            goes->stop();
            CHECK(comes_true(loop, [&, s = stays] { return !s->unreachable.empty(); }));
            CHECK(stays->unreachable.front() == goes->id());
            CHECK_FALSE(stays->net->connected(goes->id()));
            CHECK(stays->logged("the connection is lost"));
            goes->start();
            CHECK(comes_true(loop, [&] { return all_connected({&a, &b}); }));
            auto const before = stays->message_count;
            goes->say(stays->id());
            CHECK(comes_true(loop, [&, s = stays] { return s->message_count == before + 1; }));
        }
    }

    TEST_CASE("network: a node that comes back is connected at once, however long the others' back-off") {
        event_loop loop;
        auto slow = node::basic(2);
        slow.backoff_min = 1h;
        slow.backoff_max = 1h;
        node a{loop, 1};
        node b{loop, slow}; // the one that makes the connection
        introduce({&a, &b});
        REQUIRE(comes_true(loop, [&] { return all_connected({&a, &b}); }));
        a.stop();
        REQUIRE(comes_true(loop, [&] { return !b.net->connected(a.id()); }));
        a.start();
        CHECK(comes_true(loop, [&] { return all_connected({&a, &b}); }));
    }

    TEST_CASE("network: one that cannot be reached is called ever more seldom, and named once") {
        event_loop loop;
        auto config = node::basic(2);
        config.backoff_min = 8ms;
        config.backoff_max = 64ms;
        node a{loop, config};
        std::uint16_t const nobody = [&] {
            node gone{loop, 1};
            return gone.net->port();
        }();
        a.knows({{node_id{1}, at_port(nobody)}});
        time_point const began = event_loop::now();
        CHECK(comes_true(loop, [&] { return a.net->statistics().failed == 6; }));
        // The waits are of 4 to 8, 8 to 16, 16 to 32 and then 32 to 64 ms.
        CHECK(event_loop::now() - began >= 4ms + 8ms + 16ms + 32ms + 32ms);
        CHECK(a.unreachable.size() == 6);
        CHECK(a.count_logged("cannot be reached") == 1);
        CHECK(a.logged("node 1 (127.0.0.1:"));
        CHECK(a.logged("Connection refused"));
    }

    TEST_CASE("network: a commit index waits a little for company, and goes at once with what cannot wait") {
        event_loop loop;
        auto config = node::basic(1);
        config.commit_linger = 50ms;
        node a{loop, config};
        node b{loop, 2};
        introduce({&a, &b});
        REQUIRE(comes_true(loop, [&] { return all_connected({&a, &b}); }));
        auto const frames = [&] { return a.net->statistics().frames_sent; };
        time_point const began = event_loop::now();
        a.say(b.id(), 0);
        CHECK(frames() == 0);
        CHECK(comes_true(loop, [&] { return b.message_count == 1; }));
        CHECK(event_loop::now() - began >= 50ms);
        a.say(b.id(), 0);
        CHECK(frames() == 1);
        a.say(b.id(), 1);
        CHECK(frames() == 2);
        CHECK(comes_true(loop, [&] { return b.message_count == 3; }));
        for (int i = 0; i < 1000; ++i) {
            a.say(b.id(), 0);
        }
        CHECK(frames() >= 3); // much has gathered
        CHECK(comes_true(loop, [&] { return b.message_count == 1003; }));
    }

    TEST_CASE("network: without a connection messages are dropped and counted") {
        event_loop loop;
        node a{loop, 1};
        a.knows({{node_id{2}, "127.0.0.1:1"}});
        a.say(node_id{2});
        a.say(node_id{9});
        CHECK(a.net->statistics().messages_dropped == 2);
    }

    TEST_CASE("network: a foreign cluster, an unknown node and a taken id are refused, and both sides say why") {
        struct trial {
            std::uint64_t cluster;
            std::uint32_t id;
            std::string_view why;
        };
        for (trial const& t : {trial{7, 2, "it belongs to cluster 7, this node to cluster 42"},
                               trial{cluster, 3, "node 3 is no peer of node 1"},
                               trial{cluster, 1, "it says that it is node 1, which is this one"}}) {
            event_loop loop;
            node a{loop, 1};
            auto config = node::basic(t.id);
            config.cluster_id = t.cluster;
            if (t.id == 1) {
                config.self = node_id{2};
            }
            node b{loop, config};
            a.knows({{node_id{2}, "127.0.0.1:1"}});
            if (t.id == 1) { // as it were: a network would not call itself
                raw_socket s{a.net->port()};
                pose_as(s, 1);
                CHECK(comes_true(loop, [&] { return s.read(); }));
                CHECK(s.text().find(t.why) != std::string::npos);
            } else {
                b.knows({a.as_peer()});
                CHECK(comes_true(loop, [&] { return b.logged(t.why); }));
                CHECK(b.logged("it refuses this node"));
            }
            CHECK(a.logged(t.why));
            CHECK(a.logged("refused 127.0.0.1:"));
            CHECK_FALSE(a.net->connected(node_id{2}));
        }
    }

    TEST_CASE("network: a newer major version is refused, and both sides say why") {
        event_loop loop;
        node a{loop, 1};
        a.knows({{node_id{2}, "127.0.0.1:1"}});
        auto frame = insides::encode_hello({.cluster = cluster, .node = node_id{2}});
        auto const body = std::span{frame}.subspan(insides::header_size);
        std::ranges::copy(insides::make_header(insides::frame_kind::hello, body, 2), frame.begin());
        raw_socket s{a.net->port()};
        CHECK(s.write(frame));
        CHECK(comes_true(loop, [&] { return s.read(); }));
        std::string_view const why = "it speaks version 2 of the protocol, this end version 1";
        CHECK(a.logged(why));
        CHECK(s.text().find(why) != std::string::npos);
    }

    TEST_CASE("network: a peer that does not read has its newest messages dropped, which is told once") {
        event_loop loop;
        auto config = node::basic(1);
        config.queue_bytes_max = std::size_t{1} << 20U;
        node a{loop, config};
        a.knows({{node_id{2}, "127.0.0.1:1"}});
        REQUIRE(comes_true(loop, [&] { return !a.unreachable.empty(); })); // nobody is there: it knocked
        raw_socket s{a.net->port(), 64 << 10};
        pose_as(s, 2);
        REQUIRE(comes_true(loop, [&] { return a.net->connected(node_id{2}); }));
        a.unreachable.clear();
        overfill(a, node_id{2});
        overfill(a, node_id{2});
        CHECK(a.unreachable.empty()); // not from within send
        CHECK(comes_true(loop, [&] { return !a.unreachable.empty(); }));
        let_pass(loop, 5ms);
        CHECK(a.unreachable == std::vector{node_id{2}});
        CHECK(a.count_logged("takes messages too slowly") == 1);

        // Once it reads, all that was not dropped comes, whole, and more can be sent.
        auto const& seen = a.net->statistics();
        auto const all_read = [&] {
            s.read();
            return a.net->queued(node_id{2}) == 0 && s.received.size() == seen.bytes_sent;
        };
        CHECK(comes_true(loop, all_read));
        auto const read_before = s.received.size();
        a.say(node_id{2});
        CHECK(seen.messages_dropped == 2);
        CHECK(comes_true(loop, all_read));
        CHECK(s.received.size() > read_before);
        std::span<std::byte const> rest{s.received};
        std::uint64_t frames = 0;
        while (!rest.empty()) {
            auto const found = insides::first_frame(rest, std::size_t{16} << 20U);
            REQUIRE(std::holds_alternative<insides::whole_frame>(found));
            rest = rest.subspan(std::get<insides::whole_frame>(found).size);
            ++frames;
        }
        CHECK(frames == seen.frames_sent + 1); // and the hello
    }

    TEST_CASE("network: new peers at run time are connected with, peers that are gone are not") {
        event_loop loop;
        node a{loop, 1};
        node b{loop, 2};
        node c{loop, 3};
        introduce({&a, &b});
        REQUIRE(comes_true(loop, [&] { return all_connected({&a, &b}); }));
        introduce({&a, &b, &c});
        CHECK(comes_true(loop, [&] { return all_connected({&a, &b, &c}); }));
        CHECK(a.net->statistics().lost == 0); // the old connection stayed
        a.knows({a.as_peer(), c.as_peer()});
        b.knows({b.as_peer(), c.as_peer()});
        let_pass(loop, 20ms);
        CHECK_FALSE(a.net->connected(b.id()));
        CHECK_FALSE(b.net->connected(a.id()));
        CHECK(a.net->connected(c.id()));
        CHECK(a.net->set_peers({{node_id{2}, "x"}}).has_error());
        CHECK(a.net->set_peers({{node_id{2}, "h:1"}, {node_id{2}, "h:2"}}).has_error());
        CHECK(a.net->connected(c.id()));
    }

    TEST_CASE("network: a peer that started anew before its end was seen has one connection, the new one") {
        event_loop loop;
        node a{loop, 1};
        a.knows({{node_id{2}, "127.0.0.1:1"}});
        raw_socket before{a.net->port()};
        pose_as(before, 2, 1);
        REQUIRE(comes_true(loop, [&] { return a.net->connected(node_id{2}); }));
        raw_socket after{a.net->port()};
        pose_as(after, 2, 2);
        CHECK(comes_true(loop, [&] { return before.read(); }));
        CHECK(a.net->connected(node_id{2}));
        auto const came = after.received.size();
        a.say(node_id{2});
        CHECK(comes_true(loop, [&] {
            after.read();
            return after.received.size() > came;
        }));
    }

    TEST_CASE("network: what cannot be is refused at open, with what would help") {
        event_loop loop;
        auto const why = [&](auto&& change) {
            auto config = node::basic(1);
            change(config);
            auto const opened = network::open(loop, config);
            return opened ? std::string{} : opened.error().message;
        };
        CHECK(why([](network_config& c) { c.self = raft::no_node; }).find("self") != std::string::npos);
        CHECK(why([](network_config& c) { c.listen = "7000"; }).find("HOST:PORT") != std::string::npos);
        CHECK(why([](network_config& c) { c.listen = "203.0.113.1:0"; }).find("this machine") != std::string::npos);
        CHECK(why([](network_config& c) { c.peers = {{node_id{2}, "::1:7"}}; }).find("[::1]") != std::string::npos);
        CHECK(why([](network_config& c) { c.tls.key = "k"; }).find("three files") != std::string::npos);
        CHECK(why([](network_config& c) { c.tls = {"/nowhere", "/nowhere", "/nowhere"}; }).find("/nowhere") !=
              std::string::npos);
        CHECK(why([](network_config& c) { c.backoff_max = 1ns; }).find("backoff_min") != std::string::npos);
    }
}

} // namespace
