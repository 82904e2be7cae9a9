// SPDX-License-Identifier: Apache-2.0
#include "timer.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace hpcsched::notebook_host {
namespace {

[[nodiscard]] timespec spec_of(duration d) {
    constexpr std::int64_t second = 1'000'000'000;
    return {d.count() / second, d.count() % second};
}

} // namespace

timer::timer(raft_asio::event_loop& loop, std::function<void()> call)
    : loop_{loop}, descriptor_{::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)} {
    loop_.watch(descriptor_, [this, call = std::move(call)] {
        std::uint64_t expired = 0;
        if (::read(descriptor_, &expired, sizeof expired) == sizeof expired) {
            call();
        }
    });
}

timer::~timer() {
    loop_.unwatch(descriptor_);
    ::close(descriptor_);
}

void timer::every(duration interval) {
    set(duration{1}, interval);
}

void timer::once(duration after) {
    set(after, duration{});
}

void timer::set(duration first, duration then) {
    itimerspec const times{spec_of(then), spec_of(std::max(first, duration{1}))}; // 0 would switch it off
    ::timerfd_settime(descriptor_, 0, &times, nullptr);
}

} // namespace hpcsched::notebook_host
