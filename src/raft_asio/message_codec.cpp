// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/assert.hpp>
#include <hpcsched/raft/membership.hpp>

#include "codec.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>
#include <variant>

namespace hpcsched::raft_asio::detail {

namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;
using raft::entry_kind;

constexpr std::uint32_t quiesce_flag = 1;

// --- encoding ----------------------------------------------------------------------------------------------------

bool sent_bare(raft::append_request const& m, raft::entry const& e) {
    return m.without_commands && e.kind == entry_kind::command;
}

template <class Table>
std::pair<wire::Body, Offset<void>> as(wire::Body kind, Offset<Table> table) {
    return {kind, table.Union()};
}

// One overload per kind of message that has a table.
struct body_maker {
    FlatBufferBuilder& builder;

    Offset<flatbuffers::Vector<std::uint8_t>> blob(std::span<std::byte const> bytes) const {
        return bytes.empty() ? 0
                             : builder.CreateVector(reinterpret_cast<std::uint8_t const*>(bytes.data()), bytes.size());
    }

    auto operator()(raft::vote_request const& m) const {
        return as(wire::Body::VoteRequest,
                  wire::CreateVoteRequest(builder, m.last_index, m.last_term, m.pre_vote, m.transfer));
    }
    auto operator()(raft::vote_response const& m) const {
        return as(wire::Body::VoteResponse, wire::CreateVoteResponse(builder, m.pre_vote, m.granted));
    }
    auto operator()(raft::append_request const& m) const {
        Offset<flatbuffers::Vector<wire::Entry const*>> entries;
        Offset<flatbuffers::Vector<std::uint8_t>> payload;
        if (!m.entries.empty()) {
            payload = payloads_of(m);
            wire::Entry* laid = nullptr;
            entries = builder.CreateUninitializedVectorOfStructs(m.entries.size(), &laid);
            raft::log_index next = m.previous_index;
            for (raft::entry const& e : m.entries) {
                HPCSCHED_ASSERT(e.index == ++next);
                bool const bare = sent_bare(m, e);
                *laid++ = wire::Entry{e.term, bare ? 0U : static_cast<std::uint32_t>(e.payload.size()),
                                      static_cast<std::uint8_t>(bare ? entry_kind::omitted : e.kind)};
            }
        }
        return as(wire::Body::AppendRequest,
                  wire::CreateAppendRequest(builder, m.previous_index, m.previous_term, m.commit, m.round, entries,
                                            payload, m.without_commands));
    }
    auto operator()(raft::append_response const& m) const {
        return as(wire::Body::AppendResponse,
                  wire::CreateAppendResponse(builder, m.rejected, m.matched, m.hint_term, m.asked, m.commit, m.round));
    }
    auto operator()(raft::snapshot_chunk const& m) const {
        auto const bytes = blob(m.bytes);
        auto const members = blob(m.members);
        return as(wire::Body::SnapshotChunk,
                  wire::CreateSnapshotChunk(builder, m.last_index, m.last_term, m.offset, m.last, members, bytes));
    }
    auto operator()(raft::snapshot_response const& m) const {
        return as(wire::Body::SnapshotResponse, wire::CreateSnapshotResponse(builder, m.last_index, m.next_offset));
    }
    auto operator()(raft::timeout_now const& /*m*/) const {
        return as(wire::Body::TimeoutNow, wire::CreateTimeoutNow(builder));
    }
    auto operator()(raft::read_request const& m) const {
        return as(wire::Body::ReadRequest, wire::CreateReadRequest(builder, m.id));
    }
    auto operator()(raft::read_response const& m) const {
        return as(wire::Body::ReadResponse, wire::CreateReadResponse(builder, m.id, m.index));
    }
    auto operator()(raft::forwarded_command const& m) const {
        return as(wire::Body::ForwardedCommand, wire::CreateForwardedCommand(builder, blob(m.payload)));
    }

