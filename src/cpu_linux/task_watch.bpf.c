/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Watches steered processes in the kernel: on-CPU time, sleeps, wake-ups, and exits as they begin and end, told by a
 * ring buffer.
 *
 * On-CPU time is the kernel's own count, which it brings up to date before it switches. The program keeps none of its
 * own, because a switch can go by untold: on a Linux 6.18 a few in ten thousand did, and no miss was counted.
 *
 * It names only the members that it reads; where they lie, the loader takes from the running kernel's BTF (CO-RE), so
 * that the machine which builds needs none. Which processes are watched, the map `processes`
 * says; what is known of them lies in `slots`, where the loader reads it without a call. */
#include <stdbool.h>

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "task_watch.h"

typedef struct {
    int counter;
} atomic_t;

struct signal_struct {
    atomic_t live;
} __attribute__((preserve_access_index));

struct sched_entity {
    __u64 sum_exec_runtime;
} __attribute__((preserve_access_index));

struct task_struct {
    struct sched_entity se;
    int prio;
    int pid;
    int tgid;
    struct signal_struct* signal;
} __attribute__((preserve_access_index));

enum { task_dead = 0x80 };       /* TASK_DEAD of include/linux/sched.h */
enum { first_fair_prio = 100 }; /* MAX_RT_PRIO of include/linux/sched/prio.h: below are deadlines and real time */

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, watch_slots);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, __u32);   /* thread group id */
    __type(value, __u32); /* slot */
} processes SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, watch_slots);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, struct watched_process);
} slots SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 262144);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, __u32);
    __type(value, struct watched_thread);
} threads SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 20);
} events SEC(".maps");

__u64 dropped = 0; /* events that found the ring buffer full */

static struct watched_process* watched(__u32 process, __u32* slot) {
    __u32 const* found = bpf_map_lookup_elem(&processes, &process);
    if (found == 0) {
        return 0;
    }
    *slot = *found;
    return bpf_map_lookup_elem(&slots, slot);
}

/* A fresh event, to be submitted; 0: there is nothing to tell, or no room. */
static struct watch_event* event_of(struct watched_process* p, __u32 slot, __u32 kind, __u64 now) {
    if (p->is_resting && kind != watch_exited) {
        return 0;
    }
    struct watch_event* e = bpf_ringbuf_reserve(&events, sizeof *e, 0);
    if (e == 0) {
        __sync_fetch_and_add(&dropped, 1);
        return 0;
    }
    e->at = now;
    e->ran = p->ran + (__u64)p->running * now - p->began_sum;
    e->first_run = p->first_run;
    e->slot = slot;
    e->generation = p->generation;
    e->kind = kind;
    e->switches = p->switches;
    e->preemptions = p->preemptions;
    e->migrations = p->migrations;
    return e;
}

static void tell(struct watched_process* p, __u32 slot, __u32 kind, __u64 now) {
    struct watch_event* e = event_of(p, slot, kind, now);
    if (e != 0) {
        bpf_ringbuf_submit(e, 0);
    }
}

static void tell_run(struct watched_process* p, __u32 slot, __u32 end, __u64 began, __u64 now) {
    struct watch_event* e = event_of(p, slot, watch_ran, now);
    if (e != 0) {
        e->began = began;
        e->cpu = bpf_get_smp_processor_id();
        e->end = end;
        bpf_ringbuf_submit(e, 0);
    }
}

/* The entry of a thread of `p`; one that is not known yet was running or waiting when its process was admitted. */
static struct watched_thread* entry_of(__u32 thread) {
    struct watched_thread* t = bpf_map_lookup_elem(&threads, &thread);
    if (t == 0) {
        struct watched_thread fresh = {.cpu = -1};
        bpf_map_update_elem(&threads, &thread, &fresh, BPF_NOEXIST);
        t = bpf_map_lookup_elem(&threads, &thread);
    }
    return t;
}

static void end_run(struct watched_process* p, struct watched_thread* t) {
    if (t->since != 0) {
        __sync_fetch_and_add(&p->began_sum, -t->since);
        __sync_fetch_and_add(&p->running, -1);
        t->since = 0;
    }
}

