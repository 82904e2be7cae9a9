// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_ASIO_CLIENT_HPP
#define HPCSCHED_RAFT_ASIO_CLIENT_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/raft/types.hpp>
#include <hpcsched/raft_asio/event_loop.hpp>
#include <hpcsched/raft_asio/network_config.hpp>
#include <hpcsched/raft_asio/request.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace hpcsched::raft_asio {

struct client_config {
    std::vector<peer> nodes{}; ///< of the cluster; one at least
    std::uint64_t cluster_id = 0;
    tls_files tls{};
    duration backoff_min = std::chrono::milliseconds{10}; ///< before asking again; doubled each time nobody answers
    duration backoff_max = std::chrono::seconds{1};
    duration handshake_limit = std::chrono::seconds{2};
    std::size_t frame_bytes_max = std::size_t{16} << 20U;
    bool resend = true; ///< ask again when a connection is lost before the answer has come
};

/// Asks a cluster: goes to its leader by the hints in the answers, and asks again, after a while, where there is none
/// or a connection is lost.
///
/// A request whose connection was lost may have been carried out: with `resend` it may then be carried out twice,
/// unless commands are those of a session (`raft::sessions`). Without `resend` such a request ends with an error.
///
/// \thread_safety none; two clients know nothing of each other
class client {
  public:
    /// \error no node, an address that cannot be read, or TLS files that cannot be used. Whether nodes can be reached
    ///        shows in the answers
    [[nodiscard]] static result<client> connect(client_config config);

    /// The same on a host's loop, which then carries it: `submit` only, and callbacks come in the loop's turns.
    [[nodiscard]] static result<client> connect(event_loop& loop, client_config config);

    client(client&&) noexcept;
    client& operator=(client&&) noexcept;
    ~client(); ///< callbacks that have not come do not come any more

    /// Takes an answer; its spans are borrowed for the call.
    using callback = std::function<void(result<response> const&)>;

    /// Asks, and calls `done` once: with the answer (`ok` or `refused`), or with an error where none has come within
    /// `timeout`, or, at once, where the request is longer than a frame may be. The request's id is given here; the
    /// payload is copied. Where the answer comes in parts, `done` is called with each that is `more` before.
    /// \return the id
    std::uint64_t submit(request const& r, duration timeout, callback done);

    /// Asks and waits for the answer, of one in parts for the last. The answer's spans are borrowed until the next call
    /// of a member.
    /// \pre not on a host's loop
    [[nodiscard]] result<response> call(request const& r, duration timeout);

    /// Handles what has come, waiting up to `wait` for something to come.
    /// \pre not on a host's loop
    void poll(duration wait);

    /// Handles what comes until every request is answered or timed out.
    /// \pre not on a host's loop
    void run();

    /// Sends what was submitted; done by `call`, `poll` and `run`, and at the end of each turn of a loop.
    void flush();

    [[nodiscard]] std::size_t pending() const noexcept;        ///< requests without an answer yet
    [[nodiscard]] raft::node_id connected_to() const noexcept; ///< `no_node`: nobody at the moment

    /// See `event_loop::set_spin`.
    /// \pre not on a host's loop
    void set_spin(duration spin);

  private:
    class state;
    explicit client(std::unique_ptr<state> made) noexcept;
    std::unique_ptr<state> state_;
};

} // namespace hpcsched::raft_asio

#endif
