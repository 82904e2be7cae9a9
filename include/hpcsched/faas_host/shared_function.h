/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HPCSCHED_FAAS_HOST_SHARED_FUNCTION_H
#define HPCSCHED_FAAS_HOST_SHARED_FUNCTION_H

/* What a shared object has to define to be a function of a host. C, so that any language can. */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One invocation. All is borrowed for the call. */
struct hpcsched_invocation {
    char const* event; /**< `event_size` bytes; not ended by a NUL */
    size_t event_size;
    char const* request_id; /**< ended by a NUL */
    int64_t deadline;       /**< milliseconds since 1970; then the process is killed */

    /** Appends to the answer. */
    void (*write)(struct hpcsched_invocation* invocation, char const* bytes, size_t size);
    void* host; /**< the host's own */
};

/**
 * Answers an invocation. Called in a process of the function's own, for one invocation after the other, from one
 * thread. What it prints goes to the log.
 *
 * \return 0: what it wrote is the answer; else what it wrote is the message of an error
 */
__attribute__((visibility("default"))) int hpcsched_function(struct hpcsched_invocation* invocation);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif
