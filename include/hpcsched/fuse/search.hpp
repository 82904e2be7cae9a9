// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_SEARCH_HPP
#define HPCSCHED_FUSE_SEARCH_HPP

#include <hpcsched/core/assert.hpp>
#include <hpcsched/core/bytes.hpp>
#include <hpcsched/core/hash.hpp>
#include <hpcsched/core/random.hpp>
#include <hpcsched/core/result.hpp>
#include <hpcsched/core/sink.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/fuse/archive.hpp>
#include <hpcsched/fuse/candidate.hpp>
#include <hpcsched/fuse/capacity.hpp>
#include <hpcsched/fuse/cost_model.hpp>
#include <hpcsched/fuse/draws.hpp>
#include <hpcsched/fuse/filter.hpp>
#include <hpcsched/fuse/graph_hash.hpp>
#include <hpcsched/fuse/inheritance.hpp>
#include <hpcsched/fuse/journal.hpp>
#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse/mutation.hpp>
#include <hpcsched/fuse/sampler.hpp>
#include <hpcsched/fuse/search_config.hpp>
#include <hpcsched/fuse/search_events.hpp>
#include <hpcsched/fuse/stopping.hpp>
#include <hpcsched/fuse/teacher_set.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

namespace hpcsched::fuse {

/// The policies of a search, as one value.
template <class Sampler, mutation_policy Mutation, candidate_filter Filter, stopping_policy Stopping, cost_model Cost,
          archive_policy Archive>
    requires candidate_sampler<Sampler, Mutation, Cost>
struct search_policies {
    Sampler sampler{};
    Mutation mutation{};
    Filter filter{};
    Stopping stopping{};
    Cost cost{};
    Archive archive{};
};

/// The search for a fused network, as a value: events in, commands out. It has no clock and trains nothing; a driver
/// does, one candidate at a time or several (`search_config::lanes`), and may be killed at any time.
///
/// Each event that is handled is appended to the journal, behind a first record that names teachers and configuration.
/// A driver makes what was appended durable before it carries out the commands. After a kill it makes a search from the
/// same arguments, has it `replay` the journal, and says `driver_restarted`: then what was in training begins anew, and
/// all else is as it was, to the bit. Where the driver's measurements repeat, the killed search ends as one that never
/// was.
///
/// Iterations as in GMorph: a proposal; turned away where it was seen before, or by the filter; else trained, checked,
/// and evaluated; accepted where no task drops more than is tolerated.
/// \thread_safety none
template <class Sampler, mutation_policy Mutation, candidate_filter Filter, stopping_policy Stopping, cost_model Cost,
          archive_policy Archive>
    requires candidate_sampler<Sampler, Mutation, Cost>
class search {
  public:
    using policies = search_policies<Sampler, Mutation, Filter, Stopping, Cost, Archive>;

    /// \param teachers  borrowed: must outlive the search
    /// \pre validate(config)
    search(teacher_set const& teachers, search_config const& config, policies p)
        : teachers_{&teachers}, config_{config}, policies_{std::move(p)}, forest_{model_graph::forest(teachers)} {
        HPCSCHED_ASSERT(validate(config).has_value());
        HPCSCHED_ASSERT(teachers.task_count() > 0);
        seen_.insert(identity_hash(forest_));
    }

    /// Takes an event in. What it says of no candidate in training, or of another epoch than was asked for, is left
    /// out.
    /// \param now      not before that of the last event
    /// \param journal  what is appended is to be made durable before the commands are carried out
    void handle(search_event const& event, time_point now, sink<search_command>& out, byte_buffer& journal) {
        if (!is_expected(event)) {
            return;
        }
        byte_buffer record;
        if (records_ == 0) {
            put_header(record);
            append_record(journal, record, records_++);
            record.clear();
        }
        put_event(record, event, now);
        append_record(journal, record, records_++);
        step(event, now, out);
    }

