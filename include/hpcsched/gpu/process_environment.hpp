// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_GPU_PROCESS_ENVIRONMENT_HPP
#define HPCSCHED_GPU_PROCESS_ENVIRONMENT_HPP

#include <hpcsched/core/result.hpp>
#include <hpcsched/gpu/device.hpp>
#include <hpcsched/gpu/inventory.hpp>
#include <hpcsched/gpu/lease.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hpcsched::gpu {

/// A variable for the environment of a process that is about to start.
struct environment_variable {
    std::string name{};
    std::string value{};

    friend bool operator==(environment_variable const&, environment_variable const&) = default;
};

/// How devices are named to a process.
enum class device_naming : std::uint8_t {
    by_uuid = 0,  ///< also right where an MPS server, or a container, numbers devices anew
    by_index = 1, ///< for programs that read the numbers themselves
};

struct enforcement_options {
    device_naming naming = device_naming::by_uuid;
    bool mps = false;              ///< an MPS server serves the host's devices, which shares of them need
    std::string mps_pipe_folder{}; ///< where it is reached; empty: where NVIDIA's tools put it
};

namespace detail {

inline result<std::vector<environment_variable>>
slice_environment(lease const& held, std::span<device_facts const> devices, std::uint32_t device) {
    device_facts const& on = devices[device];
    std::string const name = "device " + std::to_string(device);
    if (!on.info.sliced) {
        return error{name + " is not in MIG mode: nvidia-smi -i " + std::to_string(device) + " -mig 1"};
    }
    slice_facts const* found = nullptr;
    std::size_t alike = 0;
    for (slice_facts const& s : on.slices) {
        if (s.profile == held.request.slices && (s.slices == held.slices || s.slices == 0)) {
            found = &s;
            ++alike;
        }
    }
    if (alike != 1) { // where the driver does not say which is where, the only one will do
        return error{name + " has no MIG instance of " + std::to_string(held.request.slices.compute_slices) +
                     " compute slices on the memory slices leased (mask " + std::to_string(held.slices) +
                     "): create it with nvidia-smi mig -cgi ... -C"};
    }
    return std::vector<environment_variable>{{"CUDA_VISIBLE_DEVICES", found->uuid}};
}

inline result<void> add_share(lease const& held, enforcement_options const& options,
                              std::vector<environment_variable>& to) {
    std::uint32_t const percentage = held.request.milli / 10; // downwards: shares that fit must not sum above 100
    if (!options.mps) {
        return error{"a share of a device needs an MPS server, which is not said to run: start nvidia-cuda-mps-control "
                     "-d, or lease whole devices or MIG slices"};
    }
    if (percentage == 0) {
        return error{"MPS knows no share below 1 %: ask for at least 10 thousandths of a device"};
    }
    if (!options.mps_pipe_folder.empty()) {
        to.push_back({"CUDA_MPS_PIPE_DIRECTORY", options.mps_pipe_folder});
    }
    to.push_back({"CUDA_MPS_ACTIVE_THREAD_PERCENTAGE", std::to_string(percentage)});
    if (held.request.memory_mib > 0) {
        std::string limits;
        for (std::uint32_t n = 0; n < device_count(held.devices); ++n) { // as the process numbers what it sees
            limits += (n == 0 ? "" : ",") + std::to_string(n) + "=" + std::to_string(held.request.memory_mib) + "M";
        }
        to.push_back({"CUDA_MPS_PINNED_DEVICE_MEM_LIMIT", std::move(limits)});
    }
    return {};
}

} // namespace detail

/// The environment in which a process sees what a lease grants it and no more.
///
/// CUDA_VISIBLE_DEVICES names the devices, or the MIG instance, and is empty where the lease has none. A share of a
/// device becomes MPS's active thread percentage, rounded down to whole percents, and its limit of device memory. A
/// process that wants to can change its environment: it keeps well-meaning programs apart, not hostile ones.
///
/// \param devices  what the driver shows of the lease's host, in its order
/// \error  a device of the lease is not there; a share without an MPS server, or below 1 %; a whole device that is in
///         MIG mode; a slice for which there is no instance in its place
/// \source NVIDIA, "Multi-Process Service", environment variables; CUDA C++ Programming Guide, CUDA environment
///         variables
[[nodiscard]] inline result<std::vector<environment_variable>>
process_environment(lease const& held, std::span<device_facts const> devices, enforcement_options const& options = {}) {
    std::string names;
    for (device_mask left = held.devices; left != 0; left &= left - 1) {
        auto const device = static_cast<std::uint32_t>(std::countr_zero(left));
        if (device >= devices.size()) {
            return error{"the lease has device " + std::to_string(device) + ", but the driver shows only " +
                         std::to_string(devices.size()) + ": hold the declared devices against the driver's"};
        }
        if (held.request.sliced()) {
            return detail::slice_environment(held, devices, device);
        }
        if (devices[device].info.sliced) {
            return error{"device " + std::to_string(device) +
                         " is in MIG mode and cannot be used as a whole: ask for a slice of it"};
        }
        bool const by_uuid = options.naming == device_naming::by_uuid;
        names += (names.empty() ? "" : ",") + (by_uuid ? devices[device].uuid : std::to_string(device));
    }
    std::vector<environment_variable> all{{"CUDA_VISIBLE_DEVICES", names}};
    if (options.naming == device_naming::by_index) {
        all.push_back({"CUDA_DEVICE_ORDER", "PCI_BUS_ID"}); // the driver's order; CUDA's own is by speed
    }
    if (held.devices != 0 && held.request.milli != whole_device) {
        if (auto const shared = detail::add_share(held, options, all); !shared) {
            return shared.error();
        }
    }
    return all;
}

} // namespace hpcsched::gpu

#endif
