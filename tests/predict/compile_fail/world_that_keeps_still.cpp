// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/predict/world.hpp>

using namespace hpcsched;

struct near_miss {
    using state = int;
    using run = int;
    run make_run() const;
    void begin(run&, state const&) const;
    void step(run&) const; // says not how it stands
};

static_assert(predict::world<near_miss>);
