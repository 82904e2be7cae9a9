// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_NOTEBOOK_HOST_TIMER_HPP
#define HPCSCHED_SRC_NOTEBOOK_HOST_TIMER_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/raft_asio/event_loop.hpp>

#include <functional>

namespace hpcsched::notebook_host {

/// Calls on a loop, every so often or once.
/// \thread_safety none; confine to the loop's thread
class timer {
  public:
    timer(raft_asio::event_loop& loop, std::function<void()> call);
    timer(timer const&) = delete;
    timer& operator=(timer const&) = delete;
    ~timer();

    /// From now on every so often, at once first.
    void every(duration interval);
    /// Once, after so long; what was set before is forgotten.
    void once(duration after);

  private:
    void set(duration first, duration then);

    raft_asio::event_loop& loop_;
    int descriptor_;
};

} // namespace hpcsched::notebook_host

#endif
