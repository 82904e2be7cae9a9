// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_SUSPENSION_HPP
#define HPCSCHED_GPU_SUSPENSION_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/sink.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/device_driver.hpp>

#include <chrono>
#include <cstdint>

namespace hpcsched::gpu {

struct suspension_config {
    duration lock_limit = std::chrono::seconds{10};      ///< then the process goes on undisturbed; 0: no limit
    duration checkpoint_limit = std::chrono::minutes{5}; ///< then it is `overdue`, see below
    duration restore_limit = std::chrono::minutes{5};    ///< likewise
    duration unlock_limit = std::chrono::seconds{10};    ///< likewise
    std::uint32_t unlock_tries = 3;                      ///< >= 1; then it is `stuck`

    [[nodiscard]] constexpr bool sound() const noexcept {
        return lock_limit >= duration{0} && checkpoint_limit > duration{0} && restore_limit > duration{0} &&
               unlock_limit > duration{0} && unlock_tries >= 1;
    }
};

/// Where a process is between its devices and the host's memory.
enum class suspension_phase : std::uint8_t {
    running = 0,
    locking = 1,
    checkpointing = 2,
    suspended = 3, ///< off its devices, which others may use
    restoring = 4,
    unlocking = 5,
    over = 6, ///< there is nothing to be done with it any more: see the outcome
};

/// How the last wish to suspend or resume a process went.
enum class suspension_outcome : std::uint8_t {
    pending = 0, ///< not over yet, or nothing was wished
    suspended = 1,
    resumed = 2,
    not_locked = 3,   ///< it was not locked, in time or at all, and runs on
    refused = 4,      ///< it could not be checkpointed, and runs on
    not_restored = 5, ///< it could not be restored, is suspended still, and can be asked to resume again
    gone = 6,         ///< it has ended
    broken = 7,       ///< the driver cannot save or restore it any more: end it
    stuck = 8,        ///< it cannot be unlocked: end it
};

/// What is to be done: one step, whose end is to be told.
struct suspension_command {
    process_step step{};
    duration limit{}; ///< for a lock

    friend constexpr bool operator==(suspension_command const&, suspension_command const&) = default;
};

/// Takes one process off its devices and brings it back, step by step: lock, checkpoint; restore, unlock.
///
/// It goes by the state in which a step left the process, not by whether the step says that it went well, since the
/// steps change the state before they may fail. Whatever fails on the way off is undone: a process that was locked is
/// unlocked, one that was checkpointed is restored. On the way back nothing is undone: a restore that fails, for want
/// of memory on a device that somebody else still uses, leaves the process suspended.
///
/// The driver's checkpoint and restore cannot be interrupted. Where one takes longer than its limit, the suspension is
/// `overdue` and goes on waiting: it is for the host to decide whether to wait on, or to end the process.
///
/// \thread_safety none
/// \source CUDA driver API, "CUDA Checkpointing"
class suspension {
  public:
    explicit suspension(suspension_config const& config = {}) : config_{config} { HPCSCHED_ASSERT(config.sound()); }

    /// Wishes the process off its devices; while it is on its way back, it will turn round as soon as it runs.
    /// \return false, and nothing is done: it is over, suspended, or on its way already
    bool suspend(time_point now, sink<suspension_command>& out) {
        if (phase_ == suspension_phase::over || off_ || phase_ == suspension_phase::suspended) {
            return false;
        }
        off_ = true;
        outcome_ = suspension_outcome::pending;
        code_ = driver_code::done;
        if (phase_ == suspension_phase::running) {
            step(process_step::lock, now, out);
        }
        return true;
    }

    /// Wishes the process back; while it is on its way off, it will turn round after the step under way.
    /// \return false, and nothing is done: it is over, runs, or is on its way already
    bool resume(time_point now, sink<suspension_command>& out) {
        bool const back_already = !off_ && phase_ != suspension_phase::suspended;
        if (phase_ == suspension_phase::over || back_already) {
            return false;
        }
        off_ = false;
        outcome_ = suspension_outcome::pending;
        code_ = driver_code::done;
        undo_ = suspension_outcome::resumed;
        if (phase_ == suspension_phase::suspended) {
            step(process_step::restore, now, out);
        }
        return true;
    }

    /// Takes note of how a step went.
    /// \pre it was commanded, and has not been told before; e.pid is not looked at
    void handle(process_end const& e, time_point now, sink<suspension_command>& out) {
        HPCSCHED_ASSERT(busy());
        HPCSCHED_ASSERT(e.step == step_);
        if (e.code != driver_code::done && code_ == driver_code::done) {
            code_ = e.code;
        }
        if (e.state == process_state::gone || e.state == process_state::failed) {
            end(suspension_phase::over,
                e.state == process_state::gone ? suspension_outcome::gone : suspension_outcome::broken);
            return;
        }
        switch (e.step) {
        case process_step::lock:
        case process_step::checkpoint:
            on_the_way_off(e, now, out);
            break;
        case process_step::restore:
        case process_step::unlock:
            on_the_way_back(e, now, out);
            break;
        }
    }

