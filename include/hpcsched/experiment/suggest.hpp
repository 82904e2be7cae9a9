// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_EXPERIMENT_SUGGEST_HPP
#define HPCSCHED_EXPERIMENT_SUGGEST_HPP

#include <span>
#include <string>
#include <string_view>

namespace hpcsched::experiment {

/// The candidate that a mistyped name most likely meant: the nearest by insertions, deletions, replacements and swaps
/// of neighbouring letters, case ignored, and at most a third of the name away; the first of equally near ones. Empty:
/// none is near.
[[nodiscard]] std::string nearest_name(std::string_view typed, std::span<std::string const> candidates);

/// What to tell a person who gave an unknown name: `did you mean 'x'?`, or, where none is near, all of them.
/// \param what  plural, as in "the policies are .."
[[nodiscard]] std::string suggestion(std::string_view typed, std::span<std::string const> candidates,
                                     std::string_view what);

} // namespace hpcsched::experiment

#endif
