// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/cpu/weights.hpp>
#include <hpcsched/cpu_linux/backend.hpp>
#include <hpcsched/cpu_linux/kernel_facts.hpp>

#include "cgroup.hpp"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <string>

namespace hpcsched::cpu_linux {

namespace {

constexpr std::int64_t unlimited_weight = 1'000'000;

/// What a backend that has only the fair class makes of a wish.
scheduling in_the_fair_class(scheduling const& wanted) noexcept {
    bool const is_urgent = wanted.policy != cpu::sched_policy::normal;
    return {.nice = is_urgent ? cpu::nice_min : wanted.nice, .slice = wanted.slice};
}

} // namespace

result<void> realtime_bands::check(kernel_facts const& facts) {
    if (!facts.real_time.works) {
        return error{"realtime_bands: " + facts.real_time.why_not};
    }
    return {};
}

outcome realtime_bands::apply(steered_process const& process, scheduling const& wanted) noexcept {
    return set_scheduling(process, wanted);
}

result<void> nice_and_slice::check(kernel_facts const&) {
    return {}; // always to be had, with more or less effect
}

outcome nice_and_slice::apply(steered_process const& process, scheduling const& wanted) noexcept {
    outcome const came = set_scheduling(process, in_the_fair_class(wanted));
    if (came != outcome::not_allowed) {
        return came;
    }
    // Without privileges nice only goes up: who is urgent stays where it is, who steps back does so for good.
    scheduling const humble{.nice = wanted.nice > 0 ? cpu::nice_max : 0, .slice = wanted.slice};
    return humble.nice > 0 ? set_scheduling(process, humble) : outcome::done;
}

result<void> cgroup_weights::check(kernel_facts const& facts) {
    if (facts.cgroup == cgroup_version::none) {
        return error{"cgroup_weights: no control group with the CPU controller: mount cgroup2, or cgroup with -o cpu"};
    }
    return {};
}

outcome cgroup_weights::admit(process_id process) noexcept {
    try {
        std::string const folder = detail::group_folder(process);
        if (folder.empty()) {
            return outcome::gone;
        }
        auto known = groups_.find(folder);
        if (known == groups_.end()) {
            auto const found = detail::weight_of_group(folder);
            if (!found) {
                return outcome::not_possible; // the root, which has none
            }
            known = groups_.emplace(folder, group{.found = *found}).first;
        }
        if (of_.emplace(process, known).second) {
            ++known->second.tasks;
        }
        return outcome::done;
    } catch (std::exception const&) { // no memory
        return outcome::not_possible;
    }
}

std::optional<file_content> cgroup_weights::trace_of(process_id process) const {
    auto const known = of_.find(process);
    if (known == of_.end()) {
        return std::nullopt;
    }
    auto const& [folder, of] = *known->second;
    return file_content{detail::weight_file_of(folder), std::to_string(of.found)};
}

outcome cgroup_weights::apply(process_id process, scheduling const& wanted) noexcept {
    auto const known = of_.find(process);
    if (known == of_.end()) {
        return outcome::not_possible;
    }
    auto const& [folder, of] = *known->second;
    bool const is_urgent = wanted.policy != cpu::sched_policy::normal;
    return detail::set_group_weight(
        folder, is_urgent ? unlimited_weight : of.found * cpu::weight_of_nice(wanted.nice) / cpu::weight_of_nice(0));
}

outcome cgroup_weights::release(process_id process, scheduling const&) noexcept {
    auto const known = of_.find(process);
    if (known == of_.end()) {
        return outcome::done;
    }
    auto const of = known->second;
    of_.erase(known);
    if (--of->second.tasks > 0) {
        return outcome::done;
    }
    outcome const came = detail::set_group_weight(of->first, of->second.found);
    groups_.erase(of);
    return came;
}

} // namespace hpcsched::cpu_linux
