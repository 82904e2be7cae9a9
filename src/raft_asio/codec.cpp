// SPDX-License-Identifier: Apache-2.0
#include "codec.hpp"

namespace hpcsched::raft_asio::detail {

namespace {

std::span<std::byte const> span_of(flatbuffers::Vector<std::uint8_t> const* vector) {
    return vector == nullptr
               ? std::span<std::byte const>{}
               : std::span<std::byte const>{reinterpret_cast<std::byte const*>(vector->data()), vector->size()};
}

template <class Root>
Root const* verified(std::span<std::byte const> body) {
    // A table takes 4 bytes at least, so more tables than that are the same ones over and over.
    flatbuffers::Verifier::Options options;
    options.max_depth = 8;
    options.max_tables = static_cast<flatbuffers::uoffset_t>(body.size() / 4 + 1);
    auto const* const data = reinterpret_cast<std::uint8_t const*>(body.data());
    flatbuffers::Verifier verifier{data, body.size(), options};
    return verifier.VerifyBuffer<Root>() ? flatbuffers::GetRoot<Root>(data) : nullptr;
}

constexpr char const* not_flat = "the body of a frame is no FlatBuffer of its kind";

} // namespace

std::vector<std::byte> encode_hello(hello const& h) {
    struct builder : frame_builder {
        std::span<std::byte const> make(hello const& from) {
            auto const refusal =
                from.refusal.empty() ? flatbuffers::Offset<flatbuffers::String>{} : builder_.CreateString(from.refusal);
            return seal(frame_kind::hello, wire::CreateHello(builder_, from.cluster, from.node.value, from.minor,
                                                             from.incarnation, refusal));
        }
    };
    builder b;
    auto const frame = b.make(h);
    return {frame.begin(), frame.end()};
}

std::optional<hello> decode_hello(std::span<std::byte const> body) {
    wire::Hello const* const root = verified<wire::Hello>(body);
    if (root == nullptr) {
        return std::nullopt;
    }
    hello out{root->cluster(), raft::node_id{root->node()}, root->minor(), root->incarnation(), {}};
    if (root->refusal() != nullptr) {
        for (char const c : *root->refusal()) { // it goes into a log
            out.refusal += c >= ' ' && c <= '~' ? c : '.';
        }
    }
    return out;
}

void request_batch::add(request const& r) {
    auto const payload = blob(r.payload);
    requests_.push_back(wire::CreateRequest(builder_, r.id, static_cast<std::uint8_t>(r.kind), r.group.value, payload));
}

std::span<std::byte const> request_batch::seal() {
    auto const all = builder_.CreateVector(requests_.data(), requests_.size());
    return frame_builder::seal(frame_kind::requests, wire::CreateRequests(builder_, all));
}

void request_batch::clear() {
    reset();
    requests_.clear();
}

void response_batch::add(response const& r) {
    auto const payload = blob(r.payload);
    auto const address = r.leader_address.empty()
                             ? flatbuffers::Offset<flatbuffers::String>{}
                             : builder_.CreateString(r.leader_address.data(), r.leader_address.size());
    responses_.push_back(
        wire::CreateResponse(builder_, r.id, static_cast<std::uint8_t>(r.status), r.leader.value, address, payload));
}

std::span<std::byte const> response_batch::seal() {
    auto const all = builder_.CreateVector(responses_.data(), responses_.size());
    return frame_builder::seal(frame_kind::responses, wire::CreateResponses(builder_, all));
}

void response_batch::clear() {
    constexpr std::size_t kept_bytes = std::size_t{64} << 10U; // times clients_max
    size() > kept_bytes ? shrink() : reset();
    responses_.clear();
}

decoded decode_requests(std::span<std::byte const> body, std::function<void(request const&)> const& take) {
    wire::Requests const* const root = verified<wire::Requests>(body);
    if (root == nullptr) {
        return {.fault = not_flat};
    }
    decoded out;
    if (root->requests() == nullptr) {
        return out;
    }
    std::size_t bytes = 0;
    for (wire::Request const* const each : *root->requests()) {
        bytes += 4 + span_of(each->payload()).size();
        if (each->kind() == 0 || bytes > body.size()) {
            return {.fault = "a request without a kind, or payloads that lie over each other"};
        }
    }
    for (wire::Request const* const each : *root->requests()) {
        take(request{each->id(), static_cast<request_kind>(each->kind()), raft::group_id{each->group()},
                     span_of(each->payload())});
        ++out.count;
    }
    return out;
}

decoded decode_responses(std::span<std::byte const> body, std::function<void(response const&)> const& take) {
    wire::Responses const* const root = verified<wire::Responses>(body);
    if (root == nullptr) {
        return {.fault = not_flat};
    }
    decoded out;
    if (root->responses() == nullptr) {
        return out;
    }
    std::size_t bytes = 0;
    for (wire::Response const* const each : *root->responses()) {
        bytes += 4 + span_of(each->payload()).size();
        if (each->status() > static_cast<std::uint8_t>(response_status::more) || bytes > body.size()) {
            return {.fault = "a response of an unknown status, or payloads that lie over each other"};
        }
    }
    for (wire::Response const* const each : *root->responses()) {
        flatbuffers::String const* const address = each->leader_address();
        take(response{each->id(), static_cast<response_status>(each->status()), raft::node_id{each->leader()},
                      address == nullptr ? std::string_view{} : std::string_view{address->c_str(), address->size()},
                      span_of(each->payload())});
        ++out.count;
    }
    return out;
}

} // namespace hpcsched::raft_asio::detail
