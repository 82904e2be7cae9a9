// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_GPU_CUDA_NVML_API_HPP
#define HPCSCHED_SRC_GPU_CUDA_NVML_API_HPP

/// What is used of the binary interface of libnvidia-ml.so.1, declared anew as in driver_api.hpp; held against a real
/// nvml.h by tests/gpu_cuda/abi_nvml.cpp.
namespace hpcsched::gpu_cuda::nvml {

using result_code = int; // nvmlReturn_t
using device = void*;
using event_set = void*;
using gpu_instance = void*;

inline constexpr result_code success = 0;
inline constexpr result_code not_supported = 3;
inline constexpr result_code no_permission = 4;
inline constexpr result_code not_found = 6;
inline constexpr result_code insufficient_size = 7;
inline constexpr result_code driver_not_loaded = 9;
inline constexpr result_code gpu_is_lost = 15;
inline constexpr result_code reset_required = 16;
inline constexpr result_code version_mismatch = 18;

inline constexpr int temperature_gpu = 0;
inline constexpr int error_corrected = 0;
inline constexpr int error_uncorrected = 1;
inline constexpr int counter_volatile = 0;
inline constexpr int p2p_nvlink = 2;
inline constexpr int p2p_ok = 0;
inline constexpr unsigned affinity_node = 0;
inline constexpr unsigned long long event_xid = 8;
inline constexpr unsigned mig_enabled = 1;

struct memory_info {
    unsigned long long total;
    unsigned long long free;
    unsigned long long used;
};
struct pci_info {
    char bus_id_legacy[16];
    unsigned domain;
    unsigned bus;
    unsigned device;
    unsigned pci_device_id;
    unsigned pci_subsystem_id;
    char bus_id[32];
};
struct process_info {
    unsigned pid;
    unsigned long long used_memory; // all bits set: not known
    unsigned gpu_instance;
    unsigned compute_instance;
};
struct event_data {
    device on;
    unsigned long long type;
    unsigned long long data;
    unsigned gpu_instance;
    unsigned compute_instance;
};
struct device_attributes {
    unsigned multiprocessors;
    unsigned copy_engines;
    unsigned decoders;
    unsigned encoders;
    unsigned jpegs;
    unsigned ofas;
    unsigned gpu_instance_slices;
    unsigned compute_instance_slices;
    unsigned long long memory_mib;
};
struct placement {
    unsigned start;
    unsigned size;
};
struct gpu_instance_info {
    device on;
    unsigned id;
    unsigned profile;
    placement place;
};

#define HPCSCHED_NVML_FUNCTIONS(X)                                                                                     \
    X(nvmlInit_v2, init, (void))                                                                                       \
    X(nvmlShutdown, shutdown, (void))                                                                                  \
    X(nvmlDeviceGetCount_v2, device_count, (unsigned*))                                                                \
    X(nvmlDeviceGetHandleByIndex_v2, device_get, (unsigned, device*))                                                  \
    X(nvmlDeviceGetUUID, device_uuid, (device, char*, unsigned))                                                       \
    X(nvmlDeviceGetName, device_name, (device, char*, unsigned))                                                       \
    X(nvmlDeviceGetMemoryInfo, device_memory, (device, memory_info*))                                                  \
    X(nvmlDeviceGetPciInfo_v3, device_pci, (device, pci_info*))

/// Those that an old driver may lack: what they tell is left out then.
#define HPCSCHED_NVML_OPTIONAL_FUNCTIONS(X)                                                                            \
    X(nvmlSystemGetDriverVersion, driver_version, (char*, unsigned))                                                   \
    X(nvmlDeviceGetTemperature, temperature, (device, int, unsigned*))                                                 \
    X(nvmlDeviceGetTotalEccErrors, ecc_errors, (device, int, int, unsigned long long*))                                \
    X(nvmlDeviceGetRemappedRows, remapped_rows, (device, unsigned*, unsigned*, unsigned*, unsigned*))                  \
    X(nvmlDeviceGetRetiredPagesPendingStatus, retired_pages_pending, (device, int*))                                   \
    X(nvmlDeviceGetMemoryAffinity, memory_affinity, (device, unsigned, unsigned long*, unsigned))                      \
    X(nvmlDeviceGetP2PStatus, p2p_status, (device, device, int, int*))                                                 \
    X(nvmlDeviceGetMigMode, mig_mode, (device, unsigned*, unsigned*))                                                  \
    X(nvmlDeviceGetMaxMigDeviceCount, mig_count, (device, unsigned*))                                                  \
    X(nvmlDeviceGetMigDeviceHandleByIndex, mig_device, (device, unsigned, device*))                                    \
    X(nvmlDeviceGetGpuInstanceId, gpu_instance_id, (device, unsigned*))                                                \
    X(nvmlDeviceGetGpuInstanceById, gpu_instance_by_id, (device, unsigned, gpu_instance*))                             \
    X(nvmlGpuInstanceGetInfo, gpu_instance_facts, (gpu_instance, gpu_instance_info*))                                  \
    X(nvmlDeviceGetAttributes_v2, attributes, (device, device_attributes*))                                            \
    X(nvmlDeviceGetComputeRunningProcesses_v3, processes, (device, unsigned*, process_info*))                          \
    X(nvmlEventSetCreate, event_set_create, (event_set*))                                                              \
    X(nvmlDeviceRegisterEvents, register_events, (device, unsigned long long, event_set))                              \
    X(nvmlEventSetWait_v2, event_wait, (event_set, event_data*, unsigned))                                             \
    X(nvmlEventSetFree, event_set_free, (event_set))

/// The functions, once the library is loaded; those that it has not are null.
struct functions {
#define HPCSCHED_DECLARE(symbol, name, parameters) result_code(*name) parameters = nullptr;
    HPCSCHED_NVML_FUNCTIONS(HPCSCHED_DECLARE)
    HPCSCHED_NVML_OPTIONAL_FUNCTIONS(HPCSCHED_DECLARE)
#undef HPCSCHED_DECLARE
};

} // namespace hpcsched::gpu_cuda::nvml

#endif
