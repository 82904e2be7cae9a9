// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/assert.hpp>
#include <hpcsched/cpu_linux/live_kernel.hpp>

#include "agent_timers.hpp"
#include "bpf_watch.hpp"
#include "file_descriptor.hpp"
#include "overflow_timer.hpp"
#include "process_stat.hpp"
#include "thread_list.hpp"
#include "timespec_of.hpp"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::cpu_linux {

namespace {

using detail::file_descriptor;

/// What a descriptor that became readable stands for.
enum class source : std::uint32_t { clock, bpf, exit, cpu_timer };

constexpr std::uint64_t token(source what, std::uint32_t slot) noexcept {
    return (std::uint64_t{static_cast<std::uint32_t>(what)} << 32U) | slot;
}

constexpr run_end run_end_of(std::uint32_t told) noexcept {
    return told == watch_run_exited    ? run_end::exited
           : told == watch_run_blocked ? run_end::blocked
                                       : run_end::preempted;
}

/// How often it is made sure that no exit went by untold, where BPF tells of them.
constexpr duration audit_period{1'000'000'000};

/// Of all kernels' scheduler ticks (HZ=250; servers rarely have HZ=100).
constexpr duration longest_tick{4'000'000};

/// A look at a CPU timer that no overflow tells of: where the time left could have passed at the earliest.
constexpr duration shortest_look{500'000};

} // namespace

/// One descriptor for everything, a table of the watched tasks, and a line of events that have happened.
class live_kernel::state {
  public:
    [[nodiscard]] result<void> open(live_kernel_config const& config) {
        HPCSCHED_ASSERT(config.poll_period > duration{0});
        config_ = config;
        ready_ = file_descriptor{epoll_create1(EPOLL_CLOEXEC)};
        clock_ = file_descriptor{timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)};
        if (!ready_.is_open() || !clock_.is_open()) {
            return error{std::string{"cannot wait for events: "} + std::strerror(errno)};
        }
        listen(clock_.get(), token(source::clock, 0));
        perf_hooks_ = detail::hold_perf_hooks();
        if (config.from == sensor::polling) {
            return {};
        }
        auto loaded = detail::bpf_watch::load(config.tells_runs);
        if (loaded.has_error()) {
            return config.from == sensor::bpf ? result<void>{loaded.error()} : result<void>{};
        }
        bpf_.emplace(std::move(*loaded));
        listen(bpf_->descriptor(), token(source::bpf, 0));
        return {};
    }

    [[nodiscard]] result<task_id> admit(process_id process, counted_from from) {
        detail::proc_file stat_line{process, "stat"};
        auto const stat = detail::parse_process_stat(stat_line.get());
        if (!stat || is_dead(*stat)) {
            return error{"process " + std::to_string(process) + " has exited"};
        }
        std::uint32_t const slot = free_slot();
        task& t = tasks_[slot];
        ++t.generation;
        t.is_resting = false;
        t.counts_before = {};
        t.process = process;
        t.admitted = now();
        t.started = stat->started;
        t.before = duration{0};
        t.asleep = false;
        t.was_dead = false;
        bool const watched = bpf_ ? watch_by_bpf(t, slot, *stat) : watch_by_pidfd(t, slot);
        // It may have died before it was in the map: then nobody would ever tell.
        auto const after = bpf_ ? detail::parse_process_stat(stat_line.get()) : stat;
        if (!after || is_dead(*after)) {
            t.base = unlimited;
        }
        if (from == counted_from::admission && t.base != unlimited) {
            t.before = std::exchange(t.base, duration{0});
        }
        if (!watched || t.base == unlimited) {
            if (bpf_ && slot < bpf_->capacity) {
                bpf_->remove(process, slot);
            }
            forget(slot);
            return error{"process " + std::to_string(process) + " has exited, or this user may not watch it"};
        }
        ++alive_;
        if (t.asleep) { // an agent takes who arrives for runnable
            put(t.admitted, cpu::task_blocked{id_of(slot), t.base});
        }
        schedule_poll();
        set_clock();
        return id_of(slot);
    }

    void dismiss(task_id id) noexcept {
        if (task* const t = find(id)) {
            if (bpf_) {
                bpf_->remove(t->process, id.index);
            }
            cpu_time_of_others_ += t->is_resting ? duration{0} : cpu_time(*t);
            --alive_;
            forget(id.index);
            leave_out(id);
        }
    }

    void rest(task_id id) noexcept {
        task* const t = find(id);
        HPCSCHED_ASSERT(t != nullptr && !t->is_resting);
        cpu_time_of_others_ += cpu_time(*t);
        t->is_resting = true;
        if (bpf_) {
            bpf_->rest(id.index);
        }
        cancel(cpu::cancel_cpu_timer{id});
        leave_out(id);
    }

    [[nodiscard]] result<task_id> renew(task_id id) {
        task* const t = find(id);
        if (t == nullptr || has_exited(*t, id.index)) {
            return error{"the process has exited"};
        }
        HPCSCHED_ASSERT(t->is_resting);
        duration const until_now = cpu_time(*t);
        t->before += until_now;
        t->base = bpf_ ? t->base - until_now : duration{0};
        t->admitted = now();
        t->is_resting = false;
        ++t->generation;
        if (bpf_) {
            t->counts_before = bpf_->counts(id.index);
            t->asleep = bpf_->renew(id.index, t->generation);
        } else {
            auto const stat = detail::read_process_stat(t->process);
            t->asleep = stat && stat->state != 'R';
        }
        if (t->asleep) { // an agent takes who arrives for runnable
            put(t->admitted, cpu::task_blocked{id_of(id.index), duration{0}});
        }
        return id_of(id.index);
    }

    [[nodiscard]] std::optional<timed_event> next() {
        if (line_.empty() && !std::exchange(has_collected_, false)) {
            collect(duration{0});
        }
        if (line_.empty()) {
            set_clock();
            return std::nullopt;
        }
        has_collected_ = true; // what happens from now on makes the descriptor readable again
        timed_event first = std::move(line_.front());
        line_.pop_front();
        return first;
    }

    void wait(duration longest) {
        if (line_.empty()) {
            collect(longest);
        }
    }

    void arm(cpu::arm_cpu_timer const& timer) {
        task* const t = find(timer.task);
        if (t == nullptr) {
            return;
        }
        t->cpu_timer_at = timer.cpu_time;
        duration const left = timer.cpu_time - cpu_time(*t);
        if (left <= duration{0}) {
            fire(timer.task.index, now());
            return;
        }
        // Where BPF knows the CPU time exactly, no time can come sooner than if the task had a CPU from now on. Most
        // tasks are done by then, and need no counter of perf, which costs as much as all else together.
        if (!bpf_ && set_overflow(timer.task.index, left)) {
            return;
        }
        look_later(timer.task.index, now(), left);
        set_clock();
    }

    void arm(cpu::arm_timer const& timer) {
        timers_.arm(timer.timer, timer.deadline);
        set_clock();
    }

    void cancel(cpu::cancel_cpu_timer const& timer) {
        if (task* const t = find(timer.task)) {
            t->cpu_timer_at = unlimited;
            looks_.cancel(timer_id{timer.task.index});
            if (t->overflow.is_open()) {
                t->overflow.cancel();
            }
        }
    }

    [[nodiscard]] std::optional<duration> cpu_time(task_id id) const {
        task const* const t = find(id);
        return t == nullptr ? std::nullopt : std::optional{cpu_time(*t)};
    }

    [[nodiscard]] std::optional<process_key> process_of(task_id id) const noexcept {
        task const* const t = find(id);
        return t == nullptr ? std::nullopt : std::optional{process_key{t->process, t->started}};
    }

    [[nodiscard]] bool is_exiting(task_id id) const noexcept {
        task const* const t = find(id);
        if (t == nullptr) {
            return true;
        }
        return bpf_ && bpf_->tells_exits_early() ? bpf_->is_exiting(id.index) : cpu_linux::is_exiting(t->process);
    }

    [[nodiscard]] std::optional<steered_process> steered(task_id id) const noexcept {
        task const* const t = find(id);
        return t == nullptr ? std::nullopt
                            : std::optional{steered_process{t->process, bpf_ && bpf_->thread_count(id.index) == 1}};
    }

    detail::agent_timers timers_; ///< the agent's
    std::optional<detail::bpf_watch> bpf_;
    file_descriptor ready_;
    std::size_t alive_ = 0;

  private:
    struct task {
        process_id process = 0; ///< 0: the slot is free
        std::uint32_t generation = 0;
        std::uint64_t started = 0; ///< of the process
        time_point admitted{};
        duration base{};                   ///< CPU time at admission
        duration before{};                 ///< CPU time that does not count
        duration cpu_timer_at = unlimited; ///< armed for
        bool asleep = false;               ///< as it was told last
        bool is_resting = false;           ///< nothing is told of it but its exit
        bool was_dead = false;             ///< at the last look for exits that went by untold
        detail::watch_counts counts_before{};
        file_descriptor pidfd; ///< `polling` only
        detail::overflow_timer overflow;
    };

    void listen(int descriptor, std::uint64_t what) noexcept {
        epoll_event event{.events = EPOLLIN, .data = {.u64 = what}};
        (void)epoll_ctl(ready_.get(), EPOLL_CTL_ADD, descriptor, &event);
    }

    // --- the table of tasks ------------------------------------------------------------------------------------

    [[nodiscard]] task_id id_of(std::uint32_t slot) const noexcept { return {slot, tasks_[slot].generation}; }

    [[nodiscard]] task* find(task_id id) noexcept { return const_cast<task*>(std::as_const(*this).find(id)); }
    [[nodiscard]] task const* find(task_id id) const noexcept {
        bool const is_here =
            id.index < tasks_.size() && tasks_[id.index].process != 0 && tasks_[id.index].generation == id.generation;
        return is_here ? &tasks_[id.index] : nullptr;
    }

    [[nodiscard]] std::uint32_t free_slot() {
        if (free_.empty()) {
            tasks_.emplace_back();
            return static_cast<std::uint32_t>(tasks_.size() - 1);
        }
        std::uint32_t const slot = free_.front();
        free_.pop_front();
        return slot;
    }

    void forget(std::uint32_t slot) noexcept {
        task& t = tasks_[slot];
        looks_.cancel(timer_id{slot});
        t.process = 0;
        t.cpu_timer_at = unlimited;
        t.pidfd = file_descriptor{};
        close_overflow(slot);
        free_.push_back(slot);
    }

    /// Of a task that was ended or laid to rest, what has happened is not told any more.
    void leave_out(task_id id) noexcept {
        std::erase_if(line_, [id](timed_event const& event) { return concerns(event.what, id); });
    }

    [[nodiscard]] bool has_exited(task const& t, std::uint32_t slot) const noexcept {
        if (bpf_) {
            return bpf_->has_exited(slot);
        }
        pollfd end{.fd = t.pidfd.get(), .events = POLLIN, .revents = 0};
        return ::poll(&end, 1, 0) != 0;
    }

    [[nodiscard]] std::uint64_t thread_count(std::uint32_t slot) const noexcept {
        return bpf_ ? bpf_->thread_count(slot) : detail::thread_count(tasks_[slot].process);
    }

    [[nodiscard]] bool watch_by_bpf(task& t, std::uint32_t slot, detail::process_stat const& stat) {
        auto const before = bpf_->add(t.process, stat, slot, t.generation);
        if (before.has_error()) {
            return false;
        }
        t.base = before->cpu_time;
        t.asleep = before->asleep;
        return true;
    }

    [[nodiscard]] bool watch_by_pidfd(task& t, std::uint32_t slot) noexcept {
        t.base = cpu_time_of(t.process);
        t.pidfd = file_descriptor{static_cast<int>(syscall(SYS_pidfd_open, t.process, 0))};
        if (t.pidfd.is_open()) {
            listen(t.pidfd.get(), token(source::exit, slot));
        }
        return t.pidfd.is_open();
    }

    [[nodiscard]] duration cpu_time(task const& t) const noexcept {
        if (bpf_) {
            return cpu_time_by_bpf(t);
        }
        duration const clock = clock_of(t);
        return clock == unlimited ? t.base : std::max(clock, t.base);
    }

    [[nodiscard]] duration cpu_time_by_bpf(task const& t) const noexcept {
        detail::watch_time const seen = bpf_->ran(static_cast<std::uint32_t>(&t - tasks_.data()));
        duration const clock = seen.has_moved ? unlimited : clock_of(t);
        if (clock == unlimited || clock <= t.base) {
            return t.base + seen.ran;
        }
        // On a CPU since before it was admitted: nobody saw it get there. What a hypervisor took meanwhile is not its
        // own.
        return std::min(t.base + (now() - t.admitted), clock + longest_tick);
    }

    /// The CPU clock of a task, up to a tick old; unlimited: it is gone.
    [[nodiscard]] static duration clock_of(task const& t) noexcept {
        duration const read = cpu_time_of(t.process);
        return read == unlimited ? unlimited : read - t.before;
    }

    // --- events ------------------------------------------------------------------------------------------------

    [[nodiscard]] static bool concerns(live_event const& event, task_id id) noexcept {
        return std::visit(
            [id](auto const& what) {
                if constexpr (requires { what.task; }) {
                    return what.task == id;
                } else if constexpr (requires { what.event.task; }) {
                    return what.event.task == id;
                } else {
                    return false;
                }
            },
            event);
    }

    /// Sleeping and waking alternate for an agent, whatever the sensor saw.
    void tell_asleep(std::uint32_t slot, bool asleep, time_point at, duration cpu_time) {
        if (tasks_[slot].is_resting || asleep == std::exchange(tasks_[slot].asleep, asleep)) {
            return;
        }
        if (asleep) {
            put(at, cpu::task_blocked{id_of(slot), cpu_time});
        } else {
            put(at, cpu::task_woke{id_of(slot), cpu_time});
        }
    }

    void put(time_point at, live_event what) {
        last_ = std::max(last_, at);
        line_.push_back({last_, std::move(what)});
    }

    /// Waits for at most so long, then takes in what has happened.
    void collect(duration longest) {
        set_clock();
        std::array<epoll_event, 64> events;
        timespec const limit = detail::timespec_of(std::min<duration>(longest, std::chrono::hours{24}));
        int const count = epoll_pwait2(ready_.get(), events.data(), static_cast<int>(events.size()), &limit, nullptr);
        for (int i = 0; i < count; ++i) {
            std::uint64_t const what = events[static_cast<std::size_t>(i)].data.u64;
            auto const slot = static_cast<std::uint32_t>(what);
            switch (static_cast<source>(what >> 32U)) {
            case source::clock:
                on_clock();
                break;
            case source::bpf:
                take_from_bpf();
                break;
            case source::exit:
                on_pidfd(slot);
                break;
            case source::cpu_timer:
                if ((events[static_cast<std::size_t>(i)].events & (EPOLLHUP | EPOLLERR)) != 0) {
                    // Its thread has exited, and the descriptor would be readable for as long as it is open. The
                    // process may live on, or be on its way out behind everyone else.
                    take_overflow(slot);
                    close_overflow(slot);
                }
                break;
            }
        }
        // Whoever polls our descriptor first, and be it a host that waits for it, has eaten what perf had to say.
        for (std::size_t i = overflowing_.size(); i > 0; --i) {
            take_overflow(overflowing_[i - 1]);
        }
    }

    /// The clock is set to the earliest of what is due.
    void set_clock() noexcept {
        time_point const due = std::min({timers_.next(), looks_.next(), poll_at_});
        if (due == clock_at_) {
            return;
        }
        clock_at_ = due;
        itimerspec setting{};
        if (due != never) {
            setting.it_value = detail::timespec_of(std::max(due.time_since_epoch(), duration{1}));
        }
        (void)timerfd_settime(clock_.get(), TFD_TIMER_ABSTIME, &setting, nullptr);
    }

    void on_clock() {
        std::uint64_t expirations = 0;
        (void)!read(clock_.get(), &expirations, sizeof expirations);
        clock_at_ = never;
        time_point const at = now();
        while (auto const timer = timers_.take_due(at)) {
            put(at, cpu::timer_fired{*timer, cpu_time_of_all()});
        }
        while (auto const slot = looks_.take_due(at)) {
            look_at_cpu_timer(slot->value, at);
        }
        if (poll_at_ <= at) {
            poll(at);
        }
    }

    [[nodiscard]] duration cpu_time_of_all() const noexcept {
        duration sum = cpu_time_of_others_;
        for (task const& t : tasks_) {
            sum += t.process != 0 && !t.is_resting ? cpu_time(t) : duration{0};
        }
        return sum;
    }

    void take_from_bpf() {
        bpf_->consume([this](watch_event const& e) {
            task const* const known = find({e.slot, e.generation});
            if (known == nullptr) {
                return; // dismissed or renewed meanwhile
            }
            task const& t = *known;
            time_point const at{duration{static_cast<std::int64_t>(e.at)}};
            duration const ran = t.base + duration{static_cast<std::int64_t>(e.ran)};
            switch (e.kind) {
            case watch_blocked:
                tell_asleep(e.slot, true, at, ran);
                break;
            case watch_ran:
                put(at, live_run{.task = id_of(e.slot),
                                 .cpu = cpu_id{e.cpu},
                                 .began = time_point{duration{static_cast<std::int64_t>(e.began)}},
                                 .end = run_end_of(e.end)});
                break;
            case watch_woke:
                tell_asleep(e.slot, false, at, ran);
                break;
            case watch_leaves:
                put(at, live_leaving{id_of(e.slot)});
                break;
            case watch_exited:
                end(e.slot, at,
                    {.process = t.process,
                     .admitted = t.admitted,
                     .first_run =
                         e.first_run == 0 ? never : time_point{duration{static_cast<std::int64_t>(e.first_run)}},
                     .exit = at,
                     .cpu_time = ran,
                     .context_switches = e.switches - t.counts_before.switches,
                     .preemptions = e.preemptions - t.counts_before.preemptions,
                     .migrations = e.migrations - t.counts_before.migrations});
                break;
            default:
                break;
            }
        });
        if (bpf_->dropped_count() != dropped_) {
            dropped_ = bpf_->dropped_count();
            find_dead(true);
        }
    }

    /// Makes good the exits that went by untold. Of one that is dead for the first time, an event may be at hand, or
    /// yet to come: its parent can know of a process that has not left its CPU for the last time.
    /// \param are_lost  some events found no room, and all others have been taken
    void find_dead(bool are_lost) {
        for (std::uint32_t slot = 0; slot < tasks_.size(); ++slot) {
            task& t = tasks_[slot];
            auto const stat = t.process != 0 ? detail::read_process_stat(t.process) : std::nullopt;
            bool const is_over = t.process != 0 && (!stat || is_dead(*stat));
            if (is_over && (std::exchange(t.was_dead, true) || are_lost)) {
                end_unseen(slot, now());
            }
        }
    }

    void on_pidfd(std::uint32_t slot) {
        if (tasks_[slot].process != 0) {
            end_unseen(slot, now());
        }
    }

    /// The task of `slot` has exited, and nobody saw how.
    void end_unseen(std::uint32_t slot, time_point at) {
        task const& t = tasks_[slot];
        duration const clock = clock_of(t); // still to be had where it has not been waited for
        end(slot, at,
            {.process = t.process,
             .admitted = t.admitted,
             .exit = at,
             .cpu_time = clock == unlimited ? cpu_time(t) : std::max(clock, cpu_time(t))});
    }

    void end(std::uint32_t slot, time_point at, live_record record) {
        record.cpu_time = std::max(record.cpu_time, tasks_[slot].base);
        cpu_time_of_others_ += tasks_[slot].is_resting ? duration{0} : record.cpu_time;
        put(at, live_exit{cpu::task_exited{id_of(slot), record.cpu_time}, record});
        --alive_;
        forget(slot);
    }

    // --- CPU timers --------------------------------------------------------------------------------------------

    /// Has the kernel tell when a task has received so much more. \return whether it will: not of several threads
    [[nodiscard]] bool set_overflow(std::uint32_t slot, duration left) noexcept {
        if (thread_count(slot) > 1) {
            return false;
        }
        return tasks_[slot].overflow.is_open() ? tasks_[slot].overflow.set(left) : open_overflow(slot, left);
    }

    [[nodiscard]] bool open_overflow(std::uint32_t slot, duration left) noexcept {
        tasks_[slot].overflow = detail::overflow_timer{tasks_[slot].process, left};
        if (tasks_[slot].overflow.is_open()) {
            listen(tasks_[slot].overflow.descriptor(), token(source::cpu_timer, slot));
            overflowing_.push_back(slot);
        }
        return tasks_[slot].overflow.is_open();
    }

    void close_overflow(std::uint32_t slot) noexcept {
        if (tasks_[slot].overflow.is_open()) {
            tasks_[slot].overflow = detail::overflow_timer{};
            std::erase(overflowing_, slot);
        }
    }

    void take_overflow(std::uint32_t slot) {
        task& t = tasks_[slot];
        if (t.process == 0 || !t.overflow.is_open() || !t.overflow.take_firing()) {
            return;
        }
        t.overflow.cancel(); // else it goes on with the same period
        if (t.cpu_timer_at == unlimited) {
            return;
        }
        // perf counts what a hypervisor steals from a virtual CPU, the scheduler does not. The clock is a tick old at
        // the most: if that is not enough either, the task is still short of its time.
        duration const clock = clock_of(t);
        if (clock != unlimited && clock + longest_tick < t.cpu_timer_at && t.overflow.set(t.cpu_timer_at - clock)) {
            return;
        }
        fire(slot, now());
    }

    void look_at_cpu_timer(std::uint32_t slot, time_point at) {
        task const& t = tasks_[slot];
        if (t.process == 0 || t.cpu_timer_at == unlimited) {
            return;
        }
        // A run under way is counted with what a hypervisor took of it, the clock is a tick old at the most.
        duration const clock = clock_of(t);
        duration const left = t.cpu_timer_at - std::min(cpu_time(t), clock == unlimited ? clock : clock + longest_tick);
        if (left <= duration{0}) {
            fire(slot, at);
        } else if (!set_overflow(slot, left)) {
            look_later(slot, at, left);
        }
    }

    /// A look at the CPU timer of a task where the time left could have passed at the earliest.
    void look_later(std::uint32_t slot, time_point at, duration left) {
        std::uint64_t const threads = std::max<std::uint64_t>(thread_count(slot), 1);
        looks_.arm(timer_id{slot}, at + std::max(left / static_cast<std::int64_t>(threads), shortest_look));
    }

    void fire(std::uint32_t slot, time_point at) {
        task& t = tasks_[slot];
        // A clock read from another CPU is up to a tick old; the agent is promised no less than it asked for.
        duration const received = std::max(std::exchange(t.cpu_timer_at, unlimited), cpu_time(t));
        put(at, cpu::cpu_timer_fired{id_of(slot), received});
    }

    // --- polling -----------------------------------------------------------------------------------------------

    void schedule_poll() noexcept {
        if (poll_at_ == never && alive_ > 0) {
            poll_at_ = now() + (bpf_ ? audit_period : config_.poll_period);
        }
    }

    void poll(time_point at) {
        poll_at_ = never;
        if (bpf_) {
            find_dead(false);
        } else {
            look_at_all(at);
        }
        schedule_poll();
    }

    void look_at_all(time_point at) {
        for (std::uint32_t slot = 0; slot < tasks_.size(); ++slot) {
            task& t = tasks_[slot];
            auto const stat = t.process != 0 ? detail::read_process_stat(t.process) : std::nullopt;
            if (!stat || is_dead(*stat)) {
                continue; // its pidfd tells
            }
            tell_asleep(slot, stat->state != 'R', at, cpu_time(t));
        }
    }

    live_kernel_config config_;
    file_descriptor perf_hooks_; ///< for as long as overflow timers may be opened
    file_descriptor clock_;
    time_point clock_at_ = never; ///< what the clock is set to
    time_point poll_at_ = never;
    std::vector<task> tasks_;
    std::deque<std::uint32_t> free_;         ///< the longest free first: see bpf_watch::capacity
    std::vector<std::uint32_t> overflowing_; ///< slots whose task has an overflow timer
    detail::agent_timers looks_;             ///< at CPU timers that no overflow tells of; by slot
    std::deque<timed_event> line_;
    bool has_collected_ = false; ///< and what was collected is not all taken, or was just now
    time_point last_{};
    duration cpu_time_of_others_{}; ///< of tasks that are over
    std::uint64_t dropped_ = 0;
};

live_kernel::live_kernel(std::unique_ptr<state> made) noexcept : state_{std::move(made)} {}
live_kernel::live_kernel(live_kernel&& other) noexcept = default;
live_kernel& live_kernel::operator=(live_kernel&& other) noexcept = default;
live_kernel::~live_kernel() = default;

result<live_kernel> live_kernel::open(live_kernel_config const& config) {
    auto made = std::make_unique<state>();
    if (auto const opened = made->open(config); opened.has_error()) {
        return opened.error();
    }
    return live_kernel{std::move(made)};
}

sensor live_kernel::in_use() const noexcept {
    return state_->bpf_ ? sensor::bpf : sensor::polling;
}
int live_kernel::descriptor() const noexcept {
    return state_->ready_.get();
}
result<task_id> live_kernel::admit(process_id process, counted_from from) {
    return state_->admit(process, from);
}
void live_kernel::dismiss(task_id task) noexcept {
    state_->dismiss(task);
}
void live_kernel::rest(task_id task) noexcept {
    state_->rest(task);
}
result<task_id> live_kernel::renew(task_id resting) {
    return state_->renew(resting);
}
std::optional<timed_event> live_kernel::next() {
    return state_->next();
}
void live_kernel::wait(duration longest) {
    state_->wait(longest);
}
void live_kernel::arm(cpu::arm_timer const& timer) {
    state_->arm(timer);
}
void live_kernel::arm(cpu::arm_cpu_timer const& timer) {
    state_->arm(timer);
}
void live_kernel::cancel(cpu::cancel_timer const& timer) {
    state_->timers_.cancel(timer.timer);
}
void live_kernel::cancel(cpu::cancel_cpu_timer const& timer) {
    state_->cancel(timer);
}
std::optional<duration> live_kernel::cpu_time(task_id task) const {
    return state_->cpu_time(task);
}
std::optional<process_key> live_kernel::process_of(task_id task) const noexcept {
    return state_->process_of(task);
}
bool live_kernel::is_exiting(task_id task) const noexcept {
    return state_->is_exiting(task);
}
std::optional<steered_process> live_kernel::steered(task_id task) const noexcept {
    return state_->steered(task);
}
std::size_t live_kernel::task_count() const noexcept {
    return state_->alive_;
}
std::uint64_t live_kernel::lost_event_count() const noexcept {
    return state_->bpf_ ? state_->bpf_->dropped_count() : 0;
}

} // namespace hpcsched::cpu_linux
