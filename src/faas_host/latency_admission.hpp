// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FAAS_HOST_LATENCY_ADMISSION_HPP
#define HPCSCHED_FAAS_HOST_LATENCY_ADMISSION_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu_linux/process.hpp>
#include <hpcsched/faas/latency_guard.hpp>
#include <hpcsched/faas_host/figures.hpp>
#include <hpcsched/faas_host/function_config.hpp>
#include <hpcsched/faas_host/worker_pool.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>

namespace hpcsched::faas_host::detail {

/// The guard of the latency targets, with the host's clock.
class latency_admission {
  public:
    explicit latency_admission(faas::latency_guard_config const& config) : level_{config.risk_level}, guard_{config} {}

    /// \return the function's number
    std::size_t add(function_config const& function) {
        return guard_.add({.concurrency = function.concurrency,
                           .queue_capacity = function.queue_capacity,
                           .keeps_workers = function.speaks != protocol::command,
                           .latency_target = function.latency_target,
                           .share_above = function.latency_share},
                          cpu_linux::now());
    }

    /// \return nothing: it is admitted; else when it may come again
    [[nodiscard]] std::optional<duration> arrived(std::size_t function) {
        time_point const now = cpu_linux::now();
        std::uint64_t const looks = guard_.figures().reviews;
        auto const retry_after = guard_.arrived(function, now);
        if (guard_.figures().reviews != looks) {
            duration const took = cpu_linux::now() - now;
            looked_ += took;
            longest_look_ = std::max(longest_look_, took);
        }
        return retry_after;
    }
    void left(std::size_t function) { guard_.left(function); }
    void began(std::size_t function, invocation_id what) { guard_.began(function, what.value, cpu_linux::now()); }
    void ended(std::size_t function, invocation_id what, std::optional<duration> cpu_time) {
        guard_.ended(function, what.value, cpu_linux::now(), cpu_time);
    }
    void worker_started(std::size_t function, duration took) { guard_.worker_started(function, took); }
    void worker_exited(std::size_t function) { guard_.worker_exited(function); }

    [[nodiscard]] faas::guarded_function_figures figures_of(std::size_t function) const {
        return guard_.figures(function, cpu_linux::now());
    }
    [[nodiscard]] latency_risk_figures figures() const {
        faas::latency_guard_figures const& of = guard_.figures();
        return {.level = level_,
                .offered = of.offered.probability,
                .offered_low = of.offered.within.low,
                .offered_high = of.offered.within.high,
                .admitted = of.admitted.probability,
                .looks = of.reviews,
                .looked = looked_,
                .longest_look = longest_look_};
    }

  private:
    double level_;
    faas::latency_guard guard_;
    duration looked_{};
    duration longest_look_{};
};

} // namespace hpcsched::faas_host::detail

#endif
