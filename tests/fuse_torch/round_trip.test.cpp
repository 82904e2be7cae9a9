// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/fuse/graph_rules.hpp>
#include <hpcsched/fuse_torch/fused_network.hpp>
#include <hpcsched/fuse_torch/teacher_networks.hpp>

#include <doctest/doctest.h>

#include "authored.hpp"
#include <skip.hpp>
#include <temporary_folder.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::fuse_torch::test {
namespace {

using fuse::model_graph;

teacher_networks loaded(std::vector<std::filesystem::path> const& files, tensor const& sample) {
    auto made = teacher_networks::load(files, sample);
    REQUIRE_MESSAGE(made.has_value(), (made ? "" : made.error().message));
    return std::move(*made);
}

bool run_python(std::string const& arguments) {
    std::string const command = std::string{HPCSCHED_TESTS_PYTHON} + " -B " + HPCSCHED_TESTS_FUSE_TORCH +
                                "/models.py " + arguments + " 2>/dev/null";
    return std::system(command.c_str()) == 0;
}

/// What the parser made of a network: kinds and the shapes that blocks give.
std::string blocks_of(teacher_networks const& networks, std::uint16_t task) {
    constexpr char const* letters[] = {"conv",    "linear",  "residual", "layer", "patch",   "words",
                                       "pooler",  "bn",      "ln",       "act",   "dropout", "maxpool",
                                       "avgpool", "flatten", "glue",     "other"};
    std::string text;
    for (std::uint16_t layer = 0; layer < networks.teachers().block_count(task); ++layer) {
        fuse::block const& b = networks.teachers().at({task, layer});
        text += (text.empty() ? "" : " ") + std::string{letters[static_cast<std::size_t>(b.kind)]};
        text += ':' + to_string(b.output);
    }
    return text;
}

/// Parsed, built again, saved and loaded: the same numbers, in and out of training mode.
void check_round_trip(std::vector<std::filesystem::path> const& files, tensor const& samples,
                      std::string const& saved) {
    auto const networks = loaded(files, samples);
    auto fused = fused_network::build(networks, model_graph::forest(networks.teachers()), 1).value();
    auto const wanted = networks.run(samples).value();
    auto const given = fused.run(samples).value();
    REQUIRE(given.size() == files.size());
    REQUIRE(fused.save(saved).has_value());
    auto const again = run_plainly(saved, samples);
    REQUIRE(again.size() == files.size());
    for (std::size_t t = 0; t < files.size(); ++t) {
        CHECK(greatest_difference(wanted[t], run_plainly(files[t].string(), samples)[0]) == 0);
        CHECK(greatest_difference(wanted[t], given[t]) == 0);
        CHECK(greatest_difference(wanted[t], again[t]) == 0);
    }
    if (files.size() == 1) {
        auto const teacher_trained = run_training(networks, 1, samples, 7).value();
        auto const trained = fused.run_training(samples, 7).value().at(0);
        CHECK(greatest_difference(teacher_trained, wanted[0]) > 0);
        CHECK(greatest_difference(teacher_trained, trained) == 0);
    }
}

} // namespace

TEST_CASE("round trip: networks authored in C++ are built again to the bit, in and out of training mode") {
    use_one_thread();
    hpcsched::test::temporary_folder const folder;
    auto const images = noise({5, 3, 16, 16}, 1);
    write(vgg_like{.batch_norm = true, .in_place = true}, folder / "vgg.pt", 1);
    write(resnet_like{}, folder / "resnet.pt", 2);
    write(vit_like{}, folder / "vit.pt", 3);
    write(bert_like{}, folder / "bert.pt", 4);
    for (char const* const name : {"vgg", "resnet", "vit"}) {
        CAPTURE(name);
        check_round_trip({folder / (std::string{name} + ".pt")}, images, folder / "fused.pt");
    }
    check_round_trip({folder / "bert.pt"}, words({5, 8}, 20, 1), folder / "fused.pt");
    check_round_trip({folder / "vgg.pt", folder / "resnet.pt"}, images, folder / "fused.pt");
}

