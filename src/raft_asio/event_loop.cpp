// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/assert.hpp>
#include <hpcsched/raft_asio/event_loop.hpp>

#include <boost/asio/post.hpp>

#include "loop_state.hpp"
#include <fcntl.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace hpcsched::raft_asio {

namespace detail {

watched::watched(asio::io_context& loop, int descriptor, std::function<void()> to_call)
    : duplicate{loop, ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0)}, readable{std::move(to_call)} {}

void watched::await() {
    duplicate.async_wait(asio::posix::descriptor_base::wait_read,
                         [self = shared_from_this()](boost::system::error_code const& failed) {
                             if (!failed && self->duplicate.is_open()) {
                                 self->readable();
                                 if (self->duplicate.is_open()) {
                                     self->await();
                                 }
                             }
                         });
}

void loop_state::add_end_of_turn(void const* who, std::function<void()> work) {
    after_turn_.push_back({who, std::move(work)});
}

void loop_state::remove_end_of_turn(void const* who) {
    std::erase_if(after_turn_, [&](work_after_turn const& each) { return each.who == who; });
}

bool loop_state::look_for_a_while(time_point deadline) {
    time_point const until = std::min(deadline, saturating_add(event_loop::now(), spin));
    do {
        if (context.poll_one() != 0) {
            return true;
        }
        ::sched_yield(); // who has work to do goes first: it may be what is waited for
    } while (event_loop::now() < until);
    return false;
}

// Long waits count no more than is needed to tell them from short ones, or one pause would outweigh a burst.
void loop_state::note_wait(duration lasted) {
    duration const counted = std::min(lasted, 4 * spin);
    usual_wait_ = usual_wait_ == unlimited ? counted : usual_wait_ + (counted - usual_wait_) / 8;
}

void loop_state::wait(time_point deadline) {
    // One who never stops talking must not keep the host from its turn.
    constexpr std::size_t handlers_max = 1024;

    time_point const from = event_loop::now();
    if (spin == duration{} || usual_wait_ > spin || !look_for_a_while(deadline)) {
        if (deadline == never) {
            context.run_one();
        } else {
            context.run_one_until(std::chrono::steady_clock::time_point{deadline.time_since_epoch()});
        }
    }
    note_wait(event_loop::now() - from);
    for (std::size_t i = 0; i < handlers_max && context.poll_one() != 0; ++i) {
    }
}

time_point loop_state::turn() {
    time_point const next = on_turn ? on_turn(event_loop::now()) : never;
    for (work_after_turn const& each : after_turn_) {
        each.work();
    }
    return next;
}

} // namespace detail

event_loop::event_loop() : state_{std::make_unique<detail::loop_state>()} {}

event_loop::~event_loop() = default;

void event_loop::set_on_turn(std::function<time_point(time_point)> turn) {
    state_->on_turn = std::move(turn);
}

void event_loop::watch(int descriptor, std::function<void()> readable) {
    HPCSCHED_ASSERT(!state_->watches.contains(descriptor));
    auto const made = std::make_shared<detail::watched>(state_->context, descriptor, std::move(readable));
    state_->watches.emplace(descriptor, made);
    made->await();
}

void event_loop::unwatch(int descriptor) {
    auto const at = state_->watches.find(descriptor);
    if (at != state_->watches.end()) {
        boost::system::error_code ignored;
        at->second->duplicate.close(ignored);
        state_->watches.erase(at);
    }
}

void event_loop::post(std::function<void()> work) {
    detail::asio::post(state_->context, std::move(work));
}

void event_loop::set_spin(duration spin) {
    state_->spin = spin;
}

time_point event_loop::now() noexcept {
    return time_point{std::chrono::duration_cast<duration>(std::chrono::steady_clock::now().time_since_epoch())};
}

void event_loop::run() {
    time_point next = state_->turn();
    while (!state_->stopping.exchange(false)) {
        state_->wait(next);
        next = state_->turn();
    }
}

bool event_loop::run_until(std::function<bool()> const& done, time_point deadline) {
    time_point next = state_->turn();
    while (!done()) {
        if (now() >= deadline) {
            return false;
        }
        state_->wait(std::min(next, deadline));
        next = state_->turn();
    }
    return true;
}

void event_loop::stop() {
    state_->stopping.store(true);
    post([] {}); // wakes it
}

} // namespace hpcsched::raft_asio
