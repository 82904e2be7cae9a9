// SPDX-License-Identifier: Apache-2.0
#include "../walk.hpp"

using namespace hpcsched;

struct near_miss {
    bool outcome(predict::test::walk::run const&) const;
};

static_assert(predict::question<near_miss, predict::test::walk>);
