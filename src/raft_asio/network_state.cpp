// SPDX-License-Identifier: Apache-2.0
#include "network_state.hpp"

#include <hpcsched/core/assert.hpp>

#include <boost/asio/post.hpp>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace hpcsched::raft_asio {

namespace {

using boost::system::error_code;
using detail::ending;
using detail::frame_kind;

// Differs from process to process and from start to start; nothing else is asked of it.
std::uint64_t draw_incarnation(raft::node_id self) {
    sequence_hash hash;
    hash.add(static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count()));
    hash.add(static_cast<std::uint64_t>(event_loop::now().time_since_epoch().count()));
    hash.add(static_cast<std::uint64_t>(::getpid()));
    hash.add(self.value);
    return hash.value();
}

} // namespace

network::state::session::session(state& owner, detail::tcp::socket socket, part what)
    : connection{std::move(socket), owner.counts_}, plays{what}, owner_{owner} {}

network::state::state(event_loop& loop, network_config config, detail::tls_context tls)
    : loop_{loop.state()}, config_{std::move(config)}, tls_{std::move(tls)}, acceptor_{loop_.context},
      accept_again_{loop_.context}, sweep_{loop_.context}, linger_{loop_.context},
      incarnation_{draw_incarnation(config_.self)}, jitter_{incarnation_, "back-off"} {}

network::state::~state() {
    for (auto const& l : links_) {
        drop(*l);
    }
    for (auto const& c : clients_) {
        if (c->session) {
            c->session->close();
        }
    }
    for (session_ptr const& s : young_) {
        s->close();
    }
}

result<void> network::state::listen() {
    auto const read = detail::parse_address(config_.listen);
    auto const at = read->endpoint();
    if (!at) {
        return error{"cannot listen on " + config_.listen + ": give an address of this machine in numbers"};
    }
    error_code failed;
    acceptor_.open(at->protocol(), failed);
    if (!failed) {
        acceptor_.set_option(detail::tcp::acceptor::reuse_address{true}, failed);
    }
    if (!failed) {
        acceptor_.bind(*at, failed);
    }
    if (!failed) {
        acceptor_.listen(4096, failed);
    }
    if (failed) {
        return error{"cannot listen on " + config_.listen + ": " + failed.message() +
                     ": give an address of this machine, and a port that is free"};
    }
    port_ = acceptor_.local_endpoint(failed).port();
    accept();
    return set_peers(std::move(config_.peers));
}

void network::state::accept() {
    acceptor_.async_accept([this, alive = std::weak_ptr{self_}](error_code failed, detail::tcp::socket socket) {
        if (alive.expired() || failed == detail::asio::error::operation_aborted) {
            return;
        }
        if (failed) { // no descriptors left, as it were: some may be free soon
            accept_again_.expires_after(std::chrono::milliseconds{50});
            accept_again_.async_wait([this, alive](error_code cancelled) {
                if (!cancelled && !alive.expired()) {
                    accept();
                }
            });
            return;
        }
        auto const s = std::make_shared<session>(*this, std::move(socket), part::stranger);
        watch_deadline(s);
        s->accepted(tls_, config_.silence_limit);
        accept();
    });
}

// --- deadlines ---------------------------------------------------------------------------------------------------

void network::state::watch_deadline(session_ptr const& s) {
    s->deadline = saturating_add(event_loop::now(), config_.handshake_limit);
    young_.push_back(s);
    if (is_sweeping_) {
        return;
    }
    is_sweeping_ = true;
    sweep_.expires_after(config_.handshake_limit / 4);
    sweep_.async_wait([this, alive = std::weak_ptr{self_}](error_code cancelled) {
        if (!cancelled && !alive.expired()) {
            is_sweeping_ = false;
            sweep();
        }
    });
}

void network::state::sweep() {
    auto const now = event_loop::now();
    auto const young = std::exchange(young_, {});
    for (session_ptr const& s : young) {
        if (s->closed() || s->deadline == never) {
            continue;
        }
        if (now < s->deadline) {
            time_point const deadline = s->deadline;
            watch_deadline(s);
            s->deadline = deadline;
        } else {
            s->fail(ending::lost, "no hello within the time for it");
        }
    }
}

