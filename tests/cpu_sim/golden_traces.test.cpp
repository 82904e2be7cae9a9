// SPDX-License-Identifier: Apache-2.0
// What small machines did on the day these hashes were taken: any change of behaviour shows here, wanted or not.
//
// To renew: run this test, copy the hash that it prints for the row in question, and say in the commit what the
// machine now does differently and why that is right. A change that is meant to be one of speed renews nothing.
//
// The agents are the kernel left to itself, one that draws its commands at random, and `hybrid`: the machine is held
// here, not the agents, whose tests are their own. Workloads are drawn in integers, so that the hashes are those of
// every compiler.
#include <hpcsched/core/hash.hpp>
#include <hpcsched/cpu/cfs.hpp>
#include <hpcsched/cpu/eevdf.hpp>
#include <hpcsched/cpu/fcfs.hpp>
#include <hpcsched/cpu/hybrid.hpp>
#include <hpcsched/cpu/mlfq.hpp>
#include <hpcsched/cpu/processor_sharing.hpp>
#include <hpcsched/cpu/round_robin.hpp>
#include <hpcsched/cpu/rt.hpp>
#include <hpcsched/cpu/srpt.hpp>
#include <hpcsched/cpu_sim/machine.hpp>

#include <doctest/doctest.h>

#include "scenario.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace hpcsched::cpu_sim {
namespace {

using namespace scenario;

std::int64_t draw_from(random_stream& stream, std::int64_t least, std::int64_t most) {
    boost::random::uniform_int_distribution<std::int64_t> uniform{least, most};
    return uniform(stream);
}

/// 400 invocations of 1 ns to 6 ms at about the capacity of `cpus`, a third of them blocking up to three times; some
/// arrive together and some at whole milliseconds, where ticks are.
std::vector<workload::invocation> invocations(std::uint64_t seed, std::uint32_t cpus) {
    random_stream stream{seed, "golden invocations"};
    std::vector<workload::invocation> all;
    std::int64_t at = 0;
    for (int i = 0; i < 400; ++i) {
        std::int64_t const kind = draw_from(stream, 0, 9);
        at += kind == 0 ? 0 : draw_from(stream, 1, 6'000'000 / cpus);
        at = kind == 1 ? (at / 1'000'000 + 1) * 1'000'000 : at;
        std::int64_t const service = draw_from(stream, 1, 6'000'000);
        auto each = job(duration{at}, duration{service}, {}, static_cast<std::uint32_t>(service % 7));
        std::int64_t after = 0;
        for (std::int64_t left = std::max<std::int64_t>(draw_from(stream, -5, 3), 0); left > 0; --left) {
            after = draw_from(stream, after, service);
            each.blocking.push_back({duration{after}, duration{draw_from(stream, 1, 5'000'000)}});
        }
        all.push_back(std::move(each));
    }
    return all;
}

/// Answers every event with up to three commands of every kind for any of the tasks alive.
class at_random : public cpu::hands_off {
  public:
    using cpu::hands_off::handle;

    void handle(cpu::started const& e, time_point, cpu::command_sink&) noexcept { cpus_ = e.cpu_count; }
    void handle(cpu::task_arrived const& e, time_point now, cpu::command_sink& out) noexcept {
        alive_.push_back(e.task);
        answer(now, out);
    }
    void handle(cpu::task_blocked const&, time_point now, cpu::command_sink& out) noexcept { answer(now, out); }
    void handle(cpu::task_woke const&, time_point now, cpu::command_sink& out) noexcept { answer(now, out); }
    void handle(cpu::task_exited const& e, time_point now, cpu::command_sink& out) noexcept {
        std::erase(alive_, e.task);
        answer(now, out);
    }
    void handle(cpu::timer_fired const&, time_point now, cpu::command_sink& out) noexcept { answer(now, out); }
    void handle(cpu::cpu_timer_fired const&, time_point now, cpu::command_sink& out) noexcept { answer(now, out); }

  private:
    std::int64_t draw(std::int64_t least, std::int64_t most) { return draw_from(stream_, least, most); }

    void answer(time_point now, cpu::command_sink& out) {
        for (std::int64_t left = draw(0, 3); left > 0 && !alive_.empty(); --left) {
            task_id const task = alive_[static_cast<std::size_t>(draw(0, std::ssize(alive_) - 1))];
            timer_id const timer{static_cast<std::uint32_t>(draw(0, 4))};
            switch (draw(0, 8)) {
            case 0:
                out.append(random_policy(task));
                break;
            case 1:
                out.append(cpu::set_nice{task, static_cast<int>(draw(cpu::nice_min, cpu::nice_max))});
                break;
            case 2:
                out.append(cpu::set_slice{task, duration{draw(0, 3) * draw(1, 5'000'000)}});
                break;
            case 3:
                out.append(cpu::set_rank{task, static_cast<std::int32_t>(draw(0, 5))});
                break;
            case 4:
                out.append(random_affinity(task));
                break;
            case 5:
                out.append(cpu::arm_timer{timer, now + duration{draw(-1'000'000, 5'000'000)}});
                break;
            case 6:
                out.append(cpu::cancel_timer{timer});
                break;
            case 7:
                out.append(cpu::arm_cpu_timer{task, duration{draw(0, 4'000'000)}});
                break;
            default:
                out.append(cpu::cancel_cpu_timer{task});
                break;
            }
        }
    }

