// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_ARCHETYPES_INVOCATION_SOURCE_HPP
#define HPCSCHED_TESTING_ARCHETYPES_INVOCATION_SOURCE_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/workload/invocation.hpp>

namespace hpcsched::testing {

/// No more than `workload::invocation_source` asks for: what compiles with it uses nothing else.
///
/// To be compiled, not linked: its members are declared only.
class minimal_invocation_source {
  public:
    minimal_invocation_source() = delete;
    minimal_invocation_source(minimal_invocation_source const&) = delete;
    minimal_invocation_source& operator=(minimal_invocation_source const&) = delete;
    ~minimal_invocation_source();

    result<bool> next(workload::invocation&);
};

static_assert(workload::invocation_source<minimal_invocation_source>);

} // namespace hpcsched::testing

#endif