TEST_CASE("round trip: what TorchScript files are taken apart into") {
    use_one_thread();
    hpcsched::test::temporary_folder const folder;
    write(resnet_like{}, folder / "resnet.pt", 2);
    write(vit_like{.layers = 2}, folder / "vit.pt", 3);
    write(bert_like{.layers = 1}, folder / "bert.pt", 4);
    auto const networks = loaded({folder / "resnet.pt", folder / "vit.pt"}, noise({1, 3, 16, 16}, 1));
    CHECK(blocks_of(networks, 1) == "conv:8x16x16 bn:8x16x16 act:8x16x16 residual:8x16x16 residual:8x16x16 "
                                    "residual:16x8x8 residual:16x8x8 avgpool:16 linear:3");
    CHECK(networks.path({1, 5}) == "layers.m2");
    CHECK(networks.teachers().at({1, 0}).parameters == 3 * 8 * 9 + 8);
    CHECK(networks.teachers().at({1, 0}).multiply_adds == 3 * 8 * 9 * 256);
    CHECK(blocks_of(networks, 2) == "patch:17x16 layer:17x16 layer:17x16 ln:17x16 glue:16 linear:3");
    CHECK(networks.teachers().at({2, 1}).description == networks.teachers().at({2, 2}).description);
    CHECK(networks.teachers().at({1, 4}).description != networks.teachers().at({1, 5}).description);
    auto const sentences = loaded({folder / "bert.pt"}, words({1, 8}, 20, 1));
    CHECK(blocks_of(sentences, 1) == "words:8x16 layer:8x16 glue:16 pooler:16 act:16 linear:2");
    CHECK(sentences.teachers().at({1, 0}).pinned);
}

TEST_CASE("round trip: a mutated graph is built, saved and loaded, and shares what it should") {
    use_one_thread();
    hpcsched::test::temporary_folder const folder;
    write(vgg_like{.in_place = true}, folder / "a.pt", 1);
    write(vgg_like{.widths = {8, 12, 0, 16, 16, 0}, .classes = 2, .in_place = true}, folder / "b.pt", 2);
    auto const images = noise({40, 3, 16, 16}, 1);
    auto const networks = loaded({folder / "a.pt", folder / "b.pt"}, images);
    fuse::teacher_set const& teachers = networks.teachers();
    // Blocks 4 and 5 of each are a pooling and a convolution. Task 2's convolution reads task 1's pooling, by an
    // adapter.
    std::vector<fuse::loose_node> nodes{fuse::loose_node{}};
    auto const add = [&](fuse::node_id id, fuse::node_index parent) {
        nodes.push_back({.id = id, .parent = parent});
        return static_cast<fuse::node_index>(nodes.size() - 1);
    };
    fuse::node_index at = 0;
    fuse::node_index branch = 0;
    for (std::uint16_t layer = 0; layer < teachers.block_count(1); ++layer) {
        at = add({1, layer}, at);
        branch = layer == 4 ? at : branch;
    }
    nodes.push_back({.id = teachers.adapter_of({2, 5}),
                     .adapter = fuse::adapter_kind::convolution,
                     .parent = branch,
                     .output = teachers.at({2, 5}).input});
    at = static_cast<fuse::node_index>(nodes.size() - 1);
    for (std::uint16_t layer = 5; layer < teachers.block_count(2); ++layer) {
        at = add({2, layer}, at);
    }
    auto const graph = fuse::make_graph(teachers, nodes).value();
    auto fused = fused_network::build(networks, graph, 5).value();
    std::uint64_t parameters = 8 * 12 + 12;
    for (fuse::graph_node const& n : graph.nodes().subspan(1)) {
        parameters += n.is_adapter() ? 0 : teachers.at(n.id).parameters;
    }
    CHECK(fused.parameters() == parameters);
    auto const wanted = networks.run(images).value();
    auto const random = fused.run(images).value();
    CHECK(greatest_difference(wanted[0], random[0]) == 0); // task 1 has all that it had
    auto const fits = fused.initialise_adapters(images).value();
    REQUIRE(fits.size() == 1);
    CHECK(fits[0].adapter == teachers.adapter_of({2, 5}));
    CHECK(fits[0].explained > 0.05);
    CHECK(fits[0].explained < 1);
    auto const fitted = fused.run(images).value();
    CHECK(greatest_difference(wanted[1], fitted[1]) < greatest_difference(wanted[1], random[1]));
    REQUIRE(fused.save(folder / "fused.pt").has_value());
    auto const again = run_plainly(folder / "fused.pt", images);
    CHECK(greatest_difference(fitted[0], again[0]) == 0);
    CHECK(greatest_difference(fitted[1], again[1]) == 0);
    // A network built on this one has its adapter too; one of another graph has none to inherit.
    auto const heir = fused_network::build(networks, graph, 6, &fused).value();
    CHECK(greatest_difference(fitted[1], heir.run(images).value()[1]) == 0);
}

