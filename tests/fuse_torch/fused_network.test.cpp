// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/fuse/graph_rules.hpp>
#include <hpcsched/fuse_torch/distillation.hpp>
#include <hpcsched/fuse_torch/fused_network.hpp>
#include <hpcsched/fuse_torch/teacher_networks.hpp>

#include <doctest/doctest.h>

#include "authored.hpp"
#include <temporary_folder.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace hpcsched::fuse_torch::test {
namespace {

using fuse::model_graph;
using fuse::node_index;
using hpcsched::test::temporary_folder;

/// Two networks whose first convolutions read the same patches of 27 numbers: 32 filters see all there is in one.
struct seeing_pair {
    temporary_folder folder{};
    tensor images = noise({128, 3, 8, 8}, 1);
    std::array<std::filesystem::path, 2> files{folder / "host.pt", folder / "guest.pt"};

    seeing_pair() {
        use_one_thread();
        write(vgg_like{.side = 8, .widths = {32, 0, 8}, .hidden = 8}, files[0].string(), 1);
        write(vgg_like{.side = 8, .widths = {6, 0, 8}, .hidden = 8}, files[1].string(), 2);
        std::vector<std::int64_t> labels;
        for (std::int64_t i = 0; i < images.rows(); ++i) {
            labels.push_back(i % 3);
        }
        (void)train(files[1].string(), images, labels, 4, 2e-2, 3); // so that biases are not 0
    }

    [[nodiscard]] teacher_networks load() const { return teacher_networks::load(files, images).value(); }
};

/// The second network reads what the first block of the first gives, through an adapter, from its own second block on.
model_graph joined(teacher_networks const& networks) {
    fuse::teacher_set const& teachers = networks.teachers();
    std::vector<fuse::loose_node> nodes{fuse::loose_node{}};
    for (std::uint16_t layer = 0; layer < teachers.block_count(1); ++layer) {
        nodes.push_back({.id = {1, layer}, .parent = layer});
    }
    nodes.push_back({.id = teachers.adapter_of({2, 0}),
                     .adapter = fuse::adapter_kind::convolution,
                     .parent = 1,
                     .output = teachers.at({2, 1}).input});
    for (std::uint16_t layer = 1; layer < teachers.block_count(2); ++layer) {
        nodes.push_back({.id = {2, layer}, .parent = static_cast<node_index>(nodes.size() - 1)});
    }
    return fuse::make_graph(teachers, nodes).value();
}

double mean_of(std::vector<double> const& values) {
    double sum = 0;
    for (double const each : values) {
        sum += each;
    }
    return sum / static_cast<double>(values.size());
}

/// What the loss of one task is by its definition.
double loss_of(tensor const& given, tensor const& wanted, distillation_loss loss) {
    auto const a = given.reals();
    auto const b = wanted.reals();
    auto const width = static_cast<std::size_t>(wanted.extents().at(1));
    std::vector<double> means(width, 0.0);
    for (std::size_t i = 0; i < b.size(); ++i) {
        means[i % width] += static_cast<double>(b[i]) / static_cast<double>(b.size() / width);
    }
    std::vector<double> differences;
    std::vector<double> spread;
    for (std::size_t i = 0; i < a.size(); ++i) {
        double const d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
        differences.push_back(loss == distillation_loss::absolute ? std::abs(d) : d * d);
        spread.push_back(std::pow(static_cast<double>(b[i]) - means[i % width], 2));
    }
    return mean_of(differences) / (loss == distillation_loss::absolute ? 1 : mean_of(spread));
}

} // namespace

TEST_CASE("fused network: an adapter is set to the affine map that gives its guest what its own teacher would") {
    seeing_pair const pair;
    auto const networks = pair.load();
    auto const graph = joined(networks); // 32 channels to 6, before any nonlinearity
    auto network = fused_network::build(networks, graph, 1).value();
    auto const wanted = networks.run(pair.images).value();
    double const before = greatest_difference(network.run(pair.images).value()[1], wanted[1]);
    auto const fits = network.initialise_adapters(pair.images, 1e-10).value();
    REQUIRE(fits.size() == 1);
    CHECK(fits[0].explained > 0.9999);
    auto const given = network.run(pair.images).value();
    CHECK(greatest_difference(given[1], wanted[1]) < 0.01 * before);
    CHECK(greatest_difference(given[0], wanted[0]) == 0); // the host is as it was
}