  private:
    Offset<flatbuffers::Vector<std::uint8_t>> payloads_of(raft::append_request const& m) const {
        std::size_t size = 0;
        for (raft::entry const& e : m.entries) {
            size += sent_bare(m, e) ? 0 : e.payload.size();
        }
        if (size == 0) {
            return 0;
        }
        std::uint8_t* at = nullptr;
        auto const all = builder.CreateUninitializedVector<std::uint8_t>(size, &at);
        for (raft::entry const& e : m.entries) {
            if (!e.payload.empty() && !sent_bare(m, e)) {
                std::memcpy(at, e.payload.data(), e.payload.size());
                at += e.payload.size();
            }
        }
        return all;
    }
};

// --- checking ----------------------------------------------------------------------------------------------------

// Far beyond every log, and far below where sums of two overflow.
constexpr std::uint64_t index_max = std::uint64_t{1} << 62U;

// Nothing, or why a message makes no sense: no server with this code, in any state, sends it. What is said beside that
// is Raft's to judge.
using verdict = char const*;

bool is_place(raft::log_index index, raft::log_term term) {
    return index < index_max && (index == 0) == (term == 0);
}

// The verifier sees to the bounds of structs, not to their alignment.
template <class Struct>
bool is_aligned(flatbuffers::Vector<Struct const*> const* structs) {
    return structs == nullptr || reinterpret_cast<std::uintptr_t>(structs->Data()) % alignof(Struct) == 0;
}

std::span<std::byte const> span_of(flatbuffers::Vector<std::uint8_t> const* vector) {
    return vector == nullptr
               ? std::span<std::byte const>{}
               : std::span<std::byte const>{reinterpret_cast<std::byte const*>(vector->data()), vector->size()};
}

class checker {
  public:
    explicit checker(std::size_t body_size) : bytes_left_{body_size} {}

    verdict check(wire::Messages const& m) {
        if (!is_aligned(m.heartbeats()) || !is_aligned(m.heartbeat_responses())) {
            return "heartbeats that are not aligned";
        }
        if (m.heartbeats() != nullptr) {
            for (wire::Heartbeat const* const each : *m.heartbeats()) {
                if (each->term() == 0 || each->commit() >= index_max) {
                    return "a heartbeat without a term, or with an impossible index";
                }
            }
        }
        if (m.heartbeat_responses() != nullptr) {
            for (wire::HeartbeatResponse const* const each : *m.heartbeat_responses()) {
                if (each->verified() >= index_max) {
                    return "a heartbeat_response with an impossible index";
                }
            }
        }
        if (m.messages() != nullptr) {
            for (wire::Message const* const each : *m.messages()) {
                if (each->body_type() == wire::Body::NONE || each->body() == nullptr || !take(4)) {
                    return "a message without its body, or the same one over and over";
                }
                if (verdict const fault = check(*each)) {
                    return fault;
                }
            }
        }
        return nullptr;
    }

  private:
    verdict check(wire::Message const& m) {
        switch (m.body_type()) {
        case wire::Body::VoteRequest: {
            auto const& body = *m.body_as_VoteRequest();
            bool const sound = is_place(body.last_index(), body.last_term()) && body.last_term() < m.term();
            return sound ? nullptr : "a vote_request whose log is of its own election, or of none";
        }
        case wire::Body::AppendRequest:
            return check(*m.body_as_AppendRequest(), m.term());
        case wire::Body::AppendResponse: {
            auto const& body = *m.body_as_AppendResponse();
            bool const sound = body.matched() < index_max && body.asked() < index_max && body.commit() < index_max &&
                               body.hint_term() <= m.term();
            return sound ? nullptr : "an append_response with an impossible index or term";
        }
        case wire::Body::SnapshotChunk:
            return check(*m.body_as_SnapshotChunk(), m.term());
        case wire::Body::SnapshotResponse: {
            auto const& body = *m.body_as_SnapshotResponse();
            bool const sound = body.last_index() < index_max && body.next_offset() < index_max;
            return sound ? nullptr : "a snapshot_response with an impossible index or offset";
        }
        case wire::Body::TimeoutNow:
            return m.term() != 0 ? nullptr : "a timeout_now without a term";
        case wire::Body::ReadResponse: {
            bool const sound = m.term() != 0 && m.body_as_ReadResponse()->index() < index_max;
            return sound ? nullptr : "a read_response without a term, or with an impossible index";
        }
        case wire::Body::ForwardedCommand:
            return take(span_of(m.body_as_ForwardedCommand()->payload()).size()) ? nullptr : overlapping;
        default:
            return nullptr; // with nothing in it to check, or of a newer minor version
        }
    }

    verdict check(wire::AppendRequest const& m, raft::log_term term) {
        if (term == 0 || !is_place(m.previous_index(), m.previous_term()) || m.previous_term() > term ||
            m.commit() >= index_max) {
            return "an append_request with an impossible index or term";
        }
        if (!is_aligned(m.entries())) {
            return "entries that are not aligned";
        }
        auto payload = span_of(m.payload());
        if (m.entries() != nullptr) {
            if (!take(m.entries()->size() * sizeof(wire::Entry)) || !take(payload.size())) {
                return overlapping;
            }
            raft::log_term last = m.previous_term();
            for (wire::Entry const* const e : *m.entries()) {
                bool const in_order = e->term() >= last && e->term() > 0 && e->term() <= term;
                if (!in_order || e->size() > payload.size() || !is_sound(*e, payload.first(e->size())) ||
                    (m.without_commands() && e->kind() == static_cast<std::uint8_t>(entry_kind::command))) {
                    return "an append_request with an entry that makes no sense";
                }
                last = e->term();
                payload = payload.subspan(e->size());
            }
        }
        return payload.empty() ? nullptr : "an append_request with more payload than entries";
    }

    static bool is_sound(wire::Entry const& e, std::span<std::byte const> payload) {
        switch (e.kind()) {
        case static_cast<std::uint8_t>(entry_kind::command):
            return true;
        case static_cast<std::uint8_t>(entry_kind::no_op):
        case static_cast<std::uint8_t>(entry_kind::omitted):
            return payload.empty();
        case static_cast<std::uint8_t>(entry_kind::membership):
            return raft::membership_codec::decode(payload).has_value();
        default:
            return false; // a log with entries that this version cannot carry out is not to be had piecemeal
        }
    }

    verdict check(wire::SnapshotChunk const& m, raft::log_term term) {
        if (m.last_index() == 0 || !is_place(m.last_index(), m.last_term()) || m.last_term() > term ||
            m.offset() >= index_max) {
            return "a snapshot_chunk with an impossible index, term or offset";
        }
        if (!take(span_of(m.members()).size()) || !take(span_of(m.bytes()).size())) {
            return overlapping;
        }
        return raft::membership_codec::decode(span_of(m.members())) ? nullptr : "a snapshot_chunk without a membership";
    }

    // Of a frame made as it should be, no byte serves twice. One made by a liar could name the same megabytes a million
    // times, and keep this end busy.
    bool take(std::size_t bytes) {
        bool const there = bytes <= bytes_left_;
        bytes_left_ -= there ? bytes : 0;
        return there;
    }

    static constexpr verdict overlapping = "a frame whose parts lie over each other";

    std::size_t bytes_left_;
};

// --- decoding ----------------------------------------------------------------------------------------------------

raft::append_request laid_out(wire::AppendRequest const& m, std::vector<raft::entry>& entries) {
    entries.clear();
    auto payload = span_of(m.payload());
    raft::log_index index = m.previous_index();
    if (m.entries() != nullptr) {
        for (wire::Entry const* const e : *m.entries()) {
            entries.push_back({++index, e->term(), static_cast<entry_kind>(e->kind()), payload.first(e->size())});
            payload = payload.subspan(e->size());
        }
    }
    return {m.previous_index(), m.previous_term(), m.commit(), m.round(), entries, m.without_commands()};
}

// Nothing where this version does not know the kind.
std::optional<raft::message_body> body_of(wire::Message const& m, std::vector<raft::entry>& entries) {
    switch (m.body_type()) {
    case wire::Body::VoteRequest: {
        auto const& b = *m.body_as_VoteRequest();
        return raft::vote_request{b.last_index(), b.last_term(), b.pre_vote(), b.transfer()};
    }
    case wire::Body::VoteResponse:
        return raft::vote_response{m.body_as_VoteResponse()->pre_vote(), m.body_as_VoteResponse()->granted()};
    case wire::Body::AppendRequest:
        return laid_out(*m.body_as_AppendRequest(), entries);
    case wire::Body::AppendResponse: {
        auto const& b = *m.body_as_AppendResponse();
        return raft::append_response{b.rejected(), b.matched(), b.hint_term(), b.asked(), b.commit(), b.round()};
    }
    case wire::Body::SnapshotChunk: {
        auto const& b = *m.body_as_SnapshotChunk();
        return raft::snapshot_chunk{b.last_index(), b.last_term(),        b.offset(),
                                    b.last(),       span_of(b.members()), span_of(b.bytes())};
    }
    case wire::Body::SnapshotResponse: {
        auto const& b = *m.body_as_SnapshotResponse();
        return raft::snapshot_response{b.last_index(), b.next_offset()};
    }
    case wire::Body::TimeoutNow:
        return raft::timeout_now{};
    case wire::Body::ReadRequest:
        return raft::read_request{m.body_as_ReadRequest()->id()};
    case wire::Body::ReadResponse:
        return raft::read_response{m.body_as_ReadResponse()->id(), m.body_as_ReadResponse()->index()};
    case wire::Body::ForwardedCommand:
        return raft::forwarded_command{span_of(m.body_as_ForwardedCommand()->payload())};
    default:
        return std::nullopt;
    }
}

} // namespace

