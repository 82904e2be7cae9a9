// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/fuse/evaluator.hpp>

#include <cstdint>
#include <optional>
#include <vector>

using namespace hpcsched;

struct near_miss {
    bool build(fuse::evaluate_candidate const&);
    void forget(fuse::candidate_id);
    std::optional<double> train(fuse::candidate_id, std::uint32_t);
    std::optional<fuse::measurement> measure(fuse::candidate_id, std::uint32_t);
    time_point now() const;
};

static_assert(fuse::evaluator<near_miss>);
