// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/hands_off.hpp>
#include <hpcsched/cpu/scheduling_agent.hpp>
#include <hpcsched/testing/archetypes/scheduling_agent.hpp>
#include <hpcsched/testing/conformance/scheduling_agent.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace hpcsched::cpu {

using namespace std::chrono_literals;

namespace {

/// `hands_off` that cannot handle one kind of event: a near-miss for each fragment of the concept.
template <class Event>
struct deaf_to : hands_off {
    using hands_off::handle;
    void handle(Event const&, time_point, command_sink&) noexcept = delete;
};
static_assert(!scheduling_agent<deaf_to<started>>);
static_assert(!scheduling_agent<deaf_to<task_arrived>>);
static_assert(!scheduling_agent<deaf_to<task_blocked>>);
static_assert(!scheduling_agent<deaf_to<task_woke>>);
static_assert(!scheduling_agent<deaf_to<task_exited>>);
static_assert(!scheduling_agent<deaf_to<timer_fired>>);
static_assert(!scheduling_agent<deaf_to<cpu_timer_fired>>);
static_assert(!scheduling_agent<deaf_to<stopping>>);
/// The same, but complete.
struct hears_all : hands_off {
    using hands_off::handle;
    void handle(stopping const&, time_point, command_sink&) noexcept {}
};
static_assert(scheduling_agent<hears_all>);

struct may_throw : hands_off {
    using hands_off::handle;
    void handle(task_arrived const&, time_point, command_sink&) {}
};
static_assert(!scheduling_agent<may_throw>);

struct answers : hands_off {
    using hands_off::handle;
    int handle(task_arrived const&, time_point, command_sink&) noexcept { return 0; }
};
static_assert(!scheduling_agent<answers>);

struct stays_put : hands_off {
    stays_put() = default;
    stays_put(stays_put&&) = delete;
};
static_assert(!scheduling_agent<stays_put>);

/// An agent that answers arrivals with a command of the test's choice, and restores nothing.
struct answers_arrivals : hands_off {
    using hands_off::handle;
    void handle(task_arrived const& e, time_point, command_sink& out) noexcept { make(e.task, out); }
    void (*make)(task_id, command_sink&) = nullptr;
};

/// What the suite finds wrong with such an agent, in one text.
std::string found(void (*make)(task_id, command_sink&)) {
    std::string all;
    for (std::string const& each : testing::check_scheduling_agent([make] {
             answers_arrivals agent;
             agent.make = make;
             return agent;
         })) {
        all += each + "\n";
    }
    return all;
}

} // namespace

TEST_CASE("scheduling agent: hands_off keeps the rules and asks for nothing") {
    CHECK(testing::check_scheduling_agent([] { return hands_off{}; }).empty());
}

TEST_CASE("conformance: what is left behind is told task by task") {
    CHECK(found([](task_id t, command_sink& out) {
              out.append(set_policy{t, sched_policy::rr, 1});
          }).find("is left with a real-time policy") != std::string::npos);
    CHECK(found([](task_id t, command_sink& out) { out.append(set_nice{t, 19}); }).find("is left with a nice value") !=
          std::string::npos);
    CHECK(found([](task_id t, command_sink& out) { out.append(set_rank{t, 7}); }).find("is left with a rank") !=
          std::string::npos);
    CHECK(found([](task_id t, command_sink& out) { out.append(set_slice{t, 1ms}); }).find("is left with a slice") !=
          std::string::npos);
    CHECK(found([](task_id t, command_sink& out) {
              out.append(set_affinity{t, cpu_mask::range(cpu_id{1}, 2)});
          }).find("is left with an affinity") != std::string::npos);
}

TEST_CASE("conformance: values out of range are told with the command") {
    CHECK(found([](task_id t, command_sink& out) {
              out.append(set_policy{t, sched_policy::fifo, 0});
          }).find("fifo 0: rt_priority is 1 .. 99") != std::string::npos);
    CHECK(found([](task_id t, command_sink& out) {
              out.append(set_policy{t, sched_policy::normal, 1});
          }).find("normal 1: rt_priority is") != std::string::npos);
    CHECK(found([](task_id t, command_sink& out) { out.append(set_nice{t, 20}); }).find("20: nice is -20 .. 19") !=
          std::string::npos);
    CHECK(found([](task_id t, command_sink& out) {
              out.append(set_slice{t, -1ns});
          }).find("-1ns: a slice is not negative") != std::string::npos);
    CHECK(found([](task_id t, command_sink& out) { out.append(set_rank{t, -1}); }).find("a rank is not negative") !=
          std::string::npos);
    CHECK(found([](task_id t, command_sink& out) {
              out.append(set_affinity{t, cpu_mask::range(cpu_id{4}, 1)});
          }).find("4: leaves the task no CPU") != std::string::npos);
    CHECK(found([](task_id t, command_sink& out) {
              out.append(arm_cpu_timer{t, -1ns});
          }).find("CPU time is not negative") != std::string::npos);
}