    /// Brings a new search to where another was when its journal ended.
    /// \return how many bytes of the journal are whole; the rest is to be cut off before the next event is handled
    /// \error the journal is of other teachers or of another configuration, or holds what is no event
    /// \pre nothing was handled yet
    [[nodiscard]] result<std::size_t> replay(std::span<std::byte const> journal) {
        HPCSCHED_ASSERT(records_ == 0);
        journal_records const found = read_records(journal);
        buffer<search_command> none;
        for (auto const bytes : found.records) {
            if (records_ == 0) {
                byte_buffer expected;
                put_header(expected);
                if (!std::equal(bytes.begin(), bytes.end(), expected.begin(), expected.end())) {
                    return error{"the journal is of a search with other teachers or another configuration; go on with "
                                 "those, or begin a journal of its own"};
                }
            } else {
                time_point now{};
                auto const event = take_event(bytes, now);
                if (!event || now < now_ || !is_expected(*event)) {
                    return error{"record " + std::to_string(records_) +
                                 " of the journal does not follow from those "
                                 "before it; begin a new one"};
                }
                step(*event, now, none);
                none.clear();
            }
            ++records_;
        }
        return found.whole;
    }

    [[nodiscard]] bool is_finished() const noexcept { return finished_; }
    /// The fastest network so far that keeps every task's drop within what is tolerated; null: none yet.
    [[nodiscard]] archive_member const* best() const noexcept { return policies_.archive.best(); }
    [[nodiscard]] Archive const& archive() const noexcept { return policies_.archive; }
    [[nodiscard]] policies const& parts() const noexcept { return policies_; }
    [[nodiscard]] search_progress const& progress() const noexcept { return progress_; }
    [[nodiscard]] duration baseline() const noexcept { return baseline_; }
    [[nodiscard]] std::size_t in_training() const noexcept { return running_.size(); }

  private:
    struct training {
        candidate what{};
        std::vector<curve_point> curve{};
        std::uint32_t asked = 0;   // the epoch that it trains for
        std::uint32_t counted = 0; // epochs that `progress_` has of it
        std::optional<ending> concluding{};
    };

    static constexpr std::uint64_t version = 1;

    void put_header(byte_buffer& out) const {
        put_word(out, version);
        put_word(out, teachers_->fingerprint());
        put_word(out, config_.fingerprint());
    }

    [[nodiscard]] search_view view() const noexcept {
        return {.teachers = *teachers_,
                .forest = forest_,
                .members = policies_.archive.members(),
                .best = policies_.archive.best(),
                .seen = seen_,
                .plan = config_.plan,
                .tolerated_drop = config_.tolerated_drop,
                .baseline = baseline_,
                .iteration = progress_.iterations};
    }

    [[nodiscard]] bool is_expected(search_event const& event) const noexcept {
        if (auto const* m = std::get_if<epoch_measured>(&event)) {
            auto const found = running_.find(m->id);
            return found != running_.end() && !found->second.concluding && found->second.asked == m->epoch &&
                   m->drops.size() == teachers_->task_count();
        }
        if (auto const* e = std::get_if<evaluated>(&event)) {
            auto const found = running_.find(e->id);
            bool const is_asked = e->id == 0 ? started_ && baseline_ == duration{}
                                             : found != running_.end() && found->second.concluding.has_value() &&
                                                   e->drops.size() == teachers_->task_count();
            return is_asked && e->latency > duration{};
        }
        if (auto const* f = std::get_if<evaluation_failed>(&event)) {
            return f->id == 0 ? started_ && baseline_ == duration{} : running_.contains(f->id);
        }
        return started_ != std::holds_alternative<search_started>(event);
    }

    void step(search_event const& event, time_point now, sink<search_command>& out) {
        HPCSCHED_ASSERT(now >= now_);
        now_ = now;
        std::visit([&](auto const& e) { on(e, out); }, event);
        fill_lanes(out);
    }