TEST_CASE("fused network: a ridge pulls the map towards the mean, and with a great one the mean is all there is") {
    seeing_pair const pair;
    auto const networks = pair.load();
    auto network = fused_network::build(networks, joined(networks), 1).value();
    double last = 2;
    for (double const ridge : {1e-10, 1e-2, 1.0, 1e6}) {
        double const explained = network.initialise_adapters(pair.images, ridge).value().front().explained;
        CHECK(explained < last);
        last = explained;
    }
    CHECK(last == doctest::Approx(0).epsilon(1e-3));
    // What is left is the same for each picture but at its borders, where convolutions see zeros.
    auto const given = network.run(pair.images).value();
    auto const first = given[1].slice(0, 1);
    for (std::int64_t i = 1; i < 5; ++i) {
        CHECK(greatest_difference(given[1].slice(i, 1), first) < 1e-2);
    }
}

TEST_CASE("fused network: blocks and adapters of a base go on with the weights that they have there") {
    seeing_pair const pair;
    auto const networks = pair.load();
    auto const graph = joined(networks);
    auto base = fused_network::build(networks, graph, 1).value();
    auto const untrained = base.run(pair.images).value();
    auto training = distillation::make(base, pair.images, networks.run(pair.images).value(), 2, {.batch = 32}).value();
    REQUIRE(training.train_until(2).has_value());
    auto const trained = training.network().run(pair.images).value();
    for (std::size_t task : {0U, 1U}) {
        REQUIRE(greatest_difference(trained[task], untrained[task]) > 0); // every block of both has been trained
    }
    auto const inherited = fused_network::build(networks, graph, 2, &training.network()).value();
    auto const outputs = inherited.run(pair.images).value();
    CHECK(greatest_difference(outputs[0], trained[0]) == 0);
    CHECK(greatest_difference(outputs[1], trained[1]) == 0);
    // They are copies: training one leaves the other as it is.
    auto further =
        distillation::make(inherited, pair.images, networks.run(pair.images).value(), 1, {.batch = 32}).value();
    REQUIRE(further.train_until(1).has_value());
    CHECK(greatest_difference(training.network().run(pair.images).value()[1], trained[1]) == 0);
    // The teachers' own weights are where no base is given.
    auto const anew = fused_network::build(networks, model_graph::forest(networks.teachers()), 2).value();
    CHECK(greatest_difference(anew.run(pair.images).value()[0], networks.run(pair.images).value()[0]) == 0);
}

TEST_CASE(
    "distillation: the loss is the sum over tasks, of squares over the teacher's variance or of absolute values") {
    seeing_pair const pair;
    auto const networks = pair.load();
    auto const graph = joined(networks);
    auto const targets = networks.run(pair.images).value();
    for (auto const loss : {distillation_loss::absolute, distillation_loss::variance_normalised}) {
        auto const network = fused_network::build(networks, graph, 1).value();
        // Something to differ in the first task too: its target is another picture's.
        std::vector<std::int64_t> turned;
        for (std::int64_t i = 0; i < pair.images.rows(); ++i) {
            turned.push_back((i + 1) % pair.images.rows());
        }
        std::vector<tensor> const wanted{targets[0].select(turned), targets[1]};
        auto const given = network.run(pair.images).value();
        double const expected = loss_of(given[0], wanted[0], loss) + loss_of(given[1], wanted[1], loss);
        training_settings const still{
            .loss = loss, .learning_rate = 1e-12, .batch = pair.images.rows(), .batch_norm = false};
        auto training = distillation::make(network, pair.images, wanted, 1, still).value();
        CHECK(training.train_until(1).value() == doctest::Approx(expected).epsilon(1e-4));
    }
}

} // namespace hpcsched::fuse_torch::test
