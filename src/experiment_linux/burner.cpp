// SPDX-License-Identifier: Apache-2.0
#include "burner.hpp"

#include <algorithm>
#include <array>
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
    // The median: what a hypervisor steals is taken off the clock late, which makes single rounds look far too fast.
    std::array<double, 9> speeds{};
    for (double& each : speeds) {
        constexpr std::int64_t turns = 3'000'000;
        duration const from = own_cpu_time();
        turn(turns);
        each = static_cast<double>(turns) / static_cast<double>(std::max(own_cpu_time() - from, duration{1}).count());
    }
    std::nth_element(speeds.begin(), speeds.begin() + speeds.size() / 2, speeds.end());
    return burner{speeds[speeds.size() / 2]};
}

void burner::burn_until(duration cpu_time) const noexcept {
    // Half of what is left each time, and never more than a few ticks: a processor that has become slower, by up to
    // half, does not overshoot, and one that was measured wrong not by much.
    constexpr duration longest{20'000'000};
    for (duration left = cpu_time - own_cpu_time(); left > duration{0}; left = cpu_time - own_cpu_time()) {
        double const nanoseconds = static_cast<double>(std::min(left / 2, longest).count());
        turn(std::max<std::int64_t>(static_cast<std::int64_t>(turns_per_nanosecond_ * nanoseconds), 100));
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
