// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/assert.hpp>
#include <hpcsched/raft_asio/client.hpp>

#include <boost/asio/steady_timer.hpp>

#include "address.hpp"
#include "codec.hpp"
#include "connection.hpp"
#include "loop_state.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace hpcsched::raft_asio {

namespace {

using detail::ending;
using detail::frame_kind;

constexpr std::size_t requests_in_frame_max = 256;
// How long a node that is no leader any more may take to answer what it was asked, before another is asked.
constexpr duration grace = std::chrono::milliseconds{100};

} // namespace

class client::state {
  public:
    state(std::unique_ptr<event_loop> own, event_loop& loop, client_config config, detail::tls_context tls)
        : own_{std::move(own)}, loop_{loop}, config_{std::move(config)}, tls_{std::move(tls)},
          timer_{loop.state().context}, backoff_{config_.backoff_min} {
        loop_.state().add_end_of_turn(this, [this] { flush(); });
    }
    state(state const&) = delete;
    state& operator=(state const&) = delete;
    ~state() {
        loop_.state().remove_end_of_turn(this);
        if (session_) {
            session_->close();
        }
    }

    std::uint64_t submit(request const& r, duration timeout, callback done) {
        time_point const deadline = saturating_add(event_loop::now(), timeout);
        std::uint64_t const id = ++last_id_;
        if (r.payload.size() + detail::frame_overhead > config_.frame_bytes_max) {
            done(error{"a request of " + std::to_string(r.payload.size()) +
                       " bytes is longer than a frame may be: ask for less at a time, or raise frame_bytes_max"});
            return id;
        }
        asked_.emplace(id, asked{.kind = r.kind,
                                 .group = r.group,
                                 .payload = {r.payload.begin(), r.payload.end()},
                                 .deadline = deadline,
                                 .done = std::move(done)});
        to_send_.push_back(id);
        wake_at(deadline);
        if (!session_ && !connect_at_) {
            connect();
        }
        return id;
    }

    void flush() {
        if (!is_ready_ || switch_to_) {
            return;
        }
        std::size_t bytes = 0;
        for (std::size_t i = 0; i < to_send_.size(); ++i) {
            auto const at = asked_.find(to_send_[i]);
            if (at == asked_.end()) {
                continue;
            }
            asked& a = at->second;
            if (!batch_.empty() &&
                (batch_.count() == requests_in_frame_max || bytes + a.payload.size() + 64 > std::size_t{256} << 10U)) {
                send_batch();
                bytes = 0;
            }
            batch_.add({at->first, a.kind, a.group, a.payload});
            bytes += a.payload.size() + 64;
            if (!a.is_sent) {
                a.is_sent = true;
                ++sent_count_;
            }
        }
        to_send_.clear();
        send_batch();
    }

    [[nodiscard]] event_loop* own() noexcept { return own_.get(); }
    [[nodiscard]] std::size_t pending() const noexcept { return asked_.size(); }
    [[nodiscard]] raft::node_id connected_to() const noexcept {
        return is_ready_ ? config_.nodes[node_].id : raft::no_node;
    }

    // Of the last `call`, until the next.
    raft::byte_buffer last_payload;
    std::string last_address;

  private:
    struct asked {
        request_kind kind{};
        raft::group_id group{};
        raft::byte_buffer payload;
        time_point deadline = never;
        time_point not_before{}; // of asking again
        bool is_waiting = false; // for that
        bool is_sent = false;
        callback done;
    };

    class session final : public detail::connection {
      public:
        session(state& owner, detail::tcp::socket socket)
            : connection{std::move(socket), owner.counts_}, owner_{owner} {}

      private:
        void on_open() override { send(detail::encode_hello({.cluster = owner_.config_.cluster_id})); }
        void on_frame(frame_kind kind, std::span<std::byte const> body) override { owner_.take(*this, kind, body); }
        void on_closed(ending /*how*/, std::string const& why) override { owner_.lost(*this, why); }

