// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_NOTEBOOK_HOST_INTERPRETER_POOL_HPP
#define HPCSCHED_SRC_NOTEBOOK_HOST_INTERPRETER_POOL_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/raft_asio/event_loop.hpp>

#include "interpreter.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::notebook_host {

/// Interpreters that were started before anybody needs them: to start one takes a second, and a kernel that is opened,
/// or a replica whose interpreter died, need not wait for it. Those of one user wait for kernels of that user alone:
/// for whom `expect` says that there may be more.
/// \thread_safety none; confine to the loop's thread
class interpreter_pool {
  public:
    /// \param words     as for `child_kernel::start`
    /// \param wanted    how many wait
    /// \param complain  is told why one could not be started, or has ended
    interpreter_pool(raft_asio::event_loop& loop, zmq::context_t& sockets, std::vector<std::string> words,
                     std::size_t wanted, std::function<void(std::string const&)> complain);

    /// One that waits, or a new one.
    /// \param user  whose; empty: of this process's user
    /// \error it cannot be started
    [[nodiscard]] result<std::unique_ptr<interpreter>> take(std::string const& user, interpreter::on_message heard,
                                                            interpreter::on_end ended);

    /// Whose kernels may come; those that wait for others end.
    void expect(std::set<std::string> users);

    /// Starts what is missing, one at a time.
    void refill(time_point now);

  private:
    struct waiting_room {
        std::vector<std::unique_ptr<interpreter>> waiting;
        std::unique_ptr<interpreter> starting;
        time_point not_before{};
    };

    [[nodiscard]] result<std::unique_ptr<interpreter>> start(std::string const& user, interpreter::on_message heard,
                                                             interpreter::on_end ended);
    void refill(std::string const& user, waiting_room& room, time_point now);
    void lost(std::string const& user, int status);

    raft_asio::event_loop& loop_;
    zmq::context_t& sockets_;
    std::vector<std::string> words_;
    std::size_t wanted_;
    std::function<void(std::string const&)> complain_;
    std::vector<std::pair<std::string, std::string>> package_; // hpcsched_kernel: names and texts of its files
    std::map<std::string, waiting_room> rooms_;                // by user
    time_point not_before_{};
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace hpcsched::notebook_host

#endif