static void leave_cpu(struct task_struct* task, bool sleeps, bool dies, __u64 now) {
    __u32 process = task->tgid;
    __u32 thread = task->pid;
    __u32 slot = 0;
    struct watched_process* p = watched(process, &slot);
    struct watched_thread* t = p == 0 ? 0 : entry_of(thread);
    if (t == 0) {
        return;
    }
    __u64 ran = task->se.sum_exec_runtime - t->counted;
    t->counted += ran;
    __sync_fetch_and_add(&p->writes_begun, 1);
    __sync_fetch_and_add(&p->ran, ran);
    __u64 began = t->since != 0 ? t->since : now - ran; /* where nobody saw it get here */
    end_run(p, t);
    p->has_moved = 1;
    __sync_fetch_and_add(&p->writes_ended, 1);
    if (p->tells_runs) {
        tell_run(p, slot, dies ? watch_run_exited : sleeps ? watch_run_blocked : watch_run_preempted, began, now);
    }
    p->first_run = p->first_run == 0 ? began : p->first_run;
    if (!dies) {
        __sync_fetch_and_add(&p->switches, 1);
        if (!sleeps) {
            __sync_fetch_and_add(&p->preemptions, 1);
            return;
        }
        t->asleep = 1;
    }
    bool none_left = __sync_fetch_and_add(&p->runnable, -1) == 1;
    if (dies) {
        bpf_map_delete_elem(&threads, &thread);
        __sync_fetch_and_add(&p->threads, -1);
        if (task->signal->live.counter == 0) {
            p->has_exited = 1;
            bpf_map_delete_elem(&processes, &process);
            tell(p, slot, watch_exited, now); /* the last of all: the loader may give the slot to another now */
            return;
        }
    }
    if (none_left) {
        tell(p, slot, watch_blocked, now);
    }
}

static void enter_cpu(struct task_struct* task, __u64 now) {
    __u32 slot = 0;
    struct watched_process* p = watched(task->tgid, &slot);
    struct watched_thread* t = p == 0 ? 0 : entry_of(task->pid);
    if (t == 0) {
        return;
    }
    __s32 cpu = (__s32)bpf_get_smp_processor_id();
    if (t->cpu >= 0 && t->cpu != cpu) {
        __sync_fetch_and_add(&p->migrations, 1);
    }
    if (p->first_run == 0) {
        p->first_run = now;
    }
    t->cpu = cpu;
    __sync_fetch_and_add(&p->writes_begun, 1);
    end_run(p, t); /* one whose end nobody saw */
    t->since = now;
    __sync_fetch_and_add(&p->began_sum, now);
    __sync_fetch_and_add(&p->running, 1);
    p->has_moved = 1;
    __sync_fetch_and_add(&p->writes_ended, 1);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct* prev, struct task_struct* next, unsigned int prev_state) {
    __u64 now = bpf_ktime_get_ns();
    bool leaves = !preempt && prev_state != 0;
    leave_cpu(prev, leaves, leaves && (prev_state & task_dead) != 0, now);
    enter_cpu(next, now);
    return 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(on_wakeup, struct task_struct* task) {
    __u32 thread = task->pid;
    __u32 slot = 0;
    struct watched_process* p = watched(task->tgid, &slot);
    struct watched_thread* t = p == 0 ? 0 : bpf_map_lookup_elem(&threads, &thread);
    if (t == 0 || t->asleep == 0) {
        return 0; /* it had not left its CPU yet, or never slept under our eyes */
    }
    t->asleep = 0;
    if (__sync_fetch_and_add(&p->runnable, 1) == 0) {
        tell(p, slot, watch_woke, bpf_ktime_get_ns());
    }
    return 0;
}

/* A new thread of a steered process is runnable at once; the process is, if it was not. */
SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(on_new_thread, struct task_struct* task) {
    __u32 slot = 0;
    struct watched_process* p = watched(task->tgid, &slot);
    if (p == 0 || entry_of(task->pid) == 0) {
        return 0;
    }
    __sync_fetch_and_add(&p->threads, 1);
    __sync_fetch_and_add(&p->had_threads, 1);
    if (__sync_fetch_and_add(&p->runnable, 1) == 0) {
        tell(p, slot, watch_woke, bpf_ktime_get_ns());
    }
    return 0;
}

/* Since Linux 6.16 before the process gives up its memory, until then after it. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct* task) {
    __u32 slot = 0;
    struct watched_process* p = watched(task->tgid, &slot);
    if (p == 0 || task->signal->live.counter != 0) {
        return 0;
    }
    p->is_exiting = 1;
    if (task->prio >= first_fair_prio) {
        tell(p, slot, watch_leaves, bpf_ktime_get_ns());
    }
    return 0;
}

char licence_terms[] SEC("license") = "Dual BSD/GPL";
