// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_ARCHETYPES_EVALUATOR_HPP
#define HPCSCHED_TESTING_ARCHETYPES_EVALUATOR_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/fuse/evaluator.hpp>
#include <hpcsched/fuse/search_events.hpp>

#include <cstdint>
#include <optional>
#include <vector>

namespace hpcsched::testing {

/// Nothing but what `fuse::evaluator` asks for. Declared, not defined: code that compiles with it needs no more.
class minimal_evaluator {
  public:
    minimal_evaluator() = delete;
    minimal_evaluator(minimal_evaluator const&) = delete;
    minimal_evaluator(minimal_evaluator&&) noexcept;
    minimal_evaluator& operator=(minimal_evaluator const&) = delete;
    minimal_evaluator& operator=(minimal_evaluator&&) noexcept;

    bool build(fuse::evaluate_candidate const&);
    std::optional<std::vector<double>> train(fuse::candidate_id, std::uint32_t);
    std::optional<fuse::measurement> measure(fuse::candidate_id, std::uint32_t);
    void forget(fuse::candidate_id);
    [[nodiscard]] time_point now() const;
};

static_assert(fuse::evaluator<minimal_evaluator>);

} // namespace hpcsched::testing

#endif
