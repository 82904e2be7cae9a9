// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_GPU_CUDA_NVML_INVENTORY_HPP
#define HPCSCHED_SRC_GPU_CUDA_NVML_INVENTORY_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/gpu/device_driver.hpp>
#include <hpcsched/gpu/device_vitals.hpp>
#include <hpcsched/gpu/inventory.hpp>

#include "libraries.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace hpcsched::gpu_cuda {

/// The devices of this host as NVML shows them, by bus id, and how they are.
class nvml_inventory {
  public:
    [[nodiscard]] static result<std::unique_ptr<nvml_inventory>> open(std::string const& path);
    explicit nvml_inventory(nvml_library library) noexcept;
    nvml_inventory(nvml_inventory const&) = delete;
    nvml_inventory& operator=(nvml_inventory const&) = delete;
    ~nvml_inventory();

    [[nodiscard]] std::string version() const;
    [[nodiscard]] result<std::vector<gpu::device_facts>, gpu::driver_code> devices();
    [[nodiscard]] result<gpu::device_vitals, gpu::driver_code> vitals(std::uint32_t device);
    [[nodiscard]] result<std::vector<gpu::device_process>, gpu::driver_code> processes(std::uint32_t device);
    [[nodiscard]] std::vector<gpu::device_facts> const& first_seen() const noexcept { return facts_; }

  private:
    result<void> find_devices(std::string const& path);
    void watch_errors();
    void read_errors();
    gpu::driver_code read(nvml::device handle, gpu::device_facts& facts) const;
    void read_slices(nvml::device handle, gpu::device_facts& facts) const;
    void read_links(std::vector<gpu::device_facts>& all) const;
    [[nodiscard]] bool linked(nvml::device a, nvml::device b) const;

    nvml_library library_;
    std::vector<nvml::device> handles_;    // by bus id
    std::vector<gpu::device_facts> facts_; // as they were last read: those of a lost device stay
    std::vector<std::uint32_t> xids_;      // the worst of each
    nvml::event_set errors_ = nullptr;
};

} // namespace hpcsched::gpu_cuda

#endif
