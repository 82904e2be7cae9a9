// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_HPP
#define HPCSCHED_FUSE_HPP

/// \file
/// All of hpcsched::fuse; a program that is built often includes what it uses instead.

#include <hpcsched/fuse/adapter.hpp>
#include <hpcsched/fuse/adapter_mutations.hpp>
#include <hpcsched/fuse/block.hpp>
#include <hpcsched/fuse/canonical.hpp>
#include <hpcsched/fuse/capacity.hpp>
#include <hpcsched/fuse/draws.hpp>
#include <hpcsched/fuse/gmorph_mutation.hpp>
#include <hpcsched/fuse/graph_codec.hpp>
#include <hpcsched/fuse/graph_hash.hpp>
#include <hpcsched/fuse/graph_rules.hpp>
#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse/mutation.hpp>
#include <hpcsched/fuse/reattachment.hpp>
#include <hpcsched/fuse/restoring_mutations.hpp>
#include <hpcsched/fuse/segments.hpp>
#include <hpcsched/fuse/teacher_set.hpp>
#include <hpcsched/fuse/tensor_shape.hpp>

#endif
