// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_RAFT_ASIO_EVENT_LOOP_HPP
#define HPCSCHED_RAFT_ASIO_EVENT_LOOP_HPP

#include <hpcsched/core/time.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace hpcsched::raft_asio {

namespace detail {
class loop_state;
} // namespace detail

/// One thread that waits for sockets, descriptors, timers and posted work, and gives its host a turn after each wait:
/// all that is ready is handled first, then the host is asked once. So whatever arrived together (messages of many
/// groups, completions of the log) is answered together, with one write to the log and one frame to each peer.
///
/// Times are those of `now`: CLOCK_MONOTONIC, nanoseconds since its origin.
///
/// \thread_safety all members from the thread that calls `run`, or before it is called; but `post`, `stop` and `now`
///                from any thread
class event_loop {
  public:
    static constexpr duration default_spin = std::chrono::microseconds{100};

    event_loop();
    event_loop(event_loop const&) = delete;
    event_loop& operator=(event_loop const&) = delete;
    ~event_loop(); ///< \pre what was opened on it (`network`, `client`) is gone

    /// `turn(now)` is called after each wait; it returns when it wants to be called again at the latest, `never` if
    /// only something that happens should wake it. Deadlines are kept to about a millisecond, never early.
    void set_on_turn(std::function<time_point(time_point now)> turn);

    /// Calls `readable` in a turn in which `descriptor` can be read; it should read all that is there. The descriptor
    /// stays the caller's, and open until `unwatch`, or the end of the loop.
    /// \pre the descriptor is one that epoll takes (an eventfd, a socket, a pipe), and not watched yet
    void watch(int descriptor, std::function<void()> readable);
    void unwatch(int descriptor);

    /// Carries `work` out on the loop's thread, in its next turn.
    void post(std::function<void()> work);

    /// How long to look for work again and again before the thread sleeps, where work usually comes sooner than that: a
    /// sleeping thread is woken tens of microseconds later than one that looks. Whoever else wants the core has it
    /// meanwhile, and a loop to which little happens sleeps at once. 0: never look, always sleep.
    void set_spin(duration spin);

    [[nodiscard]] static time_point now() noexcept;

    /// Runs turns until `stop` is called. May be called again after that.
    void run();

    /// Runs turns until `done()` holds after one, or `deadline` has passed.
    /// \return whether `done()` holds
    [[nodiscard]] bool run_until(std::function<bool()> const& done, time_point deadline);

    /// Lets `run` return after the present turn; if it is not running, as soon as it is called.
    void stop();

    /// For what is opened on the loop.
    [[nodiscard]] detail::loop_state& state() noexcept { return *state_; }

  private:
    std::unique_ptr<detail::loop_state> state_;
};

} // namespace hpcsched::raft_asio

#endif
