// SPDX-License-Identifier: Apache-2.0
#ifndef HPCSCHED_TESTS_GPU_CUDA_STAND_IN_CONTROL_HPP
#define HPCSCHED_TESTS_GPU_CUDA_STAND_IN_CONTROL_HPP

#include <cstdint>

/// Libraries that stand in for libcuda.so.1 and libnvidia-ml.so.1, with the same symbols, on two devices that are not
/// there. The driver is tested on them as it is: it loads them, and calls them through its own declarations.
///
/// Device memory is the host's. What is given to a stream is done when an event after it is asked for, the second time,
/// so that a driver that tells an end too early, or touches memory too early, is seen.
///
/// Both libraries look at this one table, which the CUDA one owns; the test sets it. Where it cannot, in a program of
/// its own, HPCSCHED_STAND_IN does: words "lost=N", "mig=1", "temperature=C" and "linked=1".
struct stand_in_table {
    // What the next call of a kind answers, once; 0: nothing special. CUresult, nvmlReturn_t.
    int init_answer;
    int nvml_init_answer;
    int alloc_answer;
    int host_alloc_answer;
    int to_device_answer;
    int event_record_answer;
    int event_query_answer;
    int lock_answer;
    int checkpoint_answer;
    int restore_answer;
    int unlock_answer;
    int state_after_failure; // of a step that is answered so: the state it leaves; -1: as before

    int version;                    // of CUDA: 13000
    int cuda_reversed;              // CUDA has its devices in the other order than NVML
    int hidden;                     // so many of the last devices CUDA does not show
    unsigned long long capacity[2]; // of each device, bytes
    unsigned long long used[2];

    int pid;        // of the one process that there is; 0: none
    int pid_state;  // CUprocessState
    int pid_device; // which of the devices, by NVML
    unsigned long long pid_bytes;
    unsigned last_lock_timeout_ms;
    unsigned last_pair_count;
    unsigned char last_pair_to;

    int lost;        // this device (1, 2) answers NVML as lost; 0: none
    int mig;         // device 1 is in MIG mode, with two instances
    int mig_secret;  // where they are is not told
    int linked;      // NVLink joins the devices
    unsigned xid[4]; // errors to be reported, in this order, 0 ends them
    int xid_of;      // the handle that they are of: 1 and 2 the devices, others none of theirs
    unsigned temperature;
    unsigned long long uncorrected;
    int repair_pending;

    int memory_alive; // allocations of device memory that were not freed
    int pinned_alive;
    int streams_alive;
    int events_alive;
    int contexts_alive;
    int nvml_alive; // nvmlInit less nvmlShutdown
};

extern "C" stand_in_table* hpcsched_stand_in();

#endif
