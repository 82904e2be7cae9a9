// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/fuse_torch/teacher_networks.hpp>

#include "states.hpp"
#include <ATen/ATen.h>
#include <ATen/record_function.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>

namespace hpcsched::fuse_torch {
namespace {

using detail::live_block;
using detail::live_teacher;
using detail::script_fault;
using detail::script_piece;
using torch::jit::Module;

// --- multiply-adds -----------------------------------------------------------------------------------------------

// What the operations of this thread have multiplied and added, while they are watched.
thread_local std::uint64_t multiplied = 0;

std::uint64_t elements(c10::IValue const& value) {
    return value.isTensor() && value.toTensor().defined() ? static_cast<std::uint64_t>(value.toTensor().numel()) : 0;
}

/// Convolutions and matrix products, of which everything else is made. Called by LibTorch for each operation.
void note_work(at::RecordFunction const& operation, at::ObserverContext* /*context*/) {
    std::string_view const name = operation.name();
    auto const inputs = operation.inputs();
    auto const outputs = operation.outputs();
    if (outputs.empty() || inputs.size() < 2) {
        return;
    }
    if (name == "aten::_convolution" && inputs[1].isTensor()) {
        auto const out_channels = static_cast<std::uint64_t>(inputs[1].toTensor().size(0));
        multiplied += elements(outputs[0]) * (elements(inputs[1]) / out_channels);
    } else if (name == "aten::mm" || name == "aten::bmm") {
        multiplied += elements(outputs[0]) * static_cast<std::uint64_t>(inputs[0].toTensor().size(-1));
    } else if (name == "aten::addmm" || name == "aten::baddbmm") {
        multiplied += elements(outputs[0]) * static_cast<std::uint64_t>(inputs[1].toTensor().size(-1));
    }
}

class watched_work {
  public:
    watched_work()
        : handle_{at::addThreadLocalCallback(
              at::RecordFunctionCallback{nullptr, &note_work}.needsInputs(true).needsOutputs(true).scopes(
                  {at::RecordScope::FUNCTION}))} {
        multiplied = 0;
    }
    watched_work(watched_work const&) = delete;
    watched_work& operator=(watched_work const&) = delete;
    ~watched_work() { at::removeCallback(handle_); }

    [[nodiscard]] std::uint64_t so_far() const { return multiplied; }

  private:
    at::CallbackHandle handle_;
};

// --- shapes ------------------------------------------------------------------------------------------------------

/// The shape of one sample, where the first dimension is the batch of two different sizes.
std::optional<fuse::tensor_shape> shape_of(at::Tensor const& small, at::Tensor const& large) {
    if (small.dim() != large.dim() || small.dim() < 2 || small.size(0) != 2 || large.size(0) != 3 ||
        small.dim() - 1 > static_cast<std::int64_t>(fuse::tensor_shape::rank_max)) {
        return std::nullopt;
    }
    std::array<std::uint32_t, 4> e{};
    for (std::int64_t d = 1; d < small.dim(); ++d) {
        if (small.size(d) != large.size(d) || small.size(d) < 1 || small.size(d) > 0x7fffffff) {
            return std::nullopt;
        }
        e[static_cast<std::size_t>(d - 1)] = static_cast<std::uint32_t>(small.size(d));
    }
    switch (small.dim()) {
    case 2:
        return fuse::tensor_shape{e[0]};
    case 3:
        return fuse::tensor_shape{e[0], e[1]};
    case 4:
        return fuse::tensor_shape{e[0], e[1], e[2]};
    default:
        return fuse::tensor_shape{e[0], e[1], e[2], e[3]};
    }
}

at::Tensor call(Module& module, at::Tensor const& x) {
    c10::IValue const given = module.forward({x});
    if (!given.isTensor()) {
        throw script_fault{"gives something else than a tensor"};
    }
    return given.toTensor();
}

/// Looks at what a block does to its input: written in either mode, since dropout in place writes in training alone.
void look_at_memory(live_block& b, at::Tensor const& x) {
    at::Tensor const seen = x.clone();
    at::Tensor const given = call(b.module, seen);
    b.hands_input_on = given.storage().is_alias_of(seen.storage());
    Module training = b.module.deepcopy();
    training.train();
    at::Tensor const again = x.clone();
    at::Tensor const given_training = call(training, again);
    b.hands_input_on = b.hands_input_on || given_training.storage().is_alias_of(again.storage());
    b.writes_input = seen._version() != 0 || again._version() != 0;
}

void check_finite(Module const& module, std::string const& path) {
    auto const check = [&](auto const& all) {
        for (auto const& each : all) {
            if (each.value.is_floating_point() && !at::isfinite(each.value).all().template item<bool>()) {
                throw script_fault{"the weights '" + each.name + "' of block " + path + " are not finite numbers"};
            }
        }
    };
    check(module.named_parameters());
    check(module.named_buffers());
}

/// Runs the pieces of a network in order. Where what lies between two of them is no batch of real numbers, they are
/// one block.
class shaping {
  public:
    shaping(at::Tensor const& sample, load_options const& options) : options_{options} {
        auto const rows = [&](std::int64_t n) {
            std::int64_t const times = (n + sample.size(0) - 1) / sample.size(0);
            std::vector<at::Tensor> const repeated(static_cast<std::size_t>(times), sample);
            return at::cat(repeated).narrow(0, 0, n).contiguous();
        };
        small_ = rows(2);
        large_ = rows(3);
    }

