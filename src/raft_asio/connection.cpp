// SPDX-License-Identifier: Apache-2.0
#include "connection.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/post.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>
#include <variant>

namespace hpcsched::raft_asio::detail {

namespace {

using boost::system::error_code;

constexpr std::size_t taken_max = std::size_t{1} << 20U; // before others have their turn
constexpr std::size_t idle_bytes_max = std::size_t{256} << 10U;

template <class Value>
void set_option(tcp::socket& socket, int level, int name, Value value) {
    ::setsockopt(socket.native_handle(), level, name, &value, sizeof value);
}

// Where the other end's machine or the way to it has gone, nothing comes back; the kernel is to find that out.
void prepare(tcp::socket& socket, duration silence_limit) {
    auto const limit = std::chrono::duration_cast<std::chrono::milliseconds>(silence_limit);
    auto const seconds = static_cast<int>(std::max<std::int64_t>(1, limit.count() / 2000));
    error_code ignored;
    socket.non_blocking(true, ignored);
    socket.set_option(tcp::no_delay{true}, ignored);
    socket.set_option(asio::socket_base::keep_alive{true}, ignored);
    set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
    set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, std::max(1, seconds / 4));
    set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, 4);
    set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<unsigned>(limit.count()));
}

} // namespace

connection::connection(tcp::socket socket, network_statistics& counts) : stream_{std::move(socket)}, counts_{counts} {}

// --- opening -----------------------------------------------------------------------------------------------------

void connection::accepted(tls_context const& tls, duration silence_limit) {
    begin(tls, true, {}, silence_limit);
}

void connection::dial(host_and_port const& address, tls_context const& tls, std::string const& expected_name,
                      duration silence_limit) {
    auto const connected = [this, self = shared_from_this(), &tls, expected_name, silence_limit](error_code failed) {
        if (is_closed_) {
            return;
        }
        if (failed) {
            fail(ending::lost, failed.message());
            return;
        }
        begin(tls, false, expected_name, silence_limit);
    };
    if (auto const endpoint = address.endpoint()) {
        stream_.socket().async_connect(*endpoint, connected);
        return;
    }
    resolver_.emplace(stream_.socket().get_executor());
    resolver_->async_resolve(
        address.host, std::to_string(address.port),
        [this, self = shared_from_this(), connected](error_code failed, tcp::resolver::results_type const& found) {
            if (is_closed_ || failed) {
                connected(failed);
                return;
            }
            asio::async_connect(stream_.socket(), found,
                                [connected](error_code const& why, tcp::endpoint const& /*at*/) { connected(why); });
        });
}

void connection::begin(tls_context const& tls, bool accepts, std::string const& expected_name, duration silence_limit) {
    error_code failed;
    auto const at = stream_.socket().remote_endpoint(failed);
    if (failed) { // it was here and has gone
        fail(ending::lost, failed.message());
        return;
    }
    remote_ = to_text(at);
    prepare(stream_.socket(), silence_limit);
    if (tls) {
        stream_.begin_tls(tls, accepts, expected_name);
        shake_hands();
    } else {
        opened();
    }
}

void connection::shake_hands() {
    switch (stream_.handshake()) {
    case io_state::moved:
        opened();
        break;
    case io_state::needs_read:
        await_readable();
        break;
    case io_state::needs_write:
        await_writable();
        break;
    default:
        fail(ending::garbage, stream_.failure());
    }
}

void connection::opened() {
    is_open_ = true;
    on_open();
    if (!is_closed_) {
        write_some();
    }
    if (!is_closed_) {
        stream_.encrypted() ? read_encrypted() : await_readable();
    }
}

// --- reading -------------------------------------------------------------------------------------------------------

// Without TLS Asio reads itself: it knows from a short read that there is no more, and needs no system call to wait.
void connection::await_readable() {
    if (awaits_readable_ || is_closed_ || is_paused_) {
        return;
    }
    awaits_readable_ = true;
    if (stream_.encrypted()) {
        stream_.socket().async_wait(tcp::socket::wait_read,
                                    [this, self = shared_from_this()](error_code const& failed) {
                                        awaits_readable_ = false;
                                        if (!is_closed_ && !failed) {
                                            is_open_ ? read_encrypted() : shake_hands();
                                        }
                                    });
        return;
    }
    auto const room = room_to_read();
    stream_.socket().async_read_some(asio::buffer(room.data(), room.size()),
                                     [this, self = shared_from_this()](error_code const& failed, std::size_t count) {
                                         awaits_readable_ = false;
                                         if (is_closed_) {
                                             return;
                                         }
                                         if (failed) {
                                             fail(ending::lost, failed == asio::error::eof ? "closed by the other end"
                                                                                           : failed.message());
                                             return;
                                         }
                                         took(count);
                                         await_readable();
                                     });
}

void connection::read_encrypted() {
    std::size_t taken = 0;
    while (!is_closed_ && !is_paused_ && taken < taken_max) {
        auto const [state, count] = stream_.read(room_to_read());
        if (state == io_state::ended || state == io_state::failed) {
            fail(ending::lost, state == io_state::ended ? "closed by the other end" : stream_.failure());
            return;
        }
        if (state != io_state::moved) {
            break;
        }
        took(count);
        taken += count;
    }
    if (!is_closed_ && !is_paused_ && stream_.has_pending()) {
        asio::post(stream_.socket().get_executor(), [this, self = shared_from_this()] {
            if (!is_closed_) {
                read_encrypted();
            }
        });
        return;
    }
    await_readable();
}

