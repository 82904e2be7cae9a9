// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/assert.hpp>
#include <hpcsched/faas_host/worker_pool.hpp>

#include <algorithm>

namespace hpcsched::faas_host {

worker_pool::worker_pool(worker_pool_config const& config, any_keep_alive keep_alive)
    : config_{config}, keep_alive_{std::move(keep_alive)} {
    HPCSCHED_ASSERT(config.concurrency >= 1);
    HPCSCHED_ASSERT(config.timeout > duration::zero());
    HPCSCHED_ASSERT(config.init_timeout > duration::zero());
}

void worker_pool::handle(invoked const& e, time_point now, pool_sink& out) {
    if (is_draining_) {
        out.append(refuse_invocation{e.invocation, refusal::draining, std::chrono::seconds{1}});
        return;
    }
    if (nothing_to_do_since_) {
        keep_alive_.observe(now - *std::exchange(nothing_to_do_since_, std::nullopt));
        prewarm_at_ = never;
    }
    if (!idle_.empty()) {
        worker_id const last = idle_.back();
        idle_.pop_back();
        assign(*workers_.find(last), e.invocation, now, out);
        return;
    }
    bool const can_start = workers_.size() < config_.concurrency;
    if (!config_.is_reused && can_start) {
        begin_start(e.invocation, now, out);
        return;
    }
    // Who waits for a worker that starts or has just answered, or for the place of one that ends, does not fill the
    // queue.
    std::size_t const soon = starting_count_ + resting_count_ + ending_count_;
    if (!can_start && queue_.size() >= config_.queue_capacity + soon) {
        out.append(refuse_invocation{e.invocation, refusal::too_many, retry_after()});
        return;
    }
    queue_.push_back(e.invocation);
    if (resting_count_ > 0 && can_start && patient_until_ == never) {
        patient_until_ = saturating_add(now, config_.patience);
    }
    start_for_those_waiting(now, out);
}

void worker_pool::handle(cancelled const& e, time_point now, pool_sink&) {
    std::erase(queue_, e.invocation);
    if (queue_.empty() && busy_count_ == 0 && !nothing_to_do_since_) {
        nothing_to_do_since_ = now;
    }
}

void worker_pool::handle(worker_ready const& e, time_point now, pool_sink& out) {
    auto const found = workers_.find(e.worker);
    if (found == workers_.end()) {
        return;
    }
    worker_state const state = found->second.state;
    if (state == worker_state::starting || state == worker_state::resting) {
        become_idle(*found, now, out);
    }
}

void worker_pool::handle(worker_answered const& e, time_point now, pool_sink&) {
    auto const found = workers_.find(e.worker);
    if (found == workers_.end() || found->second.state != worker_state::busy) {
        return;
    }
    time_point const deadline = found->second.deadline; // by then it is to ask for more, or to have exited
    invocation_ended(*found, now);
    enter(*found, worker_state::resting, now, deadline);
}

void worker_pool::handle(worker_failed_to_start const& e, time_point now, pool_sink& out) {
    auto const found = workers_.find(e.worker);
    if (found != workers_.end() && found->second.state == worker_state::starting) {
        fail_start(*found, failure_reason::start_failed, now, out);
        end(*found, now, out);
    }
}

void worker_pool::handle(worker_exited const& e, time_point now, pool_sink& out) {
    auto const found = workers_.find(e.worker);
    if (found == workers_.end()) {
        return;
    }
    worker_entry& gone = *found;
    switch (gone.second.state) {
    case worker_state::starting:
        fail_start(gone, failure_reason::start_failed, now, out);
        break;
    case worker_state::busy:
        out.append(fail_invocation{*gone.second.invocation, e.worker, failure_reason::worker_exited});
        invocation_ended(gone, now);
        break;
    case worker_state::idle:
        std::erase(idle_, e.worker);
        break;
    case worker_state::resting:
    case worker_state::ending:
        break;
    }
    enter(gone, worker_state::ending, now, never); // so that the counts are told
    --ending_count_;
    workers_.erase(found);
    start_for_those_waiting(now, out);
}

void worker_pool::handle(deadline_came const&, time_point now, pool_sink& out) {
    while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
        come_due(*workers_.find(deadlines_.begin()->second), now, out);
    }
    if (patient_until_ <= now) {
        patient_until_ = never;
        start_for_those_waiting(now, out);
    }
    if (prewarm_at_ <= now) {
        prewarm_at_ = never;
        if (workers_.empty() && !is_draining_) {
            begin_start(std::nullopt, now, out);
        }
    }
}

void worker_pool::handle(drain_began const&, time_point now, pool_sink& out) {
    is_draining_ = true;
    prewarm_at_ = never;
    for (worker_entry& each : workers_) {
        bool const is_needed = each.second.state == worker_state::starting && !queue_.empty();
        if (each.second.state != worker_state::busy && !is_needed) {
            end(each, now, out);
        }
    }
}

time_point worker_pool::next_deadline() const noexcept {
    return std::min({prewarm_at_, patient_until_, deadlines_.empty() ? never : deadlines_.begin()->first});
}

std::optional<worker_state> worker_pool::state_of(worker_id id) const noexcept {
    auto const found = workers_.find(id);
    return found == workers_.end() ? std::nullopt : std::optional{found->second.state};
}

