// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTING_SYNTHETIC_EVALUATOR_HPP
#define HPCSCHED_TESTING_SYNTHETIC_EVALUATOR_HPP

#include <hpcsched/core/hash.hpp>
#include <hpcsched/core/time.hpp>
#include <hpcsched/fuse/adapter.hpp>
#include <hpcsched/fuse/cost_model.hpp>
#include <hpcsched/fuse/evaluator.hpp>
#include <hpcsched/fuse/graph_hash.hpp>
#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse/search_events.hpp>
#include <hpcsched/fuse/teacher_set.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace hpcsched::testing {

/// Trains nothing, and answers as if: accuracies and latencies of fused networks by a made-up law, the same for the
/// same seed. The law, with numbers of the size that gmorph.md reports:
///
/// * a task that runs through another teacher's blocks loses with their depth and with how unlike the two tasks are;
/// * it loses with the square of how much shorter its way is than its teacher's;
/// * each place where a block reads what it was not trained on costs, less behind a trained adapter;
/// * training brings the drop from a first value, the higher the more edges are new to the weights inherited, down to
///   that floor, by an exponential curve; some noise on the floor, and on each check;
/// * a block takes a time of its own, by its multiply-adds and its kind's speed; an epoch takes as long as the network
///   is large.
class synthetic_evaluator {
  public:
    /// \param teachers  borrowed: must outlive it
    synthetic_evaluator(fuse::teacher_set const& teachers, std::uint64_t seed) : teachers_{&teachers}, seed_{seed} {
        forest_ = fuse::model_graph::forest(teachers);
        forest_work_ = static_cast<double>(fuse::multiply_adds(teachers, forest_)) + 1;
        built_.emplace(0, network{forest_, forest_, 0});
    }

    [[nodiscard]] bool build(fuse::evaluate_candidate const& c) {
        auto const base = built_.find(c.base);
        if (base == built_.end()) {
            return false;
        }
        model_graph const from = base->second.graph;
        built_.insert_or_assign(c.id, network{c.graph, from, 0});
        spend(5);
        return true;
    }
    [[nodiscard]] std::optional<std::vector<double>> train(fuse::candidate_id id, std::uint32_t epoch) {
        auto const found = built_.find(id);
        if (found == built_.end() || epoch < found->second.epoch) {
            return std::nullopt;
        }
        network& n = found->second;
        double const share = static_cast<double>(fuse::multiply_adds(*teachers_, n.graph)) / forest_work_;
        spend(10 + (epoch - n.epoch) * (20 + 60 * share));
        epochs_ += epoch - n.epoch;
        n.epoch = epoch;
        return drops(n);
    }
    [[nodiscard]] std::optional<fuse::measurement> measure(fuse::candidate_id id, std::uint32_t epoch) {
        auto found = train(id, epoch);
        if (!found) {
            return std::nullopt;
        }
        spend(20);
        return fuse::measurement{std::move(*found), latency(built_.at(id).graph)};
    }
    void forget(fuse::candidate_id id) { built_.erase(id); }
    [[nodiscard]] time_point now() const noexcept { return now_; }

    /// What a kill takes: all but the candidates whose evaluation is done, which are on the disk.
    void lose(std::vector<fuse::candidate_id> const& in_training) {
        for (fuse::candidate_id const id : in_training) {
            built_.erase(id);
        }
    }
    [[nodiscard]] std::vector<fuse::candidate_id> networks() const {
        std::vector<fuse::candidate_id> ids;
        for (auto const& [id, n] : built_) {
            ids.push_back(id);
        }
        return ids;
    }

    /// What a network takes for one sample.
    [[nodiscard]] duration latency(fuse::model_graph const& graph) const {
        double sum = 0; // ns
        for (fuse::node_index i = 1; i < graph.size(); ++i) {
            fuse::graph_node const& n = graph[i];
            if (n.is_adapter()) {
                auto const from = graph.input_shape(*teachers_, i);
                sum += 3'000 + 0.03 * static_cast<double>(multiply_adds_of(n.adapter, from, n.output));
            } else {
                fuse::block const& b = teachers_->at(n.id);
                double const speed = 0.015 + 0.02 * unit("speed", static_cast<std::uint64_t>(b.kind));
                double const own = 0.8 + 0.4 * unit("block", teachers_->description_hash(n.id));
                sum += 2'000 + speed * own * static_cast<double>(b.multiply_adds) +
                       0.1 * static_cast<double>(b.output.elements());
            }
        }
        return duration{static_cast<std::int64_t>(sum * (0.995 + 0.01 * unit("run", identity_hash(graph))))};
    }

    /// The drop of each task after endless training.
    [[nodiscard]] std::vector<double> floors(fuse::model_graph const& graph) const {
        std::vector<double> all(teachers_->task_count(), 0);
        for (std::uint16_t t = 1; t <= all.size(); ++t) {
            all[t - 1U] = floor_of(graph, t);
        }
        return all;
    }
    /// Epochs trained so far, of all candidates.
    [[nodiscard]] std::uint64_t epochs() const noexcept { return epochs_; }

