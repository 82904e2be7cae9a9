// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_HOST_WORKER_POOL_HPP
#define HPCSCHED_FAAS_HOST_WORKER_POOL_HPP

#include <hpcsched/core/sink.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/faas_host/keep_alive.hpp>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <variant>
#include <vector>

namespace hpcsched::faas_host {

/// One invocation of a function, numbered by who drives the pool.
struct invocation_id {
    std::uint64_t value = 0;
    friend constexpr auto operator<=>(invocation_id, invocation_id) = default;
};

/// One worker of a pool, numbered by the pool from 1 on; no number is used twice.
struct worker_id {
    std::uint64_t value = 0;
    friend constexpr auto operator<=>(worker_id, worker_id) = default;
};

struct worker_pool_config {
    std::size_t concurrency = 10;               ///< workers at one time, >= 1
    std::size_t queue_capacity = 100;           ///< invocations that wait, beside those that a worker will soon ask for
    duration timeout = std::chrono::seconds{3}; ///< of one invocation, from its assignment
    duration init_timeout = std::chrono::seconds{10};  ///< from a worker's start to its first question for work
    duration patience = std::chrono::milliseconds{20}; ///< how long who waits relies on workers that have just answered
    bool is_reused = true;                             ///< false: a worker serves one invocation, with which it starts
};

// --- events ------------------------------------------------------------------------------------------------------

struct invoked {
    invocation_id invocation{};
};
/// Who invoked it has gone. What runs already runs on; what waits is forgotten without a command.
struct cancelled {
    invocation_id invocation{};
};
/// A worker asks for work.
struct worker_ready {
    worker_id worker{};
};
/// A worker has answered its invocation, well or badly.
struct worker_answered {
    worker_id worker{};
};
/// A worker says that it cannot start.
struct worker_failed_to_start {
    worker_id worker{};
};
/// A worker's process is gone, however. The last event of a worker.
struct worker_exited {
    worker_id worker{};
};
/// The time that `next_deadline()` told has come.
struct deadline_came {};
/// No more invocations are taken; the pool ends what it has.
struct drain_began {};

// --- commands ----------------------------------------------------------------------------------------------------

struct start_worker {
    worker_id worker{};
    std::optional<invocation_id> with{}; ///< given where workers are not reused
    friend bool operator==(start_worker const&, start_worker const&) = default;
};
struct assign_invocation {
    invocation_id invocation{};
    worker_id worker{};
    friend bool operator==(assign_invocation const&, assign_invocation const&) = default;
};
/// End the worker's process and all that it has started; `worker_exited` is to follow.
struct kill_worker {
    worker_id worker{};
    friend bool operator==(kill_worker const&, kill_worker const&) = default;
};

enum class refusal : std::uint8_t { too_many, draining };

/// The invocation is not taken.
struct refuse_invocation {
    invocation_id invocation{};
    refusal why{};
    duration retry_after{}; ///< when it may be worth trying again: whole seconds, >= 1 s
    friend bool operator==(refuse_invocation const&, refuse_invocation const&) = default;
};

enum class failure_reason : std::uint8_t { timed_out, worker_exited, start_failed, start_timed_out };

/// The invocation was taken and gets no answer from a worker.
struct fail_invocation {
    invocation_id invocation{};
    worker_id worker{}; ///< the one that failed it
    failure_reason why{};
    friend bool operator==(fail_invocation const&, fail_invocation const&) = default;
};

using pool_command = std::variant<start_worker, assign_invocation, kill_worker, refuse_invocation, fail_invocation>;
using pool_sink = sink<pool_command>;
using pool_command_buffer = buffer<pool_command>;

enum class worker_state : std::uint8_t {
    starting,
    idle,    ///< waits for work
    busy,    ///< has an invocation
    resting, ///< has answered, and has not asked again yet
    ending   ///< was told to end
};

/// Who serves the invocations of one function, when workers start and when they end.
///
/// An invocation goes to the idle worker that was used last, so that those too many grow old and end; else it waits,
/// first come first served, and a worker is started for it, up to `concurrency`, unless one that has just answered will
/// ask for more before a new one could: a client that asks again at once does not start a second. Beyond
/// `queue_capacity` it is refused. A start that fails costs the invocation that has waited longest, so that a function
/// that cannot start answers each of its invocations, and starts no more often than it is invoked.
///
/// \thread_safety none; a plain value without a clock
class worker_pool {
  public:
    /// \pre concurrency >= 1, times > 0
    worker_pool(worker_pool_config const& config, any_keep_alive keep_alive);

