/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the BPF program and its loader share. Plain C: the program is compiled for another machine. */
#ifndef HPCSCHED_CPU_LINUX_TASK_WATCH_H
#define HPCSCHED_CPU_LINUX_TASK_WATCH_H

#include <linux/types.h>

/* One steered process, all its threads together, in a slot of an array that the loader maps. Times are
 * CLOCK_MONOTONIC, ns. */
struct watched_process {
    __u64 writes_begun; /* changes of the times below; where as many have ended, what was read between is of one moment */
    __u64 writes_ended;
    __u64 ran;         /* on-CPU time since it was added, the runs under way not counted */
    __u64 began_sum;   /* sum of the beginnings of the runs under way */
    __u64 first_run;   /* 0: not yet */
    __s64 running;     /* threads on a CPU */
    __s64 runnable;    /* threads that are on a CPU or wait for one */
    __s64 threads;     /* that live */
    __u32 generation;  /* the loader's, echoed in every event */
    __u32 is_resting;  /* the loader's: its sleeping and waking are not told */
    __u32 tells_runs;  /* the loader's: each time of a thread on a CPU is told when it ends */
    __u32 has_moved;   /* it was seen to come to a CPU or to leave one */
    __u32 is_exiting;  /* the last thread has begun to exit */
    __u32 has_exited;  /* the last thread left its CPU for good */
    __u32 had_threads; /* all that it ever had */
    __u32 switches;    /* times a thread left its CPU, its last time not counted */
    __u32 preemptions; /* of these, against its will */
    __u32 migrations;  /* runs that began on another CPU than the thread's run before */
};

enum { watch_slots = 65536 }; /* processes at one time */

/* One thread of a steered process; the key is its thread id. */
struct watched_thread {
    __u64 since;   /* when its run began; 0: not on a CPU, or nobody saw it get there */
    __u64 counted; /* of its on-CPU time, what the process's `ran` holds, or had before it was admitted */
    __u32 asleep;  /* left its CPU of its own will and has not been woken */
    __s32 cpu;     /* where it ran last; -1: not yet */
};

enum watch_kind {
    watch_blocked = 1, /* the last runnable thread of the process fell asleep */
    watch_woke = 2,    /* the first of a sleeping process was woken */
    watch_exited = 3,  /* the last thread left its CPU for good */
    watch_ran = 4,     /* a thread left its CPU */
    watch_leaves = 5,  /* the last thread began to exit, without real time */
};

/* How a thread's time on a CPU ended. */
enum watch_run_end { watch_run_preempted = 0, watch_run_blocked = 1, watch_run_exited = 2 };

struct watch_event {
    __u64 at;
    __u64 ran;
    __u64 first_run;
    __u32 slot;
    __u32 generation;
    __u32 kind; /* enum watch_kind */
    __u32 switches;
    __u32 preemptions;
    __u32 migrations;
    /* of watch_ran */
    __u64 began;
    __u32 cpu;
    __u32 end; /* enum watch_run_end */
};

#endif
