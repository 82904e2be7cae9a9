// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft_asio/client.hpp>

#include <doctest/doctest.h>

#include "codec.hpp"
#include "loopback.hpp"

#include <map>
#include <optional>
#include <thread>

namespace {

using namespace hpcsched;
using namespace hpcsched::raft_asio;
using namespace hpcsched::test;
using raft::node_id;
namespace insides = raft_asio::detail;
using token = network::client_token;

std::string text_of(std::span<std::byte const> bytes) {
    return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

client_config basic(std::vector<node*> const& nodes) {
    client_config c;
    c.cluster_id = cluster;
    c.backoff_min = 2ms;
    c.backoff_max = 20ms;
    for (node* const n : nodes) {
        c.nodes.push_back(n->as_peer());
    }
    return c;
}

// Answers with the payload, and the node's id before it.
void echo(node& n) {
    n.net->set_on_request([&n](token from, request const& r) {
        ++n.request_count;
        std::string const said = std::to_string(n.id().value) + ':' + text_of(r.payload);
        n.net->reply(from, {.id = r.id, .payload = bytes_of(said)});
    });
    n.loop.set_on_turn([&n](time_point) {
        if (n.net) {
            n.net->flush();
        }
        return never;
    });
}

struct outcomes {
    std::vector<std::string> came;
    std::vector<std::string> failed;

    client::callback note() {
        return [this](result<response> const& r) {
            r ? came.push_back(text_of(r->payload)) : failed.push_back(r.error().message);
        };
    }
};

TEST_SUITE("client") {
    TEST_CASE("client: a thousand requests in flight are each answered, in order, by few frames") {
        event_loop loop;
        node a{loop, 1};
        echo(a);
        auto c = client::connect(loop, basic({&a})).value();
        outcomes seen;
        for (int i = 0; i < 1000; ++i) {
            c.submit({.payload = bytes_of(std::to_string(i))}, 20s, seen.note());
        }
        CHECK(c.pending() == 1000);
        REQUIRE(comes_true(loop, [&] { return c.pending() == 0; }));
        REQUIRE(seen.came.size() == 1000);
        CHECK(seen.came.front() == "1:0");
        CHECK(seen.came.back() == "1:999");
        CHECK(a.net->statistics().frames_received == 4);
        CHECK(a.net->client_count() == 1);
        CHECK(c.connected_to() == node_id{1});
    }

    TEST_CASE("client: a call waits for its answer, with a server on another thread") {
        event_loop loop;
        node a{loop, 1};
        echo(a);
        std::jthread const server{[&] { loop.run(); }};
        auto c = client::connect(basic({&a})).value();
        for (int i = 0; i < 100; ++i) {
            std::string const payload(static_cast<std::size_t>(i) * 300, 'x');
            auto const r = c.call({.payload = bytes_of(payload)}, 20s);
            REQUIRE(r.has_value());
            CHECK(text_of(r->payload) == "1:" + payload);
        }
        int answered = 0;
        for (int i = 0; i < 10; ++i) {
            c.submit({}, 20s, [&](result<response> const& r) { answered += r ? 1 : 0; });
        }
        while (c.pending() > 5) {
            c.poll(1ms);
        }
        c.run();
        CHECK(answered == 10);
        loop.stop();
    }

    TEST_CASE("client: an answer in parts comes part by part, and is one request until the last") {
        event_loop loop;
        node a{loop, 1};
        std::vector<token> gone;
        a.net->set_on_client_gone([&](token who) { gone.push_back(who); });
        std::vector<std::pair<token, std::uint64_t>> asked;
        a.net->set_on_request([&](token from, request const& r) { asked.emplace_back(from, r.id); });
        loop.set_on_turn([&](time_point) {
            a.net->flush();
            return never;
        });
        outcomes seen;
        std::optional<client> c = client::connect(loop, basic({&a})).value();
        c->submit({.kind = request_kind::host}, unlimited, seen.note());
        REQUIRE(comes_true(loop, [&] { return asked.size() == 1; }));
        auto const [who, id] = asked.front();
        for (char const* const part : {"one", "two"}) {
            a.net->reply(who, {.id = id, .status = response_status::more, .payload = bytes_of(std::string{part})});
            REQUIRE(comes_true(loop, [&, n = seen.came.size()] { return seen.came.size() > n; }));
            CHECK(c->pending() == 1);
        }
        a.net->reply(who, {.id = id, .payload = bytes_of(std::string{"end"})});
        REQUIRE(comes_true(loop, [&] { return c->pending() == 0; }));
        CHECK(seen.came == std::vector<std::string>{"one", "two", "end"});
        CHECK(gone.empty());
        c.reset();
        REQUIRE(comes_true(loop, [&] { return !gone.empty(); }));
        CHECK(gone == std::vector<token>{who});
    }

    TEST_CASE("client: goes where the answers say that the leader is, even where it did not know that node") {
        event_loop loop;
        node a{loop, 1};
        node b{loop, 2};
        a.knows({a.as_peer(), b.as_peer()});
        echo(b);
        std::vector<std::pair<token, std::uint64_t>> waiting;
        a.net->set_on_request([&](token from, request const& r) {
            a.net->reply(from, {.id = r.id, .status = response_status::not_leader, .leader = b.id()});
        });
        loop.set_on_turn([&](time_point) {
            a.net->flush();
            b.net->flush();
            return never;
        });
        auto c = client::connect(loop, basic({&a})).value();
        outcomes seen;
        for (int i = 0; i < 10; ++i) {
            c.submit({.payload = bytes_of(std::to_string(i))}, 20s, seen.note());
        }
        REQUIRE(comes_true(loop, [&] { return c.pending() == 0; }));
        CHECK(seen.came.size() == 10);
        CHECK(seen.came.front() == "2:0");
        CHECK(seen.came.back() == "2:9");
        CHECK(b.request_count == 10); // each once
        CHECK(c.connected_to() == b.id());
    }

    TEST_CASE("client: asks again where there is no leader yet, or too much is under way") {
        event_loop loop;
        node a{loop, 1};
        int asked = 0;
        a.net->set_on_request([&](token from, request const& r) {
            auto const status = ++asked == 1 ? response_status::unavailable
                                : asked == 2 ? response_status::busy
                                : asked == 3 ? response_status::not_leader
                                             : response_status::ok;
            a.net->reply(from, {.id = r.id, .status = status});
        });
        loop.set_on_turn([&](time_point) {
            a.net->flush();
            return never;
        });
        auto c = client::connect(loop, basic({&a})).value();
        outcomes seen;
        c.submit({}, 20s, seen.note());
        CHECK(comes_true(loop, [&] { return c.pending() == 0; }));
        CHECK(seen.came.size() == 1);
        CHECK(asked == 4);
    }

    TEST_CASE("client: asks the next node when a connection is lost, or says so where it is not to") {
        for (bool const resend : {true, false}) {
            CAPTURE(resend);
            event_loop loop;
            node a{loop, 1};
            node b{loop, 2};
            a.net->set_on_request([&](token, request const&) { ++a.request_count; }); // and no answer
            echo(b);
            auto config = basic({&a, &b});
            config.resend = resend;
            auto c = client::connect(loop, config).value();
            outcomes seen;
            c.submit({.payload = bytes_of("x")}, 20s, seen.note());
            REQUIRE(comes_true(loop, [&] { return a.request_count == 1; }));
            a.stop();
            CHECK(comes_true(loop, [&] { return c.pending() == 0; }));
            CHECK(seen.came == (resend ? std::vector<std::string>{"2:x"} : std::vector<std::string>{}));
            REQUIRE(seen.failed.size() == (resend ? 0U : 1U));
            if (!resend) {
                CHECK(seen.failed[0].find("whether the request was carried out is not known") != std::string::npos);
            }
        }
    }

    TEST_CASE("client: waits no longer than it was told, and says why there was no answer") {
        event_loop loop;
        node a{loop, 1};
        node b{loop, 2};
        a.net->set_on_request([&](token, request const&) {});
        outcomes seen;
        auto c = client::connect(loop, basic({&a})).value();
        c.submit({}, 30ms, seen.note());
        CHECK(comes_true(loop, [&] { return c.pending() == 0; }));
        CHECK(seen.failed == std::vector<std::string>{"no answer in time"});

        b.stop();
        auto foreign = basic({&a});
        foreign.cluster_id = 7;
        for (auto const& [config, why] : {std::pair{basic({&b}), "Connection refused"},
                                          std::pair{foreign, "it refuses this client: it belongs to cluster 7"}}) {
            auto d = client::connect(loop, config).value();
            CHECK(comes_true(loop, [&, w = why] { // the time may be too short on a busy machine
                if (d.pending() == 0) {
                    d.submit({}, 30ms, seen.note());
                }
                return seen.failed.back().find(w) != std::string::npos;
            }));
        }
        CHECK(a.logged("it belongs to cluster 7"));
    }

    TEST_CASE("client: what is longer than a frame may be is refused, request and answer, and hurts nobody") {
        event_loop loop;
        auto config = node::basic(1);
        config.frame_bytes_max = std::size_t{64} << 10U;
        node a{loop, config};
        std::string const load(std::size_t{64} << 10U, 'x');
        a.net->set_on_request(
            [&](token from, request const& r) { a.net->reply(from, {.id = r.id, .payload = bytes_of(load)}); });
        loop.set_on_turn([&](time_point) {
            a.net->flush();
            return never;
        });
        auto asks = basic({&a});
        asks.frame_bytes_max = config.frame_bytes_max;
        auto c = client::connect(loop, asks).value();
        outcomes seen;
        c.submit({.payload = bytes_of(load)}, 20s, seen.note());
        REQUIRE(seen.failed.size() == 1);
        CHECK(seen.failed[0].find("raise frame_bytes_max") != std::string::npos);
        c.submit({}, 20s, seen.note());
        CHECK(comes_true(loop, [&] { return c.pending() == 0; }));
        REQUIRE(seen.came.size() == 1);
        CHECK(seen.came[0].find("longer than a frame may be") != std::string::npos);
    }

    TEST_CASE("client: more than so many clients are refused") {
        event_loop loop;
        auto config = node::basic(1);
        config.clients_max = 2;
        node a{loop, config};
        echo(a);
        outcomes seen;
        std::vector<client> all;
        for (int i = 0; i < 3; ++i) {
            all.push_back(client::connect(loop, basic({&a})).value());
            all.back().submit({}, 2s, seen.note());
        }
        CHECK(comes_true(loop, [&] { return seen.came.size() == 2 && a.logged("there are 2 clients already"); }));
        all.erase(all.begin(), all.begin() + 2);
        CHECK(comes_true(loop, [&] { return seen.came.size() == 3 || !seen.failed.empty(); }));
        CHECK(a.net->client_count() == 1);
    }

    TEST_CASE("client: one with too much unanswered is not read from, until it is answered") {
        event_loop loop;
        auto config = node::basic(1);
        config.client_requests_max = 8;
        node a{loop, config};
        std::vector<std::pair<token, std::uint64_t>> waiting;
        a.net->set_on_request([&](token from, request const& r) { waiting.emplace_back(from, r.id); });
        raw_socket s{a.net->port()};
        CHECK(s.write(insides::encode_hello({.cluster = cluster})));
        insides::request_batch batch;
        for (std::uint64_t id = 1; id <= 100; ++id) {
            batch.add({.id = id});
            CHECK(s.write(batch.seal()));
            batch.clear();
        }
        let_pass(loop, 20ms);
        CHECK(waiting.size() == 8);
        for (std::size_t answered = 0; answered < 100; ++answered) {
            REQUIRE(waiting.size() > answered);
            CHECK(waiting.size() <= answered + 8);
            CHECK(waiting[answered].second == answered + 1);
            a.net->reply(waiting[answered].first, {.id = answered + 1});
            a.net->flush();
            REQUIRE(comes_true(loop, [&] { return waiting.size() == std::min<std::size_t>(100, answered + 9); }));
        }
    }

    TEST_CASE("client: one that does not take its answers is closed, and named") {
        event_loop loop;
        auto config = node::basic(1);
        config.client_queue_bytes_max = std::size_t{1} << 20U;
        node a{loop, config};
        std::optional<token> who;
        a.net->set_on_request([&](token from, request const&) { who = from; });
        raw_socket s{a.net->port(), 64 << 10};
        CHECK(s.write(insides::encode_hello({.cluster = cluster})));
        insides::request_batch batch;
        batch.add({.id = 1});
        CHECK(s.write(batch.seal()));
        REQUIRE(comes_true(loop, [&] { return who.has_value(); }));
        std::string const load(std::size_t{64} << 10U, 'x');
        for (int i = 0; i < 1000 && a.net->statistics().slow_clients == 0; ++i) {
            a.net->reply(*who, {.id = 1, .payload = bytes_of(load)});
            a.net->flush();
        }
        CHECK(a.net->statistics().slow_clients == 1);
        CHECK(a.logged("it does not take its answers"));
        CHECK(comes_true(loop, [&] { return a.net->client_count() == 0; }));
        a.net->reply(*who, {.id = 1}); // to nobody
        CHECK(a.net->statistics().responses_dropped == 1);
    }
}

} // namespace
