// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_NOTEBOOK_HOST_INTERPRETER_POOL_HPP
#define HPCSCHED_SRC_NOTEBOOK_HOST_INTERPRETER_POOL_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/raft_asio/event_loop.hpp>

#include "interpreter.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace hpcsched::notebook_host {

/// Interpreters that were started before anybody needs them: to start one takes a second, and a kernel that is opened,
/// or a replica whose interpreter died, need not wait for it.
/// \thread_safety none; confine to the loop's thread
class interpreter_pool {
  public:
    /// \param words     as for `child_kernel::start`
    /// \param wanted    how many wait
    /// \param complain  is told why one could not be started, or has ended
    interpreter_pool(raft_asio::event_loop& loop, zmq::context_t& sockets, std::vector<std::string> words,
                     std::size_t wanted, std::function<void(std::string const&)> complain);

    /// One that waits, or a new one.
    /// \error it cannot be started
    [[nodiscard]] result<std::unique_ptr<interpreter>> take(interpreter::on_message heard, interpreter::on_end ended);

    /// Starts what is missing, one at a time.
    void refill(time_point now);

  private:
    [[nodiscard]] result<std::unique_ptr<interpreter>> start(interpreter::on_message heard, interpreter::on_end ended);

    raft_asio::event_loop& loop_;
    zmq::context_t& sockets_;
    std::vector<std::string> words_;
    std::size_t wanted_;
    std::function<void(std::string const&)> complain_;
    std::vector<std::unique_ptr<interpreter>> waiting_;
    std::unique_ptr<interpreter> starting_;
    time_point not_before_{};
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace hpcsched::notebook_host

#endif
