// SPDX-License-Identifier: Apache-2.0

// Holds what the driver declares of libcuda against the toolkit's header, where there is one: it does not compile where
// they differ.
#include "driver_api.hpp"
#include "same_call.hpp"

namespace hpcsched::test {

extern int const cuda_header_version;

} // namespace hpcsched::test

#if HPCSCHED_HAS_CUDA_HEADER

#include <cuda.h>

#include <cstddef>

namespace cuda = hpcsched::gpu_cuda::cuda;
using hpcsched::test::same_call;

int const hpcsched::test::cuda_header_version = CUDA_VERSION;

#define HPCSCHED_HOLD(symbol, name, parameters)                                                                        \
    static_assert(same_call<decltype(cuda::functions::name), decltype(&::symbol)>, #symbol);
HPCSCHED_CUDA_FUNCTIONS(HPCSCHED_HOLD)
#if CUDA_VERSION >= 12080
HPCSCHED_CUDA_CHECKPOINT_FUNCTIONS(HPCSCHED_HOLD)
static_assert(sizeof(CUcheckpointLockArgs) == sizeof(cuda::lock_arguments));
static_assert(offsetof(CUcheckpointLockArgs, timeoutMs) == offsetof(cuda::lock_arguments, timeout_ms));
static_assert(sizeof(CUcheckpointCheckpointArgs) == sizeof(cuda::checkpoint_arguments));
static_assert(sizeof(CUcheckpointRestoreArgs) == sizeof(cuda::restore_arguments));
static_assert(sizeof(CUcheckpointUnlockArgs) == sizeof(cuda::unlock_arguments));
static_assert(CU_PROCESS_STATE_RUNNING == cuda::process_running && CU_PROCESS_STATE_LOCKED == cuda::process_locked);
static_assert(CU_PROCESS_STATE_CHECKPOINTED == cuda::process_checkpointed);
static_assert(CU_PROCESS_STATE_FAILED == cuda::process_failed);
#endif
#if CUDA_VERSION >= 13000
static_assert(offsetof(CUcheckpointRestoreArgs, gpuPairs) == offsetof(cuda::restore_arguments, pairs));
static_assert(offsetof(CUcheckpointRestoreArgs, gpuPairsCount) == offsetof(cuda::restore_arguments, pair_count));
static_assert(sizeof(CUcheckpointGpuPair) == sizeof(cuda::gpu_pair));
static_assert(offsetof(CUcheckpointGpuPair, newUuid) == offsetof(cuda::gpu_pair, to));
#endif

static_assert(sizeof(CUuuid) == sizeof(cuda::uuid) && sizeof(CUdeviceptr) == sizeof(cuda::device_pointer));
static_assert(CUDA_SUCCESS == cuda::success && CUDA_ERROR_INVALID_VALUE == cuda::invalid_value);
static_assert(CUDA_ERROR_OUT_OF_MEMORY == cuda::out_of_memory && CUDA_ERROR_STUB_LIBRARY == cuda::stub_library);
static_assert(CUDA_ERROR_NO_DEVICE == cuda::no_device && CUDA_ERROR_ECC_UNCORRECTABLE == cuda::ecc_uncorrectable);
static_assert(CUDA_ERROR_NVLINK_UNCORRECTABLE == cuda::nvlink_uncorrectable);
static_assert(CUDA_ERROR_ILLEGAL_STATE == cuda::illegal_state && CUDA_ERROR_NOT_READY == cuda::not_ready);
static_assert(CUDA_ERROR_HARDWARE_STACK_ERROR == cuda::hardware_stack_error);
static_assert(CUDA_ERROR_LAUNCH_FAILED == cuda::launch_failed && CUDA_ERROR_NOT_PERMITTED == cuda::not_permitted);
static_assert(CUDA_ERROR_NOT_SUPPORTED == cuda::not_supported && CUDA_ERROR_TIMEOUT == cuda::timeout);
static_assert(CUDA_ERROR_SYSTEM_DRIVER_MISMATCH == cuda::system_driver_mismatch && CUDA_ERROR_UNKNOWN == cuda::unknown);
static_assert(CUDA_ERROR_DEVICE_UNAVAILABLE == cuda::device_unavailable);
static_assert(CU_MEMHOSTALLOC_PORTABLE == cuda::host_alloc_portable);
static_assert(CU_STREAM_NON_BLOCKING == cuda::stream_non_blocking);
static_assert(CU_EVENT_DISABLE_TIMING == cuda::event_disable_timing);

#else

int const hpcsched::test::cuda_header_version = 0;

#endif