    [[nodiscard]] suspension_phase phase() const noexcept { return phase_; }
    [[nodiscard]] suspension_outcome outcome() const noexcept { return outcome_; }
    /// What the driver said first of what did not go well since the last wish; done: all went well.
    [[nodiscard]] driver_code code() const noexcept { return code_; }
    /// Whether a step is under way.
    [[nodiscard]] bool busy() const noexcept {
        return phase_ != suspension_phase::running && phase_ != suspension_phase::suspended &&
               phase_ != suspension_phase::over;
    }
    /// When the step under way is overdue; `never` where none is, or it has no limit.
    [[nodiscard]] time_point deadline() const noexcept { return busy() ? deadline_ : never; }
    [[nodiscard]] bool overdue(time_point now) const noexcept { return now >= deadline(); }

  private:
    void on_the_way_off(process_end const& e, time_point now, sink<suspension_command>& out) {
        bool const locks = e.step == process_step::lock;
        bool const well = e.code == driver_code::done;
        if (off_ && locks && e.state == process_state::checkpointed) {
            // It was off before: by this host, before it started anew, or by somebody else.
            end(suspension_phase::suspended, suspension_outcome::suspended);
            return;
        }
        if (off_ && !well) {
            off_ = false;
            undo_ = locks ? suspension_outcome::not_locked : suspension_outcome::refused;
        }
        switch (e.state) {
        case process_state::running:
            // Where it says that all is well, somebody else has unlocked it.
            end(suspension_phase::running, off_ ? suspension_outcome::not_locked : undo_);
            break;
        case process_state::locked:
            if (off_ && locks) {
                step(process_step::checkpoint, now, out);
            } else {
                undo_ = off_ ? suspension_outcome::refused : undo_;
                off_ = false;
                step(process_step::unlock, now, out);
            }
            break;
        case process_state::checkpointed:
            if (off_) {
                end(suspension_phase::suspended, suspension_outcome::suspended);
            } else {
                step(process_step::restore, now, out);
            }
            break;
        case process_state::failed:
        case process_state::gone:
            break;
        }
    }

    void on_the_way_back(process_end const& e, time_point now, sink<suspension_command>& out) {
        switch (e.state) {
        case process_state::running:
            if (off_) {
                step(process_step::lock, now, out);
            } else {
                end(suspension_phase::running, undo_);
            }
            break;
        case process_state::locked:
            if (e.step == process_step::unlock && --tries_ == 0) {
                end(suspension_phase::over, suspension_outcome::stuck);
            } else if (e.step == process_step::restore && off_) {
                step(process_step::checkpoint, now, out);
            } else {
                step(process_step::unlock, now, out);
            }
            break;
        case process_state::checkpointed:
            end(suspension_phase::suspended, off_ ? suspension_outcome::suspended : suspension_outcome::not_restored);
            break;
        case process_state::failed:
        case process_state::gone:
            break;
        }
    }

    void step(process_step which, time_point now, sink<suspension_command>& out) {
        duration limit{};
        switch (which) {
        case process_step::lock:
            phase_ = suspension_phase::locking;
            limit = config_.lock_limit;
            break;
        case process_step::checkpoint:
            phase_ = suspension_phase::checkpointing;
            limit = config_.checkpoint_limit;
            break;
        case process_step::restore:
            phase_ = suspension_phase::restoring;
            limit = config_.restore_limit;
            break;
        case process_step::unlock:
            tries_ = phase_ == suspension_phase::unlocking ? tries_ : config_.unlock_tries;
            phase_ = suspension_phase::unlocking;
            limit = config_.unlock_limit;
            break;
        }
        step_ = which;
        deadline_ = limit == duration{0} ? never : saturating_add(now, limit);
        out.append({which, which == process_step::lock ? limit : duration{}});
    }

    void end(suspension_phase phase, suspension_outcome outcome) noexcept {
        phase_ = phase;
        outcome_ = outcome;
        off_ = false;
    }

    suspension_config config_;
    suspension_phase phase_ = suspension_phase::running;
    suspension_outcome outcome_ = suspension_outcome::pending;
    suspension_outcome undo_ = suspension_outcome::resumed; // what it will have come to when it runs again
    driver_code code_ = driver_code::done;
    process_step step_{};
    time_point deadline_ = never;
    std::uint32_t tries_ = 0;
    bool off_ = false; // it is wished off its devices, and not there yet
};

} // namespace hpcsched::gpu

#endif
