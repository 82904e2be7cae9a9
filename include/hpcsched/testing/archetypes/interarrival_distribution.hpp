// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_ARCHETYPES_INTERARRIVAL_DISTRIBUTION_HPP
#define HPCSCHED_TESTING_ARCHETYPES_INTERARRIVAL_DISTRIBUTION_HPP

#include <hpcsched/core/random.hpp>
#include <hpcsched/workload/arrivals.hpp>

namespace hpcsched::testing {

/// No more than `workload::interarrival_distribution` asks for: what compiles with it uses nothing else.
///
/// To be compiled, not linked: its members are declared only.
class minimal_interarrival_distribution {
  public:
    minimal_interarrival_distribution() = delete;
    minimal_interarrival_distribution(minimal_interarrival_distribution const&) = delete;
    minimal_interarrival_distribution& operator=(minimal_interarrival_distribution const&) = delete;
    minimal_interarrival_distribution(minimal_interarrival_distribution&&) noexcept;
    ~minimal_interarrival_distribution();

    double operator()(random_stream&);
};

static_assert(workload::interarrival_distribution<minimal_interarrival_distribution>);

} // namespace hpcsched::testing

#endif
