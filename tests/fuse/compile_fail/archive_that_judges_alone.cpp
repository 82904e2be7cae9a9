// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/fuse/archive.hpp>

#include <span>
#include <vector>

using namespace hpcsched;

struct near_miss {
    void offer(fuse::archive_member const&);
    std::span<fuse::archive_member const> members() const noexcept;
    fuse::archive_member const* best() const noexcept;
};

static_assert(fuse::archive_policy<near_miss>);
