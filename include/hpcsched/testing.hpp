// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_HPP
#define HPCSCHED_TESTING_HPP

/// \file
/// All of hpcsched::testing; a program that is built often includes what it uses instead.

#include <hpcsched/testing/archetypes/admission_policy.hpp>
#include <hpcsched/testing/archetypes/cell_source.hpp>
#include <hpcsched/testing/archetypes/cluster_scheduler.hpp>
#include <hpcsched/testing/archetypes/interarrival_distribution.hpp>
#include <hpcsched/testing/archetypes/invocation_source.hpp>
#include <hpcsched/testing/archetypes/log_storage.hpp>
#include <hpcsched/testing/archetypes/mutation_policy.hpp>
#include <hpcsched/testing/archetypes/placement_policy.hpp>
#include <hpcsched/testing/archetypes/preemption_policy.hpp>
#include <hpcsched/testing/archetypes/queueing_policy.hpp>
#include <hpcsched/testing/archetypes/replicated_log.hpp>
#include <hpcsched/testing/archetypes/scheduling_agent.hpp>
#include <hpcsched/testing/archetypes/scheduling_class.hpp>
#include <hpcsched/testing/archetypes/state_machine.hpp>
#include <hpcsched/testing/archetypes/transport.hpp>
#include <hpcsched/testing/conformance/allocator.hpp>
#include <hpcsched/testing/conformance/cell_source.hpp>
#include <hpcsched/testing/conformance/cluster_scheduler.hpp>
#include <hpcsched/testing/conformance/fluid_class.hpp>
#include <hpcsched/testing/conformance/interarrival_distribution.hpp>
#include <hpcsched/testing/conformance/invocation_source.hpp>
#include <hpcsched/testing/conformance/lease_book.hpp>
#include <hpcsched/testing/conformance/log_storage.hpp>
#include <hpcsched/testing/conformance/mutation_policy.hpp>
#include <hpcsched/testing/conformance/placement_policy.hpp>
#include <hpcsched/testing/conformance/preemption_policy.hpp>
#include <hpcsched/testing/conformance/queueing_policy.hpp>
#include <hpcsched/testing/conformance/replicated_log.hpp>
#include <hpcsched/testing/conformance/scheduling_agent.hpp>
#include <hpcsched/testing/conformance/scheduling_class.hpp>
#include <hpcsched/testing/conformance/state_machine.hpp>
#include <hpcsched/testing/fuse_networks.hpp>
#include <hpcsched/testing/synthetic_evaluator.hpp>

#endif
