// SPDX-License-Identifier: Apache-2.0

// Holds what the driver declares of NVML against its header, where there is one: it does not compile where they differ.
#include "nvml_api.hpp"
#include "same_call.hpp"

namespace hpcsched::test {

extern int const nvml_header_version;

} // namespace hpcsched::test

#if HPCSCHED_HAS_NVML_HEADER

#include <nvml.h>

#include <cstddef>

namespace own = hpcsched::gpu_cuda::nvml;
using hpcsched::test::same_call;

int const hpcsched::test::nvml_header_version = NVML_API_VERSION;

#define HPCSCHED_HOLD(symbol, name, parameters)                                                                        \
    static_assert(same_call<decltype(own::functions::name), decltype(&::symbol)>, #symbol);
HPCSCHED_NVML_FUNCTIONS(HPCSCHED_HOLD)
HPCSCHED_NVML_OPTIONAL_FUNCTIONS(HPCSCHED_HOLD)

static_assert(sizeof(nvmlMemory_t) == sizeof(own::memory_info));
static_assert(offsetof(nvmlMemory_t, used) == offsetof(own::memory_info, used));
static_assert(sizeof(nvmlPciInfo_t) == sizeof(own::pci_info));
static_assert(offsetof(nvmlPciInfo_t, busId) == offsetof(own::pci_info, bus_id));
static_assert(sizeof(nvmlProcessInfo_t) == sizeof(own::process_info));
static_assert(offsetof(nvmlProcessInfo_t, usedGpuMemory) == offsetof(own::process_info, used_memory));
static_assert(sizeof(nvmlEventData_t) == sizeof(own::event_data));
static_assert(offsetof(nvmlEventData_t, eventData) == offsetof(own::event_data, data));
static_assert(sizeof(nvmlDeviceAttributes_t) == sizeof(own::device_attributes));
static_assert(offsetof(nvmlDeviceAttributes_t, gpuInstanceSliceCount) ==
              offsetof(own::device_attributes, gpu_instance_slices));
static_assert(offsetof(nvmlDeviceAttributes_t, memorySizeMB) == offsetof(own::device_attributes, memory_mib));
static_assert(sizeof(nvmlGpuInstanceInfo_t) == sizeof(own::gpu_instance_info));
static_assert(offsetof(nvmlGpuInstanceInfo_t, placement) == offsetof(own::gpu_instance_info, place));
static_assert(offsetof(nvmlGpuInstancePlacement_t, size) == offsetof(own::placement, size));
static_assert(NVML_SUCCESS == own::success && NVML_ERROR_NOT_SUPPORTED == own::not_supported);
static_assert(NVML_ERROR_NO_PERMISSION == own::no_permission && NVML_ERROR_NOT_FOUND == own::not_found);
static_assert(NVML_ERROR_INSUFFICIENT_SIZE == own::insufficient_size);
static_assert(NVML_ERROR_DRIVER_NOT_LOADED == own::driver_not_loaded && NVML_ERROR_GPU_IS_LOST == own::gpu_is_lost);
static_assert(NVML_ERROR_RESET_REQUIRED == own::reset_required);
static_assert(NVML_ERROR_LIB_RM_VERSION_MISMATCH == own::version_mismatch);
static_assert(NVML_TEMPERATURE_GPU == own::temperature_gpu && NVML_VOLATILE_ECC == own::counter_volatile);
static_assert(NVML_MEMORY_ERROR_TYPE_CORRECTED == own::error_corrected);
static_assert(NVML_MEMORY_ERROR_TYPE_UNCORRECTED == own::error_uncorrected);
static_assert(NVML_P2P_CAPS_INDEX_NVLINK == own::p2p_nvlink && NVML_P2P_STATUS_OK == own::p2p_ok);
static_assert(NVML_AFFINITY_SCOPE_NODE == own::affinity_node && NVML_DEVICE_MIG_ENABLE == own::mig_enabled);
static_assert(nvmlEventTypeXidCriticalError == own::event_xid);

#else

int const hpcsched::test::nvml_header_version = 0;

#endif
