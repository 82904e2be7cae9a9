// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_ARCHETYPES_CELL_SOURCE_HPP
#define HPCSCHED_TESTING_ARCHETYPES_CELL_SOURCE_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/workload/notebook_cell.hpp>

namespace hpcsched::testing {

/// No more than `workload::cell_source` asks for: what compiles with it uses nothing else.
///
/// To be compiled, not linked: its members are declared only.
class minimal_cell_source {
  public:
    minimal_cell_source() = delete;
    minimal_cell_source(minimal_cell_source const&) = delete;
    minimal_cell_source& operator=(minimal_cell_source const&) = delete;
    ~minimal_cell_source();

    result<bool> next(workload::notebook_cell&);
};

static_assert(workload::cell_source<minimal_cell_source>);

} // namespace hpcsched::testing

#endif
