/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the BPF scheduler and its loader share. Plain C: the scheduler is compiled for another machine. */
#ifndef HPCSCHED_CPU_LINUX_EXT_SCHEDULER_H
#define HPCSCHED_CPU_LINUX_EXT_SCHEDULER_H

#include <linux/types.h>

/* What is wanted for one steered process, all its threads; the key is its thread group id. */
struct ext_wish {
    __u64 slice;    /* ns; 0: the scheduler's own */
    __u32 band;     /* lower bands first; below EXT_BAND_COUNT */
    __u32 in_order; /* within the band: 1 by the time of the wake-up, 0 by weighted CPU time */
};

/* A band is a real-time level, 0 .. 98, or that of the normal tasks, and within it a rank. */
#define EXT_RANK_BITS 16
#define EXT_LEVEL_NORMAL 99
#define EXT_BAND_NORMAL (EXT_LEVEL_NORMAL << EXT_RANK_BITS)

/* The scheduler's state; the key is 0. */
struct ext_state {
    __u64 longest_wait; /* ns; set by the loader, 0: there is none */
    __u32 ended;        /* the kernel has thrown it out, or its loader has gone */
    __u32 preemptions;  /* CPUs taken from a task for one of a lower band */
    __u32 turns;        /* given to those who waited too long */
    char reason[100];   /* of the end, in the kernel's words */
};

#endif
