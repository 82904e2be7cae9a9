// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft_asio/network.hpp>

#include <doctest/doctest.h>

#include "codec.hpp"
#include "loopback.hpp"

namespace {

using namespace hpcsched;
using namespace hpcsched::raft_asio;
using namespace hpcsched::test;
using raft::node_id;
namespace insides = raft_asio::detail;

using bytes = std::vector<std::byte>;

bytes frame_of(insides::frame_kind kind, bytes body) {
    body.resize((body.size() + 7) / 8 * 8);
    auto const header = insides::make_header(kind, body);
    body.insert(body.begin(), header.begin(), header.end());
    return body;
}

bytes random_bytes(std::uint64_t seed, std::size_t size) {
    random_stream draw{seed, "garbage"};
    bytes out(size);
    std::ranges::generate(out, [&] { return static_cast<std::byte>(draw()); });
    return out;
}

bytes good_messages() {
    insides::message_batch batch;
    batch.add(raft::group_id{1}, {node_id{3}, node_id{1}, 1, raft::heartbeat{.round = 1}});
    auto const frame = batch.seal();
    return {frame.begin(), frame.end()};
}

bytes bad_checksum() {
    auto frame = good_messages();
    frame.back() ^= std::byte{1};
    return frame;
}

bytes senseless() {
    insides::message_batch batch; // an election of the future by a log of the future
    batch.add(raft::group_id{1}, {node_id{3}, node_id{1}, 1, raft::heartbeat{.round = 1}});
    batch.add(raft::group_id{1}, {node_id{3}, node_id{1}, 1, raft::vote_request{.last_index = 7, .last_term = 9}});
    auto const frame = batch.seal();
    return {frame.begin(), frame.end()};
}

bytes absurd_length() {
    auto frame = good_messages();
    frame[11] = std::byte{0xff};
    return frame;
}

bytes a_request() {
    insides::request_batch batch;
    batch.add({.id = 1});
    auto const frame = batch.seal();
    return {frame.begin(), frame.end()};
}

bytes joined(bytes a, bytes const& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

bytes hello_as(std::uint32_t id) {
    return insides::encode_hello({.cluster = cluster, .node = node_id{id}, .incarnation = 5});
}

bytes text(std::string_view words) {
    auto const span = bytes_of(words);
    return {span.begin(), span.end()};
}

TEST_SUITE("garbage") {
    TEST_CASE("garbage: who sends it is dropped and named, and two good nodes talk on") {
        struct trial {
            bytes sent;
            std::string_view why;
            std::string_view who;
        };
        std::string_view const nobody = "dropped 127.0.0.1:";
        std::string_view const third = "dropped node 3 (127.0.0.1:";
        std::string_view const client = "dropped client 127.0.0.1:";
        bytes const no_flatbuffer = random_bytes(9, 64);
        std::vector<trial> const trials{
            {random_bytes(1, 4096), "no frame of this protocol", nobody},
            {text("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "begins with \"GET / HTTP/1.1..\"", nobody},
            {text(std::string("\x16\x03\x01\x02\x00", 5)), "no frame of this protocol", nobody}, // TLS to a plain port
            {good_messages(), "a frame before the hello", nobody},
            {frame_of(insides::frame_kind::hello, no_flatbuffer), "a hello that makes no sense", nobody},
            {frame_of(insides::frame_kind::hello, bytes(8192)), "a frame of 8192 bytes", nobody}, // for a stranger
            {joined(hello_as(3), bad_checksum()), "the checksum of a frame is wrong", third},
            {joined(hello_as(3), absurd_length()), "more than the 16777216 that are taken", third},
            {joined(hello_as(3), senseless()), "a vote_request whose log", third},
            {joined(hello_as(3), frame_of(insides::frame_kind::messages, no_flatbuffer)), "no FlatBuffer", third},
            {joined(hello_as(3), frame_of(insides::frame_kind::messages, {})), "no FlatBuffer", third},
            {joined(hello_as(3), a_request()), "not for it to send", third},
            {joined(hello_as(3), hello_as(3)), "a second hello", third},
            {joined(joined(hello_as(3), good_messages()), random_bytes(2, 999)), "no frame of this protocol", third},
            {joined(hello_as(0), good_messages()), "not for it to send", client},
            {joined(hello_as(0), frame_of(insides::frame_kind::requests, no_flatbuffer)), "no FlatBuffer", client},
        };
        event_loop loop;
        node a{loop, 1};
        node b{loop, 2};
        std::vector<peer> const peers{a.as_peer(), b.as_peer(), {node_id{3}, "127.0.0.1:1"}};
        a.knows(peers);
        b.knows(peers);
        REQUIRE(comes_true(loop, [&] { return a.net->connected(b.id()) && b.net->connected(a.id()); }));
        std::uint64_t garbage = 0;
        for (trial const& t : trials) {
            CAPTURE(t.why);
            a.log.clear();
            std::uint64_t senseless_rounds = 0;
            a.on_message = [&](raft::group_id, raft::message const& m) {
                senseless_rounds += std::holds_alternative<raft::vote_request>(m.body) ? 1U : 0U;
            };
            raw_socket s{a.net->port()};
            CHECK(s.write(t.sent));
            auto const before = a.message_count;
            std::uint64_t said = 0;
            CHECK(comes_true(loop, [&] {
                b.say(a.id(), ++said);
                return s.read() && a.logged(t.why);
            }));
            CHECK(a.logged(t.who));
            CHECK(a.net->statistics().garbage == ++garbage);
            CHECK(comes_true(loop, [&] { return a.message_count >= before + said; }));
            CHECK(senseless_rounds == 0);
            a.say(b.id());
        }
        CHECK(a.net->connected(b.id()));
        CHECK_FALSE(b.logged("lost"));
    }

    TEST_CASE("garbage: unknown kinds of frames, as a newer minor version may have, are passed over") {
        event_loop loop;
        node a{loop, 1};
        a.knows({{node_id{3}, "127.0.0.1:1"}});
        raw_socket s{a.net->port()};
        CHECK(s.write(joined(joined(hello_as(3), frame_of(static_cast<insides::frame_kind>(9), random_bytes(1, 64))),
                             good_messages())));
        CHECK(comes_true(loop, [&] { return a.message_count == 1; }));
        CHECK(a.net->statistics().garbage == 0);
    }

    TEST_CASE("garbage: frames that come byte by byte are put together") {
        event_loop loop;
        node a{loop, 1};
        a.knows({{node_id{3}, "127.0.0.1:1"}});
        raw_socket s{a.net->port()};
        for (std::byte const b : joined(joined(hello_as(3), good_messages()), good_messages())) {
            CHECK(s.write(std::span{&b, 1}));
            let_pass(loop, 10us);
        }
        CHECK(comes_true(loop, [&] { return a.message_count == 2; }));
    }

    TEST_CASE("garbage: who says nothing, or half a hello, is closed after the time for it") {
        event_loop loop;
        auto config = node::basic(1);
        config.handshake_limit = 200ms;
        node a{loop, config};
        raw_socket silent{a.net->port()};
        raw_socket slow{a.net->port()};
        auto const hello = hello_as(0);
        CHECK(slow.write(std::span{hello}.first(hello.size() / 2)));
        raw_socket good{a.net->port()};
        CHECK(good.write(hello));
        CHECK(comes_true(loop, [&] { return silent.read() && slow.read(); }));
        CHECK_FALSE(good.read());
        CHECK(a.net->client_count() == 1);
    }
}

} // namespace
