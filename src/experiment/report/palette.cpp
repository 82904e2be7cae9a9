// SPDX-License-Identifier: Apache-2.0
#include "report/palette.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <tuple>

namespace hpcsched::experiment::detail {
namespace {

struct hue {
    std::string_view light, dark;
};

constexpr std::array<hue, 10> hues{{
    {"#c8420a", "#ff7033"}, // vermilion
    {"#2563eb", "#4c8dff"}, // blue
    {"#00935a", "#2ed88b"}, // green
    {"#b94fc0", "#cc78d6"}, // purple
    {"#6b7280", "#98a1af"}, // grey
    {"#111827", "#f3f4f6"}, // ink
    {"#8a6d00", "#d8b73a"}, // ochre
    {"#6d1a45", "#d9709f"}, // wine
    {"#0b8aa6", "#5fc9e0"}, // teal
    {"#45319b", "#a596ff"}, // indigo
}};

struct known_policy {
    std::string_view family;
    std::size_t hue_index;
    std::string_view description;
};

constexpr std::array<known_policy, 11> known_policies{{
    {"serpt", 0, "hpcsched’s own: shortest expected remaining time, learned per function, tempered by fairness"},
    {"sfs", 1, "SFS (SC’22): a FIFO slice that follows the arrival rate, then the kernel’s fair class"},
    {"alps", 2, "ALPS (ATC’24): learns ranks and slices per function from replays of SRPT"},
    {"hybrid", 3, "half of the CPUs run FIFO, what takes too long moves to the other half under the fair class"},
    {"eevdf", 4, "the Linux default since 6.6, left alone"},
    {"cfs", 4, "the Linux default before 6.6, left alone"},
    {"srpt", 5, "the oracle: knows every service demand, always runs what ends soonest, at no cost"},
    {"ps", 6, "processor sharing: every runnable task gets an equal part of the machine, at no cost"},
    {"rr", 7, "round robin from one queue, at no cost"},
    {"fcfs", 8, "first come, first served, to the end, at no cost"},
    {"mlfq", 9, "multi-level feedback queue: the longer a task has run, the lower its level, at no cost"},
}};

constexpr std::array<std::string_view, 4> markers{"circle", "rect", "triangle", "rectRot"};

[[nodiscard]] std::string_view family_of(std::string_view name) noexcept {
    return name.substr(0, name.find('-'));
}

[[nodiscard]] std::size_t known_index(std::string_view family) noexcept {
    auto const found = std::find_if(known_policies.begin(), known_policies.end(),
                                    [family](known_policy const& k) { return k.family == family; });
    return static_cast<std::size_t>(found - known_policies.begin());
}

/// The n-th pattern of a colour; the idealised start with the second, so that they are never solid.
[[nodiscard]] std::vector<double> dash_pattern(std::size_t n) {
    switch (n) {
    case 0:
        return {};
    case 1:
        return {7, 4};
    case 2:
        return {2, 3};
    case 3:
        return {10, 3, 2, 3};
    default:
        return {2.0 + static_cast<double>(n), 3, 2, 3, 2, 3};
    }
}

/// Which colour each family gets: its own if it is known, else the first that no other family uses.
[[nodiscard]] std::map<std::string_view, std::size_t> assign_hues(std::span<policy_entry const> policies) {
    std::map<std::string_view, std::size_t> assigned;
    std::array<std::size_t, hues.size()> users{};
    for (policy_entry const& policy : policies) {
        std::size_t const known = known_index(family_of(policy.name));
        if (known < known_policies.size() &&
            assigned.try_emplace(family_of(policy.name), known_policies[known].hue_index).second) {
            ++users[known_policies[known].hue_index];
        }
    }
    std::map<std::string_view, bool> unknown; // in order of name
    for (policy_entry const& policy : policies) {
        if (!assigned.contains(family_of(policy.name))) {
            unknown.emplace(family_of(policy.name), true);
        }
    }
    for (auto const& [family, yes] : unknown) {
        auto const least = std::min_element(users.begin(), users.end());
        assigned[family] = static_cast<std::size_t>(least - users.begin());
        ++*least;
    }
    return assigned;
}

} // namespace

std::vector<line_style> style_policies(std::span<policy_entry const> policies) {
    auto const hue_of = assign_hues(policies);
    // Within a colour: the better known family first, the plain name before its variants, then by name.
    using place = std::tuple<std::size_t, bool, std::size_t, std::string_view, std::size_t>;
    std::vector<place> order;
    for (std::size_t i = 0; i < policies.size(); ++i) {
        std::string_view const name = policies[i].name;
        order.emplace_back(hue_of.at(family_of(name)), policies[i].idealised, known_index(family_of(name)), name, i);
    }
    std::sort(order.begin(), order.end());
    std::vector<line_style> styles(policies.size());
    std::size_t previous_hue = hues.size();
    std::size_t variant = 0;
    for (auto const& [hue_index, idealised, known, name, policy] : order) {
        variant = hue_index == previous_hue ? variant + 1 : (idealised ? 1 : 0);
        if (idealised && variant == 0) {
            variant = 1;
        }
        previous_hue = hue_index;
        styles[policy] = {.light = hues[hue_index].light,
                          .dark = hues[hue_index].dark,
                          .marker = markers[(hue_index + variant) % markers.size()],
                          .dash = dash_pattern(variant)};
    }
    return styles;
}

std::string_view built_in_description(std::string_view policy) {
    std::size_t const known = known_index(policy);
    return known < known_policies.size() ? known_policies[known].description : std::string_view{};
}

} // namespace hpcsched::experiment::detail
