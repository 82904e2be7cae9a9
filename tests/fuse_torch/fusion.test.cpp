// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/fuse/cost_first.hpp>
#include <hpcsched/fuse/graph_rules.hpp>
#include <hpcsched/fuse/inheritance.hpp>
#include <hpcsched/fuse_torch/fused_model.hpp>
#include <hpcsched/fuse_torch/fusion.hpp>
#include <hpcsched/fuse_torch/runtime.hpp>

#include <doctest/doctest.h>

#include "authored.hpp"
#include "pictures.hpp"
#include <temporary_folder.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace hpcsched::fuse_torch::test {
namespace {

using hpcsched::test::temporary_folder;

vgg_like small_network() {
    return {.widths = {8, 0, 12, 12, 0}, .hidden = 16, .classes = 3};
}

/// Two networks trained here, on the same pictures for different questions.
struct trained_pair {
    temporary_folder folder{};
    pictures shown = draw_pictures(900, 7);
    std::vector<std::filesystem::path> files{folder / "shape.pt", folder / "hue.pt"};

    trained_pair() {
        use_one_thread();
        write(small_network(), files[0].string(), 1);
        write(small_network(), files[1].string(), 2);
        REQUIRE(train(files[0].string(), shown.images, shown.shapes, 8, 5e-3, 1) > 0.9);
        REQUIRE(train(files[1].string(), shown.images, shown.hues, 3, 5e-3, 2) > 0.9);
    }

    [[nodiscard]] std::vector<task_judge> judges() const {
        auto const labels = [](std::vector<std::int64_t> const& of) {
            return tensor::of({static_cast<std::int64_t>(of.size())}, std::span<std::int64_t const>{of});
        };
        return {{metric::accuracy, labels(shown.shapes)}, {metric::accuracy, labels(shown.hues)}};
    }
};

latency_settings quick() {
    return {.warm_up = 5, .rounds = 20, .processor_time = true};
}

} // namespace

TEST_CASE("fusion: two networks trained here are fused into one that is faster and keeps what is tolerated") {
    trained_pair const pair;
    auto const networks = teacher_networks::load(pair.files, pair.shown.images).value();
    auto const data = fusion_data::split(pair.shown.images, pair.judges(), 2, 1).value();
    CHECK(data.training.rows() + data.validation.rows() + data.confirmation.rows() + data.test.rows() == 900);
    auto const before = preview(networks).value();
    CHECK(before.sites > 0);
    CHECK(before.best.front().latency < before.separate);
    CHECK(fastest_threads(networks, pair.shown.images, 32, 1) == 1);
    unsigned const threads = fastest_threads(networks, pair.shown.images, 32, 4);
    CHECK((threads == 1 || threads == 2 || threads == 4));
    std::vector<fusion_event> events;
    fusion_settings const settings{.search = {.seed = 3,
                                              .tolerated_drop = 0.03,
                                              .iterations_max = 40,
                                              .plan = {.epochs_max = 6, .check_every = 2},
                                              .epochs_budget = 40},
                                   .evaluator = {.training = {.batch = 32}, .latency = quick()},
                                   .budget = std::chrono::seconds{90},
                                   .on_event = [&](fusion_event const& e) { events.push_back(e); }};
    auto const report = fuse_networks(networks, data, settings).value();
    INFO(report.remark);
    REQUIRE(report.found);
    CHECK(events.front().what == fusion_event::kind::baseline);
    CHECK(report.progress.accepted > 0);
    for (std::size_t t = 0; t < 2; ++t) {
        CHECK(report.validation[t].upper_bound(0.9) <= 0.03);
        CHECK(report.confirmation[t].drop <= 0.03);
        CHECK(report.test[t].drop <= 0.03 + report.test[t].half_width_95());
    }
    CHECK(report.network.graph().size() < fuse::model_graph::forest(networks.teachers()).size() + 3);
    CHECK(report.latency.fused.lower_quartile < report.latency.separate.lower_quartile);
    CHECK(report.training_memory > 0);
    CHECK(report.peak_memory > report.training_memory);
    MESSAGE("separate " << report.latency.separate.lower_quartile.count() / 1000 << " us, fused "
                        << report.latency.fused.lower_quartile.count() / 1000 << " us, " << report.progress.evaluated
                        << " evaluated, test drops " << report.test[0].drop << " and " << report.test[1].drop);
    // It is served as it was found.
    std::string const file = pair.folder / "fused.pt";
    REQUIRE(report.network.save(file).has_value());
    auto const some = pair.shown.images.slice(0, 20);
    auto const found = report.network.run(some).value();
    auto const model = fused_model::load(file, {.instances = 2, .frozen = false}).value();
    CHECK(model.description().tasks == std::vector<std::string>{"shape", "hue"});
    CHECK(model.description().sample == std::vector<std::int64_t>{3, 16, 16});
    std::atomic<int> differ = 0;
    {
        std::vector<std::jthread> callers;
        for (int c = 0; c < 4; ++c) {
            callers.emplace_back([&] {
                for (int i = 0; i < 10; ++i) {
                    auto const given = model.run(some);
                    differ += !given || greatest_difference((*given)[0], found[0]) != 0 ||
                                      greatest_difference((*given)[1], found[1]) != 0
                                  ? 1
                                  : 0;
                }
            });
        }
    }
    CHECK(differ == 0);
    auto const frozen = fused_model::load(file).value().run(some).value();
    CHECK(greatest_difference(frozen[0], found[0]) < 1e-3);
    CHECK(model.run(noise({2, 3, 8, 8}, 1)).has_error());
}

