// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_HPP
#define HPCSCHED_TESTING_HPP

/// \file
/// All of hpcsched::testing; a program that is built often includes what it uses instead.

#include <hpcsched/testing/archetypes/interarrival_distribution.hpp>
#include <hpcsched/testing/archetypes/invocation_source.hpp>
#include <hpcsched/testing/archetypes/log_storage.hpp>
#include <hpcsched/testing/archetypes/replicated_log.hpp>
#include <hpcsched/testing/archetypes/scheduling_agent.hpp>
#include <hpcsched/testing/archetypes/scheduling_class.hpp>
#include <hpcsched/testing/archetypes/state_machine.hpp>
#include <hpcsched/testing/archetypes/transport.hpp>
#include <hpcsched/testing/conformance/fluid_class.hpp>
#include <hpcsched/testing/conformance/interarrival_distribution.hpp>
#include <hpcsched/testing/conformance/invocation_source.hpp>
#include <hpcsched/testing/conformance/log_storage.hpp>
#include <hpcsched/testing/conformance/replicated_log.hpp>
#include <hpcsched/testing/conformance/scheduling_agent.hpp>
#include <hpcsched/testing/conformance/scheduling_class.hpp>
#include <hpcsched/testing/conformance/state_machine.hpp>

#endif
