// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_NOTEBOOK_HOST_JUPYTER_SOCKET_HPP
#define HPCSCHED_SRC_NOTEBOOK_HOST_JUPYTER_SOCKET_HPP

#include <hpcsched/notebook_host/connection_file.hpp>
#include <hpcsched/notebook_host/jupyter_message.hpp>

#include <zmq.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hpcsched::notebook_host {

/// Where a message of a kernel travels.
enum class channel : std::uint8_t { shell = 0, control = 1, stdin_ = 2, iopub = 3 };
inline constexpr std::size_t channel_count = 4;
[[nodiscard]] constexpr std::size_t place(channel c) noexcept {
    return static_cast<std::size_t>(c);
}

/// A socket that keeps what waits for the other end: a notebook's output is not to be dropped.
///
/// ZeroMQ tells of news once, by a descriptor; to look at a socket without news costs two system calls, and what is
/// sent on it may take the news of what came. So it is looked at where there may be some, until there is nothing more.
class jupyter_socket {
  public:
    jupyter_socket() = default;
    jupyter_socket(zmq::context_t& context, zmq::socket_type type);

    [[nodiscard]] zmq::socket_t& zeromq() noexcept { return socket_; }
    /// Can be read when there are news: `note_news` is to be called then.
    [[nodiscard]] int descriptor() const { return socket_.get(zmq::sockopt::fd); }
    void note_news() noexcept { may_have_news_ = true; }
    [[nodiscard]] bool may_have_news() const noexcept { return may_have_news_; }

    /// A message's frames, as they came; nothing where none waits.
    [[nodiscard]] std::optional<std::vector<frame>> receive();
    /// There may be news after it.
    void send(std::vector<frame> const& frames);

  private:
    zmq::socket_t socket_;
    bool may_have_news_ = true;
};

/// Sockets on all channels of a kernel, which may not be up yet.
[[nodiscard]] std::array<jupyter_socket, channel_count> connect_to_kernel(zmq::context_t& context,
                                                                          connection_info const& kernel);

/// What a header says, as far as anybody here asks.
struct header_words {
    std::string id;
    std::string type;
};
/// Empty where it is no header.
[[nodiscard]] header_words read_header(std::string_view header);

/// A header for a message of this program's own.
[[nodiscard]] std::string make_header(std::string_view type);

} // namespace hpcsched::notebook_host

#endif