TEST_CASE("fusion: what passes on the part that chooses counts as no better than on the part that confirms") {
    trained_pair const pair;
    auto const networks = teacher_networks::load(pair.files, pair.shown.images).value();
    auto data = fusion_data::split(pair.shown.images, pair.judges(), 2, 4).value();
    fuse::teacher_set const& teachers = networks.teachers();
    auto const forest = fuse::model_graph::forest(teachers);
    fuse::every_mutation mutations;
    buffer<fuse::mutation> all;
    mutations.enumerate(teachers, forest, all);
    // The first that loses something as long as it is not trained.
    fuse::model_graph graph = forest;
    auto const some = pair.shown.images.slice(0, 200);
    for (fuse::mutation const& each : all.items()) {
        graph = mutations.apply(teachers, forest, each).value();
        auto const given = fused_network::build(networks, graph, 1)->run(some).value();
        auto const wanted = networks.run(some).value();
        auto const drops = estimate_drops(given, wanted, {{}, {}}).value();
        if (std::max(drops[0].drop, drops[1].drop) > 0.2) {
            break;
        }
    }
    bool differ = false;
    for (double const tolerated : {1.0, 1.0, -1.0}) {
        for (double const confidence : {0.5, 0.9}) {
            auto evaluator =
                network_evaluator::make(
                    networks, data,
                    {.latency = quick(), .fits_adapters = false, .confidence = confidence, .tolerated_drop = tolerated})
                    .value();
            REQUIRE(evaluator.build(
                {.id = 1, .graph = graph, .origins = weight_origins(teachers, forest, graph), .epochs_max = 1}));
            auto const found = evaluator.measure(1, 0);
            REQUIRE(found.has_value());
            fused_network const network = *evaluator.network(1);
            auto const drops_on = [&](tensor const& part, std::vector<task_judge> const& judges) {
                return estimate_drops(network.run(part).value(), networks.run(part).value(), judges).value();
            };
            auto const chosen = drops_on(data.validation, data.validation_judges);
            auto const confirmed = drops_on(data.confirmation, data.confirmation_judges);
            for (std::size_t t = 0; t < 2; ++t) {
                double const bound = chosen[t].upper_bound(confidence);
                CHECK(found->drops[t] == (tolerated < 0 ? bound : std::max(bound, confirmed[t].drop)));
                differ = differ || (tolerated > 0 && confirmed[t].drop > bound);
            }
        }
        // In one of the two orders the part that confirms is the less favourable.
        std::swap(data.validation, data.confirmation);
        std::swap(data.validation_judges, data.confirmation_judges);
    }
    CHECK(differ); // else this test would show nothing
}