TEST_CASE("round trip: what one branch does in place does not change what another reads") {
    use_one_thread();
    hpcsched::test::temporary_folder const folder;
    auto const images = noise({4, 3, 16, 16}, 1);
    std::vector<std::vector<tensor>> outputs;
    for (bool const in_place : {true, false}) { // the same weights
        write(vgg_like{.in_place = in_place}, folder / "a.pt", 1);
        write(vgg_like{.in_place = in_place}, folder / "b.pt", 2);
        auto const networks = loaded({folder / "a.pt", folder / "b.pt"}, images);
        // Task 2's second convolution reads what task 1's first gives, beside the ReLU that writes to it.
        std::vector<fuse::loose_node> nodes{fuse::loose_node{}};
        for (std::uint16_t t = 1; t <= 2; ++t) {
            std::uint16_t const first = t == 1 ? 0 : 2;
            for (std::uint16_t layer = first; layer < networks.teachers().block_count(t); ++layer) {
                auto const last = static_cast<fuse::node_index>(nodes.size() - 1);
                nodes.push_back({.id = {t, layer}, .parent = t == 2 && layer == first ? 1 : last});
            }
        }
        auto const graph = fuse::make_graph(networks.teachers(), nodes).value();
        outputs.push_back(fused_network::build(networks, graph, 1).value().run(images).value());
    }
    CHECK(greatest_difference(outputs[0][0], outputs[1][0]) == 0);
    CHECK(greatest_difference(outputs[0][1], outputs[1][1]) == 0);
}

TEST_CASE("round trip: networks scripted or traced by Python come back to the bit, and Python reads what was fused") {
    use_one_thread();
    hpcsched::test::temporary_folder const folder;
    if (!run_python("write " + folder.path())) {
        HPCSCHED_SKIP("python3-torch is not installed");
    }
    auto const images = tensor::load(folder / "images.npy").value();
    auto const sentences = tensor::load(folder / "words.npy").value();
    CHECK(greatest_difference(images, tensor::load(folder / "images.pt").value()) == 0);
    for (std::string const name : {"vgg", "resnet", "vit", "bert"}) {
        for (char const* const how : {"-scripted.pt", "-traced.pt"}) {
            CAPTURE(name + how);
            check_round_trip({folder / (name + how)}, name == "bert" ? sentences : images, folder / "fused.pt");
        }
    }
    check_round_trip({folder / "vgg-traced.pt", folder / "resnet-scripted.pt"}, images, folder / "fused.pt");
    REQUIRE(run_python("compare " + folder / "fused.pt" + ' ' + folder / "images.npy" + ' ' + folder / "out"));
    auto const in_cpp = run_plainly(folder / "fused.pt", images);
    CHECK(greatest_difference(in_cpp[0], tensor::load(folder / "out-0.npy").value()) == 0);
    CHECK(greatest_difference(in_cpp[1], tensor::load(folder / "out-1.npy").value()) == 0);
    auto const networks = loaded({folder / "resnet-traced.pt", folder / "vit-scripted.pt"}, images);
    CHECK(blocks_of(networks, 1) ==
          "conv:8x16x16 bn:8x16x16 act:8x16x16 maxpool:8x8x8 residual:8x8x8 residual:8x8x8 residual:16x4x4 "
          "residual:16x4x4 avgpool:16x1x1 flatten:16 linear:3");
    CHECK(blocks_of(networks, 2) ==
          "patch:16x4x4 flatten:16x16 glue:17x16 glue:17x16 layer:17x16 layer:17x16 layer:17x16 "
          "ln:17x16 glue:16 linear:3");
    for (char const* const name : {"pickle.pt", "pickle-old.pt"}) {
        auto const refused = teacher_networks::load(std::vector<std::filesystem::path>{folder / name}, images);
        REQUIRE(refused.has_error());
        CHECK(refused.error().message.find("would run code") != std::string::npos);
    }
}

} // namespace hpcsched::fuse_torch::test
