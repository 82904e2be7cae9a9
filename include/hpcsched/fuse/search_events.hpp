// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_SEARCH_EVENTS_HPP
#define HPCSCHED_FUSE_SEARCH_EVENTS_HPP

#include <hpcsched/core/bytes.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/fuse/candidate.hpp>
#include <hpcsched/fuse/inheritance.hpp>
#include <hpcsched/fuse/model_graph.hpp>

#include <bit>
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

namespace detail {

inline void put_drops(byte_buffer& out, std::vector<double> const& drops) {
    put_word(out, drops.size());
    for (double const d : drops) {
        put_word(out, std::bit_cast<std::uint64_t>(d));
    }
}

inline bool take_drops(byte_reader& in, std::vector<double>& to) {
    std::uint64_t const count = in.word();
    if (count > teacher_set::tasks_max) {
        return false;
    }
    for (std::uint64_t i = 0; i < count; ++i) {
        to.push_back(std::bit_cast<double>(in.word()));
    }
    return in.good();
}

} // namespace detail

/// Appends an event and its time.
inline void put_event(byte_buffer& out, search_event const& event, time_point now) {
    put_word(out, event.index());
    put_word(out, static_cast<std::uint64_t>(now.time_since_epoch().count()));
    if (auto const* m = std::get_if<epoch_measured>(&event)) {
        put_word(out, m->id);
        put_word(out, m->epoch);
        detail::put_drops(out, m->drops);
    } else if (auto const* e = std::get_if<evaluated>(&event)) {
        put_word(out, e->id);
        detail::put_drops(out, e->drops);
        put_word(out, static_cast<std::uint64_t>(e->latency.count()));
    } else if (auto const* f = std::get_if<evaluation_failed>(&event)) {
        put_word(out, f->id);
    }
}

/// Reads what `put_event` wrote; nothing of what is none.
[[nodiscard]] inline std::optional<search_event> take_event(std::span<std::byte const> bytes, time_point& now) {
    byte_reader in{bytes};
    std::uint64_t const kind = in.word();
    now = time_point{duration{static_cast<std::int64_t>(in.word())}};
    std::optional<search_event> event;
    switch (kind) {
    case 0:
        event = search_started{};
        break;
    case 1:
        event = driver_restarted{};
        break;
    case 2:
        event = time_passed{};
        break;
    case 3: {
        epoch_measured m;
        m.id = in.word();
        m.epoch = static_cast<std::uint32_t>(in.word());
        event = detail::take_drops(in, m.drops) ? std::optional<search_event>{m} : std::nullopt;
        break;
    }
    case 4: {
        evaluated e;
        e.id = in.word();
        bool const read = detail::take_drops(in, e.drops);
        e.latency = duration{static_cast<std::int64_t>(in.word())};
        event = read ? std::optional<search_event>{e} : std::nullopt;
        break;
    }
    case 5:
        event = evaluation_failed{in.word()};
        break;
    default:
        break;
    }
    return in.good() && in.rest().empty() ? event : std::nullopt;
}

} // namespace hpcsched::fuse

#endif