TEST_CASE("conformance: a command for a task that never arrived is told") {
    CHECK(found([](task_id t, command_sink& out) {
              out.append(set_nice{task_id{t.index, t.generation + 1}, 0});
          }).find("names a task that has exited or never arrived") != std::string::npos);
}

TEST_CASE("conformance: a command for a task that has exited is told") {
    struct remembers_the_dead : hands_off {
        using hands_off::handle;
        void handle(task_exited const& e, time_point, command_sink& out) noexcept {
            out.append(cancel_cpu_timer{e.task});
        }
    };
    auto const broken = testing::check_scheduling_agent([] { return remembers_the_dead{}; });
    REQUIRE(!broken.empty());
    CHECK(broken.size() == 20); // no more are told
    CHECK(broken.front().find("cancel_cpu_timer") != std::string::npos);
    CHECK(broken.front().find("has exited") != std::string::npos);
}

TEST_CASE("conformance: timers that fire for ever while time stands still are told") {
    struct impatient : hands_off {
        using hands_off::handle;
        void handle(started const&, time_point now, command_sink& out) noexcept { out.append(arm_timer{{}, now}); }
        void handle(timer_fired const& e, time_point now, command_sink& out) noexcept {
            out.append(arm_timer{e.timer, now});
        }
    };
    auto const broken = testing::check_scheduling_agent([] { return impatient{}; });
    REQUIRE(!broken.empty());
    CHECK(broken.back().find("timers are armed for the past for ever") != std::string::npos);
}

TEST_CASE("conformance: an agent whose answers hang on something else than events is told") {
    static std::uint32_t calls_of_all = 0;
    struct not_alone : hands_off {
        using hands_off::handle;
        void handle(task_arrived const&, time_point, command_sink& out) noexcept {
            out.append(cancel_timer{timer_id{++calls_of_all}});
        }
    };
    auto const broken = testing::check_scheduling_agent([] { return not_alone{}; });
    REQUIRE(!broken.empty());
    CHECK(broken.front().find("an equal agent answers otherwise") != std::string::npos);
}

TEST_CASE("conformance: the drawn events cover every kind, and the same seed draws the same") {
    struct counts : hands_off {
        using hands_off::handle;
        void handle(started const&, time_point now, command_sink& out) noexcept {
            out.append(arm_timer{timer_id{3}, now + 1ms});
        }
        void handle(task_arrived const& e, time_point, command_sink& out) noexcept {
            ++(*count)[0];
            (*count)[6] += e.cpu_time > 0ns;
            out.append(arm_cpu_timer{e.task, e.cpu_time + 1ms});
        }
        void handle(task_blocked const&, time_point, command_sink&) noexcept { ++(*count)[1]; }
        void handle(task_woke const&, time_point, command_sink&) noexcept { ++(*count)[2]; }
        void handle(task_exited const&, time_point, command_sink&) noexcept { ++(*count)[3]; }
        void handle(timer_fired const& e, time_point now, command_sink& out) noexcept {
            ++(*count)[4];
            out.append(arm_timer{e.timer, now + 100ms});
        }
        void handle(cpu_timer_fired const&, time_point, command_sink&) noexcept { ++(*count)[5]; }
        std::vector<std::uint32_t>* count = nullptr;
    };
    auto const count_with = [](std::uint64_t seed) {
        std::vector<std::uint32_t> count(7, 0);
        CHECK(testing::check_scheduling_agent(
                  [&] {
                      counts agent;
                      agent.count = &count;
                      return agent;
                  },
                  {.seed = seed})
                  .empty());
        return count;
    };
    auto const once = count_with(1);
    CHECK(std::ranges::all_of(once, [](std::uint32_t count) { return count > 50; }));
    CHECK(count_with(1) == once);
    CHECK(count_with(2) != once);
}

} // namespace hpcsched::cpu