TEST_CASE("fusion: a stopped search goes on from its folder, and a budget too short gives the separate networks") {
    trained_pair const pair;
    auto const networks = teacher_networks::load(pair.files, pair.shown.images).value();
    auto const data = fusion_data::split(pair.shown.images, pair.judges(), 2, 1).value();
    fusion_settings settings{
        .search = {.tolerated_drop = 0.05, .iterations_max = 12, .plan = {.epochs_max = 2}, .epochs_budget = 6},
        .kind = search_kind::gmorph_pr,
        .evaluator = {.latency = quick()},
        .budget = duration{1}};
    auto const nothing = fuse_networks(networks, data, settings).value();
    CHECK(!nothing.found);
    CHECK(nothing.remark.find("too short") != std::string::npos);
    CHECK(nothing.network.graph() == fuse::model_graph::forest(networks.teachers()));
    CHECK((nothing.test[0].drop == 0 && nothing.test[1].drop == 0));
    settings.budget = {};
    settings.folder = pair.folder / "search";
    int evaluated = 0;
    settings.on_event = [&](fusion_event const& e) { evaluated += e.what == fusion_event::kind::evaluated ? 1 : 0; };
    settings.stop = [&] { return evaluated >= 1; };
    auto const begun = fuse_networks(networks, data, settings).value();
    CHECK(begun.was_stopped);
    settings.stop = {};
    auto const ended = fuse_networks(networks, data, settings).value();
    CHECK(!ended.was_stopped);
    CHECK(ended.progress.evaluated + ended.progress.failed >= 1);
    CHECK(ended.progress.iterations >= begun.progress.iterations);
    settings.search.seed = 99;
    auto const other = fuse_networks(networks, data, settings);
    REQUIRE(other.has_error());
    CHECK(other.error().message.find("journal") != std::string::npos);
}

TEST_CASE("fusion: training repeats to the bit by its seed, in the modes that were asked for and within its memory") {
    use_one_thread();
    temporary_folder const folder;
    write(vgg_like{.widths = {8, 0, 12, 0}, .batch_norm = true, .in_place = true}, folder / "a.pt", 1);
    write(vgg_like{.widths = {8, 0, 12, 0}, .batch_norm = true, .in_place = true}, folder / "b.pt", 2);
    auto const images = noise({96, 3, 16, 16}, 1);
    auto const networks =
        teacher_networks::load(std::array<std::filesystem::path, 2>{folder / "a.pt", folder / "b.pt"}, images).value();
    fuse::teacher_set const& teachers = networks.teachers();
    auto const targets = networks.run(images).value();
    // Task 2's classifier on task 1's features.
    std::vector<fuse::loose_node> nodes{fuse::loose_node{}};
    fuse::node_index at = 0;
    fuse::node_index branch = 0;
    for (std::uint16_t t = 1; t <= 2; ++t) {
        std::uint16_t const first = t == 1 ? 0 : 8;
        at = t == 1 ? 0 : branch;
        for (std::uint16_t layer = first; layer < teachers.block_count(t); ++layer) {
            nodes.push_back({.id = {t, layer}, .parent = at});
            at = static_cast<fuse::node_index>(nodes.size() - 1);
            branch = t == 1 && layer == 7 ? at : branch;
        }
    }
    auto const graph = fuse::make_graph(teachers, nodes).value();
    auto const trained = [&](training_settings const& settings, std::uint32_t epochs) {
        auto made = distillation::make(fused_network::build(networks, graph, 5).value(), images, targets, 6, settings);
        double const loss = made->train_until(epochs).value();
        return std::pair{loss, made->network().run(images).value()};
    };
    training_settings const ours{.batch = 16};
    auto const [first_loss, first] = trained(ours, 3);
    auto const [again_loss, again] = trained(ours, 3);
    CHECK(greatest_difference(first[1], again[1]) == 0);
    CHECK(first_loss == again_loss);
    training_settings other = ours;
    other.seed = 2;
    CHECK(greatest_difference(trained(other, 3).second[1], first[1]) > 0);
    for (training_settings const& settings : {ours, training_settings::gmorph()}) {
        CHECK(trained(settings, 6).first < trained(settings, 1).first);
    }
    // With noted statistics and a rate of nearly 0, nothing changes; with the batch's own, running ones do.
    training_settings still{.optimiser = optimiser::adamw, .learning_rate = 1e-12, .batch_norm = false};
    auto const untouched = fused_network::build(networks, graph, 5).value().run(images).value();
    CHECK(greatest_difference(trained(still, 1).second[0], untouched[0]) < 1e-5);
    still.batch_norm = true;
    CHECK(greatest_difference(trained(still, 1).second[0], untouched[0]) > 1e-3);
    training_settings bounded{.batch = 64, .memory_limit = 1'500'000};
    auto const halved =
        distillation::make(fused_network::build(networks, graph, 5).value(), images, targets, 1, bounded);
    REQUIRE(halved.has_value());
    CHECK(halved->batch() < 64);
    CHECK(halved->estimated_memory() <= 1'500'000);
    bounded.memory_limit = 1000;
    auto const refused =
        distillation::make(fused_network::build(networks, graph, 5).value(), images, targets, 1, bounded);
    REQUIRE(refused.has_error());
    CHECK(refused.error().message.find("even with a batch of 1") != std::string::npos);
}

} // namespace hpcsched::fuse_torch::test
