// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_ARCHETYPES_STOPPING_POLICY_HPP
#define HPCSCHED_TESTING_ARCHETYPES_STOPPING_POLICY_HPP

#include <hpcsched/fuse/candidate.hpp>
#include <hpcsched/fuse/stopping.hpp>

#include <span>

namespace hpcsched::testing {

/// Nothing but what `fuse::stopping_policy` asks for. Declared, not defined: code that compiles with it needs no more.
class minimal_stopping_policy {
  public:
    minimal_stopping_policy() = delete;
    minimal_stopping_policy(minimal_stopping_policy const&) = delete;
    minimal_stopping_policy(minimal_stopping_policy&&) noexcept;
    minimal_stopping_policy& operator=(minimal_stopping_policy const&) = delete;
    minimal_stopping_policy& operator=(minimal_stopping_policy&&) noexcept;

    [[nodiscard]] fuse::training_step next(fuse::search_view const&, fuse::candidate const&,
                                           std::span<fuse::curve_point const>) const;
    void learn(fuse::search_view const&, fuse::candidate const&, std::span<fuse::curve_point const>,
               fuse::outcome const&);
};

static_assert(fuse::stopping_policy<minimal_stopping_policy>);

} // namespace hpcsched::testing

#endif
