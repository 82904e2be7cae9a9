// SPDX-License-Identifier: Apache-2.0
#include "methods.hpp"

#include <hpcsched/fuse/cost_model.hpp>
#include <hpcsched/fuse/inheritance.hpp>
#include <hpcsched/fuse_torch/network_evaluator.hpp>

#include "layouts.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

namespace hpcsched::bench {
namespace {

using namespace fuse_torch;

/// On a processor only what this process computes counts, for the machine may do other things; on a GPU what passes.
bool counts_processor_time(prepared_benchmark const& on) {
    return on.device == "cpu";
}

latency_settings timing(prepared_benchmark const& on) {
    return {.warm_up = 10, .rounds = 60, .processor_time = counts_processor_time(on)};
}

evaluator_settings evaluation_of(prepared_benchmark const& on, method_settings const& s, bool as_gmorph) {
    evaluator_settings e{.training = as_gmorph ? training_settings::gmorph() : training_settings{},
                         .latency = {.warm_up = 5, .rounds = 30, .processor_time = counts_processor_time(on)},
                         .fits_adapters = !as_gmorph,
                         .confidence = s.confidence,
                         .tolerated_drop = s.tolerated_drop,
                         .counts_processor_time = counts_processor_time(on)};
    e.training.seed = s.seed;
    if (as_gmorph) {
        e.training.learning_rate = s.gmorph_rate;
    }
    return e;
}

result<std::vector<drop_estimate>> drops_on(fused_network const& network, teacher_networks const& networks,
                                            tensor const& samples, std::vector<task_judge> const& judges) {
    auto const wanted = networks.run(samples);
    auto const given = network.run(samples);
    if (!wanted || !given) {
        return wanted ? given.error() : wanted.error();
    }
    return estimate_drops(*given, *wanted, judges);
}

std::uint64_t weights_of(fuse::teacher_set const& teachers, fuse::model_graph const& graph) {
    std::uint64_t sum = 0;
    for (fuse::node_index i = 1; i < graph.size(); ++i) {
        sum += graph[i].is_adapter() ? 0 : teachers.at(graph[i].id).parameters;
    }
    return sum;
}

void count(method_outcome& o, teacher_networks const& networks, fused_network const& network) {
    fuse::teacher_set const& teachers = networks.teachers();
    auto const forest = fuse::model_graph::forest(teachers);
    o.multiply_adds[0] = multiply_adds(teachers, forest);
    o.multiply_adds[1] = multiply_adds(teachers, network.graph());
    o.parameters[0] = weights_of(teachers, forest);
    o.parameters[1] = network.parameters();
}

/// Latency and drops of what a method that is no search came to.
result<method_outcome> measured(prepared_benchmark const& on, teacher_networks const& networks,
                                fused_network const& network) {
    method_outcome o;
    count(o, networks, network);
    auto const latency = compare_latency(networks, network, timing(on));
    auto const validation = drops_on(network, networks, on.data.validation, on.data.validation_judges);
    auto const confirmation = drops_on(network, networks, on.data.confirmation, on.data.confirmation_judges);
    auto const test = drops_on(network, networks, on.data.test, on.data.test_judges);
    if (!latency || !validation || !confirmation || !test) {
        return !latency ? latency.error() : !validation ? validation.error() : test.error();
    }
    o.latency = *latency;
    o.validation = *validation;
    o.confirmation = *confirmation;
    o.test = *test;
    return o;
}

/// A graph, trained until it is good enough or its epochs are spent.
struct trained_graph {
    fused_network network;
    std::vector<double> drops{};
    std::uint32_t epochs = 0;
};

result<trained_graph> train_graph(network_evaluator& evaluator, teacher_networks const& networks,
                                  fuse::model_graph const& graph, fuse::candidate_id id, method_settings const& s,
                                  bool to_the_end) {
    auto const forest = fuse::model_graph::forest(networks.teachers());
    bool const built = evaluator.build({.id = id,
                                        .graph = graph,
                                        .origins = weight_origins(networks.teachers(), forest, graph),
                                        .epochs_max = s.epochs});
    for (std::uint32_t epoch = 0; built && epoch <= s.epochs; epoch += 2) {
        auto const drops = evaluator.train(id, epoch);
        if (!drops) {
            break;
        }
        bool const good = *std::max_element(drops->begin(), drops->end()) <= s.tolerated_drop;
        if (epoch + 2 > s.epochs || (good && !to_the_end)) {
            return trained_graph{*evaluator.network(id), *drops, epoch};
        }
    }
    return error{evaluator.last_failure()};
}

/// Everything shared that is the same in all networks, the heads apart.
result<method_outcome> all_shared(prepared_benchmark const& on, teacher_networks const& networks,
                                  method_settings const& s) {
    auto evaluator = network_evaluator::make(networks, on.data, evaluation_of(on, s, false));
    if (!evaluator) {
        return evaluator.error();
    }
    auto const graph = share_prefix(networks.teachers(), common_prefix(networks.teachers()));
    auto const trained = train_graph(*evaluator, networks, graph, 1, s, false);
    if (!trained) {
        return trained.error();
    }
    double const seconds = to_seconds(evaluator->now().time_since_epoch());
    auto o = measured(on, networks, trained->network);
    if (o) {
        o->found = true; // whatever is lost by it
        o->seconds = seconds;
        o->evaluated = 1;
        o->epochs = trained->epochs;
        o->curve = {
            {0.0, 1.0},
            {seconds, to_seconds(o->latency.separate.lower_quartile) / to_seconds(o->latency.fused.lower_quartile)}};
    }
    return o;
}

/// Two networks of the benchmark, as a benchmark of their own.
prepared_benchmark pair_of(prepared_benchmark const& on, std::size_t a, std::size_t b) {
    prepared_benchmark two{.files = {on.files[a], on.files[b]}, .data = on.data, .device = on.device};
    for (auto* const judges : {&two.data.validation_judges, &two.data.confirmation_judges, &two.data.test_judges}) {
        *judges = {(*judges)[a], (*judges)[b]};
    }
    return two;
}

/// The drops of all networks of two tasks that share a prefix: what a layout of more tasks is scored by.
struct pair_scores {
    std::map<std::array<std::size_t, 3>, std::array<double, 2>> drops{}; // by tasks and blocks shared
    double seconds = 0;
    std::uint64_t trained = 0;
    std::uint64_t epochs = 0;
};

result<pair_scores> score_pairs(prepared_benchmark const& on, std::vector<std::size_t> const& depths,
                                method_settings const& s) {
    pair_scores scores;
    for (std::size_t a = 0; a < on.files.size(); ++a) {
        for (std::size_t b = a + 1; b < on.files.size(); ++b) {
            prepared_benchmark const two = pair_of(on, a, b);
            auto const networks = teacher_networks::load(two.files, two.data.training, {.device = two.device});
            if (!networks) {
                return networks.error();
            }
            auto evaluator = network_evaluator::make(*networks, two.data, evaluation_of(two, s, false));
            if (!evaluator) {
                return evaluator.error();
            }
            for (std::size_t const depth : depths) {
                if (depth == 0) {
                    continue;
                }
                auto const graph = share_prefix(networks->teachers(), depth);
                auto const trained = train_graph(*evaluator, *networks, graph, depth, s, false);
                if (!trained) {
                    return trained.error();
                }
                scores.drops[{a, b, depth}] = {trained->drops[0], trained->drops[1]};
                ++scores.trained;
                scores.epochs += trained->epochs;
                evaluator->forget(depth);
            }
            scores.seconds += to_seconds(evaluator->now().time_since_epoch());
        }
    }
    return scores;
}

/// What a layout would lose, by pairs: of each task the mean over the others, and of these the largest.
double predicted_drop(tree_layout const& layout, pair_scores const& scores, std::size_t tasks) {
    double most = 0;
    for (std::size_t t = 0; t < tasks; ++t) {
        double sum = 0;
        for (std::size_t other = 0; other < tasks; ++other) {
            if (other == t) {
                continue;
            }
            std::size_t const a = std::min(t, other);
            std::size_t const b = std::max(t, other);
            std::size_t const depth = layout.shared[a][b];
            sum += depth == 0 ? 0 : scores.drops.at({a, b, depth})[t == a ? 0 : 1];
        }
        most = std::max(most, sum / static_cast<double>(tasks - 1));
    }
    return most;
}

/// TreeMTL's way, for networks that are trained already: all trees of a prefix that is the same in all networks, cut at
/// some depths; scored by networks of two tasks; the fastest that promises to keep what is tolerated is trained, and
/// where it does not, the next.
/// \source Zhang et al., "A tree-structured multi-task model recommender", AutoML 2022
result<method_outcome> treemtl(prepared_benchmark const& on, teacher_networks const& networks,
                               method_settings const& s) {
    fuse::teacher_set const& teachers = networks.teachers();
    auto const depths = branch_points(teachers, 4);
    auto const scores = score_pairs(on, depths, s);
    if (!scores) {
        return scores.error();
    }
    std::vector<tree_layout> layouts = all_layouts(teachers.task_count(), depths);
    std::sort(layouts.begin(), layouts.end(), [&](tree_layout const& a, tree_layout const& b) {
        return multiply_adds(teachers, share(teachers, a)) < multiply_adds(teachers, share(teachers, b));
    });
    auto evaluator = network_evaluator::make(networks, on.data, evaluation_of(on, s, false));
    if (!evaluator) {
        return evaluator.error();
    }
    auto const seconds = [&] { return scores->seconds + to_seconds(evaluator->now().time_since_epoch()); };
    std::uint64_t epochs = scores->epochs;
    fuse::candidate_id id = 0;
    auto const forest = fuse::model_graph::forest(teachers);
    std::optional<fused_network> best;
    for (tree_layout const& layout : layouts) {
        if (best || seconds() > to_seconds(s.budget) ||
            predicted_drop(layout, *scores, teachers.task_count()) > s.tolerated_drop) {
            continue;
        }
        auto const graph = share(teachers, layout);
        if (graph == forest) {
            continue;
        }
        auto const trained = train_graph(*evaluator, networks, graph, ++id, s, false);
        if (!trained) {
            return trained.error();
        }
        epochs += trained->epochs;
        auto const confirmed = evaluator->measure(id, trained->epochs);
        if (confirmed && *std::max_element(confirmed->drops.begin(), confirmed->drops.end()) <= s.tolerated_drop) {
            best = trained->network;
        }
    }
    double const spent = seconds();
    auto o = measured(on, networks, best ? *best : fused_network::build(networks, forest, 0).value());
    if (o) {
        o->found = best.has_value();
        o->seconds = spent;
        o->evaluated = scores->trained + id;
        o->epochs = epochs;
        o->curve = {
            {0.0, 1.0},
            {spent, to_seconds(o->latency.separate.lower_quartile) / to_seconds(o->latency.fused.lower_quartile)}};
    }
    return o;
}

result<method_outcome> searched(search_kind kind, prepared_benchmark const& on, teacher_networks const& networks,
                                method_settings const& s) {
    bool const as_gmorph = kind != search_kind::cost_first;
    fusion_settings settings{.search = {.seed = s.seed,
                                        .tolerated_drop = s.tolerated_drop,
                                        .iterations_max = 1'000'000,
                                        .plan = {.epochs_max = s.epochs, .check_every = 2}},
                             .kind = kind,
                             .evaluator = evaluation_of(on, s, as_gmorph),
                             .budget = s.budget};
    auto const report = fuse_networks(networks, on.data, settings);
    if (!report) {
        return report.error();
    }
    method_outcome o{.found = report->found,
                     .latency = report->latency,
                     .validation = report->validation,
                     .confirmation = report->confirmation,
                     .test = report->test,
                     .seconds = to_seconds(s.budget),
                     .evaluated = report->progress.evaluated,
                     .abandoned = report->progress.abandoned,
                     .epochs = report->progress.epochs};
    count(o, networks, report->network);
    auto const latency = compare_latency(networks, report->network, timing(on));
    if (!latency) {
        return latency.error();
    }
    o.latency = *latency;
    for (fuse::progress_point const& p : report->progress.curve) {
        o.curve.emplace_back(to_seconds(p.at.time_since_epoch()),
                             to_seconds(report->progress.curve.front().latency) / to_seconds(p.latency));
    }
    return o;
}

} // namespace

std::vector<std::string> const& all_methods() {
    static std::vector<std::string> const all{"separate", "all_shared", "treemtl",   "random",
                                              "gmorph",   "gmorph_p",   "gmorph_pr", "cost_first"};
    return all;
}

result<method_outcome> run_method(std::string const& name, prepared_benchmark const& on,
                                  method_settings const& settings) {
    auto const networks = teacher_networks::load(on.files, on.data.training, {.device = on.device});
    if (!networks) {
        return networks.error();
    }
    if (name == "separate") {
        auto const forest = fused_network::build(*networks, fuse::model_graph::forest(networks->teachers()), 0);
        if (!forest) {
            return forest.error();
        }
        return measured(on, *networks, *forest);
    }
    if (name == "all_shared") {
        return all_shared(on, *networks, settings);
    }
    if (name == "treemtl") {
        return treemtl(on, *networks, settings);
    }
    constexpr std::pair<std::string_view, search_kind> kinds[] = {{"random", search_kind::random},
                                                                  {"gmorph", search_kind::gmorph},
                                                                  {"gmorph_p", search_kind::gmorph_p},
                                                                  {"gmorph_pr", search_kind::gmorph_pr},
                                                                  {"cost_first", search_kind::cost_first}};
    for (auto const& [known, kind] : kinds) {
        if (name == known) {
            return searched(kind, on, *networks, settings);
        }
    }
    return error{"there is no method '" + name + "'"};
}

} // namespace hpcsched::bench
