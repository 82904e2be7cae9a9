// SPDX-License-Identifier: Apache-2.0
#include "networks.hpp"

#include <hpcsched/core/hash.hpp>

#include "authored.hpp" // of the tests: networks written in C++ alone
#include <torch/version.h>

#include <cstdio>
#include <span>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace hpcsched::bench {
namespace {

namespace author = fuse_torch::test;
using fuse_torch::metric;
using fuse_torch::task_judge;
using fuse_torch::tensor;

constexpr char const* vgg8 = "vgg 8 8 0 16 16 0 16 16 0 16 16";
constexpr char const* vgg10 = "vgg 8 8 0 16 16 0 16 16 16 0 16 16 16";
constexpr char const* vgg13 = "vgg 8 8 8 0 16 16 16 0 16 16 16 16 0 16 16 16";

task_spec with(task_spec task, char const* network, unsigned epochs, double rate = 4e-3) {
    task.network = network;
    task.epochs = epochs;
    task.rate = rate;
    return task;
}

auto pictures(picture_style const& style) {
    return [style](std::size_t count, std::uint64_t seed) { return draw_pictures(count, style, seed); };
}
auto scenes(picture_style const& style) {
    return [style](std::size_t count, std::uint64_t seed) { return draw_scenes(count, style, seed); };
}
auto sentences(std::size_t length) {
    return [length](std::size_t count, std::uint64_t seed) { return draw_sentences(count, length, 0, seed); };
}

task_spec presence() {
    return {.attribute = "presence", .outputs = 4, .metric = metric::micro_precision};
}
task_spec number() {
    return {.attribute = "count", .train_labels = "count_class", .outputs = 4, .metric = metric::macro_precision};
}
task_spec agreement() {
    return {.attribute = "agreement", .metric = metric::matthews};
}

std::vector<benchmark_spec> make_small() {
    picture_style const grey{.channels = 1, .correlation = 0.5};
    picture_style const colour{};
    picture_style const related{.correlation = 0.5};
    picture_style const scene{.side = 24, .noise = 0.04};
    return {
        {.name = "B1",
         .what = "3 x VGG of 8 convolutions, grey: shape, texture, size; related",
         .tasks = {{.attribute = "shape", .network = vgg8, .outputs = 4, .epochs = 10},
                   {.attribute = "texture", .network = vgg8, .outputs = 3},
                   {.attribute = "size", .network = vgg8, .outputs = 3}},
         .draw = pictures(grey),
         .channels = 1},
        {.name = "B2",
         .what =
             "3 x VGG of 13 convolutions, colour: shape, hue, size; independent, each trained on pictures of its own",
         .tasks = {{.attribute = "shape",
                    .network = vgg13,
                    .outputs = 4,
                    .epochs = 12,
                    .rate = 3e-3,
                    .taught_by = pictures({.noise = 0.04})},
                   {.attribute = "hue", .network = vgg13, .outputs = 4, .rate = 3e-3, .taught_by = pictures({})},
                   {.attribute = "size",
                    .network = vgg13,
                    .outputs = 3,
                    .epochs = 10,
                    .rate = 3e-3,
                    .taught_by = pictures({.noise = 0.08})}},
         .draw = pictures(colour)},
        {.name = "B3",
         .what = "VGG of 10, 13 and 8 convolutions, colour: shape, hue, size; related",
         .tasks = {{.attribute = "shape", .network = vgg10, .outputs = 4, .epochs = 10, .rate = 3e-3},
                   {.attribute = "hue", .network = vgg13, .outputs = 4, .rate = 3e-3},
                   {.attribute = "size", .network = vgg8, .outputs = 3, .epochs = 8}},
         .draw = pictures(related)},
        {.name = "B4",
         .what = "ResNet (3,4,3) and (2,2,2), scenes: which shapes, how many things",
         .tasks = {with(presence(), "resnet 8 3 4 3", 8), with(number(), "resnet 8 2 2 2", 6)},
         .draw = scenes(scene),
         .side = 24},
        {.name = "B5",
         .what = "ResNet (3,4,3) and VGG with batch norm, scenes",
         .tasks = {with(presence(), "resnet 8 3 4 3", 8), with(number(), "vgg-bn 8 8 0 16 16 0 16 16 0 16 16", 6)},
         .draw = scenes(scene),
         .side = 24},
        {.name = "B6",
         .what = "ViT of width 32 with 6 layers and of 24 with 4, scenes",
         .tasks = {with(presence(), "vit 32 6", 16, 2e-3), with(number(), "vit 24 4", 12, 2e-3)},
         .draw = scenes(scene),
         .side = 24},
        {.name = "B7",
         .what = "BERT of width 32 with 6 layers and of 24 with 4, sentences: agreement, sentiment",
         .tasks = {with(agreement(), "bert 32 6", 10, 2e-3), with({.attribute = "sentiment"}, "bert 24 4", 6, 2e-3)},
         .draw = sentences(16)},
    };
}

/// GMorph's own networks, on larger samples of the same kinds. Nobody has run them to the end yet: they want a GPU.
std::vector<benchmark_spec> make_large() {
    constexpr char const* vgg11_64 = "vgg 64 0 128 0 256 256 0 512 512 0 512 512 0";
    constexpr char const* vgg13_64 = "vgg 64 64 0 128 128 0 256 256 0 512 512 0 512 512 0";
    constexpr char const* vgg16_64 = "vgg 64 64 0 128 128 0 256 256 256 0 512 512 512 0 512 512 512 0";
    picture_style const grey{.side = 48, .channels = 1, .correlation = 0.5};
    picture_style const colour{.side = 96};
    picture_style const related{.side = 96, .correlation = 0.5};
    picture_style const scene{.side = 96, .noise = 0.04};
    auto const task = [](char const* attribute, char const* network, std::int64_t outputs) {
        return task_spec{.attribute = attribute, .network = network, .outputs = outputs, .epochs = 10, .rate = 1e-3};
    };
    return {
        {.name = "B1",
         .what = "3 x VGG-13, grey: shape, texture, size; related",
         .tasks = {task("shape", vgg13_64, 4), task("texture", vgg13_64, 3), task("size", vgg13_64, 3)},
         .draw = pictures(grey),
         .side = 48,
         .channels = 1,
         .hidden = 512},
        {.name = "B2",
         .what = "3 x VGG-16, colour: shape, hue, size; independent",
         .tasks = {task("shape", vgg16_64, 4), task("hue", vgg16_64, 4), task("size", vgg16_64, 3)},
         .draw = pictures(colour),
         .side = 96,
         .hidden = 512},
        {.name = "B3",
         .what = "VGG-13, 16 and 11, colour: shape, hue, size; related",
         .tasks = {task("shape", vgg13_64, 4), task("hue", vgg16_64, 4), task("size", vgg11_64, 3)},
         .draw = pictures(related),
         .side = 96,
         .hidden = 512},
        {.name = "B4",
         .what = "ResNet-34 and ResNet-18, scenes: which shapes, how many things",
         .tasks = {with(presence(), "resnet 64 3 4 6 3", 10, 1e-3), with(number(), "resnet 64 2 2 2 2", 10, 1e-3)},
         .draw = scenes(scene),
         .side = 96},
        {.name = "B5",
         .what = "ResNet-34 and VGG-16 with batch norm, scenes",
         .tasks = {with(presence(), "resnet 64 3 4 6 3", 10, 1e-3),
                   with(number(), "vgg-bn 64 64 0 128 128 0 256 256 256 0 512 512 512 0 512 512 512 0", 10, 1e-3)},
         .draw = scenes(scene),
         .side = 96,
         .hidden = 512},
        {.name = "B6",
         .what = "ViT of width 384 and of 192, 12 layers each, scenes",
         .tasks = {with(presence(), "vit 384 12", 20, 5e-4), with(number(), "vit 192 12", 20, 5e-4)},
         .draw = scenes(scene),
         .side = 96,
         .patch = 8},
        {.name = "B7",
         .what = "BERT of width 512 with 8 layers and of 256 with 4, sentences: agreement, sentiment",
         .tasks = {with(agreement(), "bert 512 8", 10, 5e-4), with({.attribute = "sentiment"}, "bert 256 4", 10, 5e-4)},
         .draw = sentences(128),
         .length = 128},
    };
}

void write_network(task_spec const& task, benchmark_spec const& of, std::string const& file, std::uint64_t seed) {
    std::istringstream words{task.network};
    std::string kind;
    words >> kind;
    std::vector<std::uint32_t> numbers;
    for (std::uint32_t n = 0; words >> n;) {
        numbers.push_back(n);
    }
    bool const attends = kind == "vit" || kind == "bert";
    if (attends && TORCH_VERSION_MAJOR < 2 && numbers.at(1) > 7) {
        throw std::runtime_error{"LibTorch " TORCH_VERSION " takes more than 24 GB to compile " +
                                 std::to_string(numbers[1]) + " layers of attention; try a newer one"};
    }
    auto const classes = static_cast<std::uint32_t>(task.outputs);
    if (kind.starts_with("vgg")) {
        author::write(author::vgg_like{.channels = of.channels,
                                       .side = of.side,
                                       .widths = numbers,
                                       .hidden = of.hidden,
                                       .classes = classes,
                                       .batch_norm = kind == "vgg-bn"},
                      file, seed);
    } else if (kind == "resnet") {
        author::write(author::resnet_like{.channels = of.channels,
                                          .width = numbers[0],
                                          .stages = {numbers.begin() + 1, numbers.end()},
                                          .classes = classes},
                      file, seed);
    } else if (kind == "vit") {
        author::write(
            author::vit_like{
                .side = of.side, .patch = of.patch, .width = numbers[0], .layers = numbers[1], .classes = classes},
            file, seed);
    } else if (kind == "bert") {
        author::write(
            author::bert_like{
                .words = 32, .length = of.length, .width = numbers[0], .layers = numbers[1], .classes = classes},
            file, seed);
    } else {
        throw std::logic_error{"no network is called " + kind};
    }
}

tensor label_tensor(std::vector<std::int64_t> const& values, std::int64_t rows) {
    auto const columns = static_cast<std::int64_t>(values.size()) / rows;
    return columns == 1 ? tensor::of({rows}, std::span{values}) : tensor::of({rows, columns}, std::span{values});
}

std::vector<task_judge> judges_of(benchmark_spec const& spec, labelled_samples const& samples) {
    std::vector<task_judge> judges;
    for (task_spec const& task : spec.tasks) {
        judges.push_back({task.metric, label_tensor(samples.labels.at(task.attribute), samples.inputs.rows())});
    }
    return judges;
}

std::string content_name(benchmark_spec const& spec, task_spec const& task, sample_counts const& counts,
                         std::uint64_t seed) {
    std::ostringstream all;
    all << "2 " << spec.name << ' ' << spec.what << ' ' << spec.side << ' ' << spec.channels << ' ' << task.attribute
        << ' ' << task.train_labels << ' ' << task.network << ' ' << task.outputs << ' ' << task.epochs << ' '
        << task.rate << ' ' << counts.teaching << ' ' << seed;
    sequence_hash hash;
    for (char const c : all.str()) {
        hash.add(static_cast<unsigned char>(c));
    }
    char text[17];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash.value()));
    return text;
}

} // namespace

