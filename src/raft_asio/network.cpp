// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/assert.hpp>
#include <hpcsched/raft_asio/network.hpp>

#include "network_state.hpp"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

namespace hpcsched::raft_asio {

namespace {

// A frame that has grown so far is sent without waiting for the end of the turn.
constexpr std::size_t frame_bytes_enough = std::size_t{256} << 10U;

} // namespace

// --- nodes -------------------------------------------------------------------------------------------------------

void network::state::send(raft::group_id group, raft::message const& m) {
    HPCSCHED_ASSERT(m.from == config_.self);
    link* const l = find(m.to);
    if (l == nullptr || !l->live || l->live->closed()) {
        ++counts_.messages_dropped;
        return;
    }
    std::size_t const size = detail::encoded_size(m);
    if (size > config_.frame_bytes_max) {
        ++counts_.messages_dropped;
        log(name_of(*l) + ": a message of " + std::to_string(size) +
            " bytes cannot be sent: set frame_bytes_max above append_bytes_max and snapshot_chunk_bytes");
        return;
    }
    if (l->live->queued() + l->batch.bytes() + size > config_.queue_bytes_max) {
        ++counts_.messages_dropped;
        if (!l->overflow_told) {
            l->overflow_told = true;
            log(name_of(*l) + ": takes messages too slowly; the newest are dropped");
            tell_unreachable(l->to.id);
        }
        return;
    }
    if (!l->batch.empty() && l->batch.bytes() + size > std::min(frame_bytes_enough, config_.frame_bytes_max)) {
        flush(*l);
    }
    l->batch.add(group, m);
}

void network::state::flush(link& l) {
    if (l.batch.empty()) {
        return;
    }
    if (l.live && !l.live->closed()) {
        counts_.messages_sent += l.batch.count();
        ++counts_.frames_sent;
        l.live->send(l.batch.seal());
        l.overflow_told = l.overflow_told && l.live->queued() != 0;
    } else {
        counts_.messages_dropped += l.batch.count();
    }
    l.batch.clear();
}

void network::state::flush() {
    for (auto const& l : links_) {
        if (!l->batch.can_wait()) {
            flush(*l);
        }
    }
    for (std::size_t const place : dirty_clients_) {
        flush(*clients_[place]);
    }
    dirty_clients_.clear();
    for (auto const& l : links_) {
        if (!l->batch.empty()) {
            linger(*l);
        }
    }
}

void network::state::linger(link& l) {
    constexpr std::size_t company_enough = std::size_t{16} << 10U;
    if (config_.commit_linger == duration{} || l.batch.bytes() >= company_enough) {
        flush(l);
        return;
    }
    if (is_lingering_) {
        return;
    }
    is_lingering_ = true;
    linger_.expires_after(config_.commit_linger);
    linger_.async_wait([this, alive = std::weak_ptr{self_}](boost::system::error_code cancelled) {
        if (cancelled || alive.expired()) {
            return;
        }
        is_lingering_ = false;
        for (auto const& each : links_) {
            flush(*each);
        }
    });
}

void network::state::take_messages(session& s, std::span<std::byte const> body) {
    auto const seen = decoder_.decode(body, s.node, config_.self, [&](raft::group_id group, raft::message const& m) {
        if (on_message) {
            on_message(group, m);
        }
    });
    counts_.messages_received += seen.count;
    counts_.messages_passed_over += seen.passed_over;
    if (seen.fault != nullptr) {
        s.fail(detail::ending::garbage, seen.fault);
    }
}

// --- clients -----------------------------------------------------------------------------------------------------

void network::state::take_requests(session& s, std::span<std::byte const> body) {
    client_place& place = *clients_[s.client];
    client_token const token = token_of(place.generation, s.client);
    auto const seen = detail::decode_requests(body, [&](request const& r) {
        ++place.unanswered; // before the host can answer it
        if (on_request) {
            on_request(token, r);
        } else {
            reply(token, {.id = r.id, .status = response_status::unavailable});
        }
    });
    counts_.requests_received += seen.count;
    if (seen.fault != nullptr) {
        s.fail(detail::ending::garbage, seen.fault);
    } else if (place.unanswered >= config_.client_requests_max) {
        s.pause();
    }
}

bool network::state::is_there(client_token client) const {
    auto const at = static_cast<std::size_t>(client & 0xffffffffU);
    return at < clients_.size() && clients_[at]->generation == client >> 32U && clients_[at]->session &&
           !clients_[at]->session->closed();
}

bool network::state::carries(client_token client, std::string const& name) const {
    if (!is_there(client)) {
        return false;
    }
    session const& s = *clients_[client & 0xffffffffU]->session;
    return s.encrypted() && s.carries(name);
}

void network::state::reply(client_token client, response const& r) {
    if (!is_there(client)) {
        ++counts_.responses_dropped;
        return;
    }
    auto const at = static_cast<std::size_t>(client & 0xffffffffU);
    client_place& place = *clients_[at];
    response told = r;
    if (told.leader_address.empty() && told.leader != raft::no_node) {
        auto const known = std::ranges::find(config_.peers, told.leader, &peer::id);
        told.leader_address = known == config_.peers.end() ? std::string_view{} : std::string_view{known->address};
    }
    if (told.payload.size() + detail::frame_overhead > config_.frame_bytes_max) {
        constexpr std::string_view why = "the answer is longer than a frame may be (frame_bytes_max)";
        told.status = response_status::refused;
        told.payload = std::as_bytes(std::span{why});
    }
    ++counts_.responses_sent;
    place.batch.add(told);
    if (told.status != response_status::more) {
        place.unanswered -= place.unanswered != 0 ? 1U : 0U;
    }
    if (!place.is_dirty) {
        place.is_dirty = true;
        dirty_clients_.push_back(at);
    }
    if (place.batch.size() > std::min(frame_bytes_enough, config_.frame_bytes_max / 2)) {
        flush(place);
        place.is_dirty = true; // it stays on the list
    }
    if (place.unanswered < config_.client_requests_max) {
        place.session->resume();
    }
}

void network::state::flush(client_place& c) {
    c.is_dirty = false;
    if (c.session && !c.session->closed() && !c.batch.empty()) {
        ++counts_.frames_sent;
        c.session->send(c.batch.seal());
        if (c.session->queued() > config_.client_queue_bytes_max) {
            ++counts_.slow_clients;
            log("closed " + name_of(*c.session) + ": it does not take its answers");
            c.session->fail(detail::ending::lost, {});
        }
    }
    c.batch.clear();
}

// --- the face ----------------------------------------------------------------------------------------------------

network::network(std::unique_ptr<state> made) noexcept : state_{std::move(made)} {}
network::network(network&&) noexcept = default;
network& network::operator=(network&&) noexcept = default;
network::~network() = default;

result<network> network::open(event_loop& loop, network_config config) {
    if (auto const sound = validate(config); !sound) {
        return sound.error();
    }
    auto tls = detail::make_tls_context(config.tls);
    if (!tls) {
        return tls.error();
    }
    auto made = std::make_unique<state>(loop, std::move(config), std::move(*tls));
    if (auto const listening = made->listen(); !listening) {
        return listening.error();
    }
    return network{std::move(made)};
}

void network::set_on_message(std::function<void(raft::group_id, raft::message const&)> callback) {
    state_->on_message = std::move(callback);
}
void network::set_on_unreachable(std::function<void(raft::node_id)> callback) {
    state_->on_unreachable = std::move(callback);
}
void network::set_on_connected(std::function<void(raft::node_id)> callback) {
    state_->on_connected = std::move(callback);
}
void network::set_on_log(std::function<void(std::string)> callback) {
    state_->on_log = std::move(callback);
}
void network::set_on_request(std::function<void(client_token, request const&)> callback) {
    state_->on_request = std::move(callback);
}
void network::set_on_client_gone(std::function<void(client_token)> callback) {
    state_->on_client_gone = std::move(callback);
}
void network::send(raft::group_id group, raft::message const& m) {
    state_->send(group, m);
}
void network::flush() {
    state_->flush();
}
result<void> network::set_peers(std::vector<peer> peers) {
    return state_->set_peers(std::move(peers));
}
bool network::connected(raft::node_id peer) const noexcept {
    return state_->connected(peer);
}
std::size_t network::queued(raft::node_id peer) const noexcept {
    return state_->queued(peer);
}
bool network::carries(client_token client, std::string const& name) const {
    return state_->carries(client, name);
}

void network::reply(client_token client, response const& r) {
    state_->reply(client, r);
}
std::size_t network::client_count() const noexcept {
    return state_->client_count();
}
std::uint16_t network::port() const noexcept {
    return state_->port();
}
network_statistics const& network::statistics() const noexcept {
    return state_->statistics();
}

} // namespace hpcsched::raft_asio
