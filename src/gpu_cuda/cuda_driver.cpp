// SPDX-License-Identifier: Apache-2.0
#include <hpcsched/gpu_cuda/cuda_driver.hpp>

#include "device_memory.hpp"
#include "libraries.hpp"
#include "nvml_inventory.hpp"
#include "process_steps.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

namespace hpcsched::gpu_cuda {
namespace {

constexpr auto look_every = std::chrono::microseconds{50}; // beside some 300 us that 16 MiB take over PCIe 5.0

} // namespace

class cuda_driver::state {
  public:
    explicit state(cuda_config const& config) : config_{config} {}

    result<void> open() {
        if (config_.copiers < 1) {
            return error{"a driver needs at least one copier: set copiers to 1 or more"};
        }
        auto inventory = nvml_inventory::open(config_.nvml_library);
        if (inventory) {
            inventory_ = std::move(*inventory);
        } else if (config_.needs_inventory) {
            return inventory.error();
        } else {
            note(inventory.error().message);
        }
        auto cuda = cuda_library::load(config_.cuda_library);
        if (!cuda) {
            if (config_.needs_memory || config_.needs_processes) {
                return cuda.error();
            }
            note(cuda.error().message);
            return {};
        }
        cuda_.emplace(std::move(*cuda));
        if (!cuda_->no_checkpoint.empty()) {
            if (config_.needs_processes) {
                return error{cuda_->no_checkpoint};
            }
            note(cuda_->no_checkpoint);
        }
        std::vector<std::string> uuids;
        for (std::size_t i = 0; inventory_ != nullptr && i < inventory_->first_seen().size(); ++i) {
            uuids.push_back(inventory_->first_seen()[i].uuid);
        }
        memory_.emplace(*cuda_, uuids, config_.copiers);
        steps_.emplace(*cuda_);
        return {};
    }

    [[nodiscard]] std::string about() const {
        std::string text = inventory_ != nullptr ? "driver " + inventory_->version() : "driver unknown";
        if (cuda_) {
            text +=
                ", CUDA " + std::to_string(cuda_->version / 1'000) + "." + std::to_string(cuda_->version % 1'000 / 10);
        }
        return text + lacks_;
    }

    time_point wait(time_point now, time_point until) {
        now = std::max(now, cuda_driver::now());
        while (now < until) {
            bool const ended = (memory_ && memory_->something_ended()) || (steps_ && !steps_->ends().empty());
            if (ended) {
                break;
            }
            bool const moves = memory_ && memory_->moving();
            bool const steps = steps_ && steps_->stepping();
            duration const left = until == never ? duration{std::chrono::hours{1}} : until - now;
            if (moves) {
                memory_->ends().wait_for(std::min<duration>(look_every, left));
            } else if (steps) {
                steps_->ends().wait_for(left);
            } else if (until == never) {
                break; // for nothing, it would be for ever
            } else {
                std::this_thread::sleep_for(left);
            }
            now = std::max(now, cuda_driver::now());
        }
        return now;
    }

    std::unique_ptr<nvml_inventory> inventory_;
    std::optional<cuda_library> cuda_;
    std::optional<device_memory> memory_; // after the library that they call, as all below
    std::optional<process_steps> steps_;

  private:
    void note(std::string const& lack) { lacks_ += "; " + lack; }

    cuda_config config_;
    std::string lacks_;
};

result<cuda_driver> cuda_driver::open(cuda_config const& config) {
    auto made = std::make_unique<state>(config);
    if (auto const opened = made->open(); !opened) {
        return opened.error();
    }
    return cuda_driver{std::move(made)};
}

cuda_driver::cuda_driver(std::unique_ptr<state> made) noexcept : state_{std::move(made)} {}
cuda_driver::cuda_driver(cuda_driver&&) noexcept = default;
cuda_driver& cuda_driver::operator=(cuda_driver&&) noexcept = default;
cuda_driver::~cuda_driver() = default;

time_point cuda_driver::now() {
    auto const since = std::chrono::steady_clock::now().time_since_epoch(); // CLOCK_MONOTONIC
    return time_point{std::chrono::duration_cast<duration>(since)};
}

std::string cuda_driver::about() const {
    return state_->about();
}

result<std::vector<gpu::device_facts>, gpu::driver_code> cuda_driver::devices() {
    if (state_->inventory_ == nullptr) {
        return gpu::driver_code::unsupported;
    }
    return state_->inventory_->devices();
}

result<gpu::device_vitals, gpu::driver_code> cuda_driver::vitals(std::uint32_t device) {
    if (state_->inventory_ == nullptr) {
        return gpu::driver_code::unsupported;
    }
    return state_->inventory_->vitals(device);
}

result<std::vector<gpu::device_process>, gpu::driver_code> cuda_driver::processes(std::uint32_t device) {
    if (state_->inventory_ == nullptr) {
        return gpu::driver_code::unsupported;
    }
    return state_->inventory_->processes(device);
}

result<gpu::device_address, gpu::driver_code> cuda_driver::allocate(std::uint32_t device, std::uint64_t bytes) {
    if (!state_->memory_) {
        return gpu::driver_code::unsupported;
    }
    return state_->memory_->allocate(device, bytes);
}

gpu::driver_code cuda_driver::free(gpu::device_address at) {
    return state_->memory_ ? state_->memory_->free(at) : gpu::driver_code::unsupported;
}

result<gpu::staging_area, gpu::driver_code> cuda_driver::pin(std::uint64_t bytes) {
    if (!state_->memory_) {
        return gpu::driver_code::unsupported;
    }
    return state_->memory_->pin(bytes);
}

gpu::driver_code cuda_driver::unpin(gpu::staging_area area) {
    return state_->memory_ ? state_->memory_->unpin(area) : gpu::driver_code::unsupported;
}

gpu::driver_code cuda_driver::begin(gpu::transfer const& t, time_point) {
    return state_->memory_ ? state_->memory_->begin(t) : gpu::driver_code::unsupported;
}

void cuda_driver::collect(time_point, sink<gpu::transfer_end>& out) {
    if (state_->memory_) {
        state_->memory_->collect(out);
    }
}

gpu::process_state cuda_driver::state_of(std::int32_t pid) {
    return state_->steps_ ? state_->steps_->state_of(pid) : gpu::process_state::running;
}

gpu::driver_code cuda_driver::begin(gpu::process_action const& a, time_point) {
    return state_->steps_ ? state_->steps_->begin(a) : gpu::driver_code::unsupported;
}

void cuda_driver::collect(time_point, sink<gpu::process_end>& out) {
    if (state_->steps_) {
        state_->steps_->collect(out);
    }
}

time_point cuda_driver::wait(time_point now, time_point until) {
    return state_->wait(now, until);
}

gpu::driver_code cuda_driver::move_plainly(gpu::transfer const& t) {
    return state_->memory_ ? state_->memory_->move_plainly(t) : gpu::driver_code::unsupported;
}

} // namespace hpcsched::gpu_cuda
