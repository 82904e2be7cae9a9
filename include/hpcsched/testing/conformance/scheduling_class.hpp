// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_CONFORMANCE_SCHEDULING_CLASS_HPP
#define HPCSCHED_TESTING_CONFORMANCE_SCHEDULING_CLASS_HPP

#include <hpcsched/core/ids.hpp>
#include <hpcsched/core/random.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/cpu/scheduling_class.hpp>
#include <hpcsched/cpu/task.hpp>

#include <boost/random/uniform_int_distribution.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::testing {

/// What `check_scheduling_class` puts a class through.
struct class_conformance {
    std::uint64_t seed = 1;
    std::uint32_t cpu_count = 3;     ///< 1 .. 64
    std::uint32_t step_count = 5000; ///< each a few calls
    std::uint32_t alive_max = 24;    ///< most tasks alive at one time, >= 1
    bool draws_affinities = true;    ///< some tasks may not run everywhere
};

namespace detail {

/// A kernel that behaves like none, but legally: draws who comes, runs, blocks, changes, moves and goes, and keeps its
/// own account of every task, with which it compares what the class says.
template <cpu::scheduling_class C>
class drawn_queues {
  public:
    /// \param reversed  entities lie in the opposite order in memory, and each task has a fresh one
    drawn_queues(typename C::config const& config, class_conformance const& options, bool reversed)
        : options_{options}, draws_{options.seed, "class conformance"}, cpus_(options.cpu_count),
          slots_(options.alive_max), reversed_{reversed} {
        std::size_t const queue_count = is_per_cpu ? options.cpu_count : 1;
        for (std::size_t i = 0; i < queue_count; ++i) {
            queues_.push_back(std::make_unique<C>(config));
        }
        for (slot& s : slots_) {
            s.entity.emplace();
        }
    }

    /// Draws one thing to happen.
    void step() {
        ++step_;
        pass(draw(4) == 0 ? duration{0} : duration{static_cast<std::int64_t>(draw(std::uint64_t{1} << draw(25)))});
        switch (draw(10)) {
        case 0:
        case 1:
            arrive();
            break;
        case 2:
        case 3:
            stop_one();
            break;
        case 4:
            wake_one();
            break;
        case 5:
            change_one();
            break;
        case 6:
            move_one();
            break;
        case 7:
            put_back(draw_cpu(), cpu::enqueue_reason::preempted);
            break;
        case 8:
            put_back(draw_cpu(), cpu::enqueue_reason::slice_expired);
            break;
        default:
            break;
        }
        for (std::uint32_t i = 0; i < options_.cpu_count; ++i) {
            if (cpus_[i].runs == nullptr && draw(4) != 0) {
                pick(cpu_id{i});
            }
        }
        check_counts();
    }

    /// Lets every task run to its end; one that never gets there is lost.
    void drain() {
        for (std::size_t i = 0; i < slots_.size(); ++i) {
            if (at(i).state == task_state::elsewhere) {
                enqueue(at(i), cpu::enqueue_reason::woke);
            }
        }
        for (int round = 0; alive_ > 0 && violations_.empty(); ++round) {
            ++step_;
            if (round == drain_rounds_max) {
                report(std::to_string(alive_) + " tasks do not come to their end");
                return;
            }
            time_point retry = never;
            bool is_busy = false;
            for (std::uint32_t i = 0; i < options_.cpu_count; ++i) {
                retry = cpus_[i].runs == nullptr ? std::min(retry, pick(cpu_id{i})) : retry;
                is_busy = is_busy || cpus_[i].runs != nullptr;
            }
            if (!is_busy && retry == never) {
                report("no CPU gets a task though " + std::to_string(alive_) + " are alive: lost");
                return;
            }
            pass(is_busy ? shortest_run() : std::max(retry - now_, duration{1}));
            for (std::uint32_t i = 0; i < options_.cpu_count; ++i) {
                bool const is_over = cpus_[i].slice_end <= now_;
                put_back(cpu_id{i}, is_over ? cpu::enqueue_reason::slice_expired : cpu::enqueue_reason::preempted);
            }
            check_counts();
        }
    }

