// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/fuse/gmorph_mutation.hpp>
#include <hpcsched/fuse/sampler.hpp>

#include <optional>

using namespace hpcsched;

struct near_miss {
    std::optional<fuse::model_graph> propose(fuse::search_view const&, fuse::gmorph_mutation&,
                                             fuse::unknown_cost const&, fuse::draws&);
    void learn(fuse::search_view const&, fuse::candidate const&, fuse::outcome const&);
    bool is_exhausted() const noexcept;
};

static_assert(fuse::candidate_sampler<near_miss, fuse::gmorph_mutation, fuse::unknown_cost>);
