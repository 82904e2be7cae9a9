// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/fuse_torch/drop_estimate.hpp>
#include <hpcsched/fuse_torch/network_evaluator.hpp>

#include "states.hpp"
#include "timing.hpp"
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <map>
#include <system_error>
#include <utility>

namespace hpcsched::fuse_torch {
namespace {

/// A candidate that is here.
struct held_candidate {
    fused_network network;
    std::optional<distillation> training{};
};

} // namespace

struct network_evaluator::state {
    teacher_networks networks;
    fusion_data data{};
    evaluator_settings settings{};
    std::function<bool()> go_on{};
    std::vector<tensor> training_targets{};
    std::vector<tensor> validation_targets{};
    std::vector<tensor> confirmation_targets{};
    std::vector<double> teacher_scores{};
    std::map<fuse::candidate_id, held_candidate> candidates{};
    std::optional<fused_network> forest{};
    duration forest_latency{};
    duration begin{};
    time_point origin{};
    std::string failure{};
    std::uint64_t largest = 0;

    [[nodiscard]] std::filesystem::path file_of(fuse::candidate_id id) const {
        return settings.weights / ("candidate-" + std::to_string(id) + ".pt");
    }

    /// The base's network, or its weights as a search that was killed left them.
    [[nodiscard]] result<std::optional<torch::jit::Module>> base_of(fuse::candidate_id base) const {
        if (base == 0) {
            return std::optional<torch::jit::Module>{};
        }
        if (auto const found = candidates.find(base); found != candidates.end()) {
            return std::optional{found->second.network.held()->whole};
        }
        return detail::guarded([&] { return std::optional{detail::load_script(file_of(base).string())}; });
    }

    [[nodiscard]] duration clock_now() const {
        timespec at{};
        ::clock_gettime(settings.counts_processor_time ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &at);
        return std::chrono::seconds{at.tv_sec} + std::chrono::nanoseconds{at.tv_nsec};
    }

    /// By how much each task may drop, by the validation part.
    [[nodiscard]] result<std::vector<double>> drops_of(fused_network const& network) const {
        auto const outputs = network.run(data.validation);
        if (!outputs) {
            return outputs.error();
        }
        auto const estimates = estimate_drops(*outputs, validation_targets, data.validation_judges);
        if (!estimates) {
            return estimates.error();
        }
        std::vector<double> drops;
        for (drop_estimate const& each : *estimates) {
            drops.push_back(each.upper_bound(settings.confidence));
        }
        return drops;
    }

    /// The same of a candidate that is done: where it is within what is tolerated, no less than on other samples.
    [[nodiscard]] result<std::vector<double>> confirmed_drops(fused_network const& network,
                                                              std::vector<double> drops) const {
        bool const passes =
            std::all_of(drops.begin(), drops.end(), [&](double drop) { return drop <= settings.tolerated_drop; });
        if (!passes || data.confirmation.empty()) {
            return drops;
        }
        auto const outputs = network.run(data.confirmation);
        if (!outputs) {
            return outputs.error();
        }
        auto const estimates = estimate_drops(*outputs, confirmation_targets, data.confirmation_judges);
        if (!estimates) {
            return estimates.error();
        }
        for (std::size_t t = 0; t < drops.size(); ++t) {
            drops[t] = std::max(drops[t], (*estimates)[t].drop);
        }
        return drops;
    }

    [[nodiscard]] result<duration> latency_of(fuse::candidate_id id, fused_network const& network) {
        if (id == 0) {
            auto const alone = compare_latency({network}, settings.latency);
            if (!alone) {
                return alone.error();
            }
            forest_latency = alone->front().lower_quartile;
            return forest_latency;
        }
        auto const both = compare_latency({*forest, network}, settings.latency);
        if (!both) {
            return both.error();
        }
        double const ratio = static_cast<double>((*both)[1].lower_quartile.count()) /
                             static_cast<double>((*both)[0].lower_quartile.count());
        if (forest_latency == duration{}) { // measured by the search that was killed, and told to it then
            forest_latency = (*both)[0].lower_quartile;
        }
        return duration{
            std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(forest_latency.count()) * ratio))};
    }

    bool fail(error const& why) {
        failure = why.message;
        return false;
    }
};

network_evaluator::network_evaluator(std::unique_ptr<state> made) noexcept : state_{std::move(made)} {}
network_evaluator::network_evaluator(network_evaluator&&) noexcept = default;
network_evaluator& network_evaluator::operator=(network_evaluator&&) noexcept = default;
network_evaluator::~network_evaluator() = default;