    void on(search_started const& /*e*/, sink<search_command>& out) {
        started_ = true;
        start_ = now_;
        ask_baseline(out);
    }
    void on(time_passed const& /*e*/, sink<search_command>& /*out*/) noexcept {}
    void on(driver_restarted const& /*e*/, sink<search_command>& out) {
        if (baseline_ == duration{} && !finished_) {
            ask_baseline(out);
        }
        std::vector<candidate_id> anew; // the policies may give one up at once
        for (auto const& [id, t] : running_) {
            anew.push_back(id);
        }
        for (candidate_id const id : anew) {
            training& t = running_.at(id);
            t.curve.clear();
            t.counted = 0;
            t.concluding.reset();
            begin(t, out);
        }
        if (finished_) {
            out.append(search_finished{});
        }
    }
    void on(epoch_measured const& e, sink<search_command>& out) {
        training& t = running_.at(e.id);
        t.curve.push_back({e.epoch, largest(e.drops)});
        count_epochs(t, e.epoch);
        if (t.curve.back().drop <= config_.tolerated_drop) {
            end_at(t, ending::good_enough, e.epoch, out);
            return;
        }
        go_on(t, out);
    }
    void on(evaluated const& e, sink<search_command>& out) {
        if (e.id == 0) {
            baseline_ = e.latency;
            policies_.cost.learn(*teachers_, forest_, e.latency);
            progress_.curve.push_back({.at = now_, .latency = e.latency});
            return;
        }
        auto node = running_.extract(e.id);
        training& t = node.mapped();
        count_epochs(t, t.asked);
        outcome const o{.how = *t.concluding,
                        .accepted = largest(e.drops) <= config_.tolerated_drop,
                        .drop = largest(e.drops),
                        .latency = e.latency,
                        .epochs = t.asked};
        ++progress_.evaluated;
        progress_.accepted += o.accepted ? 1U : 0U;
        progress_.cut_short += o.how == ending::cut_short ? 1U : 0U;
        policies_.cost.learn(*teachers_, t.what.graph, e.latency);
        archive(t.what, o, out);
        settle(t, o);
    }
    void on(evaluation_failed const& e, sink<search_command>& out) {
        if (e.id == 0) { // without a baseline there is nothing to compare with
            ++progress_.failed;
            finish(out);
            return;
        }
        auto node = running_.extract(e.id);
        ++progress_.failed;
        settle(node.mapped(), {.how = ending::failed});
        forget_unneeded(out);
    }

    void ask_baseline(sink<search_command>& out) const {
        out.append(evaluate_candidate{.graph = forest_, .origins = weight_origins(*teachers_, forest_, forest_)});
        out.append(conclude{});
    }

    // Offers it to the archive; what that lets go of, and is no base of a training, is forgotten.
    void archive(candidate const& c, outcome const& o, sink<search_command>& out) {
        auto const* const before = policies_.archive.best();
        candidate_id const best_before = before == nullptr ? 0 : before->id;
        policies_.archive.offer({c.id, c.graph, o.drop, o.latency}, config_.tolerated_drop);
        kept_.insert(c.id);
        forget_unneeded(out);
        auto const* const best = policies_.archive.best();
        if (best != nullptr && best->id != best_before) {
            progress_.curve.push_back({.at = now_,
                                       .iteration = progress_.iterations,
                                       .evaluated = progress_.evaluated,
                                       .epochs = progress_.epochs,
                                       .best = best->id,
                                       .latency = best->latency});
        }
    }
    void forget_unneeded(sink<search_command>& out) {
        std::set<candidate_id> needed;
        for (archive_member const& m : policies_.archive.members()) {
            needed.insert(m.id);
        }
        if (policies_.archive.best() != nullptr) {
            needed.insert(policies_.archive.best()->id);
        }
        for (auto const& [id, t] : running_) {
            needed.insert(t.what.base);
        }
        for (auto i = kept_.begin(); i != kept_.end();) {
            if (needed.contains(*i)) {
                ++i;
            } else {
                out.append(forget{*i});
                i = kept_.erase(i);
            }
        }
    }

    void settle(training const& t, outcome const& o) {
        progress_.epochs_failed += o.accepted ? 0 : t.counted;
        search_view const v = view();
        policies_.sampler.learn(v, t.what, o);
        policies_.filter.learn(v, t.what, o);
        policies_.stopping.learn(v, t.what, t.curve, o);
    }

    void count_epochs(training& t, std::uint32_t epoch) noexcept {
        progress_.epochs += epoch - t.counted;
        t.counted = epoch;
    }

    void end_at(training& t, ending how, std::uint32_t epoch, sink<search_command>& out) {
        t.concluding = how;
        t.asked = epoch;
        out.append(conclude{t.what.id, epoch});
    }

    // The next check, or the end.
    void go_on(training& t, sink<search_command>& out) {
        std::uint32_t const done = t.curve.empty() ? 0 : t.curve.back().epoch;
        training_step const next = policies_.stopping.next(view(), t.what, t.curve);
        if (next.what == training_step::kind::conclude) {
            end_at(t, ending::cut_short, done, out);
        } else if (next.what == training_step::kind::abandon) {
            ++progress_.abandoned;
            out.append(forget{t.what.id});
            auto node = running_.extract(t.what.id);
            training const& gone = node.mapped();
            double const last = gone.curve.empty() ? 1.0 : gone.curve.back().drop;
            settle(gone, {.how = ending::abandoned, .drop = next.expected_drop.value_or(last), .epochs = done});
            forget_unneeded(out);
        } else if (next.until >= config_.plan.epochs_max) {
            end_at(t, ending::ran_out, config_.plan.epochs_max, out);
        } else {
            HPCSCHED_ASSERT(t.curve.empty() || next.until > done);
            t.asked = next.until;
            out.append(train_until{t.what.id, next.until});
        }
    }