/// Every change of a worker's state goes through here: it keeps the counts and the deadlines.
void worker_pool::enter(worker_entry& of, worker_state state, time_point now, time_point deadline) {
    auto& [id, what] = of;
    if (what.deadline != never) {
        deadlines_.erase({what.deadline, id});
    }
    if (deadline != never) {
        deadlines_.emplace(deadline, id);
    }
    if (what.state == worker_state::starting && state != worker_state::starting) {
        --starting_count_;
    }
    ending_count_ -= what.state == worker_state::ending ? 1U : 0U;
    ending_count_ += state == worker_state::ending ? 1U : 0U;
    resting_count_ -= what.state == worker_state::resting ? 1U : 0U;
    resting_count_ += state == worker_state::resting ? 1U : 0U;
    what.state = state;
    what.since = now;
    what.deadline = deadline;
}

void worker_pool::assign(worker_entry& to, invocation_id invocation, time_point now, pool_sink& out) {
    HPCSCHED_ASSERT(!to.second.invocation);
    enter(to, worker_state::busy, now, saturating_add(now, config_.timeout));
    to.second.invocation = invocation;
    ++busy_count_;
    out.append(assign_invocation{invocation, to.first});
}

void worker_pool::begin_start(std::optional<invocation_id> with, time_point now, pool_sink& out) {
    auto& made = *workers_.emplace(worker_id{++last_worker_}, worker{}).first;
    ++starting_count_;
    if (with) {
        enter(made, worker_state::busy, now, saturating_add(now, config_.timeout));
        made.second.invocation = with;
        ++busy_count_;
    } else {
        enter(made, worker_state::starting, now, saturating_add(now, config_.init_timeout));
    }
    out.append(start_worker{made.first, with});
}

void worker_pool::start_for_those_waiting(time_point now, pool_sink& out) {
    while (workers_.size() < config_.concurrency && expected_count() < queue_.size()) {
        if (config_.is_reused) {
            begin_start(std::nullopt, now, out);
        } else {
            invocation_id const first = queue_.front();
            queue_.pop_front();
            begin_start(first, now, out);
        }
    }
}

/// Of workers that will ask for work soon.
std::size_t worker_pool::expected_count() const noexcept {
    return starting_count_ + (patient_until_ == never ? 0 : resting_count_);
}

void worker_pool::end(worker_entry& of, time_point now, pool_sink& out) {
    if (of.second.state == worker_state::ending) {
        return;
    }
    if (of.second.state == worker_state::idle) {
        std::erase(idle_, of.first);
    }
    enter(of, worker_state::ending, now, never);
    out.append(kill_worker{of.first});
}

/// Who has waited longest is told why there is no worker.
void worker_pool::fail_start(worker_entry& of, failure_reason why, time_point now, pool_sink& out) {
    if (!queue_.empty()) {
        out.append(fail_invocation{queue_.front(), of.first, why});
        queue_.pop_front();
        if (queue_.empty() && busy_count_ == 0) {
            nothing_to_do_since_ = now;
        }
    }
}

void worker_pool::invocation_ended(worker_entry& of, time_point now) {
    HPCSCHED_ASSERT(of.second.invocation.has_value());
    duration const service = now - of.second.since;
    mean_service_ += (service - mean_service_) / 8;
    of.second.invocation.reset();
    --busy_count_;
    if (busy_count_ == 0 && queue_.empty()) {
        nothing_to_do_since_ = now;
    }
}

void worker_pool::become_idle(worker_entry& of, time_point now, pool_sink& out) {
    bool const has_served = of.second.state == worker_state::resting;
    if (!queue_.empty()) {
        invocation_id const first = queue_.front();
        queue_.pop_front();
        assign(of, first, now, out);
        if (queue_.empty()) {
            patient_until_ = never;
        }
        return;
    }
    if (is_draining_) {
        end(of, now, out);
        return;
    }
    warm_windows const windows = keep_alive_.windows();
    if (windows.prewarm > duration::zero() && has_served && busy_count_ == 0) {
        prewarm_at_ = saturating_add(nothing_to_do_since_.value_or(now), windows.prewarm);
        end(of, now, out);
        return;
    }
    enter(of, worker_state::idle, now, saturating_add(now, windows.keep_alive));
    idle_.push_back(of.first);
}

void worker_pool::come_due(worker_entry& of, time_point now, pool_sink& out) {
    switch (of.second.state) {
    case worker_state::starting:
        fail_start(of, failure_reason::start_timed_out, now, out);
        break;
    case worker_state::busy:
        out.append(fail_invocation{*of.second.invocation, of.first, failure_reason::timed_out});
        invocation_ended(of, now);
        break;
    case worker_state::idle:
    case worker_state::resting:
    case worker_state::ending:
        break;
    }
    end(of, now, out);
}

/// How long what waits will take, as far as what ran tells.
duration worker_pool::retry_after() const noexcept {
    using std::chrono::seconds;
    auto const waiting = static_cast<std::int64_t>(std::min<std::size_t>(queue_.size() + 1, 1'000'000));
    auto const each = std::min<duration>(mean_service_, std::chrono::minutes{15});
    auto const all = each / static_cast<std::int64_t>(config_.concurrency) * waiting;
    return std::clamp(std::chrono::ceil<seconds>(all), seconds{1}, seconds{60});
}

} // namespace hpcsched::faas_host