    void run(std::vector<script_piece> const& pieces, live_teacher& to, fuse::teacher& facts) {
        auto read = shape_of(small_, large_);
        if (!read) {
            throw script_fault{"reads samples of no or too many dimensions: 1 to 4 beside the batch can be fused"};
        }
        for (std::size_t i = 0; i < pieces.size();) {
            std::size_t end = i + 1;
            for (;; ++end) {
                script_piece const piece = end - i == 1 ? pieces[i] : joined(pieces, i, end);
                if (auto const given = try_block(piece, *read, to, facts)) {
                    read = given;
                    break;
                }
                if (end == pieces.size()) {
                    throw script_fault{"does not give a tensor of real numbers whose first dimension is the batch"};
                }
            }
            i = end;
        }
    }

  private:
    static script_piece joined(std::vector<script_piece> const& pieces, std::size_t first, std::size_t end) {
        std::vector<script_piece> const some{pieces.begin() + static_cast<std::ptrdiff_t>(first),
                                             pieces.begin() + static_cast<std::ptrdiff_t>(end)};
        script_piece made{.module = detail::join(some), .path = some.front().path, .description = "several:"};
        for (script_piece const& each : some) {
            made.description += ' ' + each.description;
            bool const works = fuse::is_mergeable(each.kind);
            made.kind = works ? each.kind : made.kind;
        }
        return made;
    }

    std::optional<fuse::tensor_shape> try_block(script_piece const& piece, fuse::tensor_shape const& read,
                                                live_teacher& to, fuse::teacher& facts) {
        live_block made{.module = piece.module, .path = piece.path};
        made.module.eval();
        at::Tensor small;
        std::uint64_t work = 0;
        {
            watched_work const watched;
            small = call(made.module, small_.clone());
            work = watched.so_far() / 2;
        }
        at::Tensor const large = call(made.module, large_.clone());
        auto const given = shape_of(small, large);
        if (!given || !small.is_floating_point()) {
            return std::nullopt;
        }
        check_finite(made.module, piece.path);
        look_at_memory(made, small_);
        std::uint64_t parameters = 0;
        for (at::Tensor const& each : made.module.parameters()) {
            parameters += static_cast<std::uint64_t>(each.numel());
        }
        bool const pinned = !small_.is_floating_point() || // nothing but an embedding reads numbers of words
                            std::any_of(options_.pinned.begin(), options_.pinned.end(),
                                        [&](std::string const& end) { return piece.path.ends_with(end); });
        facts.blocks.push_back({.kind = piece.kind,
                                .description = piece.description,
                                .parameters = parameters,
                                .multiply_adds = work,
                                .input = read,
                                .output = *given,
                                .pinned = pinned,
                                .source = static_cast<std::uint32_t>(to.blocks.size())});
        to.blocks.push_back(std::move(made));
        small_ = small;
        large_ = large;
        return given;
    }