// --- hellos ------------------------------------------------------------------------------------------------------

void network::state::opened(session& s) {
    if (s.plays == part::dialed) {
        greet(s);
    }
}

void network::state::greet(session& s) {
    s.send(detail::encode_hello({.cluster = config_.cluster_id, .node = config_.self, .incarnation = incarnation_}));
}

void network::state::take(session& s, frame_kind kind, std::span<std::byte const> body) {
    if (kind == frame_kind::hello) {
        auto const h = detail::decode_hello(body);
        if (!h) {
            s.fail(ending::garbage, "a hello that makes no sense");
        } else if (s.plays == part::stranger) {
            welcome(s, *h);
        } else if (s.plays == part::dialed) {
            answered(s, *h);
        } else {
            s.fail(ending::garbage, "a second hello");
        }
        return;
    }
    if (s.plays == part::node && kind == frame_kind::messages) {
        take_messages(s, body);
    } else if (s.plays == part::client && kind == frame_kind::requests) {
        take_requests(s, body);
    } else if (s.plays == part::stranger || s.plays == part::dialed) {
        s.fail(ending::garbage, "a frame before the hello");
    } else if (kind <= frame_kind::responses) {
        s.fail(ending::garbage, "a frame of a kind that is not for it to send");
    } // else of a newer minor version
}

void network::state::take_newer(session& s, std::string const& why) {
    if (s.plays == part::stranger) {
        refuse(s, why + ": bring both to the same version");
    } else {
        s.fail(ending::garbage, why + ": bring both to the same version");
    }
}

std::string network::state::objection(session const& s, detail::hello const& h) const {
    if (h.cluster != config_.cluster_id) {
        return "it belongs to cluster " + std::to_string(h.cluster) + ", this node to cluster " +
               std::to_string(config_.cluster_id) + ": one of the two has a wrong cluster id or address";
    }
    if (h.node == raft::no_node) {
        return client_count_ < config_.clients_max ? ""
                                                   : "there are " + std::to_string(client_count_) + " clients already";
    }
    if (h.node == config_.self) {
        return "it says that it is node " + std::to_string(h.node.value) +
               ", which is this one: give every node an id of its own";
    }
    if (find(h.node) == nullptr) {
        return "node " + std::to_string(h.node.value) + " is no peer of node " + std::to_string(config_.self.value) +
               ": name it among its peers";
    }
    if (s.encrypted() && !s.carries(detail::certificate_name(h.node))) {
        return "its certificate does not carry the DNS name " + detail::certificate_name(h.node);
    }
    return {};
}

void network::state::welcome(session& s, detail::hello const& h) {
    std::string const why = objection(s, h);
    if (!why.empty()) {
        refuse(s, why);
        return;
    }
    greet(s);
    if (s.closed()) {
        return;
    }
    if (h.node == raft::no_node) {
        admit_client(s);
        return;
    }
    link& l = *find(h.node);
    h.node > config_.self ? adopt(l, s, h.incarnation) : answer_knock(l, s, h.incarnation);
}

void network::state::refuse(session& s, std::string const& why) {
    ++counts_.refused;
    log("refused " + s.remote() + ": " + why);
    s.send(detail::encode_hello(
        {.cluster = config_.cluster_id, .node = config_.self, .incarnation = incarnation_, .refusal = why}));
    s.plays = part::leaving;
    s.close_when_sent();
}

void network::state::answered(session& s, detail::hello const& h) {
    link& l = *find(s.node);
    if (!h.refusal.empty()) {
        s.fail(ending::lost, "it refuses this node: " + h.refusal);
        return;
    }
    if (h.cluster != config_.cluster_id || h.node != s.node) {
        s.fail(ending::lost, "node " + std::to_string(h.node.value) + " of cluster " + std::to_string(h.cluster) +
                                 " answers there: the address is another's");
        return;
    }
    if (config_.self > s.node) {
        adopt(l, s, h.incarnation);
        return;
    }
    l.last_failure.clear();
    l.attempt->close(); // knocked; it will call. If not, again
    l.attempt.reset();
    dial_later(l);
}

