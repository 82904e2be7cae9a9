// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_ARCHETYPES_CANDIDATE_FILTER_HPP
#define HPCSCHED_TESTING_ARCHETYPES_CANDIDATE_FILTER_HPP

#include <hpcsched/fuse/candidate.hpp>
#include <hpcsched/fuse/filter.hpp>

namespace hpcsched::testing {

/// Nothing but what `fuse::candidate_filter` asks for. Declared, not defined: code that compiles with it needs no more.
class minimal_candidate_filter {
  public:
    minimal_candidate_filter() = delete;
    minimal_candidate_filter(minimal_candidate_filter const&) = delete;
    minimal_candidate_filter(minimal_candidate_filter&&) noexcept;
    minimal_candidate_filter& operator=(minimal_candidate_filter const&) = delete;
    minimal_candidate_filter& operator=(minimal_candidate_filter&&) noexcept;

    bool admits(fuse::search_view const&, fuse::candidate const&);
    void learn(fuse::search_view const&, fuse::candidate const&, fuse::outcome const&);
};

static_assert(fuse::candidate_filter<minimal_candidate_filter>);

} // namespace hpcsched::testing

#endif
