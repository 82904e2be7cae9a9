// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_RAFT_ASIO_LOOP_STATE_HPP
#define HPCSCHED_SRC_RAFT_ASIO_LOOP_STATE_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/raft_asio/event_loop.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <atomic>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace hpcsched::raft_asio::detail {

namespace asio = boost::asio;

/// A descriptor under watch. Asio gets a duplicate, as it closes what it is given.
struct watched : std::enable_shared_from_this<watched> {
    watched(asio::io_context& loop, int descriptor, std::function<void()> to_call);
    void await();

    asio::posix::stream_descriptor duplicate;
    std::function<void()> readable;
};

class loop_state {
  public:
    asio::io_context context{1};

    std::function<time_point(time_point)> on_turn;
    duration spin = event_loop::default_spin;
    std::map<int, std::shared_ptr<watched>> watches;
    std::atomic<bool> stopping{false};

    /// Called after each turn, in the order of their coming.
    void add_end_of_turn(void const* who, std::function<void()> work);
    void remove_end_of_turn(void const* who);

    /// Waits until something is ready, or `deadline`, and handles all that is ready.
    void wait(time_point deadline);
    /// \return when the next one is due
    time_point turn();

  private:
    bool look_for_a_while(time_point deadline);
    void note_wait(duration lasted);

    struct work_after_turn {
        void const* who = nullptr;
        std::function<void()> work;
    };

    asio::executor_work_guard<asio::io_context::executor_type> open_{context.get_executor()};
    std::vector<work_after_turn> after_turn_;
    duration usual_wait_ = unlimited; // how long nothing was ready: a moving mean
};

} // namespace hpcsched::raft_asio::detail

#endif
