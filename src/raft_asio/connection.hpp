// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_RAFT_ASIO_CONNECTION_HPP
#define HPCSCHED_SRC_RAFT_ASIO_CONNECTION_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/raft_asio/network.hpp>

#include "address.hpp"
#include "codec.hpp"
#include "frame.hpp"
#include "stream.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace hpcsched::raft_asio::detail {

/// What is read at once, from one of thousands of clients and from one of a few nodes.
inline constexpr std::size_t client_buffer_size = std::size_t{4} << 10U;
inline constexpr std::size_t node_buffer_size = std::size_t{256} << 10U;

/// How a connection ended.
enum class ending : std::uint8_t {
    lost,    ///< closed by the other end, reset, or never had
    garbage, ///< dropped by this end for what came over it
};

/// One TCP connection: connects or was accepted, does the TLS handshake, cuts what comes into frames, and sends frames,
/// at once where the socket takes them. Its heirs know what the frames mean.
///
/// Held by shared_ptr: what Asio still has to say of it finds it alive. After `close` nothing is said any more.
class connection : public std::enable_shared_from_this<connection> {
  public:
    connection(tcp::socket socket, network_statistics& counts);
    connection(connection const&) = delete;
    connection& operator=(connection const&) = delete;
    virtual ~connection() = default;

    /// Begins with an accepted socket.
    void accepted(tls_context const& tls, duration silence_limit);
    /// Connects.
    void dial(host_and_port const& address, tls_context const& tls, std::string const& expected_name,
              duration silence_limit);

    /// Sends a frame, or keeps a copy of what the socket does not take.
    void send(std::span<std::byte const> frame);
    [[nodiscard]] std::size_t queued() const noexcept { return queue_.size() - queue_head_; }

    /// Reads no more, and hands no more frames over.
    void pause() noexcept { is_paused_ = true; }
    void resume();
    [[nodiscard]] bool paused() const noexcept { return is_paused_; }

    void close();
    /// Takes no more in, and closes when the other end has had time to read what was sent; `on_closed` follows.
    void close_when_sent();
    /// Drops it; `on_closed` follows, later.
    void fail(ending how, std::string why);
    [[nodiscard]] bool is_open() const noexcept { return is_open_ && !is_closed_; }
    [[nodiscard]] bool closed() const noexcept { return is_closed_; }

    void take_frames_up_to(std::size_t body_max, std::size_t buffer_size) noexcept {
        body_max_ = body_max;
        buffer_size_ = buffer_size;
    }
    /// The other end's address.
    [[nodiscard]] std::string const& remote() const noexcept { return remote_; }
    [[nodiscard]] bool encrypted() const noexcept { return stream_.encrypted(); }
    [[nodiscard]] bool carries(std::string const& name) const { return stream_.carries(name); }

  protected:
    virtual void on_open() = 0; ///< connected, encrypted where it should be
    virtual void on_frame(frame_kind kind, std::span<std::byte const> body) = 0;
    virtual void on_newer_version(std::string const& why) { fail(ending::garbage, why); }
    virtual void on_closed(ending how, std::string const& why) = 0;

  private:
    void begin(tls_context const& tls, bool accepts, std::string const& expected_name, duration silence_limit);
    void shake_hands();
    void opened();
    void await_readable();
    void await_writable();
    void read_encrypted();
    void write_some();
    std::size_t write_now(std::span<std::byte const> bytes);
    [[nodiscard]] std::span<std::byte> room_to_read();
    void took(std::size_t count);
    std::size_t hand_over(std::span<std::byte const> bytes);
    void hand_over_kept();
    void sent_all();

    stream stream_;
    std::optional<tcp::resolver> resolver_;
    network_statistics& counts_;
    std::string remote_;
    std::size_t body_max_ = hello_bytes_max;

    std::vector<std::byte> buffer_; // begins with the beginning of a frame of which the rest has not come
    std::size_t kept_size_ = 0;     // of it
    std::size_t wanted_size_ = 0;   // of that frame
    std::size_t buffer_size_ = client_buffer_size;

    std::vector<std::byte> queue_; // to send, from queue_head_ on
    std::size_t queue_head_ = 0;

    bool is_open_ = false;
    bool is_closed_ = false;
    bool is_abandoned_ = false; // by its owner: nothing is to be said
    bool is_leaving_ = false;   // close_when_sent
    bool is_paused_ = false;
    bool awaits_readable_ = false;
    bool awaits_writable_ = false;
};

} // namespace hpcsched::raft_asio::detail

#endif
