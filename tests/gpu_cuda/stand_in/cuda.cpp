// SPDX-License-Identifier: Apache-2.0

// Where there is a toolkit, its own header declares what is defined here, so that a definition that differs from the
// real library's does not compile.
#include "control.hpp"

#if HPCSCHED_HAS_CUDA_HEADER
#include <cuda.h>
#else
#include "driver_api.hpp"
using CUresult = int;
using CUdevice = int;
using CUcontext = void*;
using CUstream = void*;
using CUevent = void*;
using CUdeviceptr = unsigned long long;
using CUuuid = hpcsched::gpu_cuda::cuda::uuid;
using CUprocessState = int;
using CUcheckpointLockArgs = hpcsched::gpu_cuda::cuda::lock_arguments;
using CUcheckpointCheckpointArgs = hpcsched::gpu_cuda::cuda::checkpoint_arguments;
using CUcheckpointRestoreArgs = hpcsched::gpu_cuda::cuda::restore_arguments;
using CUcheckpointUnlockArgs = hpcsched::gpu_cuda::cuda::unlock_arguments;
#define cuDeviceGetUuid cuDeviceGetUuid_v2
#define cuDevicePrimaryCtxRelease cuDevicePrimaryCtxRelease_v2
#define cuMemAlloc cuMemAlloc_v2
#define cuMemFree cuMemFree_v2
#define cuMemcpyHtoDAsync cuMemcpyHtoDAsync_v2
#define cuMemcpyDtoHAsync cuMemcpyDtoHAsync_v2
#define cuMemcpyHtoD cuMemcpyHtoD_v2
#define cuMemcpyDtoH cuMemcpyDtoH_v2
#define cuStreamDestroy cuStreamDestroy_v2
#define cuEventDestroy cuEventDestroy_v2
#endif

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <type_traits>
#include <utility>

namespace {

// As it is without a test that sets it: two devices of 1 GiB, for programs that are tried on them by LD_LIBRARY_PATH.
stand_in_table table = [] {
    stand_in_table t{};
    t.state_after_failure = -1;
    t.version = 13'000;
    t.capacity[0] = t.capacity[1] = 1U << 30U;
    char const* const told = std::getenv("HPCSCHED_STAND_IN"); // NOLINT(concurrency-mt-unsafe): before any thread
    auto const set = [told](char const* word, auto& to) {
        if (char const* const at = told == nullptr ? nullptr : std::strstr(told, word); at != nullptr) {
            to = static_cast<std::decay_t<decltype(to)>>(std::strtol(at + std::strlen(word), nullptr, 10));
        }
    };
    set("lost=", t.lost);
    set("mig=", t.mig);
    set("temperature=", t.temperature);
    set("linked=", t.linked);
    return t;
}();
std::mutex mutex; // the steps of processes come from threads of their own

struct stream_state {
    std::deque<std::pair<std::uint64_t, std::function<void()>>> work{};
    std::uint64_t given = 0;
    std::uint64_t done = 0;
};
struct event_state {
    stream_state* on = nullptr;
    std::uint64_t after = 0;
    bool asked = false;
    int failure = 0; // answered from then on: those of a context stay
};
std::map<CUdeviceptr, std::pair<int, std::size_t>> blocks; // address -> NVML's number of the device, bytes
int current = -1;                                          // NVML's number of the device whose context is set

CUresult answer(int& once) {
    return static_cast<CUresult>(std::exchange(once, 0));
}
CUresult code(int number) {
    return static_cast<CUresult>(number);
}
int nvml_number(CUdevice ordinal) {
    return table.cuda_reversed != 0 ? 1 - ordinal : ordinal;
}
void run_until(stream_state& s, std::uint64_t last) {
    while (!s.work.empty() && s.work.front().first <= last) {
        s.work.front().second();
        s.done = s.work.front().first;
        s.work.pop_front();
    }
}
bool holds(CUdeviceptr at, std::size_t bytes) {
    auto const after = blocks.upper_bound(at);
    if (after == blocks.begin()) {
        return false;
    }
    auto const& [start, block] = *std::prev(after);
    return at - start <= block.second && bytes <= block.second - (at - start) && block.first == current;
}
void* pointer(CUdeviceptr at) {
    return reinterpret_cast<void*>(static_cast<std::uintptr_t>(at)); // NOLINT(performance-no-int-to-ptr)
}

[[maybe_unused]] CUresult step(int pid, int& once, int before, int after) {
    std::lock_guard const held{mutex};
    if (pid != table.pid || pid == 0) {
        return code(1);
    }
    if (int const failure = std::exchange(once, 0); failure != 0) {
        if (table.state_after_failure >= 0) {
            table.pid_state = table.state_after_failure;
        }
        return code(failure);
    }
    if (table.pid_state != before) {
        return code(401);
    }
    if (after == 2) {
        table.used[table.pid_device] -= table.pid_bytes;
    } else if (before == 2) {
        if (table.pid_bytes > table.capacity[table.pid_device] - table.used[table.pid_device]) {
            return code(2);
        }
        table.used[table.pid_device] += table.pid_bytes;
    }
    table.pid_state = after;
    return code(0);
}

} // namespace

