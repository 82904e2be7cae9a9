// SPDX-License-Identifier: Apache-2.0
#include "../walk.hpp"

#include <string>

using namespace hpcsched;

struct near_miss {
    std::string outcome(predict::test::walk::run const&) const;
    bool settled(predict::test::walk::run const&) const;
};

static_assert(predict::question<near_miss, predict::test::walk>);