    void handle(invoked const& e, time_point now, pool_sink& out);
    void handle(cancelled const& e, time_point now, pool_sink& out);
    void handle(worker_ready const& e, time_point now, pool_sink& out);
    void handle(worker_answered const& e, time_point now, pool_sink& out);
    void handle(worker_failed_to_start const& e, time_point now, pool_sink& out);
    void handle(worker_exited const& e, time_point now, pool_sink& out);
    void handle(deadline_came const& e, time_point now, pool_sink& out);
    void handle(drain_began const& e, time_point now, pool_sink& out);

    /// When `deadline_came` is due; `never`: not before another event.
    /// \complexity O(1)
    [[nodiscard]] time_point next_deadline() const noexcept;

    [[nodiscard]] std::size_t queue_length() const noexcept { return queue_.size(); }
    [[nodiscard]] std::size_t worker_count() const noexcept { return workers_.size(); }
    [[nodiscard]] std::size_t busy_count() const noexcept { return busy_count_; }
    /// Nothing where the worker is gone.
    [[nodiscard]] std::optional<worker_state> state_of(worker_id worker) const noexcept;
    [[nodiscard]] bool is_draining() const noexcept { return is_draining_; }
    /// Whether a drain has come to its end: nothing waits, nobody is left.
    [[nodiscard]] bool is_drained() const noexcept { return is_draining_ && queue_.empty() && workers_.empty(); }

  private:
    struct worker {
        worker_state state = worker_state::starting;
        std::optional<invocation_id> invocation{};
        time_point since{};          ///< of the state
        time_point deadline = never; ///< of the state
    };
    using worker_entry = std::map<worker_id, worker>::value_type;

    void enter(worker_entry& of, worker_state state, time_point now, time_point deadline);
    void assign(worker_entry& to, invocation_id invocation, time_point now, pool_sink& out);
    void begin_start(std::optional<invocation_id> with, time_point now, pool_sink& out);
    void start_for_those_waiting(time_point now, pool_sink& out);
    void end(worker_entry& of, time_point now, pool_sink& out);
    void fail_start(worker_entry& of, failure_reason why, time_point now, pool_sink& out);
    void invocation_ended(worker_entry& of, time_point now);
    void become_idle(worker_entry& of, time_point now, pool_sink& out);
    void come_due(worker_entry& of, time_point now, pool_sink& out);
    [[nodiscard]] std::size_t expected_count() const noexcept;
    [[nodiscard]] duration retry_after() const noexcept;

    worker_pool_config config_;
    any_keep_alive keep_alive_;
    std::map<worker_id, worker> workers_;
    std::deque<invocation_id> queue_;
    std::vector<worker_id> idle_; ///< the one used last at the end
    std::set<std::pair<time_point, worker_id>> deadlines_;
    std::uint64_t last_worker_ = 0;
    std::size_t starting_count_ = 0; ///< of those that start without an invocation of their own
    std::size_t busy_count_ = 0;
    std::size_t resting_count_ = 0;
    std::size_t ending_count_ = 0;
    time_point patient_until_ = never; ///< `never`: nobody waits for a worker that has just answered
    time_point prewarm_at_ = never;
    std::optional<time_point> nothing_to_do_since_{};
    duration mean_service_{}; ///< exponentially weighted, weight 1/8
    bool is_draining_ = false;
};

} // namespace hpcsched::faas_host

#endif
