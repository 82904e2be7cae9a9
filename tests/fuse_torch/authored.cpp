// SPDX-License-Identifier: Apache-2.0
#include "authored.hpp"

#include "states.hpp" // the component's own: tensors are given to Torch and taken back
#include <ATen/Parallel.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/optim/adam.h>
#include <torch/script.h>

#include <cmath>
#include <initializer_list>
#include <limits>
#include <numeric>
#include <utility>

namespace hpcsched::fuse_torch::test {
namespace {

using torch::jit::Module;

Module begin(char const* name) {
    Module made{c10::QualifiedName{std::string{"authored."} + name}};
    made.register_attribute("training", c10::BoolType::get(), true);
    return made;
}

at::Tensor weights(std::vector<std::int64_t> const& extents, std::int64_t inputs) {
    at::Tensor const made = at::randn(extents) * std::sqrt(2.0 / static_cast<double>(inputs));
    made.set_requires_grad(true);
    return made;
}

at::Tensor zeros(std::int64_t n) {
    at::Tensor const made = at::zeros({n});
    made.set_requires_grad(true);
    return made;
}

at::Tensor ones(std::int64_t n) {
    at::Tensor const made = at::ones({n});
    made.set_requires_grad(true);
    return made;
}

Module conv(std::int64_t in, std::int64_t out, std::int64_t size = 3, std::int64_t stride = 1, std::int64_t pad = 1) {
    Module m = begin("Conv2d");
    m.register_parameter("weight", weights({out, in, size, size}, in * size * size), false);
    m.register_parameter("bias", zeros(out), false);
    std::string const s = std::to_string(stride);
    std::string const p = std::to_string(pad);
    m.define("def forward(self, x):\n  return torch.conv2d(x, self.weight, self.bias, [" + s + ", " + s + "], [" + p +
             ", " + p + "])\n");
    return m;
}

Module batch_norm(std::int64_t n) {
    Module m = begin("BatchNorm2d");
    m.register_parameter("weight", ones(n), false);
    m.register_parameter("bias", zeros(n), false);
    m.register_buffer("running_mean", at::randn({n}) * 0.1);
    m.register_buffer("running_var", at::rand({n}) + 0.5);
    m.define("def forward(self, x):\n  return torch.batch_norm(x, self.weight, self.bias, self.running_mean, "
             "self.running_var, self.training, 0.1, 1e-5, True)\n");
    return m;
}

Module linear(std::int64_t in, std::int64_t out) {
    Module m = begin("Linear");
    m.register_parameter("weight", weights({out, in}, 2 * in), false);
    m.register_parameter("bias", zeros(out), false);
    m.define("def forward(self, x):\n  return torch.linear(x, self.weight, self.bias)\n");
    return m;
}

Module layer_norm(std::int64_t n) {
    Module m = begin("LayerNorm");
    m.register_parameter("weight", ones(n), false);
    m.register_parameter("bias", zeros(n), false);
    m.define("def forward(self, x):\n  return torch.layer_norm(x, [" + std::to_string(n) +
             "], self.weight, self.bias)\n");
    return m;
}

Module plain(char const* name, char const* expression) {
    Module m = begin(name);
    m.define(std::string{"def forward(self, x):\n  return "} + expression + '\n');
    return m;
}

Module relu(bool in_place) {
    return plain("ReLU", in_place ? "torch.relu_(x)" : "torch.relu(x)");
}
Module dropout() {
    return plain("Dropout", "torch.dropout(x, 0.25, self.training)");
}

Module sequential(std::vector<Module> const& parts) {
    Module m = begin("Sequential");
    std::string text = "def forward(self, x):\n";
    for (std::size_t i = 0; i < parts.size(); ++i) {
        std::string const name = "m" + std::to_string(i);
        m.register_module(name, parts[i]);
        text += "  x = self." + name + ".forward(x)\n";
    }
    m.define(text + "  return x\n");
    return m;
}

Module residual(std::int64_t in, std::int64_t out, std::int64_t stride) {
    Module m = begin("BasicBlock");
    m.register_module("conv1", conv(in, out, 3, stride));
    m.register_module("bn1", batch_norm(out));
    m.register_module("conv2", conv(out, out));
    m.register_module("bn2", batch_norm(out));
    bool const resizes = in != out || stride != 1;
    if (resizes) {
        m.register_module("down", sequential({conv(in, out, 1, stride, 0), batch_norm(out)}));
    }
    m.define(std::string{"def forward(self, x):\n"
                         "  y = torch.relu(self.bn1.forward(self.conv1.forward(x)))\n"
                         "  y = self.bn2.forward(self.conv2.forward(y))\n"} +
             "  return torch.relu(y + " + (resizes ? "self.down.forward(x)" : "x") + ")\n");
    return m;
}

/// Two heads, norms first.
Module encoder_layer(std::int64_t width) {
    Module m = begin("EncoderLayer");
    m.register_module("norm1", layer_norm(width));
    m.register_module("qkv", linear(width, 3 * width));
    m.register_module("out", linear(width, width));
    m.register_module("norm2", layer_norm(width));
    m.register_module("up", linear(width, 2 * width));
    m.register_module("down", linear(2 * width, width));
    std::string const half = std::to_string(width / 2);
    m.define("def forward(self, x):\n"
             "  b = x.size(0)\n"
             "  n = x.size(1)\n"
             "  qkv = self.qkv.forward(self.norm1.forward(x)).view(b, n, 3, 2, " +
             half +
             ").permute(2, 0, 3, 1, 4)\n"
             "  s = torch.matmul(qkv[0], qkv[1].transpose(2, 3)) / " +
             std::to_string(std::sqrt(static_cast<double>(width) / 2)) +
             "\n"
             "  a = torch.matmul(torch.softmax(s, 3), qkv[2]).transpose(1, 2).reshape(b, n, " +
             std::to_string(width) +
             ")\n"
             "  x = x + torch.dropout(self.out.forward(a), 0.1, self.training)\n"
             "  return x + self.down.forward(torch.gelu(self.up.forward(self.norm2.forward(x))))\n");
    return m;
}

Module network(std::initializer_list<std::pair<char const*, Module>> parts, std::string const& body) {
    Module m = begin("Network");
    for (auto const& [name, part] : parts) {
        m.register_module(name, part);
    }
    m.define("def forward(self, x):\n" + body);
    return m;
}

void save(Module m, std::string const& file) {
    m.eval();
    m.save(file);
}

} // namespace

void write(vgg_like const& model, std::string const& file, std::uint64_t seed) {
    torch::manual_seed(seed);
    std::vector<Module> features;
    std::int64_t channels = model.channels;
    std::int64_t side = model.side;
    for (std::int64_t const width : model.widths) {
        if (width == 0) {
            features.push_back(plain("MaxPool2d", "torch.max_pool2d(x, [2, 2])"));
            side /= 2;
            continue;
        }
        features.push_back(conv(channels, width));
        if (model.batch_norm) {
            features.push_back(batch_norm(width));
        }
        features.push_back(relu(model.in_place));
        channels = width;
    }
    save(network({{"features", sequential(features)},
                  {"classifier", sequential({linear(channels * side * side, model.hidden), relu(model.in_place),
                                             dropout(), linear(model.hidden, model.classes)})}},
                 "  x = self.features.forward(x)\n"
                 "  x = torch.flatten(x, 1)\n"
                 "  return self.classifier.forward(x)\n"),
         file);
}

void write(resnet_like const& model, std::string const& file, std::uint64_t seed) {
    torch::manual_seed(seed);
    std::int64_t const w = model.width;
    std::vector<Module> layers;
    std::int64_t channels = w;
    for (std::size_t stage = 0; stage < model.stages.size(); ++stage) {
        std::int64_t const wide = w << stage;
        for (std::uint32_t i = 0; i < model.stages[stage]; ++i) {
            layers.push_back(residual(channels, wide, channels == wide ? 1 : 2));
            channels = wide;
        }
    }
    save(network({{"conv1", conv(model.channels, w)},
                  {"bn1", batch_norm(w)},
                  {"layers", sequential(layers)},
                  {"fc", linear(channels, model.classes)}},
                 "  x = torch.relu(self.bn1.forward(self.conv1.forward(x)))\n"
                 "  x = self.layers.forward(x)\n"
                 "  x = torch.adaptive_avg_pool2d(x, [1, 1])\n"
                 "  return self.fc.forward(torch.flatten(x, 1))\n"),
         file);
}

void write(vit_like const& model, std::string const& file, std::uint64_t seed) {
    torch::manual_seed(seed);
    std::int64_t const w = model.width;
    std::int64_t const tokens = (model.side / model.patch) * (model.side / model.patch) + 1;
    Module embedding = begin("PatchEmbedding");
    embedding.register_module("conv", conv(3, w, model.patch, model.patch, 0));
    at::Tensor first = at::randn({1, 1, w}) * 0.02;
    at::Tensor places = at::randn({1, tokens, w}) * 0.02;
    embedding.register_parameter("first", first.set_requires_grad(true), false);
    embedding.register_parameter("places", places.set_requires_grad(true), false);
    embedding.define("def forward(self, x):\n"
                     "  b = x.size(0)\n"
                     "  x = self.conv.forward(x).flatten(2).transpose(1, 2)\n"
                     "  return torch.cat([self.first.expand(b, 1, " +
                     std::to_string(w) + "), x], 1) + self.places\n");
    std::vector<Module> layers;
    for (std::uint32_t i = 0; i < model.layers; ++i) {
        layers.push_back(encoder_layer(w));
    }
    save(network({{"embedding", embedding},
                  {"layers", sequential(layers)},
                  {"norm", layer_norm(w)},
                  {"head", linear(w, model.classes)}},
                 "  x = self.norm.forward(self.layers.forward(self.embedding.forward(x)))\n"
                 "  return self.head.forward(x[:, 0])\n"),
         file);
}

void write(bert_like const& model, std::string const& file, std::uint64_t seed) {
    torch::manual_seed(seed);
    std::int64_t const w = model.width;
    Module embedding = begin("Embeddings");
    embedding.register_parameter("words", (at::randn({model.words, w}) * 0.5).set_requires_grad(true), false);
    embedding.register_parameter("places", (at::randn({model.length, w}) * 0.5).set_requires_grad(true), false);
    embedding.define("def forward(self, x):\n"
                     "  return torch.embedding(self.words, x) + self.places\n");
    std::vector<Module> layers;
    for (std::uint32_t i = 0; i < model.layers; ++i) {
        layers.push_back(encoder_layer(w));
    }
    Module pooler = begin("Pooler");
    pooler.register_module("dense", linear(w, w));
    pooler.define("def forward(self, x):\n  return torch.tanh(self.dense.forward(x[:, 0]))\n");
    save(network({{"embeddings", embedding},
                  {"encoder", sequential(layers)},
                  {"pooler", pooler},
                  {"classifier", linear(w, model.classes)}},
                 "  x = self.pooler.forward(self.encoder.forward(self.embeddings.forward(x)))\n"
                 "  return self.classifier.forward(x)\n"),
         file);
}

void write_with_nan(std::string const& file) {
    Module bad = linear(4, 2);
    bad.attr("weight").toTensor().data()[1][2] = std::numeric_limits<float>::quiet_NaN();
    save(sequential({linear(4, 4), bad}), file);
}

void write_two_inputs(std::string const& file) {
    Module m = begin("Two");
    m.register_module("a", linear(4, 2));
    m.define("def forward(self, x, y):\n  return self.a.forward(x) + self.a.forward(y)\n");
    save(m, file);
}

void write_tuple(std::string const& file) {
    Module m = begin("Pair");
    m.register_module("a", linear(4, 2));
    m.define("def forward(self, x):\n  return (self.a.forward(x), x.size(0))\n");
    save(m, file);
}

void write_frozen(std::string const& file) {
    Module m = sequential({linear(4, 4), linear(4, 2)});
    m.eval();
    torch::jit::freeze(m).save(file);
}

double train(std::string const& file, tensor const& images, std::vector<std::int64_t> const& labels, unsigned epochs,
             double rate, std::uint64_t seed, std::string const& device) {
    at::set_num_threads(1);
    torch::jit::getProfilingMode() = false;
    torch::manual_seed(seed);
    at::Device const there{device};
    Module m = torch::jit::load(file);
    m.to(there);
    m.train();
    std::vector<at::Tensor> parameters;
    for (at::Tensor const& p : m.parameters()) {
        parameters.push_back(p.set_requires_grad(true));
    }
    at::Tensor const x = images.held()->value;
    bool const by_class = static_cast<std::int64_t>(labels.size()) == x.size(0);
    at::Tensor y = at::tensor(at::ArrayRef<std::int64_t>{labels}, at::kLong);
    y = by_class ? y : y.view({x.size(0), -1}).to(at::kFloat);
    torch::optim::Adam optimiser{parameters, torch::optim::AdamOptions{rate}};
    std::int64_t const batch = 64;
    std::int64_t const steps = (x.size(0) + batch - 1) / batch * epochs;
    std::int64_t step = 0;
    for (unsigned e = 0; e < epochs; ++e) {
        at::Tensor const order = at::randperm(x.size(0));
        for (std::int64_t first = 0; first < x.size(0); first += batch, ++step) {
            at::Tensor const rows = order.slice(0, first, first + batch);
            double const t = static_cast<double>(step) / static_cast<double>(steps);
            double const scale = t < 0.3 ? 0.1 + 3 * t : 1.0 - (t - 0.3) / 0.7;
            static_cast<torch::optim::AdamOptions&>(optimiser.param_groups()[0].options()).lr(rate * scale + 1e-6);
            optimiser.zero_grad();
            at::Tensor const logits = m.forward({x.index_select(0, rows).to(there)}).toTensor();
            at::Tensor const wanted = y.index_select(0, rows).to(there);
            (by_class ? at::cross_entropy_loss(logits, wanted, {}, at::Reduction::Mean, -100, 0.05)
                      : at::binary_cross_entropy_with_logits(logits, wanted))
                .backward();
            optimiser.step();
        }
    }
    m.eval();
    c10::NoGradGuard const no_grad;
    double right = 0;
    for (std::int64_t first = 0; first < x.size(0); first += 512) {
        at::Tensor const outputs = m.forward({x.slice(0, first, first + 512).to(there)}).toTensor().cpu();
        at::Tensor const wanted = y.slice(0, first, first + 512);
        right += (by_class ? outputs.argmax(1).eq(wanted) : outputs.gt(0).eq(wanted)).sum().item<double>();
    }
    m.to(at::kCPU);
    m.save(file);
    return right / static_cast<double>(y.numel());
}

std::vector<tensor> run_plainly(std::string const& file, tensor const& samples) {
    Module m = torch::jit::load(file);
    m.eval();
    c10::NoGradGuard const no_grad;
    std::vector<tensor> outputs;
    for (at::Tensor& each : detail::forward(m, samples.held()->value)) {
        outputs.push_back(detail::wrap(std::move(each)));
    }
    return outputs;
}

void use_one_thread() {
    at::set_num_threads(1);
}

tensor noise(std::vector<std::int64_t> const& extents, std::uint64_t seed) {
    torch::manual_seed(seed);
    return detail::wrap(at::rand(extents));
}

tensor words(std::vector<std::int64_t> const& extents, std::int64_t count, std::uint64_t seed) {
    torch::manual_seed(seed);
    return detail::wrap(at::randint(count, extents, at::kLong));
}

} // namespace hpcsched::fuse_torch::test