void message_batch::add(raft::group_id group, raft::message const& m) {
    if (auto const* const beat = std::get_if<raft::heartbeat>(&m.body)) {
        has_urgent_heartbeat_ = has_urgent_heartbeat_ || beat->round != 0 || beat->quiesce;
        heartbeats_.emplace_back(m.term, beat->commit, beat->round, group.value, beat->quiesce ? quiesce_flag : 0U);
        return;
    }
    if (auto const* const answer = std::get_if<raft::heartbeat_response>(&m.body)) {
        heartbeat_responses_.emplace_back(m.term, answer->round, answer->verified, group.value, 0U);
        return;
    }
    auto const [kind, body] = std::visit(
        [&]<class Body>(Body const& b) -> std::pair<wire::Body, Offset<void>> {
            if constexpr (std::is_same_v<Body, raft::heartbeat> || std::is_same_v<Body, raft::heartbeat_response>) {
                return {};
            } else {
                return body_maker{builder_}(b);
            }
        },
        m.body);
    messages_.push_back(wire::CreateMessage(builder_, group.value, m.term, kind, body));
}

std::span<std::byte const> message_batch::seal() {
    Offset<flatbuffers::Vector<wire::Heartbeat const*>> heartbeats;
    Offset<flatbuffers::Vector<wire::HeartbeatResponse const*>> heartbeat_responses;
    Offset<flatbuffers::Vector<Offset<wire::Message>>> messages;
    if (!heartbeats_.empty()) {
        heartbeats = builder_.CreateVectorOfStructs(heartbeats_.data(), heartbeats_.size());
    }
    if (!heartbeat_responses_.empty()) {
        heartbeat_responses = builder_.CreateVectorOfStructs(heartbeat_responses_.data(), heartbeat_responses_.size());
    }
    if (!messages_.empty()) {
        messages = builder_.CreateVector(messages_.data(), messages_.size());
    }
    return frame_builder::seal(frame_kind::messages,
                               wire::CreateMessages(builder_, messages, heartbeats, heartbeat_responses));
}

void message_batch::clear() {
    reset();
    messages_.clear();
    heartbeats_.clear();
    heartbeat_responses_.clear();
    has_urgent_heartbeat_ = false;
}

std::size_t encoded_size(raft::message const& m) {
    std::size_t size = 128;
    if (auto const* const append = std::get_if<raft::append_request>(&m.body)) {
        size += append->entries.size() * sizeof(wire::Entry);
        for (raft::entry const& e : append->entries) {
            size += e.payload.size();
        }
    } else if (auto const* const chunk = std::get_if<raft::snapshot_chunk>(&m.body)) {
        size += chunk->members.size() + chunk->bytes.size();
    } else if (auto const* const command = std::get_if<raft::forwarded_command>(&m.body)) {
        size += command->payload.size();
    }
    return size;
}

decoded message_decoder::decode(std::span<std::byte const> body, raft::node_id from, raft::node_id to,
                                sink const& take) {
    flatbuffers::Verifier::Options options;
    options.max_depth = 8;
    options.max_tables = static_cast<flatbuffers::uoffset_t>(body.size() / 4 + 1);
    auto const* const data = reinterpret_cast<std::uint8_t const*>(body.data());
    flatbuffers::Verifier verifier{data, body.size(), options};
    if (!verifier.VerifyBuffer<wire::Messages>()) {
        return {.fault = "the body of a frame is no FlatBuffer of its kind"};
    }
    wire::Messages const& root = *flatbuffers::GetRoot<wire::Messages>(data);
    if (verdict const fault = checker{body.size()}.check(root)) {
        return {.fault = fault};
    }
    decoded out;
    auto const hand_over = [&](std::uint32_t group, raft::log_term term, raft::message_body const& message) {
        take(raft::group_id{group}, raft::message{from, to, term, message});
        ++out.count;
    };
    if (root.messages() != nullptr) {
        for (wire::Message const* const each : *root.messages()) {
            if (auto const message = body_of(*each, entries_)) {
                hand_over(each->group(), each->term(), *message);
            } else {
                ++out.passed_over;
            }
        }
    }
    if (root.heartbeats() != nullptr) {
        for (wire::Heartbeat const* const each : *root.heartbeats()) {
            bool const quiesce = (each->flags() & quiesce_flag) != 0;
            hand_over(each->group(), each->term(), raft::heartbeat{each->commit(), each->round(), quiesce});
        }
    }
    if (root.heartbeat_responses() != nullptr) {
        for (wire::HeartbeatResponse const* const each : *root.heartbeat_responses()) {
            hand_over(each->group(), each->term(), raft::heartbeat_response{each->round(), each->verified()});
        }
    }
    return out;
}

} // namespace hpcsched::raft_asio::detail
