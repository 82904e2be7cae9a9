// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_FUSE_BLOCK_LATENCY_MODEL_HPP
#define HPCSCHED_FUSE_BLOCK_LATENCY_MODEL_HPP

#include <hpcsched/core/time.hpp>
#include <hpcsched/fuse/adapter.hpp>
#include <hpcsched/fuse/cost_model.hpp>
#include <hpcsched/fuse/model_graph.hpp>
#include <hpcsched/fuse/teacher_set.hpp>

#include <Eigen/Cholesky>
#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

namespace hpcsched::fuse {

/// The time of one block, run alone.
struct block_timing {
    node_id block{};
    duration time{};
};

/// A network takes as long as its blocks together: a time for each kind of block (what has one description and one
/// input shape) and for each kind of adapter. Each begins with a first guess, its multiply-adds or what `profile` says,
/// times a factor that the first measurement gives; measurements of whole networks then correct the factors by least
/// squares of the relative errors, drawn towards what they were by `ridge`.
/// \source Hoerl and Kennard, "Ridge regression", 1970, about the guess in place of 0
class block_latency_model {
  public:
    explicit block_latency_model(double ridge = 0.02) noexcept : ridge_{ridge} {}

    /// Takes measurements of single blocks in place of the guess.
    void profile(teacher_set const& teachers, std::span<block_timing const> timings) {
        for (block_timing const& each : timings) {
            profiled_[key_of(teachers, each.block)] = static_cast<double>(each.time.count());
        }
    }

    /// \complexity O(n log k) for k kinds
    [[nodiscard]] duration latency(teacher_set const& teachers, model_graph const& graph) const {
        double sum = 0;
        for (auto const& [kind, guess] : guesses(teachers, graph)) {
            auto const found = columns_.find(kind);
            sum += guess * (found == columns_.end() ? scale_ : factors_[static_cast<Eigen::Index>(found->second)]);
        }
        return duration{static_cast<std::int64_t>(std::max(sum, 1.0))};
    }

    /// \complexity O(n log k + k^3)
    void learn(teacher_set const& teachers, model_graph const& graph, duration measured) {
        if (measured <= duration{}) {
            return;
        }
        auto const row = guesses(teachers, graph);
        double const time = static_cast<double>(measured.count());
        double total = 0;
        for (auto const& [kind, guess] : row) {
            total += guess;
            columns_.emplace(kind, columns_.size());
        }
        if (count_++ == 0) {
            scale_ = time / total;
        }
        auto const size = static_cast<Eigen::Index>(columns_.size());
        auto const before = squares_.rows();
        squares_.conservativeResizeLike(Eigen::MatrixXd::Zero(size, size));
        products_.conservativeResizeLike(Eigen::VectorXd::Zero(size));
        factors_.conservativeResizeLike(Eigen::VectorXd::Zero(size));
        for (Eigen::Index i = before; i < size; ++i) {
            factors_[i] = scale_;
        }
        // In units of the measurement, and of the factor: each row says "1 = sum of shares".
        Eigen::VectorXd x = Eigen::VectorXd::Zero(size);
        for (auto const& [kind, guess] : row) {
            x[static_cast<Eigen::Index>(columns_.at(kind))] += guess * scale_ / time;
        }
        squares_ += x * x.transpose();
        products_ += x * (1.0 - x.sum());
        Eigen::MatrixXd const regular = squares_ + ridge_ * Eigen::MatrixXd::Identity(size, size);
        Eigen::VectorXd const off = regular.ldlt().solve(products_);
        factors_ = scale_ * (Eigen::VectorXd::Ones(size) + off).cwiseMax(0.05); // no block takes less than nothing
    }

    /// Measurements so far.
    [[nodiscard]] std::size_t count() const noexcept { return count_; }

  private:
    using kind_key = std::pair<std::uint64_t, std::uint64_t>;
    using parts = std::vector<std::pair<kind_key, double>>;

    static constexpr double ns_per_multiply_add = 0.02;
    static constexpr double ns_per_node = 2'000;

    static kind_key key_of(teacher_set const& teachers, node_id block) noexcept {
        return {teachers.description_hash(block), teachers.at(block).input.elements()};
    }

    // Of each kind in the graph its guess, ns, once for each node.
    [[nodiscard]] parts guesses(teacher_set const& teachers, model_graph const& graph) const {
        parts found;
        found.reserve(graph.size());
        for (node_index i = 1; i < graph.size(); ++i) {
            graph_node const& n = graph[i];
            if (n.is_adapter()) {
                auto const work = multiply_adds_of(n.adapter, graph.input_shape(teachers, i), n.output);
                found.emplace_back(kind_key{0, static_cast<std::uint64_t>(n.adapter)},
                                   ns_per_node + ns_per_multiply_add * static_cast<double>(work));
                continue;
            }
            kind_key const key = key_of(teachers, n.id);
            auto const known = profiled_.empty() ? profiled_.end() : profiled_.find(key);
            found.emplace_back(key, known != profiled_.end()
                                        ? known->second
                                        : ns_per_node + ns_per_multiply_add *
                                                            static_cast<double>(teachers.at(n.id).multiply_adds));
        }
        return found;
    }

    double ridge_;
    double scale_ = 1;
    std::size_t count_ = 0;
    std::map<kind_key, double> profiled_;
    std::map<kind_key, std::size_t> columns_; // in the order of their first measurement
    Eigen::MatrixXd squares_;
    Eigen::VectorXd products_;
    Eigen::VectorXd factors_;
};

static_assert(cost_model<block_latency_model>);

} // namespace hpcsched::fuse

#endif