  private:
    using model_graph = fuse::model_graph;

    struct network {
        model_graph graph;
        model_graph base;
        std::uint32_t epoch = 0;
    };

    void spend(double seconds) { now_ += duration{static_cast<std::int64_t>(seconds * 1e9)}; }

    // In [0, 1), of the seed, a name and numbers.
    [[nodiscard]] double unit(std::string_view name, std::uint64_t a, std::uint64_t b = 0) const noexcept {
        sequence_hash hash;
        hash.add(seed_);
        hash.add(name);
        hash.add(a);
        hash.add(b);
        return static_cast<double>(hash.value() >> 11U) * 0x1.0p-53;
    }

    [[nodiscard]] double likeness(std::uint16_t a, std::uint16_t b) const noexcept {
        return 0.45 + 0.5 * unit("likeness", std::min(a, b), std::max(a, b));
    }

    [[nodiscard]] static std::vector<fuse::node_index> way_to(model_graph const& graph, fuse::node_id leaf) {
        std::vector<fuse::node_index> way;
        for (fuse::node_index i = graph.find(leaf).value(); i != 0; i = graph[i].parent) {
            way.push_back(i);
        }
        return way;
    }

    [[nodiscard]] std::size_t mergeable_blocks(std::uint16_t task) const {
        std::size_t count = 0;
        for (fuse::block const& b : teachers_->blocks(task)) {
            count += b.mergeable() ? 1U : 0U;
        }
        return std::max<std::size_t>(count, 1);
    }

    [[nodiscard]] double floor_of(model_graph const& graph, std::uint16_t task) const {
        double damage = 0;
        double length = 0;
        for (fuse::node_index const i : way_to(graph, teachers_->last(task))) {
            fuse::graph_node const& n = graph[i];
            if (n.is_adapter()) {
                damage += n.adapter == fuse::adapter_kind::interpolation ? 0.004
                          : fuse::is_trained(n.adapter)                  ? 0.001
                                                                         : 0.006;
                continue;
            }
            fuse::block const& b = teachers_->at(n.id);
            length += b.mergeable() ? 1 : 0;
            if (n.id.task != task && b.mergeable()) {
                double const depth = (n.id.layer + 1.0) / static_cast<double>(teachers_->block_count(n.id.task));
                damage += 0.22 * (1 - likeness(task, n.id.task)) * std::pow(depth, 1.5) /
                          static_cast<double>(mergeable_blocks(n.id.task));
            }
            fuse::graph_node const& above = graph[n.parent];
            bool const is_first = n.id.layer == 0 && n.parent == 0;
            bool const follows = above.id.task == n.id.task && above.id.layer + 1 == n.id.layer;
            if (!is_first && !follows && !above.is_adapter()) {
                damage +=
                    above.id.task == n.id.task ? 0.0015 : 0.003 * (1 - likeness(above.id.task, n.id.task)) + 0.001;
            }
        }
        double const missing = std::max(0.0, 1 - length / static_cast<double>(mergeable_blocks(task)));
        damage += (0.05 + 0.15 * unit("needs", task)) * missing * missing;
        double const room = 0.001 + 0.005 * unit("room", task);
        return damage - room + 0.003 * (unit("noise", topology_hash(*teachers_, graph), task) - 0.5);
    }

    [[nodiscard]] std::vector<double> drops(network const& n) const {
        std::vector<double> all = floors(n.graph);
        for (std::uint16_t t = 1; t <= all.size(); ++t) {
            double fresh = 0;
            auto const way = way_to(n.graph, teachers_->last(t));
            for (fuse::node_index const i : way) {
                auto const before = n.base.find(n.graph[i].id);
                fresh += !before || n.base[n.base[*before].parent].id != n.graph[n.graph[i].parent].id ? 1 : 0;
            }
            double const first =
                fresh == 0 ? 0 : 0.5 * (1 - std::exp(-(0.3 + 6 * fresh / static_cast<double>(way.size()))));
            double const pace = 3 + 5 * unit("pace", identity_hash(n.graph), t);
            double const noise = 0.002 * (unit("check", identity_hash(n.graph), n.epoch * 16ULL + t) - 0.5);
            all[t - 1U] += first * std::exp(-static_cast<double>(n.epoch) / pace) + noise;
        }
        return all;
    }

    fuse::teacher_set const* teachers_;
    std::uint64_t seed_;
    model_graph forest_;
    double forest_work_ = 1;
    std::map<fuse::candidate_id, network> built_;
    time_point now_{};
    std::uint64_t epochs_ = 0;
};

static_assert(fuse::evaluator<synthetic_evaluator>);

} // namespace hpcsched::testing

#endif