result<network_evaluator> network_evaluator::make(teacher_networks networks, fusion_data data,
                                                  evaluator_settings const& settings, std::function<bool()> go_on) {
    auto on_training = networks.run(data.training);
    if (!on_training) {
        return error{"running the teachers on the training inputs: " + on_training.error().message};
    }
    auto on_validation = networks.run(data.validation);
    if (!on_validation) {
        return error{"running the teachers on the validation inputs: " + on_validation.error().message};
    }
    std::vector<tensor> on_confirmation;
    if (!data.confirmation.empty()) {
        auto outputs = networks.run(data.confirmation);
        if (!outputs) {
            return error{"running the teachers on the confirmation inputs: " + outputs.error().message};
        }
        on_confirmation = std::move(*outputs);
    }
    auto reached = scores_of(*on_validation, *on_validation, data.validation_judges);
    if (!reached) {
        return reached.error();
    }
    auto forest = fused_network::build(networks, fuse::model_graph::forest(networks.teachers()), 0);
    if (!forest) {
        return forest.error();
    }
    auto made = std::make_unique<state>(state{.networks = std::move(networks),
                                              .data = std::move(data),
                                              .settings = settings,
                                              .go_on = std::move(go_on),
                                              .training_targets = std::move(*on_training),
                                              .validation_targets = std::move(*on_validation),
                                              .confirmation_targets = std::move(on_confirmation),
                                              .teacher_scores = std::move(*reached),
                                              .forest = std::move(*forest)});
    made->begin = made->clock_now();
    return network_evaluator{std::move(made)};
}

bool network_evaluator::build(fuse::evaluate_candidate const& what) {
    state& s = *state_;
    if (what.id == 0) {
        s.candidates.insert_or_assign(0, held_candidate{*s.forest});
        return true;
    }
    auto const base = s.base_of(what.base);
    if (!base) {
        return s.fail(base.error());
    }
    std::uint64_t const seed = s.settings.training.seed + 0x9e3779b97f4a7c15ULL * what.id;
    auto network =
        detail::build_network(s.networks, what.graph, what.origins, seed, base->has_value() ? &**base : nullptr);
    if (!network) {
        return s.fail(network.error());
    }
    if (s.settings.fits_adapters) {
        std::int64_t const samples = std::min(s.settings.fitting_samples, s.data.training.rows());
        if (auto const fitted = network->initialise_adapters(s.data.training.slice(0, samples)); !fitted) {
            return s.fail(fitted.error());
        }
    }
    training_settings training = s.settings.training;
    training.seed = seed;
    auto made = distillation::make(*network, s.data.training, s.training_targets, what.epochs_max, training);
    if (!made) {
        return s.fail(made.error());
    }
    s.largest = std::max(s.largest, made->estimated_memory());
    s.candidates.insert_or_assign(what.id, held_candidate{*network, std::move(*made)});
    return true;
}

std::optional<std::vector<double>> network_evaluator::train(fuse::candidate_id id, std::uint32_t epoch) {
    state& s = *state_;
    auto const found = s.candidates.find(id);
    if (found == s.candidates.end()) {
        s.failure = "candidate " + std::to_string(id) + " is not here";
        return std::nullopt;
    }
    if (found->second.training) {
        if (auto const trained = found->second.training->train_until(epoch, s.go_on); !trained) {
            s.failure = trained.error().message;
            s.candidates.erase(found);
            return std::nullopt;
        }
    }
    auto drops = s.drops_of(found->second.network);
    if (!drops) {
        s.failure = drops.error().message;
        s.candidates.erase(found);
        return std::nullopt;
    }
    return std::move(*drops);
}

std::optional<fuse::measurement> network_evaluator::measure(fuse::candidate_id id, std::uint32_t epoch) {
    state& s = *state_;
    auto drops = train(id, epoch);
    if (!drops) {
        return std::nullopt;
    }
    held_candidate& held = s.candidates.find(id)->second;
    held.training.reset(); // gradients and moments go
    auto const confirmed = s.confirmed_drops(held.network, std::move(*drops));
    if (!confirmed) {
        s.failure = confirmed.error().message;
        return std::nullopt;
    }
    auto const latency = s.latency_of(id, held.network);
    if (!latency) {
        s.failure = latency.error().message;
        return std::nullopt;
    }
    if (id != 0 && !s.settings.weights.empty()) {
        if (auto const kept = held.network.save(s.file_of(id)); !kept) {
            s.failure = kept.error().message;
            return std::nullopt;
        }
    }
    return fuse::measurement{*confirmed, *latency};
}

void network_evaluator::forget(fuse::candidate_id id) {
    state_->candidates.erase(id);
    if (id != 0 && !state_->settings.weights.empty()) {
        std::error_code gone;
        std::filesystem::remove(state_->file_of(id), gone);
    }
}

time_point network_evaluator::now() const {
    return state_->origin + (state_->clock_now() - state_->begin);
}

void network_evaluator::go_on_from(time_point then) {
    state_->origin = then;
    state_->begin = state_->clock_now();
}

std::optional<fused_network> network_evaluator::network(fuse::candidate_id id) const {
    auto const found = state_->candidates.find(id);
    return found == state_->candidates.end() ? std::nullopt : std::optional{found->second.network};
}

std::vector<double> const& network_evaluator::teacher_scores() const noexcept {
    return state_->teacher_scores;
}
std::string const& network_evaluator::last_failure() const noexcept {
    return state_->failure;
}
std::uint64_t network_evaluator::largest_training() const noexcept {
    return state_->largest;
}

} // namespace hpcsched::fuse_torch
