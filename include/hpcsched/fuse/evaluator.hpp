// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_EVALUATOR_HPP
#define HPCSCHED_FUSE_EVALUATOR_HPP

#include <hpcsched/core/bytes.hpp>
#include <hpcsched/core/sink.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/fuse/search_events.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace hpcsched::fuse {

/// What the evaluation of a network found.
struct measurement {
    std::vector<double> drops{}; ///< of each task, a fraction
    duration latency{};          ///< of one sample
};

namespace detail {

/// Part of evaluator: builds networks, and lets go of them.
template <class E>
concept holds_networks = requires(E& e, evaluate_candidate const& c, candidate_id id) {
    { e.build(c) } -> std::same_as<bool>;
    { e.forget(id) } -> std::same_as<void>;
};

/// Part of evaluator: trains and measures.
template <class E>
concept trains_networks = requires(E& e, candidate_id id, std::uint32_t epoch) {
    { e.train(id, epoch) } -> std::same_as<std::optional<std::vector<double>>>;
    { e.measure(id, epoch) } -> std::same_as<std::optional<measurement>>;
};

/// Part of evaluator: knows how late it is.
template <class E>
concept tells_time = requires(E const& e) {
    { e.now() } -> std::same_as<time_point>;
};

// Whether a command is about the training of a candidate.
inline bool trains(search_command const& command, candidate_id id) noexcept {
    auto const* const t = std::get_if<train_until>(&command);
    auto const* const c = std::get_if<conclude>(&command);
    return (t != nullptr && t->id == id) || (c != nullptr && c->id == id);
}

} // namespace detail

/// Builds, trains and measures networks: what stands behind a search. This one waits for each step; a driver that has
/// several devices talks to the search itself.
///
/// For an evaluator `e`, a command `c`, a candidate `id` and a number of epochs `n`:
///
/// | expression         | effect                                                                               |
/// |--------------------|--------------------------------------------------------------------------------------|
/// | `e.build(c)`       | makes the network of `evaluate_candidate`; false: it cannot                          |
/// | `e.train(id, n)`   | trains until `n` epochs are done in all; each task's drop, or nothing: it went wrong |
/// | `e.measure(id, n)` | the same, and the latency too; the weights are kept until `forget`                   |
/// | `e.forget(id)`     | throws the network away; one that is not there is no matter                          |
/// | `e.now()`          | the time                                                                             |
///
/// Semantics (not checked by the compiler):
/// 1. `now` never goes back.
/// 2. Candidate 0 is built first; of it only the latency is looked at.
///
/// Minimal model: hpcsched/testing/archetypes/evaluator.hpp.
/// Conformance: hpcsched/testing/conformance/evaluator.hpp.
template <class E>
concept evaluator = detail::holds_networks<E> && detail::trains_networks<E> && detail::tells_time<E>;

/// Carries out what a search asks for with an evaluator, one command after the other, until the search has finished or
/// `go_on()` is false. `go_on` is asked before each event, with the journal so far: there its end is made durable.
template <class Search, evaluator Evaluator, class GoOn>
    requires std::predicate<GoOn&, byte_buffer const&>
void run(Search& search, Evaluator& with, byte_buffer& journal, bool resumed, GoOn&& go_on) {
    buffer<search_command> out;
    std::deque<search_command> left;
    auto const say = [&](search_event const& event) {
        search.handle(event, with.now(), out, journal);
        left.insert(left.end(), out.items().begin(), out.items().end());
        out.clear();
    };
    if (!go_on(std::as_const(journal))) {
        return;
    }
    resumed ? say(driver_restarted{}) : say(search_started{});
    while (!left.empty()) {
        search_command const command = std::move(left.front());
        left.pop_front();
        std::optional<search_event> event;
        if (auto const* c = std::get_if<evaluate_candidate>(&command)) {
            if (!with.build(*c)) {
                event = evaluation_failed{c->id};
                std::erase_if(left, [id = c->id](search_command const& each) { return detail::trains(each, id); });
            }
        } else if (auto const* t = std::get_if<train_until>(&command)) {
            auto drops = with.train(t->id, t->epoch);
            event = drops ? search_event{epoch_measured{t->id, t->epoch, std::move(*drops)}}
                          : search_event{evaluation_failed{t->id}};
        } else if (auto const* e = std::get_if<conclude>(&command)) {
            auto found = with.measure(e->id, e->epoch);
            event = found ? search_event{evaluated{e->id, std::move(found->drops), found->latency}}
                          : search_event{evaluation_failed{e->id}};
        } else if (auto const* f = std::get_if<forget>(&command)) {
            with.forget(f->id);
        } else {
            return;
        }
        if (event) {
            if (!go_on(std::as_const(journal))) {
                return;
            }
            say(*event);
        }
    }
}

} // namespace hpcsched::fuse

#endif