extern "C" {

stand_in_table* hpcsched_stand_in() {
    return &table;
}

CUresult cuInit(unsigned) {
    return answer(table.init_answer);
}
CUresult cuDriverGetVersion(int* version) {
    *version = table.version;
    return code(0);
}
CUresult cuGetErrorName(CUresult error, char const** name) {
    *name = error == code(999) ? "CUDA_ERROR_UNKNOWN" : nullptr;
    return error == code(999) ? code(0) : code(1);
}
CUresult cuDeviceGetCount(int* count) {
    *count = 2 - table.hidden;
    return code(0);
}
CUresult cuDeviceGet(CUdevice* device, int ordinal) {
    *device = ordinal;
    return code(0);
}
CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice device) {
    std::memset(uuid, 0xA0 + nvml_number(device), sizeof *uuid);
    return code(0);
}
CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
    ++table.contexts_alive;
    *context = reinterpret_cast<CUcontext>(static_cast<std::uintptr_t>(nvml_number(device) + 1)); // NOLINT
    return code(0);
}
CUresult cuDevicePrimaryCtxRelease(CUdevice) {
    --table.contexts_alive;
    return code(0);
}
CUresult cuCtxSetCurrent(CUcontext context) {
    current = static_cast<int>(reinterpret_cast<std::uintptr_t>(context)) - 1;
    return code(0);
}
CUresult cuMemAlloc(CUdeviceptr* at, std::size_t bytes) {
    if (int const once = std::exchange(table.alloc_answer, 0); once != 0) {
        return code(once);
    }
    std::lock_guard const held{mutex};
    if (bytes > table.capacity[current] - table.used[current]) {
        return code(2);
    }
    *at = reinterpret_cast<std::uintptr_t>(std::malloc(bytes)); // NOLINT
    blocks.emplace(*at, std::pair{current, bytes});
    table.used[current] += bytes;
    ++table.memory_alive;
    return code(0);
}
CUresult cuMemFree(CUdeviceptr at) {
    std::lock_guard const held{mutex};
    auto const found = blocks.find(at);
    if (found == blocks.end()) {
        return code(1);
    }
    table.used[found->second.first] -= found->second.second;
    blocks.erase(found);
    std::free(pointer(at)); // NOLINT
    --table.memory_alive;
    return code(0);
}
CUresult cuMemHostAlloc(void** at, std::size_t bytes, unsigned) {
    if (int const once = std::exchange(table.host_alloc_answer, 0); once != 0) {
        return code(once);
    }
    *at = std::malloc(bytes); // NOLINT
    ++table.pinned_alive;
    return code(0);
}
CUresult cuMemFreeHost(void* at) {
    std::free(at); // NOLINT
    --table.pinned_alive;
    return code(0);
}
CUresult cuMemcpyHtoDAsync(CUdeviceptr to, void const* from, std::size_t bytes, CUstream stream) {
    if (int const once = std::exchange(table.to_device_answer, 0); once != 0) {
        return code(once);
    }
    if (!holds(to, bytes)) {
        return code(1);
    }
    auto& s = *reinterpret_cast<stream_state*>(stream);
    s.work.emplace_back(++s.given, [=] { std::memcpy(pointer(to), from, bytes); });
    return code(0);
}
CUresult cuMemcpyDtoHAsync(void* to, CUdeviceptr from, std::size_t bytes, CUstream stream) {
    if (!holds(from, bytes)) {
        return code(1);
    }
    auto& s = *reinterpret_cast<stream_state*>(stream);
    s.work.emplace_back(++s.given, [=] { std::memcpy(to, pointer(from), bytes); });
    return code(0);
}
CUresult cuMemcpyHtoD(CUdeviceptr to, void const* from, std::size_t bytes) {
    std::memcpy(pointer(to), from, bytes);
    return code(0);
}
CUresult cuMemcpyDtoH(void* to, CUdeviceptr from, std::size_t bytes) {
    std::memcpy(to, pointer(from), bytes);
    return code(0);
}
CUresult cuStreamCreate(CUstream* stream, unsigned) {
    *stream = reinterpret_cast<CUstream>(new stream_state); // NOLINT
    ++table.streams_alive;
    return code(0);
}
CUresult cuStreamSynchronize(CUstream stream) {
    auto& s = *reinterpret_cast<stream_state*>(stream);
    run_until(s, s.given);
    return code(0);
}
CUresult cuStreamDestroy(CUstream stream) {
    delete reinterpret_cast<stream_state*>(stream); // NOLINT
    --table.streams_alive;
    return code(0);
}
CUresult cuEventCreate(CUevent* event, unsigned) {
    *event = reinterpret_cast<CUevent>(new event_state); // NOLINT
    ++table.events_alive;
    return code(0);
}
CUresult cuEventRecord(CUevent event, CUstream stream) {
    if (int const once = std::exchange(table.event_record_answer, 0); once != 0) {
        return code(once);
    }
    auto& s = *reinterpret_cast<stream_state*>(stream);
    *reinterpret_cast<event_state*>(event) = {&s, s.given, false, 0};
    return code(0);
}
CUresult cuEventQuery(CUevent event) {
    auto& e = *reinterpret_cast<event_state*>(event);
    if (e.failure != 0 || e.on == nullptr || e.on->done >= e.after) {
        return code(e.failure);
    }
    if (!std::exchange(e.asked, true)) {
        return code(600);
    }
    run_until(*e.on, e.after);
    e.failure = std::exchange(table.event_query_answer, 0);
    return code(e.failure);
}
CUresult cuEventDestroy(CUevent event) {
    delete reinterpret_cast<event_state*>(event); // NOLINT
    --table.events_alive;
    return code(0);
}

