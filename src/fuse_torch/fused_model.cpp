// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/fuse_torch/fused_model.hpp>
#include <hpcsched/fuse_torch/runtime.hpp>

#include "saving.hpp"
#include "states.hpp"
#include "timing.hpp"
#include <ATen/ATen.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <sstream>
#include <utility>

namespace hpcsched::fuse_torch {
namespace {

using torch::jit::Module;

fused_description parse(std::string const& text) {
    std::istringstream lines{text};
    std::string line;
    if (!std::getline(lines, line) || line != "hpcsched fused network 1") {
        throw detail::script_fault{line.starts_with("hpcsched fused network")
                                       ? "was written by a newer hpcsched"
                                       : "is a TorchScript file, but none of a fused network"};
    }
    fused_description made;
    while (std::getline(lines, line)) {
        std::istringstream words{line};
        std::string what;
        words >> what;
        if (what == "input") {
            std::string type;
            std::string shape;
            words >> type >> shape;
            made.reads_reals = type == "reals";
            std::istringstream extents{shape};
            std::string each;
            while (std::getline(extents, each, 'x')) {
                made.sample.push_back(std::strtoll(each.c_str(), nullptr, 10));
            }
        } else if (what == "task") {
            made.tasks.push_back(line.substr(std::min<std::size_t>(line.size(), 5)));
        } else if (what == "node") {
            fused_description::node n;
            words >> n.id >> n.parent >> n.kind >> n.shape >> n.parameters >> n.path;
            made.nodes.push_back(std::move(n));
        }
    }
    if (made.sample.empty() || made.tasks.empty()) {
        throw detail::script_fault{"describes itself in part only; write it again"};
    }
    return made;
}

struct described_module {
    Module module{};
    fused_description description{};
};

described_module load_described(std::filesystem::path const& file) {
    std::string text;
    described_module made{.module = detail::load_script(file.string(), detail::description_name, &text)};
    made.description = parse(text);
    return made;
}

at::Tensor noise_for(fused_description const& from, std::int64_t batch, std::string const& device) {
    std::vector<std::int64_t> extents{batch};
    extents.insert(extents.end(), from.sample.begin(), from.sample.end());
    at::Tensor const x = from.reads_reals ? at::rand(extents) : at::zeros(extents, at::kLong);
    return x.to(at::Device{device});
}

template <class Value>
result<Value> named(std::filesystem::path const& file, result<Value> outcome) {
    if (!outcome) {
        return error{file.string() + ": " + outcome.error().message};
    }
    return outcome;
}

} // namespace

result<fused_description> describe_file(std::filesystem::path const& file) {
    return named(file, detail::guarded([&] { return load_described(file).description; }));
}

struct fused_model::state {
    fused_description description{};
    serving_options options{};
    std::vector<Module> instances{};
    std::mutex guard{};
    std::condition_variable freed{};
    std::vector<std::size_t> idle{}; // guarded

    [[nodiscard]] std::size_t take() {
        std::unique_lock lock{guard};
        freed.wait(lock, [&] { return !idle.empty(); });
        std::size_t const i = idle.back();
        idle.pop_back();
        return i;
    }
    void give_back(std::size_t i) {
        {
            std::scoped_lock const lock{guard};
            idle.push_back(i);
        }
        freed.notify_one();
    }
};

result<fused_model> fused_model::load(std::filesystem::path const& file, serving_options const& options) {
    return named(file, detail::guarded([&] {
                     c10::NoGradGuard const no_grad;
                     auto made = std::make_shared<state>();
                     described_module loaded = load_described(file);
                     made->description = std::move(loaded.description);
                     made->options = options;
                     loaded.module.to(at::Device{options.device});
                     loaded.module.eval();
                     use_threads(options.threads);
                     at::Tensor const x = noise_for(made->description, 1, options.device);
                     for (unsigned i = 0; i < std::max(1U, options.instances); ++i) {
                         Module instance =
                             options.frozen ? detail::frozen_copy(loaded.module) : loaded.module.deepcopy();
                         for (unsigned run = 0; run < options.warm_up; ++run) {
                             (void)detail::forward(instance, x);
                         }
                         made->instances.push_back(std::move(instance));
                         made->idle.push_back(i);
                     }
                     detail::wait_for(options.device);
                     return fused_model{std::move(made)};
                 }));
}

fused_description const& fused_model::description() const noexcept {
    return state_->description;
}

result<std::vector<tensor>> fused_model::run(tensor const& batch) const {
    fused_description const& d = state_->description;
    std::vector<std::int64_t> const extents = batch.extents();
    if (batch.empty() || batch.is_real() != d.reads_reals ||
        !std::equal(extents.begin() + 1, extents.end(), d.sample.begin(), d.sample.end())) {
        return error{"the networks read batches of [" + std::to_string(d.sample.size() + 1) + " dimensions] " +
                     (d.reads_reals ? "real numbers" : "integers") + ", samples as they were fused with"};
    }
    std::size_t const i = state_->take();
    auto outputs = detail::guarded([&] {
        use_threads(state_->options.threads); // a setting of each thread
        std::vector<tensor> made;
        for (at::Tensor& each :
             detail::forward_all(state_->instances[i], batch.held()->value, batch.rows(), state_->options.device)) {
            made.push_back(detail::wrap(std::move(each)));
        }
        return made;
    });
    state_->give_back(i);
    return outputs;
}

result<std::vector<latency_figures>> compare_files(std::vector<std::vector<std::filesystem::path>> const& groups,
                                                   std::string const& device, latency_settings const& settings) {
    at::Tensor x;
    std::vector<std::function<void()>> runs;
    for (auto const& group : groups) {
        std::vector<Module> modules;
        for (std::filesystem::path const& file : group) {
            auto const loaded = named(file, detail::guarded([&] {
                                          if (!x.defined()) {
                                              described_module first = load_described(file);
                                              x = noise_for(first.description, settings.batch, device);
                                              return first.module;
                                          }
                                          return detail::load_script(file.string());
                                      }));
            if (!loaded) {
                return loaded.error();
            }
            modules.push_back(*loaded);
        }
        auto const prepared = detail::guarded([&] {
            for (Module& each : modules) {
                each.to(at::Device{device});
                each.eval();
            }
            runs.push_back(detail::timed_run(modules, x, settings.frozen));
        });
        if (!prepared) {
            return prepared.error();
        }
    }
    return detail::guarded([&] {
        c10::NoGradGuard const no_grad;
        return detail::time_interleaved(runs, device, settings);
    });
}

} // namespace hpcsched::fuse_torch
