// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/predict/executor.hpp>

using namespace hpcsched;

struct near_miss {
    template <class Function>
    void for_each(std::size_t, Function const&);
};

static_assert(predict::executor<near_miss>);
