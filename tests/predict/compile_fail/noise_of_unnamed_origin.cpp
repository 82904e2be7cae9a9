// SPDX-License-Identifier: Apache-2.0
#include "../walk.hpp"

using namespace hpcsched;

struct near_miss {
    void perceive(predict::test::walk::state&, predict::noise_streams<1>&) const;
    void disturb(predict::test::walk::run&, predict::noise_streams<1>&) const;
    near_miss scaled(std::size_t, double) const;
};

static_assert(predict::noise_model<near_miss, predict::test::walk>);