// Behind what is kept of a frame; grown by what came, not by what was announced.
std::span<std::byte> connection::room_to_read() {
    std::size_t const wanted = std::max({buffer_size_, std::min(wanted_size_, 2 * kept_size_), kept_size_ + 1});
    if (buffer_.size() < wanted) {
        buffer_.resize(wanted);
    } else if (kept_size_ == 0 && buffer_.size() > 2 * buffer_size_) {
        buffer_ = std::vector<std::byte>(buffer_size_);
    }
    return std::span{buffer_}.subspan(kept_size_);
}

void connection::took(std::size_t count) {
    counts_.bytes_received += count;
    if (!is_leaving_) {
        kept_size_ += count;
        hand_over_kept();
    }
}

void connection::hand_over_kept() {
    std::size_t const used = hand_over(std::span{buffer_}.first(kept_size_));
    kept_size_ -= used;
    if (used != 0 && kept_size_ != 0) { // a multiple of 8: what follows stays aligned
        std::memmove(buffer_.data(), buffer_.data() + used, kept_size_);
    }
}

std::size_t connection::hand_over(std::span<std::byte const> bytes) {
    std::size_t used = 0;
    while (used < bytes.size() && !is_closed_ && !is_paused_ && !is_leaving_) {
        auto const found = first_frame(bytes.subspan(used), body_max_);
        if (auto const* const wrong = std::get_if<malformed>(&found)) {
            wrong->newer_major != 0 ? on_newer_version(wrong->why) : fail(ending::garbage, wrong->why);
            break;
        }
        if (auto const* const part = std::get_if<incomplete>(&found)) {
            wanted_size_ = part->frame_size;
            break;
        }
        auto const& frame = std::get<whole_frame>(found);
        counts_.frames_received += frame.kind == frame_kind::hello ? 0U : 1U;
        on_frame(frame.kind, frame.body);
        used += frame.size;
    }
    return used;
}

void connection::resume() {
    if (!is_paused_) {
        return;
    }
    is_paused_ = false;
    // Not now: whoever resumes it is in the midst of something.
    asio::post(stream_.socket().get_executor(), [this, self = shared_from_this()] {
        if (is_closed_ || is_paused_ || awaits_readable_) {
            return;
        }
        hand_over_kept();
        if (!is_closed_ && !is_paused_) {
            stream_.encrypted() ? read_encrypted() : await_readable();
        }
    });
}

// --- writing -----------------------------------------------------------------------------------------------------

void connection::send(std::span<std::byte const> frame) {
    if (is_closed_ || is_leaving_) {
        return;
    }
    std::size_t const at_once = is_open_ && queued() == 0 ? write_now(frame) : 0;
    if (at_once < frame.size() && !is_closed_) {
        if (queue_head_ > queue_.size() / 2) {
            queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(queue_head_));
            queue_head_ = 0;
        }
        queue_.insert(queue_.end(), frame.begin() + static_cast<std::ptrdiff_t>(at_once), frame.end());
        if (is_open_) {
            await_writable();
        }
    }
}

std::size_t connection::write_now(std::span<std::byte const> bytes) {
    std::size_t written = 0;
    while (written < bytes.size()) {
        auto const [state, count] = stream_.write(bytes.subspan(written));
        if (state == io_state::ended || state == io_state::failed) {
            fail(ending::lost, state == io_state::ended ? "closed by the other end" : stream_.failure());
            break;
        }
        if (state != io_state::moved) {
            break;
        }
        counts_.bytes_sent += count;
        written += count;
    }
    return written;
}

void connection::await_writable() {
    if (awaits_writable_ || is_closed_) {
        return;
    }
    awaits_writable_ = true;
    stream_.socket().async_wait(tcp::socket::wait_write, [this, self = shared_from_this()](error_code const& failed) {
        awaits_writable_ = false;
        if (is_closed_ || failed) {
            return;
        }
        is_open_ ? write_some() : shake_hands();
    });
}

void connection::write_some() {
    queue_head_ += write_now(std::span{queue_}.subspan(queue_head_));
    if (is_closed_) {
        return;
    }
    if (queued() != 0) {
        await_writable();
        return;
    }
    queue_head_ = 0;
    queue_.clear();
    if (queue_.capacity() > idle_bytes_max) {
        queue_ = {};
    }
    if (is_leaving_) {
        sent_all();
    }
}

// --- ending ------------------------------------------------------------------------------------------------------

void connection::close() {
    is_abandoned_ = true;
    is_closed_ = true;
    error_code ignored;
    if (resolver_) {
        resolver_->cancel();
    }
    stream_.socket().close(ignored);
}

// A socket that is closed with unread bytes in it takes back what the other end has not yet read.
void connection::close_when_sent() {
    is_leaving_ = true;
    if (queued() == 0) {
        sent_all();
    }
}

void connection::sent_all() {
    error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
}

void connection::fail(ending how, std::string why) {
    if (is_closed_) {
        return;
    }
    is_closed_ = true;
    error_code ignored;
    stream_.socket().close(ignored);
    asio::post(stream_.socket().get_executor(), [this, self = shared_from_this(), how, reason = std::move(why)] {
        if (!is_abandoned_) {
            on_closed(how, reason);
        }
    });
}

} // namespace hpcsched::raft_asio::detail
