// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_NOTEBOOK_HOST_INTERPRETER_HPP
#define HPCSCHED_SRC_NOTEBOOK_HOST_INTERPRETER_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/notebook_host/jupyter_message.hpp>
#include <hpcsched/raft_asio/event_loop.hpp>

#include "child_kernel.hpp"
#include "jupyter_socket.hpp"

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace hpcsched::notebook_host {

/// A stock kernel in a process of its own, spoken with on a loop.
/// \thread_safety none; confine to the loop's thread
class interpreter {
  public:
    using on_message = std::function<void(channel, jupyter_message)>;
    using on_end = std::function<void(int status)>;

    /// \param words, files, as  as for `child_kernel::start`
    /// \error the process cannot be started
    [[nodiscard]] static result<std::unique_ptr<interpreter>>
    start(raft_asio::event_loop& loop, zmq::context_t& context, std::vector<std::string> const& words,
          std::span<std::pair<std::string, std::string> const> files, on_message heard, on_end ended,
          user_identity const* as = nullptr);

    /// From now on these are told.
    void listen(on_message heard, on_end ended) {
        heard_ = std::move(heard);
        ended_ = std::move(ended);
    }

    interpreter(interpreter const&) = delete;
    interpreter& operator=(interpreter const&) = delete;
    ~interpreter();

    void send(channel where, jupyter_message message);
    void interrupt() const { child_.send(SIGINT); }
    /// Asks it to end, as Jupyter does.
    void ask_to_end();

  private:
    interpreter(raft_asio::event_loop& loop, zmq::context_t& context, child_kernel child, message_signer signer,
                on_message heard, on_end ended);

    void read(channel where);
    void read_all();
    void read_soon();

    raft_asio::event_loop& loop_;
    child_kernel child_;
    message_signer signer_;
    std::array<jupyter_socket, channel_count> sockets_;
    int process_ = -1; // a pidfd
    on_message heard_;
    on_end ended_;
    bool will_read_ = false;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace hpcsched::notebook_host

#endif
