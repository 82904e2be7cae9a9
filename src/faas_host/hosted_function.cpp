// SPDX-License-Identifier: Apache-2.0
#include "hosted_function.hpp"

#include <hpcsched/core/assert.hpp>
#include <hpcsched/cpu_linux/process.hpp>

#include <boost/asio/post.hpp>

#include "invoke_api.hpp"
#include "process_stat.hpp"
#include "worker_cpu_time.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>
#include <variant>

namespace hpcsched::faas_host::detail {

namespace {

worker_pool_config pool_config_of(function_config const& config) {
    return {.concurrency = config.concurrency,
            .queue_capacity = config.queue_capacity,
            .timeout = config.timeout,
            .init_timeout = config.init_timeout,
            .is_reused = config.speaks != protocol::command};
}

/// "3.00"
std::string two_digits(duration length) {
    char text[32]{};
    std::snprintf(text, sizeof text, "%.2f", to_seconds(length));
    return text;
}

} // namespace

hosted_function::hosted_function(function_config config, worker_place const& place, worker_steering* steering,
                                 latency_admission* admission, std::function<void()> on_change)
    : config_{std::move(config)}, place_{place}, steering_{steering}, admission_{admission},
      on_change_{std::move(on_change)}, pool_{pool_config_of(config_), config_.keep_alive},
      log_{std::make_shared<log_file>(config_.log_file)}, timer_{place.loop} {
    counts_.name = config_.name;
    counts_.concurrency = config_.concurrency;
    counts_.latency_target = config_.latency_target;
    if (admission_ != nullptr) {
        number_ = admission_->add(config_);
    }
}

invocation_id hosted_function::invoke(invocation_request request, invocation_told tell) {
    if (admission_ != nullptr && !pool_.is_draining()) {
        if (auto const retry_after = admission_->arrived(number_)) {
            ++counts_.refused;
            ++counts_.turned_away;
            tell({.how = ending::turned_away, .retry_after = *retry_after});
            return {};
        }
    }
    invocation_id const id{++last_invocation_};
    invocations_.emplace(
        id.value,
        invocation{.id = id, .request = std::move(request), .tell = std::move(tell), .arrival = cpu_linux::now()});
    ++counts_.invocations;
    tell_pool(invoked{id});
    return invocations_.contains(id.value) ? id : invocation_id{};
}

void hosted_function::cancel(invocation_id id) {
    auto const found = invocations_.find(id.value);
    if (found == invocations_.end()) {
        return;
    }
    ++counts_.abandoned;
    found->second.tell = nullptr;
    if (found->second.begin == time_point{}) {
        bool const starts_a_worker =
            std::ranges::any_of(starts_with_, [&](auto const& each) { return each.second == id; });
        if (!starts_a_worker) {
            invocations_.erase(found);
            if (admission_ != nullptr) {
                admission_->left(number_);
            }
            tell_pool(cancelled{id});
        }
    }
}

void hosted_function::drain() {
    tell_pool(drain_began{});
}

void hosted_function::kill_all() {
    for (auto const& [id, who] : workers_) {
        who->kill();
    }
}

// --- the pool ----------------------------------------------------------------------------------------------------

/// Commands are carried out in order; what one of them sets off comes after those at hand.
template <class Event>
void hosted_function::tell_pool(Event const& event) {
    pool_.handle(event, cpu_linux::now(), commands_);
    if (std::exchange(is_carrying_out_, true)) {
        return;
    }
    for (std::size_t i = 0; i < commands_.size(); ++i) {
        pool_command const each = commands_.items()[i]; // a copy: more may be appended meanwhile
        std::visit([this](auto const& what) { this->carry_out(what); }, each);
    }
    commands_.clear();
    is_carrying_out_ = false;
    arm_timer();
}

/// A deadline that moved away fires once too early, which costs less than to arm anew for each invocation.
void hosted_function::arm_timer() {
    time_point const next = pool_.next_deadline();
    if (next >= armed_for_) {
        return;
    }
    armed_for_ = next;
    timer_.expires_after(std::max(next - cpu_linux::now(), duration::zero()));
    timer_.async_wait([this](boost::system::error_code const& cancelled) {
        if (!cancelled) {
            armed_for_ = never;
            tell_pool(deadline_came{});
        }
    });
}

void hosted_function::carry_out(start_worker const& c) {
    worker_owner& self = *this;
    auto const made = std::make_shared<worker>(c.worker, config_, place_, self, log_);
    made->since = cpu_linux::now();
    workers_.emplace(c.worker, made);
    ++counts_.cold_starts;
    if (c.with) {
        starts_with_.emplace(c.worker, *c.with);
    }
    made->start();
}

void hosted_function::carry_out(assign_invocation const& c) {
    give(*workers_.at(c.worker), invocations_.at(c.invocation.value));
}

void hosted_function::carry_out(kill_worker const& c) {
    if (auto const found = workers_.find(c.worker); found != workers_.end()) {
        found->second->kill();
    }
}

void hosted_function::carry_out(refuse_invocation const& c) {
    auto refused = invocations_.extract(c.invocation.value);
    HPCSCHED_ASSERT(!refused.empty());
    --counts_.invocations;
    ++counts_.refused;
    if (admission_ != nullptr && c.why != refusal::draining) {
        admission_->left(number_);
    }
    if (refused.mapped().tell) {
        refused.mapped().tell(
            {.how = c.why == refusal::too_many ? ending::too_many : ending::draining, .retry_after = c.retry_after});
    }
}

void hosted_function::carry_out(fail_invocation const& c) {
    auto const found = invocations_.find(c.invocation.value);
    if (found == invocations_.end()) {
        return;
    }
    counts_.timed_out += c.why == failure_reason::timed_out ? 1U : 0U;
    auto const by = workers_.find(c.worker);
    starts_with_.erase(c.worker);
    end(c.invocation, by == workers_.end() ? nullptr : by->second.get(), ending::function_error,
        why_failed(c, found->second));
}

std::string hosted_function::why_failed(fail_invocation const& c, invocation const& what) const {
    std::string const& id = what.request.request_id;
    auto const by = workers_.find(c.worker);
    switch (c.why) {
    case failure_reason::timed_out:
        return error_envelope("Sandbox.Timedout", "RequestId: " + id + " Error: Task timed out after " +
                                                      two_digits(config_.timeout) + " seconds");
    case failure_reason::start_timed_out:
        return platform_error("Sandbox.InitTimedout", id,
                              "the worker did not ask for work within " + two_digits(config_.init_timeout) +
                                  " seconds of its start");
    case failure_reason::start_failed:
        if (auto const said = start_errors_.find(c.worker); said != start_errors_.end()) {
            return said->second;
        }
        break;
    case failure_reason::worker_exited:
        break;
    }
    if (by == workers_.end()) {
        return platform_error("Runtime.Unknown", id, "the worker is gone");
    }
    worker const& gone = *by->second;
    if (gone.could_not_start()) {
        return platform_error("Runtime.InvalidEntrypoint", id, "the worker cannot be started: " + gone.how_it_ended());
    }
    if (gone.was_out_of_memory()) {
        return platform_error("Runtime.OutOfMemory", id,
                              "Runtime exited with error: " + gone.how_it_ended() + ", out of memory");
    }
    return platform_error("Runtime.ExitError", id,
                          gone.succeeded() ? "Runtime exited without providing a reason"
                                           : "Runtime exited with error: " + gone.how_it_ended());
}

// --- invocations -------------------------------------------------------------------------------------------------

void hosted_function::give(worker& to, invocation& what) {
    what.begin = cpu_linux::now();
    what.deadline = saturating_add(what.begin, config_.timeout);
    waited_.add(what.begin - what.arrival);
    if (admission_ != nullptr) {
        what.cpu_before = cpu_time_of_worker(to);
        admission_->began(number_, what.id);
    }
    if (steering_ != nullptr) {
        steering_->begin(to.process(), config_.name);
    }
    to.give(what);
}

/// A process that serves one invocation has children more often than not.
std::optional<duration> hosted_function::cpu_time_of_worker(worker const& of) const {
    return config_.speaks == protocol::command ? std::nullopt : cpu_time_of(of.process());
}

void hosted_function::tell_admission(invocation const& ended, worker const* by) {
    if (ended.begin == time_point{}) {
        admission_->left(number_);
        return;
    }
    std::optional<duration> used;
    if (by != nullptr && ended.cpu_before) {
        if (auto const after = cpu_time_of_worker(*by)) {
            used = *after - *ended.cpu_before;
        }
    }
    admission_->ended(number_, ended.id, used);
}

void hosted_function::end(invocation_id id, worker* by, ending how, std::string&& body) {
    auto ended = invocations_.extract(id.value);
    if (ended.empty()) {
        return;
    }
    invocation& what = ended.mapped();
    invocation_result result{.how = how, .body = std::move(body)};
    (how == ending::answered ? counts_.answered : counts_.failed) += 1;
    if (what.begin != time_point{}) {
        served_.add(cpu_linux::now() - what.begin);
    }
    if (admission_ != nullptr) {
        tell_admission(what, by);
    }
    if (by != nullptr && by->current() == &what) {
        if (what.request.wants_log) {
            result.log_tail = by->log_tail();
        }
        by->forget_current();
        if (steering_ != nullptr) {
            steering_->end(by->process());
        }
    }
    if (what.tell) {
        what.tell(std::move(result));
    }
}

void hosted_function::finish(worker& who, ending how, std::string&& body) {
    if (who.current() == nullptr) {
        return;
    }
    end(who.current()->id, &who, how, std::move(body));
    tell_pool(worker_answered{who.id()});
}

// --- what workers tell -------------------------------------------------------------------------------------------

void hosted_function::on_started(worker& who) {
    if (auto const with = starts_with_.extract(who.id()); !with.empty()) {
        if (auto const what = invocations_.find(with.mapped().value); what != invocations_.end()) {
            give(who, what->second);
        }
    }
}

void hosted_function::on_ready(worker& who) {
    if (admission_ != nullptr && warm_.insert(who.id()).second) {
        admission_->worker_started(number_, cpu_linux::now() - who.since);
    }
    tell_pool(worker_ready{who.id()});
}

void hosted_function::on_answer(worker& who, std::string&& body) {
    finish(who, ending::answered, std::move(body));
}

void hosted_function::on_error(worker& who, std::string&& envelope) {
    finish(who, ending::function_error, std::move(envelope));
}

void hosted_function::on_start_error(worker& who, std::string&& envelope) {
    start_errors_[who.id()] = std::move(envelope);
    tell_pool(worker_failed_to_start{who.id()});
}

void hosted_function::on_exit(worker& who) {
    auto const keep = who.shared_from_this();
    if (steering_ != nullptr && who.current() != nullptr) {
        steering_->end(who.process());
    }
    if (warm_.erase(who.id()) > 0) {
        admission_->worker_exited(number_);
    }
    tell_pool(worker_exited{who.id()});
    // Its place in the table is needed until the commands that speak of it are carried out.
    asio::post(place_.loop, [this, keep] {
        workers_.erase(keep->id());
        starts_with_.erase(keep->id());
        start_errors_.erase(keep->id());
        on_change_();
    });
}

hosted_function_figures hosted_function::figures() const {
    hosted_function_figures all = counts_;
    all.waiting = pool_.queue_length();
    all.running = pool_.busy_count();
    all.lost_log_bytes = log_->lost_bytes();
    all.waited = waited_.figures();
    all.served = served_.figures();
    if (admission_ != nullptr) {
        auto const told = admission_->figures_of(number_);
        all.offered_rate = told.offered;
        all.admitted_rate = told.limit;
    }
    time_point const now = cpu_linux::now();
    for (auto const& [id, who] : workers_) {
        worker_figures one{.worker = id,
                           .process = who->process(),
                           .state = pool_.state_of(id).value_or(worker_state::ending),
                           .age = now - who->since,
                           .invocations = who->invocations};
        if (one.process != 0) {
            if (auto const stat = cpu_linux::detail::read_process_stat(one.process)) {
                one.last_cpu = stat->last_cpu;
            }
            if (auto const given = cpu_linux::get_scheduling(one.process); given.has_value()) {
                one.scheduling = *given;
            }
        }
        all.workers.push_back(one);
    }
    return all;
}

} // namespace hpcsched::faas_host::detail
