// SPDX-License-Identifier: Apache-2.0
#include "burner.hpp"

#include <hpcsched/cpu_linux/process.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <utility>

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
    // By the wall clock, and the fastest of several rounds: nothing makes a round look faster than it is, while a
    // virtual machine's CPU clock, off which the hypervisor's share is taken late, now and then does.
    double fastest = 0;
    for (int round = 0; round < 9; ++round) {
        constexpr std::int64_t turns = 2'000'000;
        time_point const from = cpu_linux::now();
        turn(turns);
        duration const took = std::max(cpu_linux::now() - from, duration{1});
        fastest = std::max(fastest, static_cast<double>(turns) / static_cast<double>(took.count()));
    }
    return burner{fastest};
}

void burner::burn_until(duration cpu_time) const noexcept {
    // A first step of an eighth shows how fast the processor is now, for it may be slower by far than it was when it
    // was measured: its sibling is busy, or its hypervisor is. Then half of what is left each time, and never more than
    // a few ticks, so that one that becomes slower within a step, by up to half, does not overshoot.
    constexpr duration longest{20'000'000};
    constexpr duration shows_the_speed{100'000}; // of less, the question to the clock would be a good part
    double speed = turns_per_nanosecond_;
    duration used = own_cpu_time();
    for (int share = 8; used < cpu_time; share = 2) {
        duration const aim = std::min((cpu_time - used) / share, longest);
        auto const turns =
            std::max<std::int64_t>(static_cast<std::int64_t>(speed * static_cast<double>(aim.count())), 100);
        turn(turns);
        duration const before = std::exchange(used, own_cpu_time());
        if (used - before >= shows_the_speed) {
            double const seen = static_cast<double>(turns) / static_cast<double>((used - before).count());
            speed = std::min(seen, turns_per_nanosecond_); // none is faster than the fastest: the clock was late
        }
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
