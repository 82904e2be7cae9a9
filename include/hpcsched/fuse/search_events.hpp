// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_SEARCH_EVENTS_HPP
#define HPCSCHED_FUSE_SEARCH_EVENTS_HPP

#include <hpcsched/core/bytes.hpp>
#include <hpcsched/core/sink.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/fuse/candidate.hpp>
#include <hpcsched/fuse/inheritance.hpp>
#include <hpcsched/fuse/model_graph.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

/// What a search asks its driver to do, and what it is told.
namespace hpcsched::fuse {

/// Build this network: each node with the weights of its origin. Candidate 0 is the forest, which is measured and not
/// trained. Nothing is trained until it is said.
struct evaluate_candidate {
    candidate_id id = 0;
    candidate_id base = 0; ///< whose trained weights `weight_origin::source::base` means; 0: the teachers'
    model_graph graph{};
    std::vector<weight_origin> origins{}; ///< of each node of the graph
    std::uint32_t epochs_max = 0;         ///< it will not be trained for longer

    friend bool operator==(evaluate_candidate const&, evaluate_candidate const&) = default;
};
/// Train until so many epochs are done in all, measure the drop of each task, and say `epoch_measured`.
struct train_until {
    candidate_id id = 0;
    std::uint32_t epoch = 0;
    friend bool operator==(train_until const&, train_until const&) = default;
};
/// Train until so many epochs are done in all, measure the drop of each task and the latency, and say `evaluated`, once
/// the trained weights are kept where a crash does not reach them.
struct conclude {
    candidate_id id = 0;
    std::uint32_t epoch = 0;
    friend bool operator==(conclude const&, conclude const&) = default;
};
/// Throw the candidate and its weights away: it was given up, or is not needed as a base any more.
struct forget {
    candidate_id id = 0;
    friend bool operator==(forget const&, forget const&) = default;
};
/// There is no more to do. What is in training has been told.
struct search_finished {
    friend bool operator==(search_finished const&, search_finished const&) = default;
};

/// Commands are carried out in order for each candidate; different candidates may go on at the same time.
using search_command = std::variant<evaluate_candidate, train_until, conclude, forget, search_finished>;

/// The search may begin; said once.
struct search_started {};
/// The driver starts again after it was killed, and has nothing in training. All that was, begins anew.
struct driver_restarted {};
/// Nothing happened but that it is so late.
struct time_passed {};
/// The answer to `train_until`.
struct epoch_measured {
    candidate_id id = 0;
    std::uint32_t epoch = 0;
    std::vector<double> drops{}; ///< of each task: what the teacher reaches less what this does; a fraction
};
/// The answer to `conclude`.
struct evaluated {
    candidate_id id = 0;
    std::vector<double> drops{}; ///< as above; of the forest not looked at
    duration latency{};          ///< of one sample, above 0
};
/// The driver could not do what was asked with this candidate, and has thrown it away.
struct evaluation_failed {
    candidate_id id = 0;
};

using search_event =
    std::variant<search_started, driver_restarted, time_passed, epoch_measured, evaluated, evaluation_failed>;

/// Appends an event and its time.
void put_event(byte_buffer& out, search_event const& event, time_point now);

/// Reads what `put_event` wrote; nothing of what is none.
[[nodiscard]] std::optional<search_event> take_event(std::span<std::byte const> bytes, time_point& now);

} // namespace hpcsched::fuse

// Compiled once, in the component's own source.
extern template class hpcsched::sink<hpcsched::fuse::search_command>;
extern template class hpcsched::buffer<hpcsched::fuse::search_command>;

#endif
