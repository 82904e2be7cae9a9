// SPDX-License-Identifier: Apache-2.0
#include "burner.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <ctime>

namespace hpcsched::experiment_linux::detail {

namespace {

duration own_cpu_time() noexcept {
    timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return std::chrono::seconds{t.tv_sec} + duration{t.tv_nsec};
}

void turn(std::int64_t count) noexcept {
    for (std::int64_t i = 0; i < count; ++i) {
        asm volatile("" ::: "memory"); // an empty loop would be left out
    }
}

void sleep_for(duration length) noexcept {
    auto const seconds = std::chrono::floor<std::chrono::seconds>(length);
    timespec left{.tv_sec = seconds.count(), .tv_nsec = (length - seconds).count()};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR) {
    }
}

} // namespace

burner burner::calibrated() {
    double best = 0;
    for (int round = 0; round < 5; ++round) {
        constexpr std::int64_t turns = 5'000'000;
        duration const from = own_cpu_time();
        turn(turns);
        best = std::max(best, static_cast<double>(turns) / static_cast<double>((own_cpu_time() - from).count()));
    }
    return burner{best};
}

void burner::burn_until(duration cpu_time) const noexcept {
    // Half of what is left each time: a processor that has become slower, by up to half, never overshoots, and the
    // clock is asked some fifteen times in all.
    for (duration left = cpu_time - own_cpu_time(); left > duration{0}; left = cpu_time - own_cpu_time()) {
        turn(std::max<std::int64_t>(
            static_cast<std::int64_t>(0.5 * turns_per_nanosecond_ * static_cast<double>(left.count())), 100));
    }
}

void burner::run(workload::invocation const& what) const noexcept {
    for (workload::blocking_segment const& segment : what.blocking) {
        burn_until(segment.after_cpu);
        sleep_for(segment.length);
    }
    burn_until(what.service);
}

} // namespace hpcsched::experiment_linux::detail