void network::state::admit_client(session& s) {
    if (free_clients_.empty()) {
        free_clients_.push_back(clients_.size());
        clients_.push_back(std::make_unique<client_place>());
    }
    s.client = free_clients_.back();
    free_clients_.pop_back();
    client_place& place = *clients_[s.client];
    place.session = std::static_pointer_cast<session>(s.shared_from_this());
    ++place.generation;
    place.batch.clear(); // of who was here before
    place.unanswered = 0;
    ++client_count_;
    s.plays = part::client;
    s.deadline = never;
    s.take_frames_up_to(config_.frame_bytes_max, detail::client_buffer_size);
}

void network::state::release_client(session& s) {
    client_place& place = *clients_[s.client];
    place.session.reset();
    free_clients_.push_back(s.client);
    --client_count_;
    if (on_client_gone) {
        on_client_gone(token_of(place.generation, s.client));
    }
}

// --- peers -------------------------------------------------------------------------------------------------------

void network::state::adopt(link& l, session& s, std::uint64_t incarnation) {
    auto const now_live = std::static_pointer_cast<session>(s.shared_from_this());
    if (l.live) { // the peer has none any more, or it would not have called
        l.live->close();
        ++counts_.lost;
        tell_unreachable(l.to.id);
    }
    if (l.attempt && l.attempt != now_live) {
        l.attempt->close();
    }
    l.attempt.reset();
    l.retry.cancel();
    l.live = now_live;
    l.incarnation = incarnation;
    l.since = event_loop::now();
    l.last_failure.clear();
    l.batch.clear();
    l.overflow_told = false;
    s.plays = part::node;
    s.node = l.to.id;
    s.deadline = never;
    s.take_frames_up_to(config_.frame_bytes_max, detail::node_buffer_size);
    ++counts_.connected;
    log(name_of(l) + " is connected");
    if (on_connected) {
        on_connected(l.to.id);
    }
}

void network::state::answer_knock(link& l, session& s, std::uint64_t incarnation) {
    s.plays = part::leaving;
    s.close_when_sent();
    if (l.live && l.incarnation == incarnation) {
        return; // it knocked before it heard of the connection
    }
    if (l.live) {
        l.live->close();
        l.live.reset();
        lost(l, "it has started anew");
    }
    if (!l.attempt || !l.attempt->is_open()) { // else it is being called already, and has been said hello to
        dial(l);
    }
}

void network::state::dial(link& l) {
    if (l.attempt) {
        l.attempt->close();
    }
    l.retry.cancel();
    l.attempt = std::make_shared<session>(*this, detail::tcp::socket{loop_.context}, part::dialed);
    l.attempt->node = l.to.id;
    watch_deadline(l.attempt);
    l.attempt->dial(l.at, tls_, detail::certificate_name(l.to.id), config_.silence_limit);
}

// Half of the back-off and a random part of the other half, so that nodes that failed together do not call together.
void network::state::dial_later(link& l) {
    auto const half = static_cast<std::uint64_t>(l.backoff.count()) / 2 + 1;
    auto const delay = duration{static_cast<std::int64_t>(half + jitter_() % half)};
    l.backoff = std::min(l.backoff * 2, config_.backoff_max);
    l.retry.expires_after(delay);
    l.retry.async_wait([this, alive = std::weak_ptr{self_}, id = l.to.id](error_code cancelled) {
        if (cancelled || alive.expired()) {
            return;
        }
        if (link* const due = find(id); due != nullptr && !due->live && !due->attempt) {
            dial(*due);
        }
    });
}

void network::state::drop(link& l) {
    l.retry.cancel();
    for (session_ptr* const s : {&l.live, &l.attempt}) {
        if (*s) {
            (*s)->close();
            s->reset();
        }
    }
}

