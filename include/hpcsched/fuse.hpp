// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_HPP
#define HPCSCHED_FUSE_HPP

/// \file
/// All of hpcsched::fuse; a program that is built often includes what it uses instead.

#include <hpcsched/fuse/adapter.hpp>
#include <hpcsched/fuse/adapter_mutations.hpp>
#include <hpcsched/fuse/archive.hpp>
#include <hpcsched/fuse/block.hpp>
#include <hpcsched/fuse/block_latency_model.hpp>
#include <hpcsched/fuse/candidate.hpp>
#include <hpcsched/fuse/canonical.hpp>
#include <hpcsched/fuse/capacity.hpp>
#include <hpcsched/fuse/cost_first.hpp>
#include <hpcsched/fuse/cost_model.hpp>
#include <hpcsched/fuse/draws.hpp>
#include <hpcsched/fuse/drop_features.hpp>
#include <hpcsched/fuse/evaluator.hpp>
#include <hpcsched/fuse/failure_model.hpp>
#include <hpcsched/fuse/filter.hpp>
#include <hpcsched/fuse/gaussian_process.hpp>
#include <hpcsched/fuse/gmorph.hpp>
#include <hpcsched/fuse/gmorph_mutation.hpp>
#include <hpcsched/fuse/graph_codec.hpp>
#include <hpcsched/fuse/graph_hash.hpp>
#include <hpcsched/fuse/graph_rules.hpp>
#include <hpcsched/fuse/inheritance.hpp>
#include <hpcsched/fuse/journal.hpp>
#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse/more_samplers.hpp>
#include <hpcsched/fuse/more_stopping.hpp>
#include <hpcsched/fuse/mutation.hpp>
#include <hpcsched/fuse/reattachment.hpp>
#include <hpcsched/fuse/restoring_mutations.hpp>
#include <hpcsched/fuse/sampler.hpp>
#include <hpcsched/fuse/search.hpp>
#include <hpcsched/fuse/search_config.hpp>
#include <hpcsched/fuse/search_events.hpp>
#include <hpcsched/fuse/segments.hpp>
#include <hpcsched/fuse/stopping.hpp>
#include <hpcsched/fuse/teacher_set.hpp>
#include <hpcsched/fuse/tensor_shape.hpp>

#endif
