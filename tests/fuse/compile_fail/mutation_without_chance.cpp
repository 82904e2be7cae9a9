// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/core/sink.hpp>
#include <hpcsched/fuse/mutation.hpp>

#include <optional>

using namespace hpcsched;

struct near_miss {
    void enumerate(fuse::teacher_set const&, fuse::model_graph const&, sink<fuse::mutation>&) const;
    std::optional<fuse::mutation> draw(fuse::teacher_set const&, fuse::model_graph const&) const;
    std::optional<fuse::model_graph> apply(fuse::teacher_set const&, fuse::model_graph const&, fuse::mutation const&);
};

static_assert(fuse::mutation_policy<near_miss>);
