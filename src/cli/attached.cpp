// SPDX-License-Identifier: Apache-2.0
#include "attached.hpp"

#include <hpcsched/cpu/alps.hpp>
#include <hpcsched/cpu/hands_off.hpp>
#include <hpcsched/cpu/serpt.hpp>
#include <hpcsched/cpu/sfs.hpp>
#include <hpcsched/cpu_linux/kernel_facts.hpp>
#include <hpcsched/experiment/suggest.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace hpcsched::cli {

namespace {

// --- what agents have learned ------------------------------------------------------------------------------------

template <class Agent>
learned_estimate learned_by(Agent const&, function_id) {
    return {};
}

learned_estimate learned_by(cpu::serpt const& agent, function_id function) {
    cpu::service_time_posterior const* const known = agent.posterior(function);
    if (known == nullptr) {
        return {};
    }
    double weight = 0, sum = 0;
    for (auto const& bin : known->atoms()) {
        weight += bin.weight;
        sum += bin.weight * bin.mean;
    }
    return {.service = duration{std::llround(sum / weight)}};
}

learned_estimate learned_by(cpu::sfs const& agent, function_id) {
    return {.slice = agent.slice()}; // one for all
}

learned_estimate learned_by(cpu::alps const& agent, function_id function) {
    int const rank = agent.rank(function);
    return rank == 0 ? learned_estimate{} : learned_estimate{.slice = agent.slice(function), .rank = rank};
}

// --- any agent, any backend --------------------------------------------------------------------------------------

template <class Agent, class Backend>
class attached_as final : public attached {
  public:
    attached_as(std::string policy, cpu_linux::attachment<Agent, Backend> made)
        : policy_{std::move(policy)}, attachment_{std::move(made)} {}

    void work() override { attachment_.work(); }
    [[nodiscard]] int steering_descriptor() const override { return attachment_.steering_descriptor(); }
    [[nodiscard]] int watch_descriptor() const override { return attachment_.watch_descriptor(); }

    result<void> begin(cpu_linux::process_id process, std::string const& function) override {
        auto const task = attachment_.begin(process, function);
        return task.has_error() ? result<void>{task.error()} : result<void>{};
    }
    bool end(cpu_linux::process_id process) override { return attachment_.end(process); }

    [[nodiscard]] attach_report report() const override {
        auto const& steered = attachment_.steered();
        attach_report all{
            .policy = policy_,
            .backend = std::string{Backend::name},
            .sensor = steered.sensor_in_use() == cpu_linux::sensor::bpf ? "bpf" : "polling",
            .uptime = cpu_linux::now() - since_,
            .own_cpu_time = cpu_linux::cpu_time_of(cpu_linux::own_process()),
            .counts = steered.counts(),
            .lost_events = steered.lost_event_count(),
            .functions = attachment_.functions(),
            .invocations = attachment_.invocations(),
        };
        for (std::uint32_t i = 0; i < all.functions.size(); ++i) {
            all.learned.push_back(learned_by(steered.agent(), function_id{i}));
        }
        return all;
    }