    void begin(training& t, sink<search_command>& out) {
        archive_member const* const base = view().find(t.what.base);
        model_graph const& from = base == nullptr ? forest_ : base->graph;
        auto const held = base_graphs_.find(t.what.base);
        model_graph const& source = held == base_graphs_.end() ? from : held->second;
        out.append(evaluate_candidate{.id = t.what.id,
                                      .base = t.what.base,
                                      .graph = t.what.graph,
                                      .origins = weight_origins(*teachers_, source, t.what.graph),
                                      .epochs_max = config_.plan.epochs_max});
        go_on(t, out);
    }

    [[nodiscard]] bool is_spent() const noexcept {
        return progress_.iterations >= config_.iterations_max || policies_.sampler.is_exhausted() ||
               (config_.epochs_budget != 0 && progress_.epochs >= config_.epochs_budget) ||
               (config_.time_budget != duration{} && now_ - start_ >= config_.time_budget);
    }

    void finish(sink<search_command>& out) {
        finished_ = true;
        out.append(search_finished{});
    }

    void fill_lanes(sink<search_command>& out) {
        if (finished_ || baseline_ == duration{}) {
            return;
        }
        while (running_.size() < config_.lanes && !is_spent()) {
            if (auto next = propose()) {
                candidate_id const id = next->id;
                training& t = running_.emplace(id, training{.what = std::move(*next)}).first->second;
                ++progress_.started;
                hold_base(t.what.base);
                begin(t, out);
            }
        }
        if (running_.empty() && is_spent()) {
            finish(out);
        }
    }

    // A base may leave the archive while others are trained from it: its graph is needed should they begin anew.
    void hold_base(candidate_id base) {
        std::erase_if(base_graphs_, [&](auto const& held) {
            return std::none_of(running_.begin(), running_.end(),
                                [&](auto const& r) { return r.second.what.base == held.first; });
        });
        archive_member const* const m = base == 0 ? nullptr : view().find(base);
        if (m != nullptr) {
            base_graphs_.emplace(base, m->graph);
        }
    }

    [[nodiscard]] std::optional<candidate> propose() {
        ++progress_.iterations;
        draws d{config_.seed + 0x9e3779b97f4a7c15ULL * progress_.iterations, "fuse::search"};
        auto made = policies_.sampler.propose(view(), policies_.mutation, policies_.cost, d);
        if (!made) {
            ++progress_.without_mutation;
            return std::nullopt;
        }
        if (!seen_.insert(identity_hash(made->graph)).second) {
            ++progress_.duplicates;
            return std::nullopt;
        }
        candidate c{.id = next_id_,
                    .base = made->base,
                    .graph = std::move(made->graph),
                    .mutations = std::move(made->mutations)};
        c.capacity = capacity(*teachers_, c.graph);
        c.predicted = policies_.cost.latency(*teachers_, c.graph);
        if (!policies_.filter.admits(view(), c)) {
            ++progress_.filtered;
            return std::nullopt;
        }
        ++next_id_;
        return c;
    }

    static double largest(std::vector<double> const& drops) noexcept {
        double most = drops.front();
        for (double const d : drops) {
            most = d > most || d != d ? d : most; // what is no number is no success
        }
        return most;
    }

    teacher_set const* teachers_;
    search_config config_;
    policies policies_;
    model_graph forest_;
    std::unordered_set<std::uint64_t> seen_;
    std::map<candidate_id, training> running_;
    std::map<candidate_id, model_graph> base_graphs_; // of candidates in training
    std::set<candidate_id> kept_;                     // whose weights the driver has
    search_progress progress_;
    duration baseline_{};
    time_point now_ = time_point::min();
    time_point start_{};
    candidate_id next_id_ = 1;
    std::uint64_t records_ = 0;
    bool started_ = false;
    bool finished_ = false;
};

} // namespace hpcsched::fuse

#endif
