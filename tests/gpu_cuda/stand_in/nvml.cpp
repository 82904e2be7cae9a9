// SPDX-License-Identifier: Apache-2.0

// As cuda.cpp, for NVML: where there is an nvml.h, it declares what is defined here.
#include "control.hpp"

#if HPCSCHED_HAS_NVML_HEADER
#include <nvml.h>
#else
#include "nvml_api.hpp"
namespace nvml_own = hpcsched::gpu_cuda::nvml;
using nvmlReturn_t = int;
using nvmlDevice_t = void*;
using nvmlEventSet_t = void*;
using nvmlGpuInstance_t = void*;
using nvmlMemory_t = nvml_own::memory_info;
using nvmlPciInfo_t = nvml_own::pci_info;
using nvmlProcessInfo_t = nvml_own::process_info;
using nvmlEventData_t = nvml_own::event_data;
using nvmlDeviceAttributes_t = nvml_own::device_attributes;
using nvmlGpuInstanceInfo_t = nvml_own::gpu_instance_info;
using nvmlTemperatureSensors_t = int;
using nvmlMemoryErrorType_t = int;
using nvmlEccCounterType_t = int;
using nvmlGpuP2PCapsIndex_t = int;
using nvmlGpuP2PStatus_t = int;
using nvmlEnableState_t = int;
using nvmlAffinityScope_t = unsigned;
#endif

#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

namespace {

stand_in_table& table() {
    return *hpcsched_stand_in();
}
nvmlReturn_t code(int number) {
    return static_cast<nvmlReturn_t>(number);
}
// Handles: 1 and 2 are the devices, 11 and 12 the instances of the first.
std::uintptr_t number(void const* handle) {
    return reinterpret_cast<std::uintptr_t>(handle);
}
template <class Handle>
Handle handle(std::uintptr_t n) {
    return reinterpret_cast<Handle>(n); // NOLINT(performance-no-int-to-ptr)
}
int reached(nvmlDevice_t device) {
    return number(device) == static_cast<std::uintptr_t>(table().lost) ? 15 : 0;
}
nvmlReturn_t text(std::string const& from, char* to, unsigned length) {
    if (from.size() >= length) {
        return code(7);
    }
    std::memcpy(to, from.c_str(), from.size() + 1);
    return code(0);
}

} // namespace

