// SPDX-License-Identifier: Apache-2.0

// Compiled, never linked: what compiles with the archetypes asks no more of a model than its concept does.
#include <hpcsched/testing/archetypes/cell_source.hpp>
#include <hpcsched/testing/archetypes/interarrival_distribution.hpp>
#include <hpcsched/testing/archetypes/invocation_source.hpp>
#include <hpcsched/workload/describe.hpp>
#include <hpcsched/workload/generator.hpp>
#include <hpcsched/workload/make_notebook_trace.hpp>
#include <hpcsched/workload/offered_work.hpp>
#include <hpcsched/workload/rearrived.hpp>
#include <hpcsched/workload/scale_to_load.hpp>
#include <hpcsched/workload/write_notebook_csv.hpp>

namespace hpcsched::workload {

using testing::minimal_interarrival_distribution;
using testing::minimal_invocation_source; // does not move, so that it is borrowed

template class merged_arrivals<minimal_interarrival_distribution>;
template class basic_generator<merged_arrivals<minimal_interarrival_distribution>>;
template result<generator_with<minimal_interarrival_distribution>>
make_generator_with(generator_config const&, minimal_interarrival_distribution, function_names*);
template class rearrived<minimal_invocation_source&, minimal_interarrival_distribution>;
template class rescaled<minimal_invocation_source&>;
template result<offered_work> measure_work(minimal_invocation_source&);
template result<workload_summary> describe(minimal_invocation_source&, std::size_t);
template result<notebook_trace> collect_cells(testing::minimal_cell_source&);
template result<std::uint64_t> write_notebook_csv(testing::minimal_cell_source&, text_sink);

} // namespace hpcsched::workload
