// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/fuse_torch/latency.hpp>

#include "states.hpp"
#include "timing.hpp"
#include <ATen/ATen.h>
#include <ATen/detail/CUDAHooksInterface.h>

#include <algorithm>
#include <chrono>
#include <ctime>

namespace hpcsched::fuse_torch {
namespace detail {
namespace {

duration clock_now(bool processor_time) {
    timespec at{};
    ::clock_gettime(processor_time ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &at);
    return std::chrono::seconds{at.tv_sec} + std::chrono::nanoseconds{at.tv_nsec};
}

latency_figures figures_of(std::vector<duration> took) {
    std::sort(took.begin(), took.end());
    auto const at = [&](std::size_t quarter) { return took[(took.size() - 1) * quarter / 4]; };
    return {.minimum = at(0), .lower_quartile = at(1), .median = at(2), .upper_quartile = at(3)};
}

} // namespace

void wait_for(std::string const& device) {
    at::Device const d{device};
    if (d.is_cuda()) {
        at::detail::getCUDAHooks().deviceSynchronize(d.has_index() ? d.index() : 0);
    }
}

std::vector<latency_figures> time_interleaved(std::vector<std::function<void()>> const& runs, std::string const& device,
                                              latency_settings const& settings) {
    bool const processor_time = settings.processor_time && !at::Device{device}.is_cuda();
    for (unsigned r = 0; r < settings.warm_up; ++r) {
        for (auto const& run : runs) {
            run();
        }
    }
    wait_for(device);
    std::vector<std::vector<duration>> took(runs.size());
    for (unsigned r = 0; r < std::max(1U, settings.rounds); ++r) {
        for (std::size_t turn = 0; turn < runs.size(); ++turn) {
            std::size_t const i = (turn + r) % runs.size(); // none is always the one after another
            duration const begin = clock_now(processor_time);
            runs[i]();
            wait_for(device);
            took[i].push_back(std::max(clock_now(processor_time) - begin, duration{1}));
        }
    }
    std::vector<latency_figures> figures;
    for (auto& each : took) {
        figures.push_back(figures_of(std::move(each)));
    }
    return figures;
}

std::function<void()> timed_run(std::vector<torch::jit::Module> const& networks, at::Tensor const& x, bool frozen) {
    std::vector<torch::jit::Module> ready;
    for (torch::jit::Module const& each : networks) {
        if (frozen) {
            ready.push_back(frozen_copy(each));
        } else {
            ready.push_back(each);
            ready.back().eval();
        }
    }
    return [ready, x]() mutable {
        for (torch::jit::Module& each : ready) {
            (void)each.forward({x});
        }
    };
}

at::Tensor timed_input(teacher_networks const& networks, std::int64_t batch) {
    at::Tensor const sample = networks.held()->sample.narrow(0, 0, 1);
    std::vector<std::int64_t> repeats(static_cast<std::size_t>(sample.dim()), 1);
    repeats[0] = batch;
    return sample.repeat(repeats);
}

} // namespace detail

result<latency_comparison> compare_latency(teacher_networks const& separate, fused_network const& fused,
                                           latency_settings const& settings) {
    return detail::guarded([&] {
        c10::NoGradGuard const no_grad;
        at::Tensor const x = detail::timed_input(separate, settings.batch);
        std::vector<torch::jit::Module> teachers;
        for (detail::live_teacher const& each : separate.held()->networks) {
            teachers.push_back(each.whole);
        }
        auto const figures = detail::time_interleaved({detail::timed_run(teachers, x, settings.frozen),
                                                       detail::timed_run({fused.held()->whole}, x, settings.frozen)},
                                                      separate.device(), settings);
        return latency_comparison{figures[0], figures[1]};
    });
}

result<std::vector<latency_figures>> compare_latency(std::vector<fused_network> const& networks,
                                                     latency_settings const& settings) {
    return detail::guarded([&] {
        c10::NoGradGuard const no_grad;
        teacher_networks const& from = networks.front().held()->networks;
        at::Tensor const x = detail::timed_input(from, settings.batch);
        std::vector<std::function<void()>> runs;
        for (fused_network const& each : networks) {
            runs.push_back(detail::timed_run({each.held()->whole}, x, settings.frozen));
        }
        return detail::time_interleaved(runs, from.device(), settings);
    });
}

} // namespace hpcsched::fuse_torch