extern "C" {

nvmlReturn_t nvmlInit_v2(void) {
    int const once = std::exchange(table().nvml_init_answer, 0);
    table().nvml_alive += once == 0 ? 1 : 0;
    return code(once);
}
nvmlReturn_t nvmlShutdown(void) {
    --table().nvml_alive;
    return code(0);
}
nvmlReturn_t nvmlSystemGetDriverVersion(char* version, unsigned length) {
    return text("580.65.06", version, length);
}
nvmlReturn_t nvmlDeviceGetCount_v2(unsigned* count) {
    *count = 2;
    return code(0);
}
nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t* device) {
    *device = handle<nvmlDevice_t>(index + 1);
    return code(0);
}
nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char* uuid, unsigned length) {
    auto const n = number(device);
    if (n > 10) {
        return text(n == 11 ? "MIG-first" : "MIG-second", uuid, length);
    }
    std::string digits;
    for (int i = 0; i < 16; ++i) {
        digits += i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "";
        digits += n == 1 ? "a0" : "a1";
    }
    return reached(device) == 0 ? text("GPU-" + digits, uuid, length) : code(15);
}
nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t, char* name, unsigned length) {
    return text("Stand-in", name, length);
}
nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t* memory) {
    auto const i = number(device) - 1;
    memory->total = table().capacity[i];
    memory->used = table().used[i];
    memory->free = memory->total - memory->used;
    return code(reached(device));
}
nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t* pci) {
    *pci = {};
    std::string const bus = number(device) == 1 ? "00000000:3B:00.0" : "00000000:5E:00.0";
    std::memcpy(reinterpret_cast<char*>(pci) + sizeof *pci - 32, bus.c_str(), bus.size() + 1);
    return code(reached(device));
}
nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t, nvmlTemperatureSensors_t, unsigned* degrees) {
    *degrees = table().temperature;
    return code(0);
}
nvmlReturn_t nvmlDeviceGetTotalEccErrors(nvmlDevice_t, nvmlMemoryErrorType_t type, nvmlEccCounterType_t,
                                         unsigned long long* count) {
    *count = static_cast<int>(type) == 1 ? table().uncorrected : 5;
    return code(0);
}
nvmlReturn_t nvmlDeviceGetRemappedRows(nvmlDevice_t, unsigned* corrected, unsigned* uncorrected, unsigned* pending,
                                       unsigned* failed) {
    *corrected = *uncorrected = *failed = 0;
    *pending = static_cast<unsigned>(table().repair_pending);
    return code(0);
}
nvmlReturn_t nvmlDeviceGetMemoryAffinity(nvmlDevice_t device, unsigned words, unsigned long* nodes,
                                         nvmlAffinityScope_t) {
    std::memset(nodes, 0, words * sizeof *nodes);
    nodes[number(device) == 1 ? 0 : 1] = 0b10; // nodes 1 and 65
    return code(0);
}
nvmlReturn_t nvmlDeviceGetP2PStatus(nvmlDevice_t, nvmlDevice_t, nvmlGpuP2PCapsIndex_t index,
                                    nvmlGpuP2PStatus_t* status) {
    *status = static_cast<nvmlGpuP2PStatus_t>(table().linked != 0 && static_cast<int>(index) == 2 ? 0 : 5);
    return code(0);
}
nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned* now, unsigned* pending) {
    *now = *pending = table().mig != 0 && number(device) == 1 ? 1 : 0;
    return code(0);
}
nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t, unsigned* count) {
    *count = 7;
    return code(0);
}
nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t, unsigned index, nvmlDevice_t* instance) {
    *instance = handle<nvmlDevice_t>(index == 0 ? 11 : 12);
    return code(index == 0 || index == 3 ? 0 : 6); // with a gap
}
nvmlReturn_t nvmlDeviceGetGpuInstanceId(nvmlDevice_t instance, unsigned* id) {
    *id = static_cast<unsigned>(number(instance) - 10);
    return code(0);
}
nvmlReturn_t nvmlDeviceGetGpuInstanceById(nvmlDevice_t, unsigned id, nvmlGpuInstance_t* instance) {
    *instance = handle<nvmlGpuInstance_t>(20 + id);
    return code(table().mig_secret != 0 ? 4 : 0);
}
nvmlReturn_t nvmlGpuInstanceGetInfo(nvmlGpuInstance_t instance, nvmlGpuInstanceInfo_t* info) {
    *info = {};
    bool const first = number(instance) == 21; // 3g on slices 0 to 3, 2g on 4 and 5
    unsigned const place[2] = {first ? 0U : 4U, first ? 4U : 2U};
    std::memcpy(reinterpret_cast<unsigned char*>(info) + 16, place, sizeof place);
    return code(0);
}
nvmlReturn_t nvmlDeviceGetAttributes_v2(nvmlDevice_t instance, nvmlDeviceAttributes_t* attributes) {
    *attributes = {};
    unsigned const slices = number(instance) == 11 ? 3 : 2;
    unsigned long long const mebibytes = (table().capacity[0] >> 20U) * (slices == 3 ? 4 : 2) / 8;
    std::memcpy(reinterpret_cast<unsigned char*>(attributes) + 24, &slices, sizeof slices);
    std::memcpy(reinterpret_cast<unsigned char*>(attributes) + 32, &mebibytes, sizeof mebibytes);
    return code(0);
}
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned* count, nvmlProcessInfo_t* infos) {
    // 100 others beside it, in descending order: more than are asked for at first
    bool const there = table().pid != 0 && table().pid_state != 2 &&
                       number(device) == static_cast<std::uintptr_t>(table().pid_device) + 1;
    unsigned const all = 100 + (there ? 1 : 0);
    bool const fits = *count >= all;
    *count = all;
    for (unsigned i = 0; fits && i < all; ++i) {
        infos[i] = {};
        infos[i].pid = i < 100 ? 1'000'000'100 - i : static_cast<unsigned>(table().pid);
        unsigned long long const used = i < 100 ? ~0ULL : table().pid_bytes;
        std::memcpy(reinterpret_cast<unsigned char*>(&infos[i]) + 8, &used, sizeof used);
    }
    return reached(device) != 0 ? code(15) : code(fits ? 0 : 7);
}
nvmlReturn_t nvmlEventSetCreate(nvmlEventSet_t* set) {
    *set = handle<nvmlEventSet_t>(1);
    return code(0);
}
nvmlReturn_t nvmlDeviceRegisterEvents(nvmlDevice_t, unsigned long long, nvmlEventSet_t) {
    return code(0);
}
nvmlReturn_t nvmlEventSetWait_v2(nvmlEventSet_t, nvmlEventData_t* data, unsigned) {
    *data = {};
    auto& xid = table().xid;
    unsigned long long const first = xid[0];
    if (first == 0) {
        return code(10);
    }
    std::memmove(&xid[0], &xid[1], 3 * sizeof xid[0]);
    xid[3] = 0;
    nvmlDevice_t const device = handle<nvmlDevice_t>(static_cast<std::uintptr_t>(table().xid_of));
    unsigned long long const type = 8;
    std::memcpy(data, &device, sizeof device);
    std::memcpy(reinterpret_cast<unsigned char*>(data) + 8, &type, sizeof type);
    std::memcpy(reinterpret_cast<unsigned char*>(data) + 16, &first, sizeof first);
    return code(0);
}
nvmlReturn_t nvmlEventSetFree(nvmlEventSet_t) {
    return code(0);
}

} // extern "C"