    /// What was wrong, at most so many.
    [[nodiscard]] std::vector<std::string> const& violations() const noexcept { return violations_; }

    /// What the class answered, in order; equal for equal calls.
    [[nodiscard]] std::vector<std::string> const& answers() const noexcept { return answers_; }

  private:
    static constexpr bool is_per_cpu = C::scope == cpu::run_queue_scope::per_cpu;
    static constexpr std::size_t violation_max = 20;
    static constexpr int drain_rounds_max = 1'000'000;

    enum class task_state : std::uint8_t { none, waiting, picked, elsewhere };

    struct slot {
        cpu::task_info info{};
        cpu::cpu_mask affinity = cpu::cpu_mask::all();
        std::optional<typename C::entity> entity;
        task_state state = task_state::none;
        cpu_id cpu{};         ///< whose queue it waits in (per-CPU scope), or where it runs
        time_point settled{}; ///< up to when its running is accounted
    };

    struct cpu_state {
        slot* runs = nullptr;
        time_point slice_end{};
    };

    // --- draws ------------------------------------------------------------------------------------------------

    [[nodiscard]] std::uint64_t draw(std::uint64_t below) {
        return boost::random::uniform_int_distribution<std::uint64_t>{0, below - 1}(draws_);
    }
    [[nodiscard]] cpu_id draw_cpu() { return cpu_id{static_cast<std::uint32_t>(draw(options_.cpu_count))}; }

    /// One of the slots for which `wanted` holds, or null.
    template <class Predicate>
    [[nodiscard]] slot* draw_slot(Predicate wanted) {
        std::size_t const first = draw(slots_.size());
        for (std::size_t i = 0; i < slots_.size(); ++i) {
            slot& s = at((first + i) % slots_.size());
            if (wanted(s)) {
                return &s;
            }
        }
        return nullptr;
    }

    void draw_attributes(slot& s) {
        constexpr std::array policies{cpu::sched_policy::normal, cpu::sched_policy::fifo, cpu::sched_policy::rr};
        do {
            s.info.policy = policies[draw(policies.size())];
        } while (!C::serves(s.info.policy));
        bool const is_normal = s.info.policy == cpu::sched_policy::normal;
        s.info.rt_priority = static_cast<std::int8_t>(is_normal ? 0 : 1 + (draw(2) == 0 ? draw(99) : 48 + draw(3)));
        s.info.nice = static_cast<std::int8_t>(draw(2) == 0 ? 0 : static_cast<std::int64_t>(draw(40)) - 20);
        s.info.rank = static_cast<std::int32_t>(draw(2) == 0 ? 0 : draw(5));
        s.info.slice = duration{static_cast<std::int64_t>(draw(2) == 0 ? 0 : draw(30'000'000))};
        if (options_.draws_affinities && draw(3) == 0) {
            cpu_id const first = draw_cpu();
            s.affinity = cpu::cpu_mask::range(first, 1 + draw(options_.cpu_count - first.value));
            s.info.affinity = &s.affinity;
        } else {
            s.info.affinity = nullptr;
        }
    }

    /// A CPU where the task may run.
    [[nodiscard]] cpu_id draw_cpu_for(slot const& s) {
        cpu_id cpu = draw_cpu();
        while (!s.info.may_run_on(cpu)) {
            cpu = cpu_id{(cpu.value + 1) % options_.cpu_count};
        }
        return cpu;
    }

    // --- the account ------------------------------------------------------------------------------------------

    [[nodiscard]] slot& at(std::size_t i) { return slots_[reversed_ ? slots_.size() - 1 - i : i]; }
    [[nodiscard]] C& queue_of(cpu_id cpu) { return *queues_[is_per_cpu ? cpu.value : 0]; }

    void report(std::string const& what) {
        if (violations_.size() < violation_max) {
            violations_.push_back("step " + std::to_string(step_) + " at " +
                                  std::to_string(now_.time_since_epoch().count()) + " ns: " + what);
        }
    }

    void answer(std::string what) { answers_.push_back("step " + std::to_string(step_) + ": " + std::move(what)); }

