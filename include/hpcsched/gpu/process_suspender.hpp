// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_PROCESS_SUSPENDER_HPP
#define HPCSCHED_GPU_PROCESS_SUSPENDER_HPP

#include <hpcsched/core/sink.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/gpu/device_driver.hpp>
#include <hpcsched/gpu/suspension.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace hpcsched::gpu {

/// Takes one process off its devices and brings it back with a driver, as `suspension` decides. The process needs to
/// know nothing of it.
///
/// Several suspenders may share a driver: each is handed the ends of all.
///
/// \thread_safety none; that of the driver
template <process_driver Driver>
class process_suspender {
  public:
    /// \param driver  must outlive it
    process_suspender(Driver& driver, std::int32_t pid, suspension_config const& config = {})
        : driver_{&driver}, pid_{pid}, decide_{config} {}

    /// As `suspension::suspend`.
    bool suspend(time_point now) {
        bool const accepted = decide_.suspend(now, commands_);
        carry_out(now);
        return accepted;
    }
    /// As `suspension::resume`.
    /// \param changes  empty: to the devices that it came from; or, for each of them, where to
    bool resume(time_point now, std::vector<device_change> changes = {}) {
        changes_ = std::move(changes);
        bool const accepted = decide_.resume(now, commands_);
        carry_out(now);
        return accepted;
    }
    /// Takes note of an end; those of other processes it leaves alone.
    void handle(process_end const& e, time_point now) {
        if (e.pid == pid_) {
            decide_.handle(e, now, commands_);
            carry_out(now);
        }
    }

    [[nodiscard]] std::int32_t pid() const noexcept { return pid_; }
    [[nodiscard]] suspension const& state() const noexcept { return decide_; }

  private:
    // A step may be turned away at once, which brings the next command.
    void carry_out(time_point now) {
        for (std::size_t i = 0; i < commands_.size(); ++i) {
            suspension_command const c = commands_.items()[i];
            process_action const a{.pid = pid_, .step = c.step, .limit = c.limit, .changes = changes_};
            driver_code const code = driver_->begin(a, now);
            if (code != driver_code::done) {
                decide_.handle({pid_, c.step, code, driver_->state_of(pid_)}, now, commands_);
            }
        }
        commands_.clear();
    }

    Driver* driver_;
    std::int32_t pid_;
    suspension decide_;
    std::vector<device_change> changes_;
    buffer<suspension_command> commands_;
};

/// Waits until a suspender has nothing under way, however long that takes.
/// \return the time then
template <process_driver Driver>
time_point settle(Driver& driver, process_suspender<Driver>& process, time_point now) {
    buffer<process_end> ends;
    while (process.state().busy()) {
        now = driver.wait(now, never);
        driver.collect(now, ends);
        for (process_end const& e : ends.items()) {
            process.handle(e, now);
        }
        ends.clear();
    }
    return now;
}

} // namespace hpcsched::gpu

#endif
