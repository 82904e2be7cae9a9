// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/experiment/suggest.hpp>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace hpcsched::experiment {
namespace {

char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Optimal string alignment distance: Levenshtein's, with swaps of neighbours as one step.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), current(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) {
        last[j] = j;
    }
    for (std::size_t i = 1; i <= a.size(); ++i) {
        current[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            std::size_t const replaced = last[j - 1] + (lower(a[i - 1]) == lower(b[j - 1]) ? 0U : 1U);
            current[j] = std::min({last[j] + 1, current[j - 1] + 1, replaced});
            bool const swapped =
                i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]);
            if (swapped) {
                current[j] = std::min(current[j], before[j - 2] + 1);
            }
        }
        std::swap(before, last);
        std::swap(last, current);
    }
    return last[b.size()];
}

} // namespace

std::string nearest_name(std::string_view typed, std::span<std::string const> candidates) {
    std::string_view nearest;
    std::size_t least = std::max<std::size_t>(1, typed.size() / 3) + 1;
    for (std::string const& candidate : candidates) {
        std::size_t const apart = distance(typed, candidate);
        if (apart < least) {
            least = apart;
            nearest = candidate;
        }
    }
    return std::string{nearest};
}

std::string suggestion(std::string_view typed, std::span<std::string const> candidates, std::string_view what) {
    if (std::string const near = nearest_name(typed, candidates); !near.empty()) {
        return "did you mean '" + near + "'?";
    }
    std::string all = "the " + std::string{what} + " are ";
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        all += (i == 0 ? "" : ", ") + candidates[i];
    }
    return all;
}

} // namespace hpcsched::experiment