    [[nodiscard]] static std::string name(slot const& s) { return "task " + std::to_string(s.info.sequence); }
    [[nodiscard]] static std::string name(cpu_id cpu) { return "CPU " + std::to_string(cpu.value); }

    [[nodiscard]] slot* slot_of(typename C::entity const* e) {
        for (slot& s : slots_) {
            if (&*s.entity == e) {
                return &s;
            }
        }
        return nullptr;
    }

    /// Whether the task waits where `cpu` would find it, and may run there.
    [[nodiscard]] bool could_run(slot const& s, cpu_id cpu) const {
        return s.state == task_state::waiting && s.info.may_run_on(cpu) && (!is_per_cpu || s.cpu == cpu);
    }

    void check_counts() {
        for (std::uint32_t i = 0; i < queues_.size(); ++i) {
            auto const expected = static_cast<std::size_t>(std::count_if(slots_.begin(), slots_.end(), [&](slot& s) {
                return s.state == task_state::waiting && (!is_per_cpu || s.cpu.value == i);
            }));
            std::size_t const found = queues_[i]->waiting_count();
            if (found != expected) {
                report("waiting_count is " + std::to_string(found) + ", but " + std::to_string(expected) + " wait");
            }
        }
    }

    /// Lets time pass, but not beyond the end of a running task.
    void pass(duration length) {
        for (cpu_state const& c : cpus_) {
            length = c.runs == nullptr ? length : std::min(length, c.runs->info.remaining - (now_ - c.runs->settled));
        }
        now_ += length;
        for (std::uint32_t i = 0; i < options_.cpu_count; ++i) {
            slot* const s = cpus_[i].runs;
            if (s != nullptr && now_ - s->settled == s->info.remaining) {
                leave(*s, cpu::dequeue_reason::exited);
            } else if (is_per_cpu || draw(2) == 0) {
                settle(cpu_id{i});
            }
        }
    }

    /// Tells the class what the task on `cpu` has run since it was last told.
    void settle(cpu_id cpu) {
        slot* const s = cpus_[cpu.value].runs;
        if (s == nullptr || s->settled == now_) {
            return;
        }
        duration const ran = now_ - s->settled;
        s->settled = now_;
        s->info.cpu_time += ran;
        s->info.remaining -= ran;
        queue_of(cpu).account(*s->entity, cpu, ran, now_);
    }

    // --- what happens -----------------------------------------------------------------------------------------

    void arrive() {
        slot* const s = draw_slot([](slot const& x) { return x.state == task_state::none; });
        if (s == nullptr) {
            return;
        }
        s->info = {};
        s->info.sequence = next_sequence_++;
        s->info.id.index = static_cast<std::uint32_t>(s->info.sequence);
        s->info.arrival = now_;
        s->info.remaining = duration{1 + static_cast<std::int64_t>(draw(std::uint64_t{1} << (1 + draw(28))))};
        draw_attributes(*s);
        if (reversed_) {
            s->entity.emplace();
        }
        s->entity->task = &s->info;
        ++alive_;
        // Some have arrived in another class and are sent here.
        enqueue(*s, draw(5) == 0 ? cpu::enqueue_reason::changed : cpu::enqueue_reason::arrived);
    }

    void enqueue(slot& s, cpu::enqueue_reason why, std::optional<cpu_id> where = {}) {
        s.cpu = where ? *where : draw_cpu_for(s);
        s.state = task_state::waiting;
        queue_of(s.cpu).enqueue(*s.entity, why, now_);
        for (std::uint32_t i = 0; i < options_.cpu_count; ++i) {
            if (cpus_[i].runs != nullptr && could_run(s, cpu_id{i})) {
                ask_for_preemption(s, cpu_id{i});
            }
        }
    }