std::vector<benchmark_spec> const& all_benchmarks(campaign_scale scale) {
    static std::vector<benchmark_spec> const small = make_small();
    static std::vector<benchmark_spec> const large = make_large();
    return scale == campaign_scale::small ? small : large;
}

prepared_benchmark prepare(benchmark_spec const& spec, sample_counts const& counts, std::uint64_t seed,
                           std::filesystem::path const& folder, std::string const& device) {
    prepared_benchmark made{.device = device};
    labelled_samples teaching;
    for (task_spec const& task : spec.tasks) {
        auto const place = folder / "networks" / content_name(spec, task, counts, seed);
        std::filesystem::create_directories(place);
        auto const file = place / (task.attribute + ".pt");
        made.files.push_back(file);
        if (std::filesystem::exists(file)) {
            continue;
        }
        std::uint64_t const own = seed * 100 + made.files.size();
        if (task.taught_by) {
            teaching = task.taught_by(counts.teaching, 1'000'000 + own);
        } else if (teaching.inputs.empty()) {
            teaching = spec.draw(counts.teaching, seed * 1000 + 1);
        }
        auto const draft = place / "draft.pt"; // a killed training leaves no network that looks whole
        write_network(task, spec, draft.string(), own);
        auto const& labels = teaching.labels.at(task.train_labels.empty() ? task.attribute : task.train_labels);
        double const right =
            author::train(draft.string(), teaching.inputs, labels, task.epochs, task.rate, own, device);
        std::filesystem::rename(draft, file);
        made.notes.push_back(spec.name + ": trained " + task.attribute + " (" + task.network + "), right on " +
                             std::to_string(100 * right) + " % of its training");
    }
    std::uint64_t const base = seed * 1000;
    made.data.training = spec.draw(counts.training, base + 2).inputs;
    labelled_samples const validation = spec.draw(counts.validation, base + 3);
    labelled_samples const confirmation = spec.draw(counts.confirmation, base + 4);
    labelled_samples const test = spec.draw(counts.test, base + 5);
    made.data.validation = validation.inputs;
    made.data.validation_judges = judges_of(spec, validation);
    made.data.confirmation = confirmation.inputs;
    made.data.confirmation_judges = judges_of(spec, confirmation);
    made.data.test = test.inputs;
    made.data.test_judges = judges_of(spec, test);
    return made;
}

} // namespace hpcsched::bench