    cpu::command random_policy(task_id task) {
        auto const policy = static_cast<cpu::sched_policy>(draw(0, 2));
        int const priority = static_cast<int>(draw(1, 99));
        return cpu::set_policy{task, policy, policy == cpu::sched_policy::normal ? 0 : priority};
    }

    cpu::command random_affinity(task_id task) {
        std::int64_t const first = draw(0, cpus_ - 1);
        std::int64_t const count = draw(1, cpus_ - first);
        return cpu::set_affinity{
            task, cpu::cpu_mask::range(cpu_id{static_cast<std::uint32_t>(first)}, static_cast<std::size_t>(count))};
    }

    random_stream stream_{17, "golden commands"};
    std::vector<task_id> alive_;
    std::int64_t cpus_ = 1;
};

/// The trace, and of every record and of the summary what the trace does not have.
struct everything : trace_hash {
    sequence_hash rest;

    void add(duration each) { rest.add(static_cast<std::uint64_t>(each.count())); }
    void on_exit(task_record const& r, time_point now) noexcept {
        trace_hash::on_exit(r, now);
        rest.add(r.sequence);
        add(r.first_run.time_since_epoch());
        add(r.cpu_time);
        add(r.blocked);
        rest.add(r.preemptions);
        rest.add(r.migrations);
    }
    void add(run_summary const& s) {
        for (std::uint64_t const each : {s.event_count, s.context_switches, s.migrations, s.agent_commands}) {
            rest.add(each);
        }
        for (duration const each : {s.makespan, s.busy, s.switch_time, s.migration_time, s.agent_time}) {
            add(each);
        }
        rest.add(value());
    }
};

template <class... Classes>
std::string hash_of(machine_config const& hardware, auto agent,
                    std::tuple<typename Classes::config...> const& classes = {}) {
    auto const jobs = invocations(hardware.cpu_count, hardware.cpu_count);
    workload::in_memory source{jobs};
    everything seen;
    seen.add(machine<Classes...>{{hardware, classes}}.run(source, agent, seen).value());
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (unsigned shift = 64; shift > 0; shift -= 4) {
        text += digits[(seen.rest.value() >> (shift - 4)) & 15U];
    }
    return text;
}

constexpr auto ideal = &machine_config::ideal;
constexpr auto costly = &machine_config::with_cpus;

} // namespace

TEST_CASE("golden traces: one class, the kernel left to itself") {
    cpu::hands_off const nobody;
    CHECK(hash_of<cpu::fcfs>(ideal(2), nobody) == "593725cfb3e89461");
    CHECK(hash_of<cpu::srpt>(ideal(3), nobody) == "9fa3f2b63d3f3384");
    CHECK(hash_of<cpu::sjf>(costly(2), nobody) == "acd9fcf15797910d");
    CHECK(hash_of<cpu::round_robin>(costly(3), nobody) == "f4723db16d5bd4f9");
    CHECK(hash_of<cpu::mlfq>(costly(2), nobody) == "2ad2db2e1c66b3bf");
    CHECK(hash_of<cpu::processor_sharing>(ideal(4), nobody) == "7a2843b1ff9e11ef");
}

TEST_CASE("golden traces: Linux, the kernel left to itself") {
    cpu::hands_off const nobody;
    CHECK(hash_of<cpu::rt, cpu::eevdf>(costly(4), nobody) == "33d6679b51651f26");
    CHECK(hash_of<cpu::rt, cpu::cfs>(costly(3), nobody) == "48300375568f7ec7");
}

TEST_CASE("golden traces: an agent that commands at random") {
    auto const throttled = cpu::rt::config{.rr_slice = 1ms, .rt_runtime = 5ms, .rt_period = 7ms};
    CHECK(hash_of<cpu::srpt>(costly(3), at_random{}) == "3836e35eb04c2d7b");
    CHECK(hash_of<cpu::rt, cpu::fcfs>(costly(2), at_random{}) == "60dc93075e80bb87");
    CHECK(hash_of<cpu::rt, cpu::eevdf>(costly(4), at_random{}) == "8da945ee49ef3f6a");
    CHECK(hash_of<cpu::rt, cpu::eevdf>(ideal(1), at_random{}) == "ba35f8deab3b2330");
    CHECK(hash_of<cpu::rt, cpu::ranked_cfs>(costly(3), at_random{}, {throttled, {}}) == "d05269207b74328a");
    CHECK(hash_of<cpu::rt, cpu::processor_sharing>(costly(2), at_random{}, {throttled, {}}) == "017ce61a48da6949");
}

TEST_CASE("golden traces: hybrid on Linux") {
    CHECK(hash_of<cpu::rt, cpu::eevdf>(costly(4), cpu::hybrid{}) == "0e2361db8dd71f18");
}

} // namespace hpcsched::cpu_sim
