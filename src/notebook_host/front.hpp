// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_NOTEBOOK_HOST_FRONT_HPP
#define HPCSCHED_SRC_NOTEBOOK_HOST_FRONT_HPP

#include <hpcsched/notebook_host/connection_file.hpp>
#include <hpcsched/notebook_host/jupyter_message.hpp>

#include "jupyter_socket.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace hpcsched::notebook_host {

/// The five sockets of a kernel, as clients see it. Heartbeats are answered here.
class front {
  public:
    /// \param complain  is told of each message that was turned away, and why
    /// Throws zmq::error_t where a socket cannot be bound.
    front(zmq::context_t& context, connection_info const& where, message_signer signer, message_limits limits,
          std::function<void(std::string const&)> complain);

    [[nodiscard]] jupyter_socket& socket(channel c) noexcept { return sockets_[place(c)]; }
    [[nodiscard]] jupyter_socket& heartbeat() noexcept { return heartbeat_; }

    /// The next message of a client; nothing where none waits. Those that are wrong are turned away.
    [[nodiscard]] std::optional<jupyter_message> next(channel from);
    void send(channel to, jupyter_message message);
    void answer_heartbeats();

    [[nodiscard]] std::uint64_t passed() const noexcept { return passed_; } ///< both ways
    [[nodiscard]] std::uint64_t turned_away() const noexcept { return turned_away_; }

  private:
    message_signer signer_;
    message_limits limits_;
    std::function<void(std::string const&)> complain_;
    std::array<jupyter_socket, channel_count> sockets_;
    jupyter_socket heartbeat_;
    std::uint64_t passed_ = 0;
    std::uint64_t turned_away_ = 0;
};

} // namespace hpcsched::notebook_host

#endif
