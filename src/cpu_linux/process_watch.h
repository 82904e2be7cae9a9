/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the BPF program and its loader share. Plain C: the program is compiled for another machine. */
#ifndef HPCSCHED_CPU_LINUX_PROCESS_WATCH_H
#define HPCSCHED_CPU_LINUX_PROCESS_WATCH_H

#include <linux/types.h>

enum sighting_kind {
    sighting_forked = 1,   /* it is new, and still its parent's double */
    sighting_executed = 2, /* it runs another program now */
    sighting_moved = 3,    /* it is in another control group now */
};

struct sighting_event {
    __u64 at;      /* CLOCK_MONOTONIC, ns */
    __u32 process; /* thread group id */
    __u32 parent;  /* of one that is forked: who forked it */
    __u32 kind;    /* enum sighting_kind */
    __u32 unused;
};

#endif
