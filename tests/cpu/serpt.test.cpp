// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/serpt.hpp>
#include <hpcsched/testing/conformance/scheduling_agent.hpp>

#include <doctest/doctest.h>

#include "agent_script.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

namespace hpcsched::cpu {
namespace {

using namespace std::chrono_literals;

service_time_posterior learned(std::initializer_list<duration> services) {
    service_time_posterior p;
    for (duration const s : services) {
        p.observe(s);
    }
    return p;
}

/// Function 0 takes 10 ms, function 1 a second.
void teach_10ms_and_1s(agent_script<serpt>& script) {
    for (int i = 0; i < 20; ++i) {
        script.after(1ms).arrives(0, 0);
        script.after(10ms).exits(0, 10ms);
        script.after(1ms).arrives(0, 1);
        script.after(1s).exits(0, 1s);
    }
}

} // namespace

// --- the posterior -------------------------------------------------------------------------------------------------

TEST_CASE("posterior: remembers weight and mean by eighths of an octave") {
    auto const p = learned({8ms, 8ms, 64ms});
    REQUIRE(p.atoms().size() == 2);
    CHECK(p.atoms()[0].mean == doctest::Approx(8e6));
    CHECK(p.atoms()[0].from() <= 8e6);
    CHECK(p.atoms()[0].to() > 8e6);
    CHECK(p.atoms()[0].to() / p.atoms()[0].from() <= 9.0 / 8 + 1e-9);
    CHECK(p.weight() == doctest::Approx(3).epsilon(0.02));
}

TEST_CASE("posterior: what is old fades") {
    service_time_posterior p{10};
    p.observe(1s);
    for (int i = 0; i < 200; ++i) {
        p.observe(1ms);
    }
    REQUIRE(p.atoms().size() == 1);
    CHECK(p.atoms()[0].mean == doctest::Approx(1e6));
    CHECK(p.weight() == doctest::Approx(10).epsilon(0.01));
}

TEST_CASE("index: of a well-known task it is the expected remaining time, and falls as it runs") {
    service_time_posterior own{1000};
    for (int i = 0; i < 500; ++i) {
        own.observe(90ms + i % 21 * 1ms);
    }
    service_time_posterior const nothing;
    CHECK(to_milliseconds(expected_completion(own, nothing, 1, 0ms).index) == doctest::Approx(100).epsilon(0.03));
    CHECK(to_milliseconds(expected_completion(own, nothing, 1, 50ms).index) == doctest::Approx(50).epsilon(0.06));
    CHECK(to_milliseconds(expected_completion(own, nothing, 1, 80ms).index) == doctest::Approx(20).epsilon(0.15));
    // It keeps its place until it has outlived all that is known of it.
    CHECK(expected_completion(own, nothing, 1, 0ms).review_at >= 110ms);
}

TEST_CASE("index: a task that may be short or long is judged by the short case first") {
    service_time_posterior own{1000};
    for (int i = 0; i < 100; ++i) {
        own.observe(i % 2 == 0 ? 10ms : 1s);
    }
    service_time_posterior const nothing;
    auto const young = expected_completion(own, nothing, 1, 0ms);
    CHECK(young.index < 30ms); // 10 ms each for an even chance of being done
    CHECK(young.review_at < 15ms);
    auto const old = expected_completion(own, nothing, 1, young.review_at);
    CHECK(old.index > 900ms); // the short case is ruled out
}

TEST_CASE("index: an unknown function is judged by all the others, and one that outlived them by its age") {
    service_time_posterior const nothing;
    auto const others = learned({10ms, 10ms, 1s});
    CHECK(expected_completion(nothing, others, 1, 0ms).index < 30ms);
    auto const outlived = expected_completion(nothing, others, 1, 4s);
    CHECK(outlived.index == 4s);
    CHECK(outlived.review_at == 8s);
    CHECK(expected_completion(nothing, nothing, 1, 0ms).index == 1ms);
}

TEST_CASE("index: within the quantum it promises, it does not rise") {
    random_stream draw{7, "index"};
    for (int round = 0; round < 200; ++round) {
        service_time_posterior own;
        service_time_posterior others;
        for (int i = 0; i < 12; ++i) {
            own.observe(duration{static_cast<std::int64_t>(1'000'000 + draw() % 400'000'000)});
            others.observe(duration{static_cast<std::int64_t>(1'000'000 + draw() % 4'000'000'000)});
        }
        auto const attained = duration{static_cast<std::int64_t>(draw() % 300'000'000)};
        auto const now = expected_completion(own, others, 1, attained);
        for (int k = 1; k < 16; ++k) {
            duration const later = attained + (now.review_at - attained) * k / 16;
            CHECK(expected_completion(own, others, 1, later).index <= now.index + now.index / 50 + 1us);
        }
    }
}

// --- the agent -----------------------------------------------------------------------------------------------------

TEST_CASE("serpt: a task sits down as SCHED_FIFO where a seat is free, and waits where none is") {
    agent_script<serpt> script;
    script.start(1);
    CHECK(script.at(0ms).arrives(0, 0).starts_with("set_policy 0 fifo 50; arm_cpu_timer 0 at "));
    script.at(10ms).exits(0, 10ms); // function 0 takes 10 ms
    script.at(20ms).arrives(1, 0);
    script.at(1020ms).exits(1, 1s);
    script.at(1030ms).arrives(2, 0);
    CHECK(script.at(1031ms).arrives(3, 0).find("set_policy") == std::string::npos);
}

TEST_CASE("serpt: a task of a short function takes the seat of one of a long function, newcomer first") {
    agent_script<serpt> script;
    script.start(1);
    teach_10ms_and_1s(script);
    script.after(1ms).arrives(1, 1);
    std::string const answer = script.after(1ms).arrives(2, 0);
    auto const promoted = answer.find("set_policy 2 fifo 50");
    auto const demoted = answer.find("set_policy 1 normal");
    REQUIRE(promoted != std::string::npos);
    REQUIRE(demoted != std::string::npos);
    CHECK(promoted < demoted);
    CHECK(script.after(10ms).exits(2, 10ms).find("set_policy 1 fifo 50") != std::string::npos);
}

TEST_CASE("serpt: a task nearly done keeps its seat against a shorter newcomer") {
    agent_script<serpt> script;
    script.start(1);
    for (int i = 0; i < 20; ++i) {
        script.after(2s).arrives(0, 0); // so long that nothing is left of what was thought of the first
        script.after(100ms).exits(0, 100ms);
        script.after(2s).arrives(0, 1);
        script.after(1s).exits(0, 1s);
    }
    script.after(1ms).arrives(1, 1);
    CHECK(script.after(990ms).arrives(2, 0).find("set_policy") == std::string::npos);
}

TEST_CASE(
    "serpt: of two tasks of one function the later does not displace the earlier, whatever is learned meanwhile") {
    agent_script<serpt> script;
    script.start(1);
    for (int i = 0; i < 20; ++i) {
        script.after(1ms).arrives(0, 0);
        script.after(96ms).exits(0, 96ms);
    }
    script.after(1ms).arrives(1, 0); // has the seat
    script.after(1ms).arrives(2, 0);
    script.after(1ms).arrives(3, 0);
    script.after(1ms).exits(2, 93ms); // the fair class served it: the function seems shorter now,
    script.after(1ms).arrives(4, 0);  // to this one
    std::string const answer = script.after(99ms).exits(1, 99ms); // and now longer
    CHECK(answer.find("set_policy 3 fifo 50") != std::string::npos);
    CHECK(answer.find("set_policy 3 normal") == std::string::npos);
    CHECK(answer.find("set_policy 4 fifo 50") == std::string::npos);
}

TEST_CASE("serpt: the fairer, the shorter a newcomer must be to go before one that has waited") {
    struct setting {
        double fairness;
        std::uint32_t newcomer; // milliseconds that it takes
        std::uint32_t next;     // who has the seat when it is free: 1 has waited, 2 is the newcomer
    };
    for (setting const& s :
         {setting{0, 80, 2}, setting{0, 70, 2}, setting{0, 55, 2}, setting{0.5, 80, 1}, setting{0.5, 70, 2},
          setting{0.5, 55, 2}, setting{1, 80, 1}, setting{1, 70, 1}, setting{1, 55, 2}}) {
        CAPTURE(s.fairness);
        CAPTURE(s.newcomer);
        agent_script<serpt> script{serpt{{.prior_weight = 0, .fairness = s.fairness}}};
        script.start(1);
        for (std::uint32_t const takes : {90U, 100U, s.newcomer}) { // a function for each length
            script.arrives(0, takes);
            script.after(takes * 1ms).exits(0, takes * 1ms);
        }
        script.after(1s).arrives(0, 90);
        script.arrives(1, 100);
        script.after(80ms).arrives(2, s.newcomer); // 0 and 1 would have had 40 ms each
        CHECK(script.after(10ms).exits(0, 90ms).starts_with("set_policy " + std::to_string(s.next) + " fifo"));
    }
}

TEST_CASE("serpt: a long task has no turn for having slept while short ones came") {
    agent_script<serpt> script{serpt{{.fairness = 1, .ageing_bound = unlimited}}};
    script.start(1);
    teach_10ms_and_1s(script);
    script.at(1000s).arrives(1, 1);
    script.after(1ms).blocks(1, 1ms);
    script.arrives(2, 0);
    for (std::uint32_t next = 3; next < 1000; ++next) {
        script.after(10ms).arrives(next, 0);
        script.exits(next - 1, 10ms);
    }
    CHECK(script.after(1ms).wakes(1, 1ms).find("set_policy 1 fifo") == std::string::npos);
}

TEST_CASE("serpt: a blocked task gives up its seat and takes one again when it wakes") {
    agent_script<serpt> script;
    script.start(1);
    script.arrives(0);
    CHECK(script.at(1ms).blocks(0, 1ms) == "set_policy 0 normal");
    CHECK(script.at(2ms).wakes(0, 1ms).starts_with("set_policy 0 fifo 50"));
}

TEST_CASE("serpt: tasks that are killed in their sleep leave the turns of the others as long as they were") {
    serpt_config config;
    config.ageing_bound = 2s;
    config.ageing_turn = 1s;
    agent_script<serpt> script{serpt{config}};
    script.start(1);
    for (int i = 0; i < 20; ++i) {
        script.after(1ms).arrives(0, 0);
        script.after(10ms).exits(0, 10ms);
        script.after(1ms).arrives(0, 1);
        script.after(1s).exits(0, 1s);
        script.after(1ms).arrives(0, 2);
        script.after(1ms).blocks(0, 1ms);
        script.after(1ms).exits(0, 1ms);
    }
    script.at(100s).arrives(1, 0);
    script.at(100s).arrives(2, 1);
    // Two tasks share one second.
    CHECK(script.at(101s).timer(0).starts_with("set_policy 2 fifo 50; arm_cpu_timer 2 at 500ms"));
}

TEST_CASE("serpt: a task that waited for half of the bound gets a turn, which nobody can cut short") {
    serpt_config config;
    config.ageing_bound = 2s;
    config.ageing_turn = 10ms;
    agent_script<serpt> script{serpt{config}};
    script.start(1);
    teach_10ms_and_1s(script);
    script.at(100s).arrives(1, 0);
    CHECK(script.at(100s).arrives(2, 1) == "arm_timer 0 at 101s");
    CHECK(script.at(101s).timer(0).starts_with("set_policy 2 fifo 50; arm_cpu_timer 2 at 10ms"));
    CHECK(script.at(101s).arrives(3, 0).find("set_policy") == std::string::npos);
    CHECK(script.at(101s + 10ms).cpu_timer(2, 10ms).starts_with("set_policy 2 normal"));
}

TEST_CASE("serpt: bad parameters are refused with the field's name") {
    CHECK(validate(serpt_config{}).has_value());
    CHECK(validate(serpt_config{.rt_priority = 0}).error().message == "serpt: rt_priority must be 1 to 99");
    CHECK(validate(serpt_config{.memory = 0}).has_error());
    CHECK(validate(serpt_config{.ageing_turn = 0ms}).has_error());
    CHECK(validate(serpt_config{.fairness = 1.1}).error().message == "serpt: fairness must be 0 to 1");
    CHECK(validate(serpt_config{.fairness = std::numeric_limits<double>::quiet_NaN()}).has_error());
}

TEST_CASE("serpt: conforms to the concept's rules") {
    serpt_config impatient;
    impatient.ageing_bound = 20ms;
    serpt_config patient;
    patient.ageing_bound = unlimited;
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        for (std::uint32_t const cpus : {1U, 2U, 5U}) {
            for (serpt_config const& config : {serpt_config{}, impatient, patient}) {
                for (std::string const& each : testing::check_scheduling_agent(
                         [&] { return serpt{config}; }, {.seed = seed, .cpu_count = cpus, .step_count = 1000})) {
                    FAIL_CHECK(each);
                }
            }
        }
    }
}

} // namespace hpcsched::cpu