    /// Asks whether `a` takes the CPU, and if so, lets it.
    void ask_for_preemption(slot& a, cpu_id cpu) {
        slot& b = *cpus_[cpu.value].runs;
        settle(cpu);
        C const& queue = queue_of(cpu);
        bool const preempts = queue.preempts(*a.entity, *b.entity, now_);
        answer(name(a) + (preempts ? " preempts " : " does not preempt ") + name(b));
        if (reversed_ && queue.preempts(*a.entity, *b.entity, now_) != preempts) {
            report("preempts answers otherwise when asked again");
        }
        if (!preempts) {
            return;
        }
        put_back(cpu, draw(4) == 0 ? cpu::enqueue_reason::slice_expired : cpu::enqueue_reason::preempted);
        pick(cpu);
        if (cpus_[cpu.value].runs == &b) {
            report(name(a) + " preempts " + name(b) + ", which is picked again in the same moment");
        }
    }

    /// A task blocks, exits or goes to another class.
    void stop_one() {
        constexpr std::array reasons{cpu::dequeue_reason::blocked, cpu::dequeue_reason::exited,
                                     cpu::dequeue_reason::changed};
        cpu::dequeue_reason const why = reasons[draw(reasons.size())];
        bool const must_run = why == cpu::dequeue_reason::blocked;
        slot* const s = draw_slot([must_run](slot const& x) {
            return x.state == task_state::picked || (!must_run && x.state == task_state::waiting);
        });
        if (s != nullptr) {
            leave(*s, why);
        }
    }

    void leave(slot& s, cpu::dequeue_reason why) {
        if (s.state == task_state::picked) {
            settle(s.cpu);
            cpus_[s.cpu.value].runs = nullptr;
        }
        queue_of(s.cpu).dequeue(*s.entity, why, now_);
        bool const is_gone = why == cpu::dequeue_reason::exited;
        s.state = is_gone ? task_state::none : task_state::elsewhere;
        alive_ -= is_gone ? 1U : 0U;
        if (is_gone && reversed_) {
            s.entity.reset(); // it was borrowed until now: a class that still looks at it looks into nothing
            s.entity.emplace();
        }
    }

    void wake_one() {
        if (slot* const s = draw_slot([](slot const& x) { return x.state == task_state::elsewhere; })) {
            if (draw(3) == 0) {
                draw_attributes(*s);
            }
            enqueue(*s, draw(2) == 0 ? cpu::enqueue_reason::woke : cpu::enqueue_reason::changed);
        }
    }

    /// The attributes of a runnable task change.
    void change_one() {
        slot* const s =
            draw_slot([](slot const& x) { return x.state == task_state::waiting || x.state == task_state::picked; });
        if (s != nullptr) {
            leave(*s, cpu::dequeue_reason::changed);
            if (draw(4) != 0) {
                draw_attributes(*s);
            }
            enqueue(*s, cpu::enqueue_reason::changed,
                    s->info.may_run_on(s->cpu) ? std::optional{s->cpu} : std::nullopt);
        }
    }

    /// A waiting task moves to the queue of another CPU.
    void move_one() {
        if constexpr (is_per_cpu) {
            cpu_id const from = draw_cpu();
            cpu_id const to = draw_cpu();
            if (from == to) {
                return;
            }
            typename C::entity* const e = queue_of(from).migration_candidate(to);
            slot* const s = e == nullptr ? nullptr : slot_of(e);
            answer(s == nullptr ? "no candidate" : name(*s) + " may move");
            if (e == nullptr) {
                return;
            }
            if (s == nullptr || s->state != task_state::waiting || s->cpu != from || !s->info.may_run_on(to)) {
                report("migration_candidate names a task that does not wait there or may not run on " + name(to));
                return;
            }
            leave(*s, cpu::dequeue_reason::migrated);
            enqueue(*s, cpu::enqueue_reason::migrated, to);
        }
    }

    void put_back(cpu_id cpu, cpu::enqueue_reason why) {
        if (slot* const s = cpus_[cpu.value].runs) {
            settle(cpu);
            cpus_[cpu.value].runs = nullptr;
            s->state = task_state::waiting;
            queue_of(cpu).enqueue(*s->entity, why, now_);
        }
    }

