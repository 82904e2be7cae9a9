// SPDX-License-Identifier: Apache-2.0
#include "codec.hpp"

#include <doctest/doctest.h>

#include "random_messages.hpp"

#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace {

using namespace hpcsched;
using namespace hpcsched::raft_asio;
using namespace hpcsched::raft_asio::detail;
using raft::group_id;
using raft::node_id;

constexpr std::size_t much = std::size_t{16} << 20U;
constexpr node_id here{1};
constexpr node_id there{2};

// A copy that is aligned as a buffer of the network is.
std::vector<std::byte> copy(std::span<std::byte const> frame) {
    return {frame.begin(), frame.end()};
}

std::span<std::byte const> body_of(std::vector<std::byte> const& frame) {
    auto const found = first_frame(frame, much);
    REQUIRE(std::holds_alternative<whole_frame>(found));
    REQUIRE(std::get<whole_frame>(found).size == frame.size());
    return std::get<whole_frame>(found).body;
}

struct addressed {
    group_id group;
    raft::message message;
};

// One frame of one message that a builder of the test makes, with whatever is wrong with it.
template <class Make>
decoded decode_made(Make&& make) {
    struct builder : frame_builder {
        std::vector<std::byte> frame(Make& how) { return copy(seal(frame_kind::messages, how(builder_))); }
    };
    auto const frame = builder{}.frame(make);
    message_decoder decoder;
    return decoder.decode(body_of(frame), there, here, [](group_id, raft::message const&) {});
}

template <class Table>
flatbuffers::Offset<wire::Messages> one(flatbuffers::FlatBufferBuilder& b, wire::Body kind,
                                        flatbuffers::Offset<Table> body, raft::log_term term = 5) {
    std::vector const all{wire::CreateMessage(b, 1, term, kind, body.Union())};
    return wire::CreateMessages(b, b.CreateVector(all));
}

