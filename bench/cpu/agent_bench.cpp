// SPDX-License-Identifier: Apache-2.0

// What each agent costs per invocation, by itself: arrivals, one sleep in four tasks, exits and the agent's own timers,
// without a machine. 190 requests per second on 24 CPUs, as in ALPS's evaluation.
#include <hpcsched/core/random.hpp>
#include <hpcsched/cpu/alps.hpp>
#include <hpcsched/cpu/alps_linear_regression.hpp>
#include <hpcsched/cpu/alps_random_forest.hpp>
#include <hpcsched/cpu/hands_off.hpp>
#include <hpcsched/cpu/hybrid.hpp>
#include <hpcsched/cpu/scheduling_agent.hpp>
#include <hpcsched/cpu/sfs.hpp>

#include <benchmark/benchmark.h>
#include <boost/random/exponential_distribution.hpp>
#include <boost/random/uniform_int_distribution.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace {

using namespace hpcsched;
using namespace std::chrono_literals;

struct step {
    duration gap{};
    function_id function{};
    duration cpu_time{};
    bool sleeps = false;
};

std::vector<step> drawn_steps(std::size_t count) {
    random_stream draws{42, "agent_bench"};
    boost::random::exponential_distribution<double> gap{190};
    boost::random::uniform_int_distribution<std::uint32_t> function{0, 49};
    std::vector<step> steps;
    for (std::size_t i = 0; i < count; ++i) {
        std::uint32_t const f = function(draws);
        steps.push_back({from_seconds(gap(draws)), function_id{f}, 10ms * (1 + f % 7) + 1us * f, i % 4 == 0});
    }
    return steps;
}

/// Carries timers out, in their order, and counts the commands.
template <class Agent>
class driver {
  public:
    explicit driver(Agent agent) : agent_{std::move(agent)} {}

    template <class Event>
    void tell(Event const& event) {
        commands_.clear();
        agent_.handle(event, now_, commands_);
        for (cpu::command const& each : commands_.items()) {
            if (auto const* const armed = std::get_if<cpu::arm_timer>(&each)) {
                timers_[armed->timer] = armed->deadline;
            }
        }
        command_count_ += commands_.size();
    }

    void advance(duration length, duration cpu_time_of_all) {
        now_ += length;
        for (auto it = timers_.begin(); it != timers_.end();) {
            if (it->second <= now_) {
                timer_id const due = it->first;
                timers_.erase(it);
                tell(cpu::timer_fired{due, cpu_time_of_all});
                it = timers_.begin();
            } else {
                ++it;
            }
        }
    }

    [[nodiscard]] std::uint64_t command_count() const { return command_count_; }

  private:
    Agent agent_;
    time_point now_{};
    cpu::command_buffer commands_;
    std::map<timer_id, time_point> timers_;
    std::uint64_t command_count_ = 0;
};

template <class Agent>
void bm_agent(benchmark::State& state, Agent const& agent) {
    constexpr std::uint32_t alive = 64; // more than CPUs, so that there is a queue
    auto const steps = drawn_steps(100'000);
    std::uint64_t command_count = 0;
    for ([[maybe_unused]] auto _ : state) {
        driver<Agent> run{agent};
        run.tell(cpu::started{24});
        duration cpu_time_of_all{};
        for (std::size_t i = 0; i < steps.size() + alive; ++i) {
            if (i >= alive) {
                step const& old = steps[i - alive];
                task_id const id{static_cast<std::uint32_t>((i - alive) % alive),
                                 static_cast<std::uint32_t>((i - alive) / alive)};
                if (old.sleeps) {
                    run.tell(cpu::task_blocked{id, old.cpu_time / 2});
                    run.tell(cpu::task_woke{id, old.cpu_time / 2});
                }
                run.tell(cpu::task_exited{id, old.cpu_time});
                cpu_time_of_all += old.cpu_time;
            }
            if (i < steps.size()) {
                run.advance(steps[i].gap, cpu_time_of_all);
                run.tell(cpu::task_arrived{
                    {static_cast<std::uint32_t>(i % alive), static_cast<std::uint32_t>(i / alive)}, steps[i].function});
            }
        }
        run.tell(cpu::stopping{});
        command_count = run.command_count();
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(steps.size()));
    state.counters["commands"] = static_cast<double>(command_count);
}

using cpu::basic_alps;
using cpu::srpt_replay;

BENCHMARK_CAPTURE(bm_agent, hands_off, cpu::hands_off{});
BENCHMARK_CAPTURE(bm_agent, sfs, cpu::sfs{});
BENCHMARK_CAPTURE(bm_agent, sfs_repository, cpu::sfs{cpu::sfs_config::repository()});
BENCHMARK_CAPTURE(bm_agent, alps, cpu::alps{});
BENCHMARK_CAPTURE(bm_agent, alps_one_share, cpu::alps{cpu::alps_config{.all_samples = false}});
BENCHMARK_CAPTURE(bm_agent, alps_one_sample_of_all, cpu::alps{cpu::alps_config{.sample_every = 1}});
BENCHMARK_CAPTURE(bm_agent, alps_nice, cpu::alps{cpu::alps_config{.actuator = cpu::alps_actuator::nice_levels}});
BENCHMARK_CAPTURE(bm_agent, alps_linear_regression, basic_alps<cpu::linear_regression_trainer, srpt_replay>{});
BENCHMARK_CAPTURE(bm_agent, alps_random_forest,
                  basic_alps<cpu::random_forest_trainer, srpt_replay>{
                      cpu::alps_config{}, cpu::random_forest_trainer{random_stream{42, "forest"}}});
BENCHMARK_CAPTURE(bm_agent, alps_ewma, basic_alps<cpu::ewma_trainer, srpt_replay>{});
BENCHMARK_CAPTURE(bm_agent, hybrid, cpu::hybrid{});
BENCHMARK_CAPTURE(bm_agent, hybrid_adaptive, cpu::hybrid{cpu::hybrid_config{.adaptive = true}});

} // namespace