    /// Lets the idle `cpu` ask for a task.
    /// \return when to ask again
    time_point pick(cpu_id cpu) {
        auto const picked = queue_of(cpu).pick_next(cpu, now_);
        if (picked.next == nullptr) {
            answer(name(cpu) + " runs nothing");
            bool const could = std::any_of(slots_.begin(), slots_.end(), [&](slot& s) { return could_run(s, cpu); });
            if (could && (picked.retry_at == never || picked.retry_at <= now_)) {
                report("pick_next for " + name(cpu) + " returns null though a task waits, and no time to ask again");
            }
            return picked.retry_at;
        }
        slot* const s = slot_of(picked.next);
        if (s == nullptr || !could_run(*s, cpu)) {
            report("pick_next for " + name(cpu) + " returns " + (s == nullptr ? "an unknown entity" : name(*s)) +
                   ", which does not wait there or may not run there");
            return never;
        }
        if (picked.slice <= duration{0}) {
            report("pick_next gives " + name(*s) + " a slice of " + std::to_string(picked.slice.count()) + " ns");
        }
        answer(name(cpu) + " runs " + name(*s) + " for " + std::to_string(picked.slice.count()) + " ns");
        s->state = task_state::picked;
        s->cpu = cpu;
        s->settled = now_;
        cpus_[cpu.value] = {s, saturating_add(now_, picked.slice)};
        return never;
    }

    /// How long it is until the first slice ends, within bounds.
    [[nodiscard]] duration shortest_run() const {
        duration shortest{10'000'000};
        for (cpu_state const& c : cpus_) {
            shortest = c.runs == nullptr ? shortest : std::min(shortest, std::max(c.slice_end - now_, duration{1'000}));
        }
        return shortest;
    }

    class_conformance options_;
    random_stream draws_;
    std::vector<std::unique_ptr<C>> queues_;
    std::vector<cpu_state> cpus_;
    std::vector<slot> slots_;
    bool reversed_;
    time_point now_{};
    std::uint64_t next_sequence_ = 0;
    std::uint64_t alive_ = 0;
    std::uint64_t step_ = 0;
    std::vector<std::string> violations_;
    std::vector<std::string> answers_;
};

} // namespace detail

/// Drives a class through drawn but legal calls and checks the rules of `cpu::scheduling_class`:
///
/// * `pick_next` chooses a task that waits there and may run there, for more than 0; it returns null only if there is
///   none, or with a time to ask again;
/// * `waiting_count` is the number of waiting tasks;
/// * a task that preempts does: the one it preempts is not picked again in the same moment;
/// * `migration_candidate` names a task that waits there and may run on the other CPU;
/// * no task is lost: all come to their end in a finite number of picks;
/// * deterministic, and blind to addresses and to the past of an entity: a second run, in which the entities lie in
///   the opposite order in memory, each task has a fresh one, and `preempts` is asked twice, goes the same way.
///
/// A class may also fail an assertion of its own, or a sanitizer's. Let it run with several seeds and configurations.
///
/// \return the rules that were broken, with step and time: at most 20; empty: none
/// \complexity O(steps x tasks alive) and what the class takes
template <cpu::scheduling_class C>
[[nodiscard]] std::vector<std::string> check_scheduling_class(typename C::config const& config = {},
                                                              class_conformance const& options = {}) {
    detail::drawn_queues<C> first{config, options, false};
    detail::drawn_queues<C> second{config, options, true};
    for (detail::drawn_queues<C>* const run : {&first, &second}) {
        for (std::uint32_t i = 0; i < options.step_count && run->violations().empty(); ++i) {
            run->step();
        }
        run->drain();
    }
    std::vector<std::string> violations = first.violations().empty() ? second.violations() : first.violations();
    auto const& a = first.answers();
    auto const& b = second.answers();
    auto const [x, y] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
    if (violations.empty() && (x != a.end() || y != b.end())) {
        violations.push_back("equal calls on an equal object, with other addresses and fresh entities, are answered " +
                             (x == a.end() ? "nothing" : "\"" + *x + "\"") + " and " +
                             (y == b.end() ? "nothing" : "\"" + *y + "\""));
    }
    return violations;
}

} // namespace hpcsched::testing

#endif
