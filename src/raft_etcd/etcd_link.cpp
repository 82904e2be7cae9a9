// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/raft_etcd/etcd_link.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "connection.hpp"
#include "engine.hpp"
#include "mailbox.hpp"

#include <string>
#include <thread>
#include <utility>

namespace hpcsched::raft_etcd {

result<void> validate(etcd_log_config const& config) {
    auto const fail = [](std::string const& why) { return error{"etcd_log_config: " + why}; };
    if (config.endpoints.empty()) {
        return fail("endpoints is empty: name at least one member of the etcd, as http://HOST:PORT");
    }
    for (std::string const& text : config.endpoints) {
        if (auto const read = detail::read_endpoint(text); !read) {
            return fail(read.error().message);
        }
    }
    if (config.prefix.empty() || config.prefix.ends_with('/')) {
        return fail("prefix must not be empty, nor end with \"/\"");
    }
    if (config.certificate.empty() != config.key.empty()) {
        return fail("certificate and key go together: give both or none");
    }
    if (config.entry_bytes_max == 0 || config.batch_entries_max == 0 || config.snapshot_piece_bytes == 0) {
        return fail("entry_bytes_max, batch_entries_max and snapshot_piece_bytes must be above 0");
    }
    if (config.snapshot_every != 0 && config.snapshot_trailing >= config.snapshot_every) {
        return fail("snapshot_trailing must be below snapshot_every");
    }
    if (config.backoff_min <= duration{} || config.backoff_max < config.backoff_min ||
        config.request_timeout <= duration{} || config.look_every <= duration{}) {
        return fail("the times must be above 0, and backoff_max at least backoff_min");
    }
    return {};
}

namespace {

result<void> read_certificates(detail::connection_context& to) {
    etcd_log_config const& config = to.config;
    boost::system::error_code failed;
    std::string const* file = &config.authority;
    to.tls.set_verify_mode(boost::asio::ssl::verify_peer, failed);
    if (config.authority.empty()) {
        to.tls.set_default_verify_paths(failed);
    } else {
        to.tls.load_verify_file(config.authority, failed);
    }
    if (!failed && !config.certificate.empty()) {
        file = &config.certificate;
        to.tls.use_certificate_chain_file(config.certificate, failed);
    }
    if (!failed && !config.key.empty()) {
        file = &config.key;
        to.tls.use_private_key_file(config.key, boost::asio::ssl::context::pem, failed);
    }
    if (failed) {
        return error{"cannot read \"" + *file + "\" as PEM: " + failed.message()};
    }
    return {};
}

} // namespace

class etcd_link::state {
  public:
    explicit state(etcd_log_config const& config) {
        common.loop = &loop;
        common.config = config;
        for (std::string const& text : config.endpoints) {
            common.endpoints.push_back(*detail::read_endpoint(text));
        }
    }
    state(state const&) = delete;
    state& operator=(state const&) = delete;
    ~state() {
        loop.stop();
        if (thread.joinable()) {
            thread.join();
        }
    }

    void start() {
        engine.emplace(common, mail);
        engine->start();
        thread = std::thread{[this] { loop.run(); }};
    }

    template <class Add>
    void order(Add&& add) {
        if (mail.order(std::forward<Add>(add))) {
            boost::asio::post(loop, [this] { engine->take_orders(); });
        }
    }

    // The loop goes after the engine, whose sockets and timers are registered there.
    detail::mailbox mail;
    detail::connection_context common;
    boost::asio::io_context loop{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{loop.get_executor()};
    std::optional<detail::engine> engine;
    std::thread thread;
};

etcd_link::etcd_link(std::unique_ptr<state> made) noexcept : state_{std::move(made)} {}
etcd_link::etcd_link(etcd_link&&) noexcept = default;
etcd_link& etcd_link::operator=(etcd_link&&) noexcept = default;
etcd_link::~etcd_link() = default;

result<etcd_link> etcd_link::open(etcd_log_config const& config) {
    if (auto const valid = validate(config); !valid) {
        return valid.error();
    }
    auto made = std::make_unique<state>(config);
    if (auto const read = read_certificates(made->common); !read) {
        return read.error();
    }
    if (made->mail.descriptor() < 0) {
        return error{"no eventfd can be had: raise the limit of open files (ulimit -n)"};
    }
    made->start();
    return etcd_link{std::move(made)};
}

result<void, raft::errc> etcd_link::append(std::uint64_t token, std::span<std::byte const> payload) {
    if (state_->mail.has_failed) {
        return raft::errc::no_leader;
    }
    if (payload.size() > state_->common.config.entry_bytes_max) {
        return raft::errc::entry_too_large;
    }
    std::size_t const waiting = state_->mail.waiting_bytes;
    if (waiting > 0 && waiting + payload.size() > state_->common.config.waiting_bytes_max) {
        return raft::errc::quota_exceeded;
    }
    state_->mail.waiting_bytes += payload.size();
    state_->order([&](detail::orders& o) { o.appends.push_back({token, {payload.begin(), payload.end()}}); });
    return {};
}

result<void, raft::errc> etcd_link::barrier(std::uint64_t token) {
    if (state_->mail.has_failed) {
        return raft::errc::no_leader;
    }
    if (state_->mail.waiting_barriers >= state_->common.config.barriers_max) {
        return raft::errc::too_many_reads;
    }
    ++state_->mail.waiting_barriers;
    state_->order([&](detail::orders& o) { o.barriers.push_back(token); });
    return {};
}

void etcd_link::save_snapshot(raft::log_index index, raft::byte_buffer bytes) {
    state_->order([&](detail::orders& o) { o.snapshot = detail::saved_machine{index, std::move(bytes)}; });
}

void etcd_link::take(std::vector<etcd_note>& notes) {
    state_->mail.take_notes(notes);
}
int etcd_link::descriptor() const noexcept {
    return state_->mail.descriptor();
}
std::string etcd_link::condition() const {
    return state_->mail.condition();
}

} // namespace hpcsched::raft_etcd