TEST_SUITE("codec") {
    TEST_CASE("message_batch: every kind of message arrives as it was sent, batch after batch") {
        test::random_messages draw{1};
        message_batch batch;
        message_decoder decoder;
        for (int round = 0; round < 300; ++round) {
            std::vector<addressed> sent;
            for (std::uint64_t i = draw.below(30) + 1; i > 0; --i) {
                sent.push_back({group_id{static_cast<std::uint32_t>(draw.below(5000))}, draw.make(here, there)});
            }
            for (addressed const& each : sent) {
                batch.add(each.group, each.message);
            }
            CHECK(batch.count() == sent.size());
            auto const frame = copy(batch.seal());
            batch.clear();
            CHECK(batch.empty());

            // Heartbeats are packed, behind all else; among themselves messages keep their order.
            auto const is_packed = [](addressed const& a) {
                return std::holds_alternative<raft::heartbeat>(a.message.body)            ? 1
                       : std::holds_alternative<raft::heartbeat_response>(a.message.body) ? 2
                                                                                          : 0;
            };
            std::ranges::stable_sort(sent, {}, is_packed);
            std::size_t next = 0;
            auto const seen =
                decoder.decode(body_of(frame), here, there, [&](group_id group, raft::message const& came) {
                    REQUIRE(next < sent.size());
                    CHECK(group == sent[next].group);
                    CHECK(test::same(sent[next].message, came));
                    ++next;
                });
            CHECK(seen.fault == nullptr);
            CHECK(next == sent.size());
            CHECK(seen.count == sent.size());
        }
    }

    // FlatBuffers leaves out what is 0, and aligns no more than the rest needs.
    TEST_CASE("message_batch: messages, requests, responses and hellos of nothing but zeros arrive too") {
        message_decoder decoder;
        for (raft::message_body const& body : {raft::message_body{raft::read_request{}},
                                               {raft::vote_response{}},
                                               {raft::append_response{}},
                                               {raft::forwarded_command{}}}) {
            message_batch batch;
            raft::message const sent{here, there, 0, body};
            batch.add(group_id{0}, sent);
            auto const frame = copy(batch.seal());
            bool arrived = false;
            auto const seen = decoder.decode(body_of(frame), here, there, [&](group_id, raft::message const& came) {
                arrived = test::same(sent, came);
            });
            CHECK(seen.fault == nullptr);
            CHECK(arrived);
        }
        request_batch requests;
        requests.add({.id = 0, .kind = request_kind::command});
        auto const request_frame = copy(requests.seal());
        CHECK(decode_requests(body_of(request_frame), [](request const&) {}).count == 1);
        response_batch responses;
        responses.add({});
        auto const response_frame = copy(responses.seal());
        CHECK(decode_responses(body_of(response_frame), [](response const&) {}).count == 1);
        auto const hello_frame = encode_hello({.minor = 0});
        CHECK(decode_hello(body_of(hello_frame)).has_value());
    }

    TEST_CASE("message_batch: the heartbeats of a thousand groups take 32 bytes each") {
        message_batch batch;
        for (std::uint32_t i = 0; i < 1000; ++i) {
            batch.add(group_id{i}, {here, there, 7, raft::heartbeat{.commit = 9, .round = 3}});
        }
        CHECK(batch.seal().size() < 1000 * 32 + 100);
    }

    TEST_CASE("message_batch: without_commands leaves the payload of commands out of the frame") {
        std::string const payload(5000, 'x');
        std::vector<raft::entry> const entries{{4, 2, raft::entry_kind::command, test::bytes_of(payload)},
                                               {5, 2, raft::entry_kind::no_op, {}}};
        message_batch batch;
        batch.add(group_id{1}, {here, there, 2, raft::append_request{3, 1, 3, 1, entries, true}});
        auto const frame = copy(batch.seal());
        CHECK(frame.size() < 400);
        message_decoder decoder;
        std::vector<raft::entry_kind> kinds;
        decoder.decode(body_of(frame), here, there, [&](group_id, raft::message const& m) {
            for (raft::entry const& e : std::get<raft::append_request>(m.body).entries) {
                kinds.push_back(e.kind);
            }
        });
        CHECK(kinds == std::vector{raft::entry_kind::omitted, raft::entry_kind::no_op});
    }

    TEST_CASE("message_batch: payloads are borrowed from the frame") {
        std::string const payload(300, 'x');
        std::vector<raft::entry> const entries{{1, 1, raft::entry_kind::command, test::bytes_of(payload)}};
        message_batch batch;
        batch.add(group_id{1}, {here, there, 1, raft::append_request{0, 0, 0, 1, entries, false}});
        auto const frame = copy(batch.seal());
        message_decoder{}.decode(body_of(frame), here, there, [&](group_id, raft::message const& m) {
            auto const* const at = std::get<raft::append_request>(m.body).entries[0].payload.data();
            CHECK(at > frame.data());
            CHECK(at < frame.data() + frame.size());
        });
    }

    TEST_CASE("message_decoder: a kind that a newer minor version has is passed over, what is around it is taken") {
        auto const seen = decode_made([](flatbuffers::FlatBufferBuilder& b) {
            auto const known = wire::CreateReadRequest(b, 7);
            auto const unknown = wire::CreateReadResponse(b, 7, 8); // any table will do
            std::vector const all{
                wire::CreateMessage(b, 1, 5, wire::Body::ReadRequest, known.Union()),
                wire::CreateMessage(b, 1, 5, static_cast<wire::Body>(200), unknown.Union()),
                wire::CreateMessage(b, 1, 5, wire::Body::ReadRequest, known.Union()),
            };
            return wire::CreateMessages(b, b.CreateVector(all));
        });
        CHECK(seen.fault == nullptr);
        CHECK(seen.count == 2);
        CHECK(seen.passed_over == 1);
    }

    TEST_CASE("message_decoder: a field that a newer minor version has is passed over") {
        auto const seen = decode_made([](flatbuffers::FlatBufferBuilder& b) {
            auto const start = b.StartTable();
            b.AddElement<std::uint64_t>(wire::ReadRequest::VT_ID, 7, 0);
            b.AddElement<std::uint64_t>(static_cast<flatbuffers::voffset_t>(wire::ReadRequest::VT_ID + 2), 8, 0);
            flatbuffers::Offset<wire::ReadRequest> const wider{b.EndTable(start)};
            return one(b, wire::Body::ReadRequest, wider);
        });
        CHECK(seen.fault == nullptr);
        CHECK(seen.count == 1);
    }

    TEST_CASE("message_decoder: a message that no replica sends is refused, and nothing of its frame is handed over") {
        using builder = flatbuffers::FlatBufferBuilder;
        using entries_of = std::vector<wire::Entry>;
        auto const append = [](builder& b, entries_of const& entries, std::size_t payload, std::uint64_t previous = 3,
                               std::uint64_t previous_term = 2, bool bare = false) {
            std::vector<std::uint8_t> const bytes(payload, 9);
            auto const at = b.CreateVectorOfStructs(entries);
            auto const blob = b.CreateVector(bytes);
            return one(b, wire::Body::AppendRequest,
                       wire::CreateAppendRequest(b, previous, previous_term, 0, 0, at, blob, bare));
        };
        auto const fault = [](auto&& make) { return decode_made(make).fault != nullptr; };

        CHECK_FALSE(fault([&](builder& b) { return append(b, {{2, 4, 1}, {5, 0, 0}}, 4); }));
        CHECK(fault([&](builder& b) { return append(b, {{2, 4, 1}}, 3); }));            // a payload that is not there
        CHECK(fault([&](builder& b) { return append(b, {{2, 4, 1}}, 5); }));            // one that is nobody's
        CHECK(fault([&](builder& b) { return append(b, {{2, 4, 4}}, 4); }));            // an unknown kind of entry
        CHECK(fault([&](builder& b) { return append(b, {{1, 0, 1}}, 0); }));            // a term before the last one
        CHECK(fault([&](builder& b) { return append(b, {{3, 0, 1}, {2, 0, 1}}, 0); })); // likewise
        CHECK(fault([&](builder& b) { return append(b, {{6, 0, 1}}, 0); }));            // a term of the future
        CHECK(fault([&](builder& b) { return append(b, {{2, 4, 0}}, 4); }));            // a no_op with a payload
        CHECK(fault([&](builder& b) { return append(b, {{2, 4, 3}}, 4); }));            // an omitted one with a payload
        CHECK(fault([&](builder& b) { return append(b, {{2, 4, 2}}, 4); }));            // no membership
        CHECK(fault([&](builder& b) { return append(b, {}, 0, 0, 2); }));               // a term without an entry
        CHECK(fault([&](builder& b) { return append(b, {}, 0, 3, 0); }));               // an entry without a term
        CHECK(fault([&](builder& b) { return append(b, {}, 0, std::uint64_t{1} << 62U); }));
        CHECK(fault([&](builder& b) { return append(b, {{2, 0, 1}}, 0, 3, 2, true); })); // a command to a witness
        CHECK(fault([&](builder& b) {
            std::vector<std::uint8_t> const members{1, 200};
            return one(b, wire::Body::SnapshotChunk,
                       wire::CreateSnapshotChunk(b, 1, 1, 0, true, b.CreateVector(members)));
        }));
        CHECK(fault([&](builder& b) { return one(b, wire::Body::VoteRequest, wire::CreateVoteRequest(b, 4, 5)); }));
        CHECK(fault([&](builder& b) { return one(b, wire::Body::TimeoutNow, wire::CreateTimeoutNow(b), 0); }));
        CHECK(fault([&](builder& b) {
            std::vector const beats{wire::Heartbeat{0, 0, 0, 1, 0}};
            return wire::CreateMessages(b, 0, b.CreateVectorOfStructs(beats));
        }));
        CHECK(fault([&](builder& b) { // no body
            std::vector const all{wire::CreateMessage(b, 1, 5, wire::Body::ReadRequest)};
            return wire::CreateMessages(b, b.CreateVector(all));
        }));
    }

    TEST_CASE("message_decoder: a small frame that claims the same bytes many times is refused") {
        CHECK(decode_made([](flatbuffers::FlatBufferBuilder& b) {
                  std::vector<std::uint8_t> const bytes(4000, 9);
                  auto const command = wire::CreateForwardedCommand(b, b.CreateVector(bytes));
                  auto const message = wire::CreateMessage(b, 1, 5, wire::Body::ForwardedCommand, command.Union());
                  return wire::CreateMessages(b, b.CreateVector(std::vector(1000, message)));
              }).fault != nullptr);
    }

    TEST_CASE("first_frame: a frame cut short is waited for, one with any bit changed is refused") {
        test::random_messages draw{2};
        message_batch batch;
        batch.add(group_id{3}, draw.make(here, there, 2));
        batch.add(group_id{4}, draw.make(here, there, 4));
        auto frame = copy(batch.seal());
        for (std::size_t size = 1; size < frame.size(); ++size) {
            auto const found = first_frame(std::span{frame}.first(size), much);
            REQUIRE(std::holds_alternative<incomplete>(found));
            CHECK(std::get<incomplete>(found).frame_size == (size < header_size ? header_size : frame.size()));
        }
        for (std::size_t bit = 0; bit < frame.size() * 8; ++bit) {
            frame[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
            auto const found = first_frame(frame, much);
            bool const passes = std::holds_alternative<whole_frame>(found);
            CHECK_FALSE(passes);
            frame[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
        }
    }

    TEST_CASE("first_frame: what is wrong is said before the body comes, in words a person knows") {
        auto const why = [](std::string_view text, std::size_t limit = much) {
            auto const found = first_frame(copy(test::bytes_of(text)), limit);
            return std::holds_alternative<malformed>(found) ? std::get<malformed>(found).why : std::string{};
        };
        CHECK(why("GET / HTTP/1.1\r\n").find("\"GET / HTTP/1.1..\"") != std::string::npos);
        CHECK(why("x").find("no frame of this protocol") != std::string::npos);
        CHECK(why("HPCR\x02").find("version 2") != std::string::npos);
        std::string header{"HPCR\x01\x02\0\0\0\0\0\x01\0\0\0\0________", header_size};
        CHECK(why(header, 1000).find("16777216 bytes, more than the 1000") != std::string::npos);
    }

    TEST_CASE("hello: arrives as it was said, and what it says is fit for a log") {
        auto const frame = encode_hello({.cluster = 7, .node = there, .incarnation = 9, .refusal = "a\nb\xff"});
        auto const came = decode_hello(body_of(frame));
        REQUIRE(came);
        CHECK(came->cluster == 7);
        CHECK(came->node == there);
        CHECK(came->incarnation == 9);
        CHECK(came->minor == protocol_minor);
        CHECK(came->refusal == "a.b.");
    }

    TEST_CASE("requests and responses: arrive as they were sent") {
        test::random_messages draw{3};
        request_batch requests;
        response_batch responses;
        for (int round = 0; round < 200; ++round) {
            std::vector<request> asked;
            std::vector<response> told;
            for (std::uint64_t i = draw.below(20) + 1; i > 0; --i) {
                asked.push_back({draw.below(~0ULL), static_cast<request_kind>(1 + draw.below(7)),
                                 group_id{static_cast<std::uint32_t>(draw.below(9))}, draw.bytes(400)});
                told.push_back({draw.below(~0ULL), static_cast<response_status>(draw.below(5)),
                                node_id{static_cast<std::uint32_t>(draw.below(4))}, draw.coin() ? "host:1" : "",
                                draw.bytes(400)});
                requests.add(asked.back());
                responses.add(told.back());
            }
            auto const there_frame = copy(requests.seal());
            auto const back_frame = copy(responses.seal());
            requests.clear();
            responses.clear();
            std::size_t next = 0;
            CHECK(decode_requests(body_of(there_frame), [&](request const& r) {
                      CHECK(r.id == asked[next].id);
                      CHECK(r.kind == asked[next].kind);
                      CHECK(r.group == asked[next].group);
                      CHECK(test::equal(r.payload, asked[next].payload));
                      ++next;
                  }).count == asked.size());
            next = 0;
            CHECK(decode_responses(body_of(back_frame), [&](response const& r) {
                      CHECK(r.id == told[next].id);
                      CHECK(r.status == told[next].status);
                      CHECK(r.leader == told[next].leader);
                      CHECK(r.leader_address == told[next].leader_address);
                      CHECK(test::equal(r.payload, told[next].payload));
                      ++next;
                  }).count == told.size());
        }
    }

    TEST_CASE("changes: arrive as they were asked for, and nothing else is taken for some") {
        using action = raft::membership_change::action;
        std::vector<addressed_change> const asked{{{action::add_voter, node_id{70000}, 3}, "host:7000"},
                                                  {{action::remove, node_id{2}, 1}, ""}};
        auto payload = encode_changes(asked);
        CHECK(decode_changes(payload) == asked);
        CHECK_FALSE(decode_changes(std::span{payload}.first(payload.size() - 1)));
        payload[0] = std::byte{9};
        CHECK_FALSE(decode_changes(payload));
        CHECK(decode_node(encode_node(node_id{70000})) == node_id{70000});
        CHECK_FALSE(decode_node(payload));
    }
}

} // namespace