        state& owner_;
    };

    // --- connecting

    void connect() {
        connect_at_.reset();
        peer const& to = config_.nodes[node_];
        session_ = std::make_shared<session>(*this, detail::tcp::socket{loop_.state().context});
        handshake_deadline_ = saturating_add(event_loop::now(), config_.handshake_limit);
        wake_at(handshake_deadline_);
        constexpr duration silence_limit = std::chrono::seconds{10};
        session_->dial(*detail::parse_address(to.address), tls_, detail::certificate_name(to.id), silence_limit);
    }

    void connect_later() {
        connect_at_ = saturating_add(event_loop::now(), next_backoff());
        wake_at(*connect_at_);
    }

    duration next_backoff() { return std::exchange(backoff_, std::min(backoff_ * 2, config_.backoff_max)); }

    // All that is refused within one back-off is asked again at its end.
    time_point again_at() {
        time_point const now = event_loop::now();
        if (again_at_ <= now) {
            again_at_ = saturating_add(now, next_backoff());
        }
        return again_at_;
    }

    void leave() {
        if (session_) {
            session_->close();
            session_.reset();
        }
        is_ready_ = false;
        switch_to_.reset();
    }

    void lost(session const& s, std::string const& why) {
        if (session_.get() != &s) {
            return;
        }
        last_failure_ =
            "node " + std::to_string(config_.nodes[node_].id.value) + " (" + config_.nodes[node_].address + "): " + why;
        leave();
        node_ = (node_ + 1) % config_.nodes.size();
        forget_sent(why);
        if (!asked_.empty()) {
            connect_later();
        }
    }

    // What was asked over a connection that is no more.
    void forget_sent(std::string const& why) {
        sent_count_ = 0;
        std::vector<std::uint64_t> given_up;
        std::vector<std::uint64_t> again;
        for (auto& [id, a] : asked_) {
            if (!a.is_sent) {
                continue;
            }
            a.is_sent = false;
            (config_.resend ? again : given_up).push_back(id);
        }
        to_send_.insert(to_send_.begin(), again.begin(), again.end());
        for (std::uint64_t const id : given_up) {
            finish(id, error{"the connection was lost before the answer came (" + why +
                             "): whether the request was carried out is not known"});
        }
    }

    void go_to(std::size_t node) {
        leave();
        node_ = node;
        forget_sent("another node leads");
        connect();
    }

    // --- answers

    void take(session& s, frame_kind kind, std::span<std::byte const> body) {
        if (kind == frame_kind::hello && !is_ready_) {
            greeted(s, body);
        } else if (kind == frame_kind::responses && is_ready_) {
            auto const seen = detail::decode_responses(body, [this](response const& r) { answered(r); });
            if (seen.fault != nullptr) {
                s.fail(ending::garbage, seen.fault);
            }
            if (switch_to_ && sent_count_ == 0 && session_.get() == &s) {
                go_to(*switch_to_);
            }
        } else if (kind <= frame_kind::responses) {
            s.fail(ending::garbage, "a frame of a kind that is not for it to send");
        }
    }

    void greeted(session& s, std::span<std::byte const> body) {
        auto const h = detail::decode_hello(body);
        peer const& to = config_.nodes[node_];
        if (!h) {
            s.fail(ending::garbage, "a hello that makes no sense");
        } else if (!h->refusal.empty()) {
            s.fail(ending::lost, "it refuses this client: " + h->refusal);
        } else if (h->cluster != config_.cluster_id || h->node != to.id) {
            s.fail(ending::lost, "node " + std::to_string(h->node.value) + " of cluster " + std::to_string(h->cluster) +
                                     " answers there: the address is another's");
        } else {
            is_ready_ = true;
            handshake_deadline_ = never;
            s.take_frames_up_to(config_.frame_bytes_max, std::size_t{64} << 10U);
        }
    }

