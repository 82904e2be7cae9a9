// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_SRC_GPU_CUDA_DRIVER_API_HPP
#define HPCSCHED_SRC_GPU_CUDA_DRIVER_API_HPP

#include <cstddef>
#include <cstdint>

/// What is used of the binary interface of libcuda.so.1, declared anew so that neither building nor starting needs a
/// toolkit or a driver; tests/gpu_cuda/abi_cuda.cpp holds it against a real cuda.h where there is one.
namespace hpcsched::gpu_cuda::cuda {

using result_code = int; // CUresult, an enumeration without negative values
using device = int;
using context = void*;
using stream = void*;
using event = void*;
using device_pointer = unsigned long long;

inline constexpr result_code success = 0;
inline constexpr result_code invalid_value = 1;
inline constexpr result_code out_of_memory = 2;
inline constexpr result_code stub_library = 34;
inline constexpr result_code no_device = 100;
inline constexpr result_code ecc_uncorrectable = 214;
inline constexpr result_code nvlink_uncorrectable = 220;
inline constexpr result_code illegal_state = 401;
inline constexpr result_code not_ready = 600;
inline constexpr result_code hardware_stack_error = 714;
inline constexpr result_code launch_failed = 719;
inline constexpr result_code not_permitted = 800;
inline constexpr result_code not_supported = 801;
inline constexpr result_code system_driver_mismatch = 803;
inline constexpr result_code timeout = 909;
inline constexpr result_code unknown = 999;
inline constexpr result_code device_unavailable = 46;

inline constexpr unsigned host_alloc_portable = 1;
inline constexpr unsigned stream_non_blocking = 1;
inline constexpr unsigned event_disable_timing = 2;

struct uuid {
    unsigned char bytes[16];
};

inline constexpr int process_running = 0;
inline constexpr int process_locked = 1;
inline constexpr int process_checkpointed = 2;
inline constexpr int process_failed = 3;

struct lock_arguments {
    unsigned timeout_ms; // 0: none
    unsigned reserved;
    std::uint64_t reserved_more[7];
};
struct checkpoint_arguments {
    std::uint64_t reserved[8];
};
struct gpu_pair {
    uuid from;
    uuid to;
};
struct restore_arguments { // before CUDA 13.0 all of it was reserved, in the same size
    gpu_pair* pairs;
    unsigned pair_count;
    char reserved[44];
    std::uint64_t reserved_more;
};
struct unlock_arguments {
    std::uint64_t reserved[8];
};

/// Name of the symbol, name here, parameters. The suffixes are those that cuda.h gives the names by macros.
#define HPCSCHED_CUDA_FUNCTIONS(X)                                                                                     \
    X(cuInit, init, (unsigned))                                                                                        \
    X(cuDriverGetVersion, driver_version, (int*))                                                                      \
    X(cuGetErrorName, error_name, (result_code, char const**))                                                         \
    X(cuDeviceGetCount, device_count, (int*))                                                                          \
    X(cuDeviceGet, device_get, (device*, int))                                                                         \
    X(cuDeviceGetUuid_v2, device_uuid, (uuid*, device))                                                                \
    X(cuDevicePrimaryCtxRetain, context_retain, (context*, device))                                                    \
    X(cuDevicePrimaryCtxRelease_v2, context_release, (device))                                                         \
    X(cuCtxSetCurrent, context_set, (context))                                                                         \
    X(cuMemAlloc_v2, memory_alloc, (device_pointer*, std::size_t))                                                     \
    X(cuMemFree_v2, memory_free, (device_pointer))                                                                     \
    X(cuMemHostAlloc, host_alloc, (void**, std::size_t, unsigned))                                                     \
    X(cuMemFreeHost, host_free, (void*))                                                                               \
    X(cuMemcpyHtoDAsync_v2, to_device_async, (device_pointer, void const*, std::size_t, stream))                       \
    X(cuMemcpyDtoHAsync_v2, to_host_async, (void*, device_pointer, std::size_t, stream))                               \
    X(cuMemcpyHtoD_v2, to_device, (device_pointer, void const*, std::size_t))                                          \
    X(cuMemcpyDtoH_v2, to_host, (void*, device_pointer, std::size_t))                                                  \
    X(cuStreamCreate, stream_create, (stream*, unsigned))                                                              \
    X(cuStreamSynchronize, stream_synchronize, (stream))                                                               \
    X(cuStreamDestroy_v2, stream_destroy, (stream))                                                                    \
    X(cuEventCreate, event_create, (event*, unsigned))                                                                 \
    X(cuEventRecord, event_record, (event, stream))                                                                    \
    X(cuEventQuery, event_query, (event))                                                                              \
    X(cuEventDestroy_v2, event_destroy, (event))

/// Since CUDA 12.8 (driver 570).
#define HPCSCHED_CUDA_CHECKPOINT_FUNCTIONS(X)                                                                          \
    X(cuCheckpointProcessGetRestoreThreadId, restore_thread, (int, int*))                                              \
    X(cuCheckpointProcessGetState, process_state, (int, int*))                                                         \
    X(cuCheckpointProcessLock, process_lock, (int, lock_arguments*))                                                   \
    X(cuCheckpointProcessCheckpoint, process_checkpoint, (int, checkpoint_arguments*))                                 \
    X(cuCheckpointProcessRestore, process_restore, (int, restore_arguments*))                                          \
    X(cuCheckpointProcessUnlock, process_unlock, (int, unlock_arguments*))

/// The functions, once the library is loaded; those that it has not are null.
struct functions {
#define HPCSCHED_DECLARE(symbol, name, parameters) result_code(*name) parameters = nullptr;
    HPCSCHED_CUDA_FUNCTIONS(HPCSCHED_DECLARE)
    HPCSCHED_CUDA_CHECKPOINT_FUNCTIONS(HPCSCHED_DECLARE)
#undef HPCSCHED_DECLARE
};

} // namespace hpcsched::gpu_cuda::cuda

#endif
