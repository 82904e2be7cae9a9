// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_ARCHETYPES_ARCHIVE_POLICY_HPP
#define HPCSCHED_TESTING_ARCHETYPES_ARCHIVE_POLICY_HPP

#include <hpcsched/fuse/archive.hpp>
#include <hpcsched/fuse/candidate.hpp>

#include <span>

namespace hpcsched::testing {

/// Nothing but what `fuse::archive_policy` asks for. Declared, not defined: code that compiles with it needs no more.
class minimal_archive_policy {
  public:
    minimal_archive_policy() = delete;
    minimal_archive_policy(minimal_archive_policy const&) = delete;
    minimal_archive_policy(minimal_archive_policy&&) noexcept;
    minimal_archive_policy& operator=(minimal_archive_policy const&) = delete;
    minimal_archive_policy& operator=(minimal_archive_policy&&) noexcept;

    void offer(fuse::archive_member const&, double);
    [[nodiscard]] std::span<fuse::archive_member const> members() const noexcept;
    [[nodiscard]] fuse::archive_member const* best() const noexcept;
};

static_assert(fuse::archive_policy<minimal_archive_policy>);

} // namespace hpcsched::testing

#endif