    load_options const& options_;
    at::Tensor small_;
    at::Tensor large_;
};

void note_sharing(live_teacher const& network, std::string const& name, std::vector<std::string>& notes) {
    std::set<void const*> seen;
    for (live_block const& b : network.blocks) {
        std::set<void const*> own;
        for (at::Tensor const& each : b.module.parameters()) {
            own.insert(each.unsafeGetTensorImpl());
        }
        for (void const* const each : own) {
            if (!seen.insert(each).second) {
                notes.push_back(name + ": block " + b.path + " shares weights with another; fused, each has its own");
                break;
            }
        }
    }
}

void load_one(std::filesystem::path const& file, at::Tensor const& sample, load_options const& options,
              teacher_networks::state& to, std::vector<fuse::teacher>& teachers) {
    fuse::teacher facts{.name = file.stem().string()};
    live_teacher network{.whole = detail::load_script(file.string())};
    unsigned const mended = detail::mend_training_flags(network.whole);
    network.whole.to(at::Device{options.device});
    network.whole.eval();
    if (mended > 0) {
        to.notes.push_back(facts.name + ": traced; " + std::to_string(mended) +
                           " operations ask for the training mode again");
    }
    for (std::string const& doubt : detail::doubts_of(network.whole)) {
        to.notes.push_back(facts.name + ": " + doubt);
    }
    at::Tensor x = sample;
    if (auto const outputs = detail::forward(network.whole, x.clone()); outputs.size() != 1) {
        throw script_fault{"gives " + std::to_string(outputs.size()) + " tensors; wrap it so that it gives one"};
    }
    shaping{x, options}.run(detail::take_apart(network.whole), network, facts);
    note_sharing(network, facts.name, to.notes);
    to.networks.push_back(std::move(network));
    teachers.push_back(std::move(facts));
}

} // namespace

result<teacher_networks> teacher_networks::load(std::span<std::filesystem::path const> files, tensor const& sample,
                                                load_options const& options) {
    if (sample.empty()) {
        return error{"there are no samples to run the networks on; give a file with at least one"};
    }
    auto made = std::make_shared<state>();
    std::vector<fuse::teacher> teachers;
    auto const prepared = detail::guarded([&] {
        c10::NoGradGuard const no_grad;
        made->device = options.device;
        made->sample =
            sample.held()->value.narrow(0, 0, std::min<std::int64_t>(3, sample.rows())).to(at::Device{options.device});
        made->reads_reals = sample.is_real();
    });
    if (!prepared) {
        return error{"device '" + options.device + "': " + prepared.error().message};
    }
    for (std::filesystem::path const& file : files) {
        auto const loaded = detail::guarded([&] {
            c10::NoGradGuard const no_grad;
            detail::plain_executor const plain;
            load_one(file, made->sample, options, *made, teachers);
        });
        if (!loaded) {
            return error{file.string() + ": " + loaded.error().message};
        }
    }
    for (std::size_t t = 1; t < teachers.size(); ++t) { // names tell tasks apart
        for (std::size_t before = 0; before < t; ++before) {
            if (teachers[before].name == teachers[t].name) {
                teachers[t].name += '-' + std::to_string(t + 1);
            }
        }
    }
    auto set = fuse::teacher_set::make(std::move(teachers));
    if (!set) {
        return set.error();
    }
    made->set = std::move(*set);
    return teacher_networks{std::move(made)};
}

fuse::teacher_set const& teacher_networks::teachers() const noexcept {
    return state_->set;
}
std::vector<std::string> const& teacher_networks::notes() const noexcept {
    return state_->notes;
}
std::string const& teacher_networks::device() const noexcept {
    return state_->device;
}

std::string const& teacher_networks::path(fuse::node_id id) const noexcept {
    return state_->networks[id.task - 1U].blocks[state_->set.at(id).source].path;
}

result<std::vector<tensor>> teacher_networks::run(tensor const& samples, std::int64_t batch) const {
    if (samples.empty()) {
        return error{"there are no samples to run the networks on"};
    }
    return detail::guarded([&] {
        detail::plain_executor const plain;
        std::vector<tensor> outputs;
        for (live_teacher const& each : state_->networks) {
            Module whole = each.whole;
            whole.eval();
            outputs.push_back(
                detail::wrap(detail::forward_all(whole, samples.held()->value, batch, state_->device).at(0)));
        }
        return outputs;
    });
}

result<std::vector<duration>> teacher_networks::time_blocks(unsigned runs) const {
    return detail::guarded([&] {
        c10::NoGradGuard const no_grad;
        using clock = std::chrono::steady_clock;
        std::vector<duration> all;
        for (live_teacher const& each : state_->networks) {
            at::Tensor x = state_->sample.narrow(0, 0, 1);
            for (live_block const& b : each.blocks) {
                Module module = b.module;
                module.eval();
                at::Tensor given;
                std::vector<duration> took;
                for (unsigned r = 0; r < runs + 5; ++r) {
                    at::Tensor const read = x.clone();
                    auto const begin = clock::now();
                    given = call(module, read);
                    if (given.is_cuda()) {
                        (void)given.flatten()[0].item(); // waits for the device
                    }
                    if (r >= 5) {
                        took.push_back(std::chrono::duration_cast<duration>(clock::now() - begin));
                    }
                }
                std::nth_element(took.begin(), took.begin() + runs / 4, took.end());
                all.push_back(took.empty() ? duration{} : took[runs / 4]);
                x = given;
            }
        }
        return all;
    });
}

} // namespace hpcsched::fuse_torch
