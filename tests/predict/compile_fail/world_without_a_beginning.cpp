// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/predict/world.hpp>

using namespace hpcsched;

struct near_miss {
    using state = int;
    using run = int;
    run make_run() const;
    void begin(run const&, state&) const; // a state is only seen
    predict::progress step(run&) const;
};

static_assert(predict::world<near_miss>);