    void answered(response const& r) {
        auto const at = asked_.find(r.id);
        if (at == asked_.end() || !at->second.is_sent) {
            return; // too late
        }
        if (r.status == response_status::more) {
            if (at->second.done) {
                auto const done = at->second.done; // which may submit, and move what is asked
                done(r);
            }
            return;
        }
        at->second.is_sent = false;
        --sent_count_;
        switch (r.status) {
        case response_status::ok:
        case response_status::refused:
            backoff_ = config_.backoff_min;
            finish(r.id, r);
            return;
        case response_status::not_leader:
            if (auto const leader = place_of(r)) {
                to_send_.push_back(r.id);
                if (!switch_to_) {
                    switch_to_ = leader;
                    switch_at_ = saturating_add(event_loop::now(), grace);
                    wake_at(switch_at_);
                }
                return;
            }
            break;
        default:
            break;
        }
        at->second.is_waiting = true;
        at->second.not_before = again_at();
        wake_at(at->second.not_before);
    }

    // Where the leader is that an answer names; nothing where it names none, or the one that was asked.
    std::optional<std::size_t> place_of(response const& r) {
        if (r.leader == raft::no_node || r.leader == config_.nodes[node_].id) {
            return std::nullopt;
        }
        auto const known = std::ranges::find(config_.nodes, r.leader, &peer::id);
        if (known != config_.nodes.end()) {
            return static_cast<std::size_t>(known - config_.nodes.begin());
        }
        std::string address{r.leader_address};
        if (!detail::parse_address(address)) {
            return std::nullopt;
        }
        config_.nodes.push_back({r.leader, std::move(address)});
        return config_.nodes.size() - 1;
    }

    void finish(std::uint64_t id, result<response> const& outcome) {
        auto node = asked_.extract(id);
        if (node.mapped().is_sent) {
            --sent_count_;
        }
        if (node.mapped().done) {
            node.mapped().done(outcome);
        }
    }

    void send_batch() {
        if (!batch_.empty()) {
            session_->send(batch_.seal());
            batch_.clear();
        }
    }

    // --- time

    void wake_at(time_point when) {
        if (when >= wakes_at_) {
            return;
        }
        wakes_at_ = when;
        timer_.expires_at(std::chrono::steady_clock::time_point{when.time_since_epoch()});
        timer_.async_wait([this, alive = std::weak_ptr{self_}](boost::system::error_code cancelled) {
            if (!cancelled && !alive.expired()) {
                wakes_at_ = never;
                work(event_loop::now());
            }
        });
    }

    void work(time_point now) {
        if (connect_at_ && *connect_at_ <= now) {
            connect();
        }
        if (session_ && !is_ready_ && handshake_deadline_ <= now) {
            session_->fail(ending::lost, "no answer within the time for it");
        }
        if (switch_to_ && switch_at_ <= now) {
            go_to(*switch_to_);
        }
        std::vector<std::uint64_t> late;
        time_point next = std::min(
            {connect_at_.value_or(never), is_ready_ ? never : handshake_deadline_, switch_to_ ? switch_at_ : never});
        bool asks_elsewhere = false;
        for (auto& [id, a] : asked_) {
            if (a.deadline <= now) {
                late.push_back(id);
                continue;
            }
            if (a.is_waiting && a.not_before <= now) {
                a.is_waiting = false;
                to_send_.push_back(id);
                asks_elsewhere = true;
            }
            next = std::min({next, a.deadline, a.is_waiting ? a.not_before : never});
        }
        // A node that knows no leader may be cut off from the others.
        if (asks_elsewhere && is_ready_ && !switch_to_ && sent_count_ == 0 && config_.nodes.size() > 1) {
            go_to((node_ + 1) % config_.nodes.size());
            next = std::min(next, handshake_deadline_);
        }
        for (std::uint64_t const id : late) {
            finish(id, error{"no answer in time" + (last_failure_.empty() ? "" : "; last, " + last_failure_)});
        }
        if (next > now) {
            wake_at(next);
        }
    }

