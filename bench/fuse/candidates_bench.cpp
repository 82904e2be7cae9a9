// SPDX-License-Identifier: Apache-2.0

// What a search does without training: candidates mutated twice, brought into canonical form, looked up, measured by
// their capacities and turned away or not, on a forest of three networks of 33 blocks; beside the mutations alone, with
// a graph made of separate nodes and pointers. And how long a trivial program takes to compile.
#include <hpcsched/core/time.hpp>
#include <hpcsched/fuse/capacity.hpp>
#include <hpcsched/fuse/cost_first.hpp>
#include <hpcsched/fuse/cost_model.hpp>
#include <hpcsched/fuse/gmorph.hpp>
#include <hpcsched/fuse/graph_hash.hpp>
#include <hpcsched/fuse/sampler.hpp>
#include <hpcsched/fuse/teacher_set.hpp>

#include <benchmark/benchmark.h>

#include "figure.hpp"
#include <sys/resource.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace {

using namespace hpcsched;
using namespace hpcsched::fuse;

double cpu_seconds() {
    std::timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// CPU time of the programs that this one started, which neighbours on the machine lengthen less than they do the wait.
double children_seconds() {
    rusage used{};
    getrusage(RUSAGE_CHILDREN, &used);
    auto const seconds = [](timeval const& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

/// A VGG of 33 blocks: four stages of two convolutions, each with a norm and an activation, and a pool; three linear.
teacher vgg_of_33(std::string name) {
    std::vector<block> blocks;
    tensor_shape shape{3, 32, 32};
    auto const add = [&](op_kind kind, std::string text, std::uint64_t parameters, tensor_shape out) {
        std::uint64_t const work = kind == op_kind::convolution ? parameters * out[1] * out[2] : parameters;
        blocks.push_back({.kind = kind,
                          .description = std::move(text),
                          .parameters = parameters,
                          .multiply_adds = work,
                          .input = shape,
                          .output = out,
                          .flatten_before = kind == op_kind::linear && shape.is_image()});
        shape = out;
    };
    for (std::uint32_t stage = 0; stage < 4; ++stage) {
        std::uint32_t const channels = 16U << stage;
        for (int n = 0; n < 2; ++n) {
            std::uint64_t const weights = std::uint64_t{shape[0]} * channels * 9;
            add(op_kind::convolution, "conv " + to_string(shape), weights, {channels, shape[1], shape[2]});
            add(op_kind::batch_norm, "norm", 2ULL * channels, shape);
            add(op_kind::activation, "relu", 0, shape);
        }
        add(op_kind::max_pool, "pool", 0, {channels, shape[1] / 2, shape[2] / 2});
    }
    add(op_kind::linear, "linear", shape.elements() * 64, {64});
    add(op_kind::activation, "relu", 0, shape);
    add(op_kind::linear, "linear", 64 * 64, {64});
    add(op_kind::activation, "relu", 0, shape);
    add(op_kind::linear, "linear", 64 * 4, {4});
    return {std::move(name), std::move(blocks)};
}

teacher_set three_of_33() {
    return teacher_set::make({vgg_of_33("a"), vgg_of_33("b"), vgg_of_33("c")}).value();
}

/// The path of a candidate through a search, up to where it would be trained: proposed from one of 16 elites by two
/// mutations, canonical, looked up, its capacities and latency computed, asked of the filters. 100 failures are known.
template <class Mutation, class Filter, class Cost>
class bookkeeping {
  public:
    bookkeeping(teacher_set const& teachers, Mutation mutation, Filter filter, Cost cost)
        : teachers_{teachers}, mutation_{std::move(mutation)}, filter_{std::move(filter)}, cost_{std::move(cost)},
          forest_{model_graph::forest(teachers)} {
        for (candidate_id id = 1; members_.size() < 16; ++id) {
            draws d{id, "elites"};
            if (auto made = mutated(view(), 0, forest_, 3, mutation_, d)) {
                members_.push_back({id, made->graph, 0, duration{1'000'000}});
            }
        }
        for (std::uint64_t n = 0; n < 100; ++n) {
            draws d{n, "failures"};
            if (auto made = mutated(view(), 0, forest_, 6, mutation_, d)) {
                candidate const c{.graph = made->graph, .capacity = capacity(teachers_, made->graph)};
                filter_.learn(view(), c, {.how = ending::ran_out, .drop = 0.1});
            }
        }
    }

    /// \return how many of `count` proposals would be trained
    std::size_t run(std::uint64_t count) {
        std::size_t admitted = 0;
        for (std::uint64_t n = 0; n < count; ++n) {
            draws d{++turn_, "fuse::search"};
            archive_member const& base = members_[d.index(members_.size())];
            auto made = mutated(view(), base.id, base.graph, 2, mutation_, d);
            if (!made || !seen_.insert(identity_hash(made->graph)).second) {
                continue;
            }
            candidate c{.id = n, .base = base.id, .graph = std::move(made->graph)};
            c.capacity = capacity(teachers_, c.graph);
            c.predicted = cost_.latency(teachers_, c.graph);
            admitted += filter_.admits(view(), c) ? 1U : 0U;
        }
        return admitted;
    }

  private:
    [[nodiscard]] search_view view() const {
        return {teachers_, forest_, members_, nullptr, seen_, {}, 0.01, duration{1'000'000'000}, turn_};
    }

    teacher_set const& teachers_;
    Mutation mutation_;
    Filter filter_;
    Cost cost_;
    model_graph forest_;
    std::vector<archive_member> members_;
    std::unordered_set<std::uint64_t> seen_;
    std::uint64_t turn_ = 0;
};

auto ours(teacher_set const& teachers) {
    return bookkeeping{
        teachers, cost_first_policies().mutation,
        filter_chain<accepted_topologies, failure_rules, latency_bound>{
            accepted_topologies{gmorph_quirks::none()}, failure_rules{{.failures_needed = 3}}, latency_bound{}},
        counted_cost{}};
}
auto theirs(teacher_set const& teachers) {
    return bookkeeping{teachers, gmorph_mutation{},
                       filter_chain<accepted_topologies, failure_rules>{accepted_topologies{}, failure_rules{}},
                       unknown_cost{}};
}

/// The plain way: nodes on the heap with lists of children, the graph copied node by node, and known by a text of its
/// edges. One re-attachment across branches for each candidate, nothing judged.
class pointer_graph {
  public:
    struct node {
        node_id id{};
        node* parent = nullptr;
        std::list<std::unique_ptr<node>> children{};
    };

    explicit pointer_graph(teacher_set const& teachers) : root_{std::make_unique<node>()} {
        for (std::uint16_t t = 1; t <= teachers.task_count(); ++t) {
            node* above = root_.get();
            for (std::uint16_t l = 0; l < teachers.block_count(t); ++l) {
                above->children.push_back(std::make_unique<node>(node{{t, l}, above, {}}));
                above = above->children.back().get();
            }
        }
    }
    pointer_graph(pointer_graph const& other) : root_{copy(*other.root_, nullptr)} {}

    void reattach(node_id host, node_id guest) {
        std::map<node_id, node*> by_id;
        index(*root_, by_id);
        node* const h = by_id.at(host);
        node* c = by_id.at(guest);
        auto const take = [](node* n) {
            auto& siblings = n->parent->children;
            auto const at = std::find_if(siblings.begin(), siblings.end(), [&](auto const& s) { return s.get() == n; });
            auto taken = std::move(*at);
            siblings.erase(at);
            return taken;
        };
        node* above = c->parent;
        auto moved = take(c);
        while (above != root_.get() && above->children.empty()) {
            node* const gone = above;
            above = above->parent;
            take(gone);
        }
        moved->parent = h->parent;
        h->parent->children.push_back(std::move(moved));
    }
    [[nodiscard]] std::string text() const {
        std::string all;
        std::vector<node const*> level{root_.get()};
        while (!level.empty()) {
            std::vector<node const*> next;
            for (node const* n : level) {
                for (auto const& c : n->children) {
                    all += to_string(n->id) + '>' + to_string(c->id) + ' ';
                    next.push_back(c.get());
                }
            }
            std::sort(next.begin(), next.end(), [](node const* a, node const* b) { return a->id < b->id; });
            level = std::move(next);
        }
        return all;
    }

  private:
    static std::unique_ptr<node> copy(node const& from, node* parent) {
        auto made = std::make_unique<node>(node{from.id, parent, {}});
        for (auto const& c : from.children) {
            made->children.push_back(copy(*c, made.get()));
        }
        return made;
    }
    static void index(node& n, std::map<node_id, node*>& out) {
        out.emplace(n.id, &n);
        for (auto const& c : n.children) {
            index(*c, out);
        }
    }

    std::unique_ptr<node> root_;
};

/// \return candidates per second of the plain way
double plainly(teacher_set const& teachers, std::uint64_t count) {
    pointer_graph const forest{teachers};
    std::set<std::string> seen;
    double const start = cpu_seconds();
    for (std::uint64_t n = 0; n < count; ++n) {
        draws d{n, "plain"};
        auto const layer = static_cast<std::uint16_t>(1 + d.below(28));
        auto const host = static_cast<std::uint16_t>(1 + d.below(3));
        auto const guest = static_cast<std::uint16_t>(host % 3 + 1);
        pointer_graph graph{forest};
        graph.reattach({host, layer}, {guest, layer});
        seen.insert(graph.text());
    }
    return static_cast<double>(count) / (cpu_seconds() - start);
}

template <class Path>
double per_second(Path& path, std::uint64_t count) {
    double const start = cpu_seconds();
    benchmark::DoNotOptimize(path.run(count));
    return static_cast<double>(count) / (cpu_seconds() - start);
}

bench::figure_case const candidates{"fuse.candidates", 6,
                                    "candidates per second on one core, 3 networks of 33 blocks: mutated twice, "
                                    "canonical, looked up, judged; beside one "
                                    "re-attachment in a graph of pointers, known by its text",
                                    [](bench::effort how_much) {
                                        bool const full = how_much == bench::effort::full;
                                        auto const teachers = three_of_33();
                                        auto own = ours(teachers);
                                        auto gmorphs = theirs(teachers);
                                        double of_own = 0;
                                        double of_gmorph = 0;
                                        double of_plain = 0;
                                        for (int round = 0; round < (full ? 7 : 1);
                                             ++round) { // the largest of several, by turns
                                            of_own = std::max(of_own, per_second(own, full ? 40'000 : 500));
                                            of_gmorph = std::max(of_gmorph, per_second(gmorphs, full ? 40'000 : 500));
                                            of_plain = std::max(of_plain, plainly(teachers, full ? 10'000 : 200));
                                        }
                                        bench::report({.name = "fuse.candidates/all mutations",
                                                       .value = of_own,
                                                       .unit = "candidates per second",
                                                       .beside = of_plain,
                                                       .goal = "at least 20,000; beside: the plain way",
                                                       .holds = of_own >= 20'000});
                                        bench::report({.name = "fuse.candidates/gmorph",
                                                       .value = of_gmorph,
                                                       .unit = "candidates per second",
                                                       .beside = of_plain,
                                                       .goal = "at least 20,000; beside: the plain way",
                                                       .holds = of_gmorph >= 20'000});
                                    }};

bench::figure_case const compile_time{
    "fuse.compile_time", 6, "CPU seconds to compile a trivial program that uses only fuse, without Torch",
    [](bench::effort how_much) {
        std::string const command = std::string{HPCSCHED_BENCH_COMPILER} + " -std=c++20 -I" HPCSCHED_BENCH_INCLUDE
                                                                           " -isystem " HPCSCHED_BENCH_EIGEN
                                                                           " -fsyntax-only " HPCSCHED_BENCH_TRIVIAL;
        std::string const built = std::string{HPCSCHED_BENCH_COMPILER} + " -std=c++20 -I" HPCSCHED_BENCH_INCLUDE
                                                                         " -isystem " HPCSCHED_BENCH_EIGEN
                                                                         " -c -o /dev/null " HPCSCHED_BENCH_TRIVIAL;
        double smallest = 1e9;
        for (int round = 0; round < (how_much == bench::effort::full ? 3 : 1); ++round) {
            double const start = children_seconds();
            if (std::system((how_much == bench::effort::full ? built : command).c_str()) != 0) {
                std::fprintf(stderr, "cannot compile: %s\n", built.c_str());
                return;
            }
            smallest = std::min(smallest, children_seconds() - start);
        }
        bench::report(
            {.name = "fuse.compile_time", .value = smallest, .unit = "s", .goal = "below 5 s", .holds = smallest < 5});
    }};

void bm_candidates(benchmark::State& state) {
    auto const teachers = three_of_33();
    auto path = ours(teachers);
    for (auto _ : state) {
        benchmark::DoNotOptimize(path.run(100));
    }
    state.SetItemsProcessed(state.iterations() * 100);
}
BENCHMARK(bm_candidates);

void bm_features_and_belief(benchmark::State& state) {
    auto const teachers = three_of_33();
    auto const graph = model_graph::forest(teachers);
    gaussian_process process;
    for (int n = 0; n < state.range(0); ++n) {
        process.learn(drop_features(teachers, graph) + Eigen::VectorXd::Constant(24, 0.01 * n), 0.001 * n);
    }
    for (auto _ : state) {
        benchmark::DoNotOptimize(process.at(drop_features(teachers, graph)).mean);
    }
}
BENCHMARK(bm_features_and_belief)->ArgName("observations")->Arg(10)->Arg(100);

} // namespace