#if HPCSCHED_STAND_IN_CHECKPOINTS
CUresult cuCheckpointProcessGetRestoreThreadId(int pid, int* thread) {
    *thread = pid;
    return code(pid == table.pid ? 0 : 1);
}
CUresult cuCheckpointProcessGetState(int pid, CUprocessState* state) {
    std::lock_guard const held{mutex};
    if (pid != table.pid || pid == 0) {
        return code(1);
    }
    *state = static_cast<CUprocessState>(table.pid_state);
    return code(0);
}
CUresult cuCheckpointProcessLock(int pid, CUcheckpointLockArgs* arguments) {
    std::memcpy(&table.last_lock_timeout_ms, arguments, sizeof(unsigned));
    return step(pid, table.lock_answer, 0, 1);
}
CUresult cuCheckpointProcessCheckpoint(int pid, CUcheckpointCheckpointArgs*) {
    return step(pid, table.checkpoint_answer, 1, 2);
}
CUresult cuCheckpointProcessRestore(int pid, CUcheckpointRestoreArgs* arguments) {
    unsigned char const* pairs = nullptr;
    std::memcpy(&pairs, arguments, sizeof pairs);
    std::memcpy(&table.last_pair_count, reinterpret_cast<unsigned char*>(arguments) + sizeof pairs, sizeof(unsigned));
    table.last_pair_to = pairs != nullptr ? pairs[31] : 0; // the last byte of the first pair's second UUID
    return step(pid, table.restore_answer, 2, 1);
}
CUresult cuCheckpointProcessUnlock(int pid, CUcheckpointUnlockArgs*) {
    return step(pid, table.unlock_answer, 1, 0);
}
#endif

} // extern "C"