    std::unique_ptr<event_loop> own_;
    event_loop& loop_;
    client_config config_;
    detail::tls_context tls_;
    network_statistics counts_;
    detail::asio::steady_timer timer_;
    time_point wakes_at_ = never;

    std::map<std::uint64_t, asked> asked_; // ordered: what is asked again is asked in the first order
    std::vector<std::uint64_t> to_send_;
    std::size_t sent_count_ = 0;
    std::uint64_t last_id_ = 0;
    detail::request_batch batch_;

    std::size_t node_ = 0; // in config_.nodes: connected to, or to be
    std::shared_ptr<session> session_;
    bool is_ready_ = false; // its hello has come
    time_point handshake_deadline_ = never;
    std::optional<time_point> connect_at_;
    std::optional<std::size_t> switch_to_; // the leader, once what was asked here is answered
    time_point switch_at_ = never;
    duration backoff_;
    time_point again_at_{};
    std::string last_failure_;
    std::shared_ptr<state*> self_ = std::make_shared<state*>(this);
};

namespace {

result<detail::tls_context> prepared(client_config const& config) {
    if (config.nodes.empty()) {
        return error{"a client needs the address of one node at least"};
    }
    if (auto const sound = detail::validate(config.nodes); !sound) {
        return sound.error();
    }
    if (auto const sound = detail::validate(config.backoff_min, config.backoff_max, config.tls); !sound) {
        return sound.error();
    }
    return detail::make_tls_context(config.tls);
}

} // namespace

client::client(std::unique_ptr<state> made) noexcept : state_{std::move(made)} {}
client::client(client&&) noexcept = default;
client& client::operator=(client&&) noexcept = default;
client::~client() = default;

result<client> client::connect(client_config config) {
    auto tls = prepared(config);
    if (!tls) {
        return tls.error();
    }
    auto own = std::make_unique<event_loop>();
    event_loop& loop = *own;
    return client{std::make_unique<state>(std::move(own), loop, std::move(config), std::move(*tls))};
}

result<client> client::connect(event_loop& loop, client_config config) {
    auto tls = prepared(config);
    if (!tls) {
        return tls.error();
    }
    return client{std::make_unique<state>(nullptr, loop, std::move(config), std::move(*tls))};
}

std::uint64_t client::submit(request const& r, duration timeout, callback done) {
    return state_->submit(r, timeout, std::move(done));
}

result<response> client::call(request const& r, duration timeout) {
    HPCSCHED_ASSERT(state_->own() != nullptr);
    std::optional<result<response>> outcome;
    submit(r, timeout, [&](result<response> const& came) {
        if (came && came->status == response_status::more) {
            return;
        }
        outcome = came;
        if (came) {
            state_->last_payload.assign(came->payload.begin(), came->payload.end());
            state_->last_address = came->leader_address;
            (*outcome)->payload = state_->last_payload;
            (*outcome)->leader_address = state_->last_address;
        }
    });
    (void)state_->own()->run_until([&] { return outcome.has_value(); }, never);
    return *outcome;
}

void client::poll(duration wait) {
    HPCSCHED_ASSERT(state_->own() != nullptr);
    detail::loop_state& loop = state_->own()->state();
    (void)loop.turn();
    loop.wait(saturating_add(event_loop::now(), wait));
    (void)loop.turn();
}

void client::run() {
    HPCSCHED_ASSERT(state_->own() != nullptr);
    (void)state_->own()->run_until([&] { return pending() == 0; }, never);
}

void client::flush() {
    state_->flush();
}

std::size_t client::pending() const noexcept {
    return state_->pending();
}

raft::node_id client::connected_to() const noexcept {
    return state_->connected_to();
}

void client::set_spin(duration spin) {
    HPCSCHED_ASSERT(state_->own() != nullptr);
    state_->own()->set_spin(spin);
}

} // namespace hpcsched::raft_asio