void network::state::lost(link& l, std::string const& why) {
    ++counts_.lost;
    counts_.messages_dropped += l.batch.count();
    l.batch.clear();
    // One that breaks again and again at once is called as seldom as one that does not answer.
    if (event_loop::now() - l.since > config_.backoff_max) {
        l.backoff = config_.backoff_min;
    }
    log(name_of(l) + ": the connection is lost: " + why);
    if (on_unreachable) {
        on_unreachable(l.to.id);
    }
}

void network::state::ended(session& s, ending how, std::string const& why) {
    counts_.garbage += how == ending::garbage ? 1U : 0U;
    if (how == ending::garbage && s.plays != part::dialed) {
        log("dropped " + name_of(s) + ": " + why);
    }
    switch (s.plays) {
    case part::dialed:
        ended_dialed(s, why);
        break;
    case part::node:
        if (link* const l = find(s.node); l != nullptr && l->live.get() == &s) {
            l->live.reset();
            lost(*l, why);
            dial_later(*l);
        }
        break;
    case part::client:
        release_client(s);
        break;
    default:
        break;
    }
}

void network::state::ended_dialed(session& s, std::string const& why) {
    link* const l = find(s.node);
    if (l == nullptr || l->attempt.get() != &s) {
        return;
    }
    l->attempt.reset();
    ++counts_.failed;
    if (why != l->last_failure) {
        l->last_failure = why;
        log(name_of(*l) + " cannot be reached: " + why + "; trying again");
    }
    if (on_unreachable) {
        on_unreachable(s.node);
    }
    if (!l->live && !l->attempt) {
        dial_later(*l);
    }
}

result<void> network::state::set_peers(std::vector<peer> peers) {
    if (auto const sound = detail::validate(peers); !sound) {
        return sound;
    }
    std::vector<std::unique_ptr<link>> before = std::exchange(links_, {});
    for (peer const& p : peers) {
        if (p.id == config_.self) {
            continue;
        }
        auto const same = std::ranges::find_if(before, [&](auto const& l) { return l && l->to == p; });
        if (same != before.end()) {
            links_.push_back(std::move(*same));
            continue;
        }
        auto made = std::make_unique<link>(p, loop_.context);
        made->at = *detail::parse_address(p.address);
        made->backoff = config_.backoff_min;
        links_.push_back(std::move(made));
        dial(*links_.back());
    }
    for (auto const& l : before) {
        if (l) {
            drop(*l);
        }
    }
    config_.peers = std::move(peers);
    return {};
}

bool network::state::connected(raft::node_id peer) const noexcept {
    link const* const l = find(peer);
    return l != nullptr && l->live && !l->live->closed();
}

std::size_t network::state::queued(raft::node_id peer) const noexcept {
    link const* const l = find(peer);
    return l != nullptr && l->live && !l->live->closed() ? l->live->queued() : 0;
}

network::state::link* network::state::find(raft::node_id id) const noexcept {
    auto const at = std::ranges::find_if(links_, [&](auto const& l) { return l->to.id == id; });
    return at == links_.end() ? nullptr : at->get();
}

// --- words -------------------------------------------------------------------------------------------------------

std::string network::state::name_of(link const& l) const {
    return "node " + std::to_string(l.to.id.value) + " (" + l.to.address + ")";
}

std::string network::state::name_of(session const& s) const {
    switch (s.plays) {
    case part::node:
        return "node " + std::to_string(s.node.value) + " (" + s.remote() + ")";
    case part::client:
        return "client " + s.remote();
    default:
        return s.remote();
    }
}

void network::state::log(std::string line) {
    if (on_log) {
        on_log(std::move(line));
    }
}

void network::state::tell_unreachable(raft::node_id id) {
    detail::asio::post(loop_.context, [this, alive = std::weak_ptr{self_}, id] {
        if (!alive.expired() && on_unreachable) {
            on_unreachable(id);
        }
    });
}

} // namespace hpcsched::raft_asio