  private:
    std::string policy_;
    cpu_linux::attachment<Agent, Backend> attachment_;
    time_point since_ = cpu_linux::now();
};

using made = result<std::unique_ptr<attached>>;

template <class Backend, class Agent>
made attach_agent(std::string const& policy, Agent agent, cpu_linux::attachment_config const& config) {
    auto started = cpu_linux::attachment<Agent, Backend>::start(std::move(agent), config);
    if (started.has_error()) {
        return started.error();
    }
    return std::unique_ptr<attached>{new attached_as<Agent, Backend>{policy, std::move(*started)}};
}

template <class Backend>
made attach_by(std::string const& policy, cpu_linux::attachment_config const& config) {
    if (policy == "serpt") {
        return attach_agent<Backend>(policy, cpu::serpt{}, config);
    }
    if (policy == "sfs") {
        return attach_agent<Backend>(policy, cpu::sfs{}, config);
    }
    if (policy == "alps-nice") {
        return attach_agent<Backend>(policy, cpu::alps{cpu::alps_config{.actuator = cpu::alps_actuator::nice_levels}},
                                     config);
    }
    if (policy == "alps") {
        return attach_agent<Backend>(policy, cpu::alps{}, config);
    }
    return attach_agent<Backend>(policy, cpu::hands_off{}, config);
}

result<void> check_name(std::string const& name, std::vector<std::string> const& known, std::string const& what,
                        std::string const& plural) {
    if (std::ranges::find(known, name) != known.end()) {
        return {};
    }
    return error{what + " '" + name + "' is not known; " + experiment::suggestion(name, known, plural)};
}

/// Whether those who are to be steered may be real-time, as far as control groups of their own stand in the way.
cpu_linux::ability real_time_for(cpu_linux::attachment_config const& config) {
    if (config.find) {
        if (auto const rule = cpu_linux::process_rule::make(*config.find);
            rule.has_value() && !rule->cgroup().empty()) {
            return cpu_linux::probe_real_time_below(rule->cgroup());
        }
    }
    return {.works = true};
}

/// The best backend that works here.
std::string best_backend(cpu_linux::kernel_facts const& facts, bool in_groups) {
    auto const rows = cpu_linux::backend_table(facts);
    auto const best = std::ranges::find_if(rows, &cpu_linux::backend_row::works);
    std::string const name = best == rows.end() ? rows.front().name : best->name;
    // Nice has no effect between groups.
    bool const weighs = in_groups && name == cpu_linux::nice_and_slice::name;
    return weighs && cpu_linux::cgroup_weights::check(facts).has_value() ? std::string{cpu_linux::cgroup_weights::name}
                                                                         : name;
}

} // namespace

std::vector<std::string> attachable_policies() {
    return {"serpt", "sfs", "alps-nice", "alps", "eevdf"};
}

std::vector<std::string> attachable_backends() {
    return {"realtime_bands", "sched_ext", "nice_and_slice", "cgroup_weights"};
}

result<void> check_names(std::string const& policy, std::string const& backend) {
    if (auto known = check_name(policy, attachable_policies(), "policy", "policies"); known.has_error()) {
        return known;
    }
    return backend.empty() ? result<void>{} : check_name(backend, attachable_backends(), "backend", "backends");
}

backend_choice choose_backend(std::string const& wanted, cpu_linux::attachment_config const& config) {
    std::string const real_time{cpu_linux::realtime_bands::name};
    if (!wanted.empty() && wanted != real_time) {
        return {.name = wanted};
    }
    cpu_linux::ability const there = real_time_for(config);
    cpu_linux::kernel_facts facts = cpu_linux::probe_kernel();
    if (!wanted.empty()) {
        return {.name = wanted,
                .remark = there.works ? facts.real_time_unhindered.why_not
                                      : there.why_not + "; cgroup_weights works without real time"};
    }
    bool const in_groups = facts.real_time.works && !there.works;
    if (in_groups) {
        facts.real_time = there;
    }
    std::string const best = best_backend(facts, in_groups);
    return {.name = best,
            .remark = in_groups           ? there.why_not
                      : best == real_time ? facts.real_time_unhindered.why_not
                                          : std::string{}};
}

result<std::unique_ptr<attached>> attach(std::string const& policy, std::string const& by,
                                         cpu_linux::attachment_config const& config) {
    if (by == cpu_linux::realtime_bands::name) {
        return attach_by<cpu_linux::realtime_bands>(policy, config);
    }
    if (by == cpu_linux::nice_and_slice::name) {
        return attach_by<cpu_linux::nice_and_slice>(policy, config);
    }
    if (by == cpu_linux::sched_ext::name) {
        return attach_by<cpu_linux::sched_ext>(policy, config);
    }
    return attach_by<cpu_linux::cgroup_weights>(policy, config);
}

} // namespace hpcsched::cli
